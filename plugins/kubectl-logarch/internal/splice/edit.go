package splice

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// A value that has to go is not deleted: it becomes a comment behind one of
// these marks, on the same line, and what stands for it follows. The second
// mark says that a space was put in front of it.
const (
	Mark       = "#logarch: "
	markSpaced = " #logarch:: "
)

// Editor collects edits of one document.
type Editor struct {
	file  *yamltree.File
	doc   *yamltree.Doc
	src   string
	eol   string
	edits []yamldoc.Edit
	// Offset is by how many columns a new block list is indented under its key.
	Offset int
	// Replaced counts values that had to be replaced because their style has
	// no comments: a null in JSON.
	Replaced int
}

// New returns an editor of a document.
func New(f *yamltree.File, d *yamltree.Doc) *Editor {
	e := &Editor{file: f, doc: d, src: f.Src, eol: "\n"}
	if i := strings.IndexByte(f.Src[d.Start:d.End], '\n'); i > 0 && f.Src[d.Start+i-1] == '\r' {
		e.eol = "\r\n"
	}
	return e
}

// Edits are the edits so far, in the order in which they were asked for.
func (e *Editor) Edits() []yamldoc.Edit { return e.edits }

// Apply is src from start to end with edits, which lie in it and do not overlap. Of
// edits at one place the first one stands first.
func Apply(src string, start, end int, edits []yamldoc.Edit) string {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b yamldoc.Edit) int { return a.Start - b.Start })
	size := end - start
	for _, e := range sorted {
		size += len(e.Text) - (e.End - e.Start)
	}
	var b strings.Builder
	b.Grow(max(size, 0))
	for _, e := range sorted {
		if e.Start < start || e.End < e.Start || e.End > end {
			panic(fmt.Sprintf("splice: edit [%d,%d) overlaps another or lies outside", e.Start, e.End))
		}
		b.WriteString(src[start:e.Start])
		b.WriteString(e.Text)
		start = e.End
	}
	b.WriteString(src[start:end])
	return b.String()
}

func (e *Editor) insert(at int, text string) {
	e.edits = append(e.edits, yamldoc.Edit{Start: at, End: at, Text: text})
}

// lineAt starts a line at a column.
func (e *Editor) lineAt(col int) string { return e.eol + strings.Repeat(" ", col) }

// lineEnd is where the line of an offset ends, before its line end.
func lineEnd(src string, at, limit int) int {
	if i := strings.IndexByte(src[at:limit], '\n'); i >= 0 {
		at += i
		if at > 0 && src[at-1] == '\r' {
			at--
		}
		return at
	}
	return limit
}

func lineStart(src string, at int) int { return strings.LastIndexByte(src[:at], '\n') + 1 }

// indentOf is the white space at the start of the line of an offset.
func indentOf(src string, at int) string {
	line := src[lineStart(src, at):at]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// firstOnLine says whether only white space stands before an offset.
func firstOnLine(src string, at int) bool {
	return strings.TrimLeft(src[lineStart(src, at):at], " \t") == ""
}

// fragile says whether text behind a node would change the node: a block scalar
// that ends with the file, without a line end.
func (e *Editor) fragile(n *yamltree.Node) bool {
	if lineEnd(e.src, n.End, e.doc.End) < len(e.src) {
		return false
	}
	for {
		if len(n.Items) == 0 {
			return n.Style == yamltree.Literal || n.Style == yamltree.Folded
		}
		n = n.Items[len(n.Items)-1]
	}
}

func (e *Editor) blockLayout(m *yamltree.Node) layout {
	return layout{eol: e.eol, unit: "  ", offset: e.Offset}
}

// Append puts items at the end of a sequence that has some.
func (e *Editor) Append(seq *yamltree.Node, items ...any) {
	last := seq.Items[len(seq.Items)-1]
	if seq.Style == yamltree.Block {
		if e.fragile(seq) {
			e.Prepend(nil, seq, items...)
			return
		}
		at := lineEnd(e.src, seq.End, e.doc.End)
		l := e.blockLayout(seq)
		e.insert(at, l.blockList(e.lineAt(seq.Indent), items, seq.Indent, ""))
		return
	}
	l, indent, sep := e.flowItem(last)
	var b strings.Builder
	for _, v := range items {
		b.WriteString(sep + l.braces(v, indent))
	}
	e.insert(last.End, b.String())
}

// flowItem is how an item of a flow sequence is written next to another one.
func (e *Editor) flowItem(n *yamltree.Node) (l layout, indent, sep string) {
	l = layout{flow: true, json: e.doc.JSON, eol: e.eol, unit: e.unitOf(n)}
	switch {
	case firstOnLine(e.src, n.Props):
		indent = indentOf(e.src, n.Props)
		return l, indent, "," + e.eol + indent
	case strings.Contains(e.src[n.Start:n.End], "\n"):
		return l, indentOf(e.src, n.End-1), ", "
	}
	l.inline = true
	l.compact = e.compactJSON()
	if l.compact {
		return l, "", ","
	}
	return l, "", ", "
}

func (e *Editor) compactJSON() bool {
	return e.doc.JSON && !strings.ContainsAny(strings.TrimSpace(e.src[e.doc.Start:min(e.doc.End, e.doc.Start+200)]), " \n")
}

// unitOf is one step of indentation: what the first entry of a map of several
// lines is indented by.
func (e *Editor) unitOf(n *yamltree.Node) string {
	unit := ""
	n.Walk(func(n *yamltree.Node) bool {
		if unit == "" && n.Style == yamltree.Flow && len(n.Items) > 0 {
			first := n.Items[0]
			if n.Kind == yamltree.Map {
				first = n.Keys[0]
			}
			if firstOnLine(e.src, first.Props) {
				a, b := indentOf(e.src, n.Start), indentOf(e.src, first.Props)
				if len(b) > len(a) && strings.HasPrefix(b, a) {
					unit = b[len(a):]
				}
			}
		}
		return unit == ""
	})
	if unit == "" {
		unit = "  "
	}
	return unit
}

// Prepend puts items at the front of a sequence that has some. key is the key
// that holds the sequence, nil where it is not known.
func (e *Editor) Prepend(key, seq *yamltree.Node, items ...any) {
	first := seq.Items[0]
	if seq.Style == yamltree.Block {
		l := e.blockLayout(seq)
		if key != nil && strings.Contains(e.src[key.End:seq.Start], "\n") {
			// Right behind the key's line, so that comments above the first item
			// stay with it.
			e.insert(lineEnd(e.src, key.End, e.doc.End), l.blockList(e.lineAt(seq.Indent), items, seq.Indent, ""))
			return
		}
		l.eol = e.eolAbove(seq.Start)
		e.insert(seq.Start, l.blockList("", items, seq.Indent, l.eol+strings.Repeat(" ", seq.Indent)))
		return
	}
	l, indent, sep := e.flowItem(first)
	var b strings.Builder
	for _, v := range items {
		b.WriteString(l.braces(v, indent) + sep)
	}
	e.insert(first.Props, b.String())
}

// Set adds a key to the end of a map. A map without entries is filled.
func (e *Editor) Set(m *yamltree.Node, key string, v any) {
	if len(m.Items) == 0 {
		e.insert(m.Start+1, layout{flow: true, json: e.doc.JSON, inline: true, eol: e.eol, unit: "  "}.pair(key, v))
		return
	}
	last := len(m.Items) - 1
	if m.Style == yamltree.Block {
		if e.fragile(m) {
			e.SetBefore(m, m.Keys[0].Value, key, v)
			return
		}
		l := e.blockLayout(m)
		e.insert(lineEnd(e.src, m.End, e.doc.End), l.blockObject(e.lineAt(m.Indent), Object{{key, v}}, m.Indent, ""))
		return
	}
	l, indent, sep := e.flowEntry(m, last)
	e.insert(max(m.Items[last].End, m.Keys[last].End), sep+l.flowKey(key)+l.braces(v, indent))
}

func (l layout) pair(key string, v any) string { return l.flowKey(key) + l.braces(v, "") }

func (e *Editor) flowEntry(m *yamltree.Node, i int) (l layout, indent, sep string) {
	l = layout{flow: true, json: e.doc.JSON, eol: e.eol, unit: e.unitOf(m)}
	if firstOnLine(e.src, m.Keys[i].Props) {
		indent = indentOf(e.src, m.Keys[i].Props)
		return l, indent, "," + e.eol + indent
	}
	l.inline, l.compact = true, e.compactJSON()
	if l.compact {
		return l, "", ","
	}
	return l, "", ", "
}

// aboveComments goes up from a key over the comments that stand right above it, in
// its own column: they are about the key and stay with it.
func (e *Editor) aboveComments(at int) int {
	if !firstOnLine(e.src, at) {
		return at
	}
	col := at - lineStart(e.src, at)
	for {
		start := lineStart(e.src, at)
		if start <= e.doc.Start {
			return at
		}
		above := lineStart(e.src, start-1)
		if above < e.doc.Start || above+col >= start || e.src[above+col] != '#' || strings.Trim(e.src[above:above+col], " ") != "" {
			return at
		}
		at = above + col
	}
}

// eolAbove is the line end of the line above: what is put in front of a line is
// taken out with it, and in a file of both kinds that must be the same.
func (e *Editor) eolAbove(at int) string {
	switch start := lineStart(e.src, at); {
	case start < 2:
		return e.eol
	case e.src[start-2] == '\r':
		return "\r\n"
	}
	return "\n"
}

// SetBefore adds a key to a map, in front of another key of it.
func (e *Editor) SetBefore(m *yamltree.Node, before, key string, v any) {
	i := m.Index(before)
	if i < 0 {
		e.Set(m, key, v)
		return
	}
	at := m.Keys[i].Props
	if m.Style == yamltree.Block {
		at = e.aboveComments(at)
		l := e.blockLayout(m)
		l.eol = e.eolAbove(at)
		e.insert(at, l.blockObject("", Object{{key, v}}, m.Indent, l.eol+strings.Repeat(" ", m.Indent)))
		return
	}
	l, indent, sep := e.flowEntry(m, i)
	e.insert(at, l.flowKey(key)+l.braces(v, indent)+sep)
}

// Fill puts a value where a key has none: nothing, null, [] or {}. It returns
// "null" or "empty" where taking it out again needs to know that, because the
// text itself cannot say it.
func (e *Editor) Fill(m *yamltree.Node, key string, v any) string {
	i := m.Index(key)
	old, k := m.Items[i], m.Keys[i]
	switch {
	case m.Style == yamltree.Block && old.Start == old.End:
		l := e.blockLayout(m)
		e.insert(old.End, strings.TrimRight(markSpaced, " "))
		e.insert(lineEnd(e.src, old.End, e.doc.End), e.under(l.block(v, m.Indent, true), m.Indent))
		return ""
	case m.Style == yamltree.Block && !strings.Contains(e.src[k.End:old.End], "\n"):
		l := e.blockLayout(m)
		e.mark(old)
		e.insert(lineEnd(e.src, old.End, e.doc.End), e.under(l.block(v, m.Indent, true), m.Indent))
		return ""
	}
	l, indent, _ := e.flowEntry(m, i)
	switch {
	case old.Kind == yamltree.Seq:
		l.inline = l.inline || m.Style == yamltree.Block || old.End-old.Start > 2
		text := l.braces(v, indent)
		e.insert(old.Start+1, text[1:len(text)-1])
		return "empty"
	case old.Kind == yamltree.Map:
		l.inline = l.inline || m.Style == yamltree.Block || old.End-old.Start > 2
		text := l.braces(v, indent)
		e.insert(old.Start+1, text[1:len(text)-1])
		return "empty"
	case e.doc.JSON:
		e.edits = append(e.edits, yamldoc.Edit{Start: old.Start, End: old.End, Text: l.braces(v, indent)})
		e.Replaced++
		return "null"
	}
	if old.Start == old.End {
		e.insert(old.End, strings.TrimRight(markSpaced, " ")+e.eol+indent+l.braces(v, indent))
		return ""
	}
	e.mark(old)
	e.insert(old.End, e.eol+l.braces(v, indent))
	return ""
}

// under makes a rendered value start on a line of its own.
func (e *Editor) under(text string, col int) string {
	if strings.HasPrefix(text, e.eol) {
		return text
	}
	return e.eol + strings.Repeat(" ", col+2) + strings.TrimLeft(text, " ")
}

func (e *Editor) mark(n *yamltree.Node) {
	if c := e.src[n.Props-1]; c == ' ' || c == '\t' {
		e.insert(n.Props, Mark)
	} else {
		e.insert(n.Props, markSpaced)
	}
}

// Expand replaces an alias by a copy of what it stands for. The alias itself
// becomes a comment. holder is the collection that holds it, underKey whether
// that is a map.
func (e *Editor) Expand(holder, alias *yamltree.Node) {
	e.mark(alias)
	if holder.Style == yamltree.Block {
		l := e.blockLayout(holder)
		underKey := holder.Kind == yamltree.Map
		text := l.block(alias.Resolve(), holder.Indent, underKey)
		if !underKey {
			text = e.eol + strings.Repeat(" ", holder.Indent+2) + strings.TrimLeft(text, " \r\n")
		}
		e.insert(lineEnd(e.src, alias.End, e.doc.End), e.under(text, holder.Indent))
		return
	}
	indent := indentOf(e.src, alias.Start)
	l := layout{flow: true, eol: e.eol, unit: "  "}
	e.insert(alias.End, e.eol+indent+l.braces(alias.Resolve(), indent))
}

// InsertAfter puts items behind the i-th item of a sequence.
func (e *Editor) InsertAfter(seq *yamltree.Node, i int, items ...any) {
	if i == len(seq.Items)-1 {
		e.Append(seq, items...)
		return
	}
	if seq.Style == yamltree.Block {
		l := e.blockLayout(seq)
		e.insert(lineEnd(e.src, seq.Items[i].End, e.doc.End), l.blockList(e.lineAt(seq.Indent), items, seq.Indent, ""))
		return
	}
	l, indent, sep := e.flowItem(seq.Items[i])
	var b strings.Builder
	for _, v := range items {
		b.WriteString(sep + l.braces(v, indent))
	}
	e.insert(seq.Items[i].End, b.String())
}

// NewDocument puts an object into the file behind the document: as a document
// of its own, or where the document is a list as another item of it.
func (e *Editor) NewDocument(o Object) {
	root := e.doc.Root.Resolve()
	if items := root.Get("items").Resolve(); items != nil && items.Kind == yamltree.Seq && len(items.Items) > 0 && root.Text("kind") == "List" {
		e.Append(items, o)
		return
	}
	at := e.doc.Root.End
	if e.doc.JSON {
		l := layout{flow: true, json: true, eol: e.eol, unit: e.unitOf(e.doc.Root)}
		l.inline = e.compactJSON()
		l.compact = l.inline
		e.insert(at, e.eol+l.braces(o, ""))
		return
	}
	if e.fragile(e.doc.Root) {
		e.insert(e.doc.Root.Props, layout{eol: e.eol, unit: "  "}.blockObject("", o, 0, e.eol+"---"+e.eol))
		return
	}
	at = lineEnd(e.src, at, e.doc.End)
	if root.Style == yamltree.Flow {
		e.insert(at, e.eol+"---"+e.eol+layout{flow: true, eol: e.eol, unit: "  "}.braces(o, ""))
		return
	}
	e.insert(at, layout{eol: e.eol, unit: "  "}.blockObject(e.eol+"---"+e.eol, o, 0, ""))
}
