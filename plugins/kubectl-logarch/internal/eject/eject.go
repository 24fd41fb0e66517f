// Package eject takes an injection out of a manifest again. What was put in is
// written down in an annotation of the pod, the receipt; the places are found in
// the text, so that a manifest that was edited since loses only what is ours.
package eject

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// The annotations that an injection writes.
const (
	// Annotation holds the receipt, on the pod.
	Annotation = "logarch.clusterwright.dev/status"
	// ConfigAnnotation marks an object that an injection added, with the
	// workload that it is for.
	ConfigAnnotation = "logarch.clusterwright.dev/for"
	// DefaultContainer makes kubectl logs and exec choose the application.
	DefaultContainer = "kubectl.kubernetes.io/default-container"
)

// Receipt says what an injection put into a pod.
type Receipt struct {
	Mode  string   `json:"mode"`
	Logs  []string `json:"logs"`
	Agent string   `json:"agent,omitempty"`
	// Rotate says that a sidecar rotates the files beside the mode's own.
	Rotate bool `json:"rotate,omitempty"`
	// Init and Containers are the names of added containers.
	Init       []string `json:"init,omitempty"`
	Containers []string `json:"containers,omitempty"`
	Volumes    []string `json:"volumes,omitempty"`
	// Mounts are the paths added to containers that were there.
	Mounts map[string][]string `json:"mounts,omitempty"`
	// Annotations are keys beside the receipt, Keys those of the pod's spec.
	Annotations []string `json:"annotations,omitempty"`
	Keys        []string `json:"keys,omitempty"`
	// Config is a digest of the agent's configuration, so that a change rolls
	// the pods.
	Config string `json:"config,omitempty"`
	// Empty and Null name lists and maps that were written as empty or null
	// where the text cannot remember it: in JSON.
	Empty []string `json:"empty,omitempty"`
	Null  []string `json:"null,omitempty"`
}

// Encode is the annotation's value.
func (r Receipt) Encode() string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(r) // strings always encode
	return strings.TrimSuffix(b.String(), "\n")
}

// Read returns a workload's receipt, nil where there is none.
func Read(w *manifest.Workload) *Receipt {
	text := w.Template.At("metadata", "annotations").Text(Annotation)
	if text == "" {
		return nil
	}
	if r, ok := receipts.Load(text); ok {
		return r.(*Receipt)
	}
	r := &Receipt{}
	if json.Unmarshal([]byte(text), r) != nil {
		return nil
	}
	receipts.Store(text, r)
	return r
}

// receipts remembers what annotations say: a file of many documents has the same
// one many times. Nobody changes a receipt that was read.
var receipts sync.Map

// Removed is what was taken out of a workload.
type Removed struct {
	Workload *manifest.Workload
	Receipt  *Receipt
}

// File takes all injections out of a file and returns the new text.
func File(f *yamltree.File) (string, []Removed) {
	if !strings.Contains(f.Src, "logarch.clusterwright.dev/") {
		return f.Src, nil
	}
	type part struct {
		edits []yamldoc.Edit
		out   []Removed
	}
	parts := make([]part, len(f.Docs))
	yamltree.Each(len(f.Docs), func(i int) { parts[i].edits, parts[i].out = document(f, f.Docs[i]) })
	var edits []yamldoc.Edit
	var out []Removed
	for _, p := range parts {
		edits = append(edits, p.edits...)
		out = append(out, p.out...)
	}
	return splice.Apply(f.Src, 0, len(f.Src), edits), out
}

// document takes all injections out of a document.
func document(f *yamltree.File, d *yamltree.Doc) (edits []yamldoc.Edit, out []Removed) {
	if d.Root == nil {
		return nil, nil
	}
	if isConfig(d.Root) {
		return []yamldoc.Edit{wholeDocument(f, d)}, nil
	}
	r := splice.NewRemover(f, d)
	for _, w := range manifest.Find(d) {
		if receipt := Read(w); receipt != nil {
			out = append(out, Removed{w, receipt})
			(&ejection{r: r, receipt: receipt, drop: map[*yamltree.Node][]int{}}).workload(w)
		}
	}
	found := configItems(r, d.Root) || len(out) > 0
	if found && strings.Contains(f.Src[d.Start:d.End], strings.TrimSpace(splice.Mark)) {
		unalias(f, r, d.Root)
	}
	return r.Edits(), out
}

// isConfig says whether an object was added by an injection.
func isConfig(n *yamltree.Node) bool {
	return n.At("metadata", "annotations").Text(ConfigAnnotation) != "" && n.Text("kind") == "ConfigMap"
}

// wholeDocument is the removal of a document that was added behind another one:
// from the end of the line above its marker to its own end.
func wholeDocument(f *yamltree.File, d *yamltree.Doc) yamldoc.Edit {
	from := d.Root.Props
	if i := strings.LastIndex(f.Src[:from], "\n---"); i >= 0 && strings.TrimSpace(f.Src[i+4:from]) == "" {
		from = i
	} else if rest := f.Src[d.Root.End:]; strings.HasPrefix(rest, "\n---\n") || strings.HasPrefix(rest, "\r\n---\r\n") {
		// It stands in front of the document that it belongs to.
		return yamldoc.Edit{Start: from, End: d.Root.End + strings.Index(rest, "---") + strings.IndexByte(rest[strings.Index(rest, "---"):], '\n') + 1}
	} else if i := strings.LastIndexByte(f.Src[:from], '\n'); i >= 0 {
		from = i
	}
	if from > 0 && f.Src[from-1] == '\r' {
		from--
	}
	return yamldoc.Edit{Start: from, End: d.Root.End}
}

// configItems removes added objects from the items of a list.
func configItems(r *splice.Remover, root *yamltree.Node) bool {
	i := root.Index("items")
	if i < 0 || root.Items[i].Kind != yamltree.Seq {
		return false
	}
	items, found := root.Items[i], false
	for _, item := range items.Items {
		found = found || isConfig(item)
	}
	if found {
		r.Entries(items, func(i int) bool { return !isConfig(items.Items[i]) })
	}
	return found
}

// unalias brings back every alias that was expanded.
func unalias(f *yamltree.File, r *splice.Remover, root *yamltree.Node) {
	root.Walk(func(n *yamltree.Node) bool {
		for i, v := range n.Items {
			gap := n.Start
			switch {
			case n.Kind == yamltree.Map:
				gap = n.Keys[i].End
			case i > 0:
				gap = n.Items[i-1].End
			}
			text := f.Src[gap:max(gap, v.Props)]
			if at := strings.Index(text, "#logarch:"); at >= 0 {
				if rest := strings.TrimLeft(text[at+len("#logarch:"):], ": "); strings.HasPrefix(rest, "*") {
					r.Unmark(gap, v)
				}
			}
		}
		return true
	})
}

type ejection struct {
	r       *splice.Remover
	receipt *Receipt
	drop    map[*yamltree.Node][]int
	order   []*yamltree.Node
}

func (e *ejection) workload(w *manifest.Workload) {
	named := func(names []string) func(*yamltree.Node) bool {
		return func(n *yamltree.Node) bool { return slices.Contains(names, n.Text("name")) }
	}
	spec := w.Spec
	for _, key := range []string{"containers", "initContainers"} {
		list := spec.Get(key).Resolve()
		if list == nil {
			continue
		}
		for _, c := range list.Items {
			paths := e.receipt.Mounts[c.Text("name")]
			if len(paths) > 0 {
				e.items(c, "volumeMounts", c.Text("name")+"/volumeMounts", func(m *yamltree.Node) bool {
					return slices.Contains(paths, m.Text("mountPath"))
				})
			}
		}
	}
	e.items(spec, "initContainers", "initContainers", named(e.receipt.Init))
	e.items(spec, "containers", "containers", named(e.receipt.Containers))
	e.items(spec, "volumes", "volumes", named(e.receipt.Volumes))
	for _, k := range e.receipt.Keys {
		outer, inner, nested := strings.Cut(k, ".")
		if !nested {
			e.key(spec, outer)
			continue
		}
		if m := holder(spec, outer); m != nil {
			e.entries(m, outer, outer, []string{inner})
		}
	}
	keys := append([]string{Annotation}, e.receipt.Annotations...)
	if meta := holder(w.Template, "metadata"); meta != nil {
		m := meta.Get("metadata").Resolve()
		if e.entries(m, "annotations", "annotations", keys) && len(m.Items) == 1 && !slices.Contains(e.receipt.Empty, "annotations") {
			e.whole(meta, "metadata", "metadata")
		}
	}
	for _, m := range e.order {
		gone := e.drop[m]
		e.r.Entries(m, func(i int) bool { return !slices.Contains(gone, i) })
	}
}

// holder is the map that holds a key: the map itself or one that is merged into
// it.
func holder(m *yamltree.Node, key string) *yamltree.Node {
	m = m.Resolve()
	if m == nil || m.Get(key) == nil {
		return nil
	}
	if m.Index(key) >= 0 {
		return m
	}
	if i := m.Index("<<"); i >= 0 {
		merged := m.Items[i].Resolve()
		if merged.Kind == yamltree.Map {
			return holder(merged, key)
		}
		for _, s := range merged.Items {
			if h := holder(s, key); h != nil {
				return h
			}
		}
	}
	return nil
}

func (e *ejection) key(m *yamltree.Node, key string) {
	if m = holder(m, key); m == nil {
		return
	}
	if _, ok := e.drop[m]; !ok {
		e.order = append(e.order, m)
	}
	e.drop[m] = append(e.drop[m], m.Index(key))
}

// items removes our items from the list under a key, and the key where nothing
// else is in it.
func (e *ejection) items(m *yamltree.Node, key, name string, ours func(*yamltree.Node) bool) {
	if m = holder(m, key); m == nil {
		return
	}
	list := m.Get(key).Resolve()
	if list.Kind != yamltree.Seq || len(list.Items) == 0 {
		return
	}
	n := 0
	for _, item := range list.Items {
		if ours(item) {
			n++
		}
	}
	switch {
	case n == 0:
	case n < len(list.Items):
		e.r.Entries(list, func(i int) bool { return !ours(list.Items[i]) })
	default:
		e.whole(m, key, name)
	}
}

// entries removes keys from the map under a key, and says whether nothing was
// left so that the key went with them.
func (e *ejection) entries(m *yamltree.Node, key, name string, keys []string) bool {
	if m = holder(m, key); m == nil {
		return false
	}
	v := m.Get(key).Resolve()
	if v == nil || v.Kind != yamltree.Map {
		return false
	}
	left := 0
	for _, k := range v.Keys {
		if !slices.Contains(keys, k.Value) {
			left++
		}
	}
	if left > 0 {
		e.r.Entries(v, func(i int) bool { return !slices.Contains(keys, v.Keys[i].Value) })
		return false
	}
	return e.whole(m, key, name)
}

// whole removes a value of which everything is ours: it becomes again what it
// was before, or its key goes. It says whether the key went.
func (e *ejection) whole(m *yamltree.Node, key, name string) bool {
	i := m.Index(key)
	v := m.Items[i]
	switch {
	case e.r.Marked(m.Keys[i].End, v):
		e.r.Unmark(m.Keys[i].End, v)
	case slices.Contains(e.receipt.Empty, name):
		e.r.Entries(v, func(int) bool { return false })
	case slices.Contains(e.receipt.Null, name):
		e.r.Replace(v, "null")
	default:
		e.key(m, key)
		return true
	}
	return false
}

// Describe says in a line what was taken out.
func (r Removed) Describe() string {
	n := len(r.Receipt.Init) + len(r.Receipt.Containers)
	word := "containers"
	if n == 1 {
		word = "container"
	}
	return fmt.Sprintf("%d %s removed", n, word)
}
