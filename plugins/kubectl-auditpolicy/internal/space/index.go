package space

import "slices"

// Index finds, among many boxes in an order, those that can meet a given one,
// without looking at all of them: most rules of a long policy are about some
// user, namespace or resource and so meet few others.
type Index struct {
	sp    *Space
	boxes []*Box
	// narrow lists the boxes that have few values in a dimension, by value;
	// wide are all others.
	narrow [dims][][]int32
	wide   [dims][]int32
}

// narrowest is the number of values up to which a box counts as narrow.
const narrowest = 32

// NewIndex makes an index of boxes.
func (sp *Space) NewIndex(boxes []*Box) *Index {
	ix := &Index{sp: sp, boxes: boxes}
	if len(boxes) < 64 {
		return ix // looking at all is quicker
	}
	for d := range dims {
		n := sp.sizes[d]
		ix.narrow[d] = make([][]int32, n)
		for i, b := range boxes {
			if b[d] == nil || b[d].count(n) > narrowest {
				ix.wide[d] = append(ix.wide[d], int32(i))
				continue
			}
			for _, v := range b[d].Values(n) {
				ix.narrow[d][v] = append(ix.narrow[d][v], int32(i))
			}
		}
	}
	return ix
}

// Near are boxes among the first of the index that include all which meet b.
func (ix *Index) Near(b *Box, first int) []*Box {
	if len(ix.boxes) < 64 || first < 64 {
		return ix.boxes[:first]
	}
	best, cost := -1, first
	for d := range dims {
		n := ix.sp.sizes[d]
		if b[d] == nil || b[d].count(n) > narrowest {
			continue
		}
		c := prefix(ix.wide[d], first)
		for _, v := range b[d].Values(n) {
			c += prefix(ix.narrow[d][v], first)
		}
		if c < cost {
			best, cost = int(d), c
		}
	}
	if best < 0 {
		return ix.boxes[:first]
	}
	numbers := slices.Clone(ix.wide[best][:prefix(ix.wide[best], first)])
	for _, v := range b[best].Values(ix.sp.sizes[best]) {
		l := ix.narrow[best][v]
		numbers = append(numbers, l[:prefix(l, first)]...)
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	out := make([]*Box, 0, len(numbers))
	for _, i := range numbers {
		if o := ix.boxes[i]; !b.disjoint(o) {
			out = append(out, o)
		}
	}
	return out
}

// prefix is the number of entries below a limit of a sorted list.
func prefix(l []int32, limit int) int {
	i, _ := slices.BinarySearch(l, int32(limit))
	return i
}
