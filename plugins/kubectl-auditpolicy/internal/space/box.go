package space

// Dim is a dimension of a request.
type Dim int

// The dimensions. Path has a value 0 that says that the request is for a
// resource; Group to Name mean something for those alone, and the other values
// of Path are the paths of requests that are for no resource.
const (
	User Dim = iota
	Extra1
	Extra2
	Verb
	Group
	Resource
	Subresource
	Namespace
	Name
	Path
	dims
)

// Box is a product of sets, one for each dimension.
type Box [dims]Set

// Boxes is the union of some boxes: a set of requests.
type Boxes []Box

func (b *Box) disjoint(o *Box) bool {
	for d := range b {
		if b[d].disjoint(o[d]) {
			return true
		}
	}
	return false
}

// Meets says whether two boxes have a request in common, possible or not.
func (b *Box) Meets(o *Box) bool { return !b.disjoint(o) }

func (b *Box) empty() bool {
	for d := range b {
		if b[d].empty() {
			return true
		}
	}
	return false
}

// And is the intersection of two boxes; false where it is empty.
func (b Box) And(o Box) (Box, bool) {
	var r Box
	for d := range b {
		r[d] = b[d].and(o[d])
		if r[d].empty() {
			return r, false
		}
	}
	return r, true
}

// And is the intersection of two sets of requests.
func (b Boxes) And(o Boxes) Boxes {
	var out Boxes
	for i := range b {
		for j := range o {
			if r, ok := b[i].And(o[j]); ok {
				out = append(out, r)
			}
		}
	}
	return out
}

// Answer is the answer to a question of emptiness.
type Answer int

const (
	// Empty says that no request is in the set.
	Empty Answer = iota
	// Found says that there is one.
	Found
	// Undecided says that the budget ran out first.
	Undecided
)

// Budget bounds the work of searches, in comparisons of two boxes. It is a
// count and not a clock, so that equal input gives equal output.
type Budget struct{ Left int }

// search looks for a box within b that meets none of the blockers.
type search struct {
	sp     *Space
	budget *Budget
}

func (s *search) run(b Box, blockers []*Box) (Box, Answer) {
	// Only those that meet b matter.
	near := make([]*Box, 0, 8)
	s.budget.Left -= len(blockers)
	if s.budget.Left < 0 {
		return b, Undecided
	}
	for _, c := range blockers {
		if !b.disjoint(c) {
			near = append(near, c)
		}
	}
	for {
		// A blocker that leaves no way out ends the search. One that leaves one
		// needs no branch: it is gone round at once, so that one pass deals with
		// all of them. Of the others the one with the fewest ways is next.
		s.budget.Left -= len(near)
		if s.budget.Left < 0 {
			return b, Undecided
		}
		var best *Box
		kept, least, changed := near[:0:0], int(dims)+1, false
		for _, c := range near {
			if b.disjoint(c) {
				continue
			}
			ways, at := 0, 0
			for d := range b {
				if !b[d].within(c[d], s.sp.size(Dim(d))) {
					ways, at = ways+1, d
				}
			}
			switch ways {
			case 0:
				return b, Empty
			case 1:
				b[at], changed = b[at].minus(c[at], s.sp.size(Dim(at))), true
				continue
			}
			if kept = append(kept, c); ways < least {
				best, least = c, ways
			}
		}
		if near = kept; len(near) == 0 {
			return b, Found
		}
		if !changed {
			return s.branch(b, best, near)
		}
	}
}

// branch splits b by the dimensions in which it leaves c. The parts do not
// overlap, so that nothing is searched twice.
func (s *search) branch(b Box, c *Box, near []*Box) (Box, Answer) {
	rest := b
	undecided := false
	for _, d := range s.sp.order {
		n := s.sp.size(d)
		if rest[d].within(c[d], n) {
			continue
		}
		part := rest
		part[d] = rest[d].minus(c[d], n)
		switch found, a := s.run(part, near); a {
		case Found:
			return found, Found
		case Undecided:
			undecided = true
		}
		if s.budget.Left < 0 {
			return b, Undecided
		}
		rest[d] = rest[d].and(c[d])
	}
	if undecided {
		return b, Undecided
	}
	return b, Empty
}

// Outside looks for a point of some boxes that lies in none of the others and
// that kube-apiserver can receive.
func (sp *Space) Outside(in Boxes, out []*Box, budget *Budget) (Box, Answer) {
	s := &search{sp: sp, budget: budget}
	blockers := make([]*Box, 0, len(sp.impossible)+len(out))
	for i := range sp.impossible {
		blockers = append(blockers, &sp.impossible[i])
	}
	blockers = append(blockers, out...)
	undecided := false
	for i := range in {
		if in[i].empty() {
			continue
		}
		switch b, a := s.run(in[i], blockers); a {
		case Found:
			return b, Found
		case Undecided:
			undecided = true
		}
	}
	if undecided {
		return Box{}, Undecided
	}
	return Box{}, Empty
}
