// Package yamltree reads YAML and JSON into a tree in which every value knows
// its bytes, from the first to behind the last. The YAML libraries tell where a
// value starts and not where it ends, and an editor that only inserts text must
// know both. The package reads what people and tools write as manifests (block,
// flow and JSON style, anchors, aliases, tags, block scalars, quoted and plain
// scalars over several lines); what it does not read, it refuses with a place.
// Judge holds its reading against go.yaml.in/yaml.
package yamltree

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// Kind is the kind of a node.
type Kind uint8

// The kinds of nodes.
const (
	Scalar Kind = iota
	Map
	Seq
	Alias
)

// Style is how a node is written.
type Style uint8

// The styles: the first two are of collections, the others of scalars.
const (
	Block Style = iota
	Flow
	Plain
	Single
	Double
	Literal
	Folded
)

// Node is a value and its place in the text.
type Node struct {
	Kind  Kind
	Style Style
	// Start and End are the value's bytes, without anchor and tag. A value that
	// is not written at all (a null after "key:") has Start == End.
	Start, End int
	// Props is where the anchor or the tag starts, and Start without them.
	Props int
	// Indent is the column (from 0) of a block collection.
	Indent int
	// Anchor and Tag are the properties, without "&", with "!".
	Anchor, Tag string
	// Value is a scalar's text after unquoting, and an alias's name.
	Value string
	// Target is what an alias stands for.
	Target *Node
	// Keys and Items are the entries of a map; Items are the items of a
	// sequence.
	Keys, Items []*Node
}

// Doc is one document.
type Doc struct {
	// Start and End are the document's text, without the markers around it.
	Start, End int
	// Root is the value, nil where the document is empty or was not read.
	Root *Node
	// JSON says that the document is strict JSON.
	JSON bool
	// Plain says that the document uses nothing that is subtle, so that no
	// second opinion is needed.
	Plain bool
	// Anchors says that the document has anchors, and so may have aliases.
	Anchors bool
	// Err says why the document could not be read into a tree: it is not YAML,
	// or it is YAML of a kind that this package does not read.
	Err *Error
}

// File is a text and its documents. Documents without content are left out.
type File struct {
	Name string
	Src  string
	Docs []*Doc

	once  sync.Once
	lines []int // where each line starts
}

// Error is a text that was not read, and where.
type Error struct {
	Offset int
	Msg    string
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Msg) }

// Position turns an offset into a line and a column, both from 1.
func (f *File) Position(offset int) (line, column int) {
	f.once.Do(func() {
		f.lines = make([]int, 1, 2+strings.Count(f.Src, "\n"))
		for i := 0; i < len(f.Src); i++ {
			n := strings.IndexByte(f.Src[i:], '\n')
			if n < 0 {
				break
			}
			i += n
			f.lines = append(f.lines, i+1)
		}
	})
	offset = min(offset, len(f.Src))
	line = sort.SearchInts(f.lines, offset+1)
	return line, 1 + utf8.RuneCountInString(f.Src[f.lines[line-1]:offset])
}

// Resolve follows aliases.
func (n *Node) Resolve() *Node {
	for i := 0; n != nil && n.Kind == Alias && i < 100; i++ {
		n = n.Target
	}
	return n
}

// Index is the place of a key in a map, -1 where it is not. Of equal keys the
// last one counts, as in the decoders of Kubernetes.
func (n *Node) Index(key string) int {
	if n == nil || n.Kind != Map {
		return -1
	}
	for i := len(n.Keys) - 1; i >= 0; i-- {
		if n.Keys[i].Kind == Scalar && n.Keys[i].Value == key {
			return i
		}
	}
	return -1
}

// Get returns the value of a key of a map, following aliases on the way in and
// merge keys ("<<"); nil where there is none. The value itself may be an alias.
func (n *Node) Get(key string) *Node {
	return n.get(key, 0)
}

func (n *Node) get(key string, depth int) *Node {
	n = n.Resolve()
	if n == nil || n.Kind != Map || depth > 20 {
		return nil
	}
	if i := n.Index(key); i >= 0 {
		return n.Items[i]
	}
	i := n.Index("<<")
	if i < 0 || n.Keys[i].Style != Plain {
		return nil
	}
	switch m := n.Items[i].Resolve(); {
	case m == nil:
	case m.Kind == Map:
		return m.get(key, depth+1)
	case m.Kind == Seq:
		for _, s := range m.Items {
			if v := s.get(key, depth+1); v != nil {
				return v
			}
		}
	}
	return nil
}

// At walks down maps by keys, following aliases and merges.
func (n *Node) At(keys ...string) *Node {
	for _, k := range keys {
		if n = n.Get(k); n == nil {
			return nil
		}
	}
	return n
}

// Text is the value of a scalar under a key, "" where there is none.
func (n *Node) Text(key string) string {
	if v := n.Get(key).Resolve(); v != nil && v.Kind == Scalar && !v.IsNull() {
		return v.Value
	}
	return ""
}

// IsNull says whether a node is a null, written or not.
func (n *Node) IsNull() bool {
	n = n.Resolve()
	if n == nil {
		return true
	}
	if n.Kind != Scalar || n.Style != Plain || n.Tag == "!!str" || n.Tag == "!" {
		return false
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

// Walk visits a node and what is below it, not through aliases. It stops going
// down where f says false.
func (n *Node) Walk(f func(*Node) bool) {
	if n == nil || !f(n) {
		return
	}
	for i := range n.Items {
		if n.Kind == Map {
			n.Keys[i].Walk(f)
		}
		n.Items[i].Walk(f)
	}
}

// MergedKeys are the keys of a map with those that merge keys bring, each once,
// in the order in which they are written.
func (n *Node) MergedKeys() []string {
	var out []string
	seen := map[string]bool{}
	var add func(n *Node, depth int)
	add = func(n *Node, depth int) {
		n = n.Resolve()
		if n == nil || depth > 20 {
			return
		}
		if n.Kind == Seq {
			for _, i := range n.Items {
				add(i, depth+1)
			}
			return
		}
		for i, k := range n.Keys {
			if k.Value == "<<" && k.Style == Plain {
				add(n.Items[i], depth+1)
			} else if !seen[k.Value] {
				seen[k.Value] = true
				out = append(out, k.Value)
			}
		}
	}
	add(n, 0)
	return out
}

// MergedKeysOrNone is MergedKeys, also of nil and of what is not a map.
func (n *Node) MergedKeysOrNone() []string {
	if n = n.Resolve(); n == nil || n.Kind != Map {
		return nil
	}
	return n.MergedKeys()
}

// ItemsOrNone are the items of a sequence, also of an alias to one; none of what
// is not a sequence.
func (n *Node) ItemsOrNone() []*Node {
	if n = n.Resolve(); n == nil || n.Kind != Seq {
		return nil
	}
	return n.Items
}
