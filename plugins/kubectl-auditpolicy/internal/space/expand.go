package space

// Expand grows a request to a set of requests that are alike: a box as large
// as possible for which inside still says yes, found greedily in an order of
// dimensions that reads well.
func (sp *Space) Expand(p Point, inside func(Box) bool) Box {
	var b Box
	for d := range dims {
		b[d] = setOf(sp.sizes[d], p[d])
	}
	for _, d := range []Dim{Name, Namespace, Extra2, Extra1, Subresource, User, Verb, Resource, Group, Path} {
		if d == Path && p[Path] == 0 && b.namesResource() {
			// Paths go into a class of their own: "pods, and all paths" reads as
			// one thing and is two.
			continue
		}
		try := b
		try[d] = nil
		if sp.sizes[d] == 1 || inside(try) {
			b = try
			continue
		}
		if d == Path && p[Path] != 0 {
			// All paths before single ones.
			try[d] = Set(nil).minus(setOf(sp.sizes[d], 0), sp.sizes[d])
			if inside(try) {
				b = try
				continue
			}
		}
		// The value for all others first: "all but" reads better than a list.
		for v := sp.sizes[d] - 1; v >= 0; v-- {
			if b[d].Has(v) {
				continue
			}
			try := b
			try[d] = b[d].or(setOf(sp.sizes[d], v))
			if inside(try) {
				b = try
			}
		}
	}
	return b
}

// namesResource says whether a box is about particular resources.
func (b *Box) namesResource() bool {
	for _, d := range []Dim{Group, Resource, Subresource, Namespace, Name} {
		if b[d] != nil {
			return true
		}
	}
	return false
}

// Within says whether a box lies in the union of some others, as far as one of
// them or a search can tell.
func (sp *Space) Within(b Box, in Boxes, budget *Budget) bool {
	out := make([]*Box, 0, len(in))
	for i := range in {
		out = append(out, &in[i])
	}
	_, a := sp.Outside(Boxes{b}, out, budget)
	return a == Empty
}

// Merge joins boxes that differ in one dimension alone, and drops those that
// lie in another.
func (sp *Space) Merge(in Boxes) Boxes {
	out := sp.needed(in)
	for again := true; again; {
		again = false
	pairs:
		for i := range out {
			for j := range out {
				if i == j {
					continue
				}
				differ, at := 0, 0
				for d := range dims {
					n := sp.sizes[d]
					if !out[i][d].within(out[j][d], n) || !out[j][d].within(out[i][d], n) {
						differ, at = differ+1, int(d)
					}
				}
				contained := true
				for d := range dims {
					contained = contained && out[j][d].within(out[i][d], sp.sizes[d])
				}
				if contained || differ == 1 {
					if differ == 1 {
						u := out[i][at].or(out[j][at])
						if u != nil && u.count(sp.sizes[at]) == sp.sizes[at] {
							u = nil
						}
						out[i][at] = u
					}
					out = append(out[:j], out[j+1:]...)
					again = true
					break pairs
				}
			}
		}
	}
	return out
}

// needed leaves out the boxes whose requests are all in others. Which of the two
// extra groups is which makes no difference.
func (sp *Space) needed(in Boxes) Boxes {
	out := append(Boxes(nil), in...)
	for i := len(out) - 1; i >= 0 && len(out) > 1; i-- {
		var others []*Box
		for j := range out {
			if j == i {
				continue
			}
			others = append(others, &out[j])
			if sp.extra2 {
				swapped := out[j]
				swapped[Extra1], swapped[Extra2] = swapped[Extra2], swapped[Extra1]
				others = append(others, &swapped)
			}
		}
		if _, a := sp.Outside(Boxes{out[i]}, others, &Budget{Left: 1 << 20}); a == Empty {
			out = append(out[:i:i], out[i+1:]...)
		}
	}
	return out
}
