package inject

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// change is what becomes of one document. Only its own bytes, from start to end,
// are replaced; all others of the file stay, and so do all other documents: what
// separates them is not touched.
type change struct {
	start, end int
	// from is where the text starts that the document is read with: before the
	// marker above it. text is the new one, from there.
	from int
	text string
}

func newChange(f *yamltree.File, d *yamltree.Doc, edits []yamldoc.Edit) change {
	from := context(f.Src, d.Start)
	return change{d.Start, d.End, from, splice.Apply(f.Src, from, d.End, edits)}
}

// assemble is the result of the changes of a file, in pieces.
func assemble(src string, changes []change) []string {
	out := make([]string, 0, 2*len(changes)+1)
	at := 0
	for _, c := range changes {
		out = append(out, src[at:c.start], c.text[c.start-c.from:])
		at = c.end
	}
	if at < len(src) || len(out) == 0 {
		out = append(out, src[at:])
	}
	return out
}

// context is where the text starts that a document has to be read with: with the
// marker above it and that marker's line start.
func context(src string, start int) int {
	if strings.HasSuffix(src[:start], "---") {
		start -= 3
		if strings.HasSuffix(src[:start], "\n") {
			start--
		}
		if strings.HasSuffix(src[:start], "\r") {
			start--
		}
	}
	return start
}

// scratches are memories for reading results: each is read, judged and forgotten.
var scratches = sync.Pool{New: func() any { return new(yamltree.Scratch) }}

// prove reads a changed document again and holds it against what it was made from:
// it is YAML, everything that was there is there with the same value, only what an
// injection adds is new, and taking the injection out gives the same bytes. It ends
// as it ended before, so that the next document starts where it started.
func (c change) prove(f *yamltree.File, d *yamltree.Doc) error {
	was := f.Src[c.from:c.end]
	if strings.HasSuffix(was, "\n") != strings.HasSuffix(c.text, "\n") && c.end < len(f.Src) {
		return fmt.Errorf("a document would end in the middle of a line")
	}
	line := func(n int) int { return strings.Count(f.Src[:c.from], "\n") + n }
	fresh := scratches.Get().(*yamltree.Scratch)
	defer scratches.Put(fresh)
	after := fresh.Parse(f.Name, c.text)
	if err := manifest.Judge(after, after.Docs); err != nil {
		return fmt.Errorf("the result does not parse: %w", err)
	}
	if back, _ := eject.File(after); back != was {
		return fmt.Errorf("taking the injection out would not give the same bytes (first difference at line %d)", line(difference(back, was)))
	}
	var result *yamltree.Doc
	for _, r := range after.Docs {
		switch {
		case r.Root == nil:
			return fmt.Errorf("a document cannot be read any more")
		case added(r.Root):
		case result != nil:
			return fmt.Errorf("a document too many in the result")
		default:
			result = r
		}
	}
	if result == nil {
		return fmt.Errorf("a document is missing from the result")
	}
	if n := (&comparison{ours: oursIn(result)}).differs(d.Root, result.Root); n != nil {
		at, col := after.Position(n.Start)
		return fmt.Errorf("the result says something else at line %d, column %d", line(at), col)
	}
	return nil
}

func added(n *yamltree.Node) bool {
	return n.Get("metadata").Get("annotations").Text(eject.ConfigAnnotation) != ""
}

func difference(a, b string) int {
	line := 1
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '\n' {
			line++
		}
	}
	return line
}

// oursIn marks the nodes of a document that an injection added.
func oursIn(d *yamltree.Doc) map[*yamltree.Node]bool {
	ours := map[*yamltree.Node]bool{}
	for _, item := range d.Root.Get("items").ItemsOrNone() {
		if added(item) {
			ours[item] = true
		}
	}
	for _, w := range manifest.Find(d) {
		r := eject.Read(w)
		if r == nil {
			continue
		}
		list := func(holder *yamltree.Node, key string, is func(*yamltree.Node) bool) {
			n, l := 0, holder.Get(key).Resolve()
			for _, item := range l.ItemsOrNone() {
				if is(item) {
					ours[item] = true
					n++
				}
			}
			if n > 0 && n == len(l.Items) {
				ours[l] = true
			}
		}
		named := func(names []string) func(*yamltree.Node) bool {
			return func(n *yamltree.Node) bool { return slices.Contains(names, n.Text("name")) }
		}
		list(w.Spec, "initContainers", named(r.Init))
		list(w.Spec, "containers", named(r.Containers))
		list(w.Spec, "volumes", named(r.Volumes))
		for _, key := range []string{"containers", "initContainers"} {
			for _, c := range w.Spec.Get(key).ItemsOrNone() {
				if paths := r.Mounts[c.Text("name")]; paths != nil {
					list(c, "volumeMounts", func(n *yamltree.Node) bool { return slices.Contains(paths, n.Text("mountPath")) })
				}
			}
		}
		for _, k := range r.Keys {
			if v := w.Spec.Get(k); v != nil {
				ours[v] = true
			}
		}
		a := w.Template.At("metadata", "annotations").Resolve()
		if a == nil {
			continue
		}
		n := 0
		for i, k := range a.Keys {
			if k.Value == eject.Annotation || slices.Contains(r.Annotations, k.Value) {
				ours[a.Items[i]] = true
				n++
			}
		}
		if n == len(a.Items) {
			ours[a] = true
			if m := w.Template.Get("metadata").Resolve(); len(m.Items) == 1 {
				ours[m] = true
			}
		}
	}
	return ours
}

// comparison compares two trees, passing over what an injection added.
type comparison struct {
	ours  map[*yamltree.Node]bool
	depth int
}

// differs returns the first node of b that says something else than a.
func (c *comparison) differs(a, b *yamltree.Node) *yamltree.Node {
	if c.depth++; c.depth > 400 {
		return b
	}
	defer func() { c.depth-- }()
	x, y := a.Resolve(), b.Resolve()
	if b.Kind == yamltree.Alias && c.ours != nil {
		// What another place shares may not have changed at all.
		return (&comparison{}).differs(x, y)
	}
	if c.ours[y] && (x.IsNull() || x.Kind != yamltree.Scalar && len(x.Items) == 0) {
		return nil
	}
	if x.Kind != y.Kind {
		return b
	}
	switch x.Kind {
	case yamltree.Scalar:
		if x.Value != y.Value || (x.Style == yamltree.Plain) != (y.Style == yamltree.Plain) && x.Style == yamltree.Plain {
			return b
		}
	case yamltree.Seq:
		i := 0
		for _, v := range y.Items {
			if c.ours[v] {
				continue
			}
			if i >= len(x.Items) {
				return v
			}
			if d := c.differs(x.Items[i], v); d != nil {
				return d
			}
			i++
		}
		if i < len(x.Items) {
			return y
		}
	case yamltree.Map:
		return c.maps(x, y)
	}
	return nil
}

func (c *comparison) maps(x, y *yamltree.Node) *yamltree.Node {
	if x.Index("<<") >= 0 || y.Index("<<") >= 0 {
		return c.merged(x, y)
	}
	i := 0
	for j, v := range y.Items {
		if c.ours[v] && !(i < len(x.Keys) && x.Keys[i].Value == y.Keys[j].Value) {
			continue
		}
		if i >= len(x.Keys) || x.Keys[i].Value != y.Keys[j].Value {
			return y.Keys[j]
		}
		if d := c.differs(x.Items[i], v); d != nil {
			return d
		}
		i++
	}
	if i < len(x.Keys) {
		return y
	}
	return nil
}

func (c *comparison) merged(x, y *yamltree.Node) *yamltree.Node {
	for _, k := range x.MergedKeys() {
		v := y.Get(k)
		if v == nil {
			return y
		}
		if d := c.differs(x.Get(k), v); d != nil {
			return d
		}
	}
	for _, k := range y.MergedKeys() {
		if v := y.Get(k); x.Get(k) == nil && !c.ours[v.Resolve()] {
			return v
		}
	}
	return nil
}
