package space

import "math/bits"

// Index finds, among many boxes in an order, those that meet a given one,
// without comparing it with all of them: most rules of a long policy are about
// some user, namespace or resource and so meet few others.
type Index struct {
	sp    *Space
	boxes []*Box
	// narrow are the boxes that have few values in a dimension, by value; wide
	// are all others.
	narrow [dims][]numbered
	wide   [dims]Set
}

// numbered are numbers of boxes: a sorted list, or a set where that is smaller.
type numbered struct {
	list []int32
	set  Set
}

// narrowest is the number of values up to which a box counts as narrow.
const narrowest = 32

// few is the number of boxes up to which looking at all is quicker.
const few = 64

// NewIndex makes an index of boxes.
func (sp *Space) NewIndex(boxes []*Box) *Index {
	ix := &Index{sp: sp, boxes: boxes}
	if len(boxes) < few {
		return ix
	}
	for d := range dims {
		n := sp.sizes[d]
		ix.narrow[d] = make([]numbered, n)
		ix.wide[d] = setOf(len(boxes))
		for i, b := range boxes {
			if b[d] == nil || b[d].count(n) > narrowest {
				ix.wide[d].add(i)
				continue
			}
			for _, v := range b[d].Values(n) {
				ix.narrow[d][v].list = append(ix.narrow[d][v].list, int32(i))
			}
		}
		for v := range ix.narrow[d] {
			ix.narrow[d][v].compact(len(boxes))
		}
	}
	return ix
}

// compact makes a long list of n numbers a set.
func (l *numbered) compact(n int) {
	if len(l.list) <= n/32 {
		return
	}
	l.set = setOf(n)
	for _, i := range l.list {
		l.set.add(int(i))
	}
	l.list = nil
}

// addTo adds the numbers below a limit to a set that ends there.
func (l *numbered) addTo(s Set, limit int) {
	for k := range min(len(s), len(l.set)) {
		s[k] |= l.set[k]
	}
	for _, i := range l.list {
		if int(i) >= limit {
			return
		}
		s.add(int(i))
	}
}

// Near are boxes among the first of the index that include all which meet b.
func (ix *Index) Near(b *Box, first int) []*Box {
	if len(ix.boxes) < few || first < few {
		return ix.boxes[:first]
	}
	var out []*Box
	ix.Meeting(b, first, func(i int) { out = append(out, ix.boxes[i]) })
	return out
}

// Meeting visits the boxes among the first of the index that meet b, in their
// order: those that share a value with it in each dimension in which it has few,
// as far as the lists tell, and then in all others.
func (ix *Index) Meeting(b *Box, first int, visit func(i int)) {
	if first == 0 {
		return
	}
	left := fullSet(first)
	shares := make(Set, len(left))
	for d := range dims {
		n := ix.sp.sizes[d]
		if ix.narrow[d] == nil || b[d] == nil || b[d].count(n) > narrowest {
			continue
		}
		copy(shares, ix.wide[d])
		for _, v := range b[d].Values(n) {
			ix.narrow[d][v].addTo(shares, first)
		}
		for k := range left {
			left[k] &= shares[k]
		}
	}
	for k, w := range left {
		for ; w != 0; w &= w - 1 {
			if i := k*64 + bits.TrailingZeros64(w); !b.disjoint(ix.boxes[i]) {
				visit(i)
			}
		}
	}
}
