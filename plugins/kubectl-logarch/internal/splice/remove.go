package splice

import (
	"cmp"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Remover collects what has to go from a document.
type Remover struct {
	src   string
	limit int
	edits []yamldoc.Edit
}

// NewRemover returns a remover for a document.
func NewRemover(f *yamltree.File, d *yamltree.Doc) *Remover {
	return &Remover{src: f.Src, limit: d.End}
}

// Edits are the removals, those inside another one left out.
func (r *Remover) Edits() []yamldoc.Edit {
	sorted := slices.Clone(r.edits)
	slices.SortStableFunc(sorted, func(a, b yamldoc.Edit) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	out, end := sorted[:0], -1
	for _, e := range sorted {
		if e.End > end {
			out, end = append(out, e), e.End
		}
	}
	return out
}

func (r *Remover) cut(start, end int, text string) {
	r.edits = append(r.edits, yamldoc.Edit{Start: start, End: end, Text: text})
}

// Entries takes entries out of a collection; keep tells which stay. Where none
// stays the collection is left empty, which only a flow collection can be.
func (r *Remover) Entries(c *yamltree.Node, keep func(i int) bool) {
	start := func(i int) int {
		if c.Kind == yamltree.Map {
			return c.Keys[i].Props
		}
		return c.Items[i].Props
	}
	end := func(i int) int {
		if c.Kind == yamltree.Map {
			return max(c.Items[i].End, c.Keys[i].End)
		}
		return c.Items[i].End
	}
	for i := 0; i < len(c.Items); i++ {
		if keep(i) {
			continue
		}
		j := i
		for j+1 < len(c.Items) && !keep(j+1) {
			j++
		}
		switch {
		case c.Style == yamltree.Block:
			for k := i; k <= j; k++ {
				r.blockEntry(c, k, start(k), end(k))
			}
		case i > 0:
			r.cut(end(i-1), end(j), "")
		case j+1 < len(c.Items):
			r.cut(start(i), start(j+1), "")
		default:
			r.inside(c, start(i), end(j))
		}
		i = j
	}
}

// inside empties a flow collection that was empty before. What was put into it
// starts right behind the opening brace and may end with a comma and a line.
func (r *Remover) inside(c *yamltree.Node, start, end int) {
	from, to := c.Start+1, end
	if strings.Contains(r.src[from:start], "\n") {
		to = c.End - 1
		rest := r.src[end:to]
		if strings.Trim(rest, ", \t\r\n") != "" {
			to = end
		}
	}
	r.cut(from, to, "")
}

// blockEntry takes an entry's lines out of a block collection.
func (r *Remover) blockEntry(c *yamltree.Node, i, start, end int) {
	if c.Kind == yamltree.Seq {
		start = strings.LastIndexByte(r.src[:start], '-')
		// A value may hold dashes of its own before its start only as a nested
		// sequence, which never is ours.
	}
	if !firstOnLine(r.src, start) || lineStart(r.src, start) == 0 {
		if i+1 < len(c.Items) {
			next := c.Items[i+1].Props
			if c.Kind == yamltree.Map {
				next = c.Keys[i+1].Props
			} else {
				next = strings.LastIndexByte(r.src[:next], '-')
			}
			r.cut(start, next, "")
		}
		return
	}
	from := lineStart(r.src, start) - 1
	if from > 0 && r.src[from-1] == '\r' {
		from--
	}
	r.cut(from, lineEnd(r.src, end, r.limit), "")
}

// Marked says whether a value stands for one that a mark turned into a comment;
// gap is where the search starts: behind the key's colon, or the dash.
func (r *Remover) Marked(gap int, v *yamltree.Node) bool {
	_, _, ok := r.markIn(gap, v)
	return ok
}

func (r *Remover) markIn(gap int, v *yamltree.Node) (at, length int, ok bool) {
	text := r.src[gap:max(gap, v.Props)]
	for _, m := range []string{markSpaced, strings.TrimRight(markSpaced, " "), Mark} {
		i := strings.Index(text, m)
		if i < 0 || strings.Contains(text[:i], "\n") {
			continue
		}
		if m == markSpaced && strings.IndexByte(" \t\r\n#", (text[i+len(m):] + "\n")[0]) >= 0 {
			// Nothing was there before: the space belongs to what follows.
			continue
		}
		return gap + i, len(m), true
	}
	return 0, 0, false
}

// Unmark brings back what a mark turned into a comment and takes out the value
// that stands for it.
func (r *Remover) Unmark(gap int, v *yamltree.Node) {
	at, length, ok := r.markIn(gap, v)
	if !ok {
		return
	}
	r.cut(at, at+length, "")
	r.cut(lineEnd(r.src, at+length, r.limit), max(v.End, v.Props), "")
}

// Replace puts a text in the place of a value.
func (r *Remover) Replace(v *yamltree.Node, text string) { r.cut(v.Props, v.End, text) }
