package space

import "math/bits"

// Set is a set of values of one dimension, by their numbers. nil is the full
// set, which is by far the most frequent one.
type Set []uint64

// setOf makes a set of some of n values.
func setOf(n int, values ...int) Set {
	s := make(Set, (n+63)/64)
	for _, v := range values {
		s.add(v)
	}
	return s
}

func fullSet(n int) Set {
	s := make(Set, (n+63)/64)
	for i := range s {
		s[i] = ^uint64(0)
	}
	if r := n % 64; r != 0 {
		s[len(s)-1] = 1<<r - 1
	}
	return s
}

func (s Set) add(v int) { s[v/64] |= 1 << (v % 64) }

// Has says whether a value is in the set.
func (s Set) Has(v int) bool { return s == nil || s[v/64]&(1<<(v%64)) != 0 }

func (s Set) empty() bool {
	if s == nil {
		return false
	}
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

func (s Set) disjoint(o Set) bool {
	if s == nil || o == nil {
		return false
	}
	for i, w := range s {
		if w&o[i] != 0 {
			return false
		}
	}
	return true
}

// within says whether s is a subset of o. n is the size of the dimension.
func (s Set) within(o Set, n int) bool {
	if o == nil {
		return true
	}
	if s == nil {
		return o.count(n) == n
	}
	for i, w := range s {
		if w&^o[i] != 0 {
			return false
		}
	}
	return true
}

func (s Set) and(o Set) Set {
	if s == nil {
		return o
	}
	if o == nil {
		return s
	}
	r := make(Set, len(s))
	for i := range s {
		r[i] = s[i] & o[i]
	}
	return r
}

func (s Set) minus(o Set, n int) Set {
	if o == nil {
		return make(Set, (n+63)/64)
	}
	if s == nil {
		s = fullSet(n)
	}
	r := make(Set, len(s))
	for i := range s {
		r[i] = s[i] &^ o[i]
	}
	return r
}

func (s Set) or(o Set) Set {
	if s == nil || o == nil {
		return nil
	}
	r := make(Set, len(s))
	for i := range s {
		r[i] = s[i] | o[i]
	}
	return r
}

func (s Set) count(n int) int {
	if s == nil {
		return n
	}
	c := 0
	for _, w := range s {
		c += bits.OnesCount64(w)
	}
	return c
}

// Values are the numbers in the set. n is the size of the dimension.
func (s Set) Values(n int) []int {
	out := make([]int, 0, 8)
	if s == nil {
		for v := range n {
			out = append(out, v)
		}
		return out
	}
	for i, w := range s {
		for w != 0 {
			out = append(out, i*64+bits.TrailingZeros64(w))
			w &= w - 1
		}
	}
	return out
}
