// Package yamldoc reads multi-document YAML (and so JSON) with the place of
// every value, and edits it by splicing text. A YAML library that writes what
// it read loses comments, order or layout; here the bytes that were not asked
// to change stay as they are.
package yamldoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxBytes is the largest input that Parse takes. Manifests and policies are
// text that people write; what is larger is something else.
const MaxBytes = 64 << 20

// File is a YAML file: its bytes and its documents.
type File struct {
	Name  string
	Bytes []byte
	Docs  []*Document
	lines []int // byte offset of the start of each line
}

// Document is one YAML document of a file.
type Document struct {
	// Start and End are the byte range of the document's text in the file,
	// without the "---" that starts it and the one that ends it.
	Start, End int
	// Root is the document's value, nil for an empty document. The lines of
	// all its nodes are those of the file.
	Root *yaml.Node
}

// SyntaxError is a text that is not YAML, with its place where the parser
// tells one.
type SyntaxError struct {
	File string
	Line int
	Err  string
}

func (e *SyntaxError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: not YAML: %s", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: not YAML: %s", e.File, e.Err)
}

// Parse splits data into documents and parses each. The name is for messages.
// Errors are of type *SyntaxError.
func Parse(name string, data []byte) (*File, error) {
	f := &File{Name: name, Bytes: data}
	if len(data) > MaxBytes {
		return nil, &SyntaxError{File: name, Err: fmt.Sprintf("%d MB is more than the %d MB that a manifest may have", len(data)>>20, MaxBytes>>20)}
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, &SyntaxError{File: name, Line: 1 + bytes.Count(data[:i], []byte("\n")), Err: "a zero byte: this is a binary file"}
	}
	if !utf8.Valid(data) {
		return nil, &SyntaxError{File: name, Line: 1 + bytes.Count(data[:firstInvalid(data)], []byte("\n")), Err: "a byte sequence that is not UTF-8"}
	}
	f.lines = lineStarts(data)
	for _, d := range f.split() {
		text := data[d.Start:d.End]
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var root yaml.Node
		if err := yaml.Unmarshal(text, &root); err != nil {
			return nil, f.syntaxError(d.Start, text, err)
		}
		if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
			first, column := f.Position(d.Start)
			// The parser counts from the text that it got: what stands before it
			// on the first line, a marker or a byte order mark, is added.
			shift(root.Content[0], first-1, column-1, map[*yaml.Node]bool{})
			d.Root = root.Content[0]
		}
		f.Docs = append(f.Docs, d)
	}
	return f, nil
}

// lineStarts finds the starts of the lines as YAML counts them: behind a line
// feed, a carriage return, both together, and the three of Unicode (U+0085,
// U+2028, U+2029). Counting otherwise would put every later node on a wrong line.
func lineStarts(data []byte) []int {
	starts := []int{0}
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '\n':
			starts = append(starts, i+1)
		case data[i] == '\r' && (i+1 >= len(data) || data[i+1] != '\n'):
			starts = append(starts, i+1)
		case data[i] == 0xc2 && i+1 < len(data) && data[i+1] == 0x85:
			starts = append(starts, i+2)
		case data[i] == 0xe2 && i+2 < len(data) && data[i+1] == 0x80 && (data[i+2] == 0xa8 || data[i+2] == 0xa9):
			starts = append(starts, i+3)
		}
	}
	return starts
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// split finds the documents by the lines that start with "---" or "...". A
// block scalar's lines are indented, so a marker at the start of a line always
// ends the document.
func (f *File) split() []*Document {
	var docs []*Document
	start := 0
	if bytes.HasPrefix(f.Bytes, []byte("\xef\xbb\xbf")) {
		start = 3
	}
	// The first line starts behind a byte order mark: max below.
	for i, off := range f.lines {
		line := f.Bytes[off:]
		if i+1 < len(f.lines) {
			line = f.Bytes[off:f.lines[i+1]]
		}
		if i == 0 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		switch {
		case isMarker(line, "---"):
			docs = append(docs, &Document{Start: start, End: max(off, start)})
			// What stands behind "--- " belongs to the new document; its own
			// line keeps its number because the marker is left out of the text
			// and nothing else.
			start = max(off, start) + 3
		case isMarker(line, "..."):
			docs = append(docs, &Document{Start: start, End: max(off, start)})
			start = max(off, start) + 3
		}
	}
	docs = append(docs, &Document{Start: start, End: len(f.Bytes)})
	// Directives ("%YAML 1.2") stand before a document's marker and are no
	// document of their own.
	out := docs[:0]
	for _, d := range docs {
		if isDirectives(f.Bytes[d.Start:d.End]) {
			continue
		}
		out = append(out, f.objects(d)...)
	}
	return out
}

// objects splits a document that is a stream of JSON objects, one behind the
// other without a marker, as kubectl and jq write it.
func (f *File) objects(d *Document) []*Document {
	text := f.Bytes[d.Start:d.End]
	if t := bytes.TrimLeft(text, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return []*Document{d}
	}
	var out []*Document
	start := d.Start
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		var v json.RawMessage
		err := dec.Decode(&v)
		if err == io.EOF {
			break
		}
		if err != nil {
			return []*Document{d} // YAML with braces, or no JSON: the parser tells
		}
		end := d.Start + int(dec.InputOffset())
		out = append(out, &Document{Start: start, End: end})
		start = end
	}
	if len(out) < 2 {
		return []*Document{d}
	}
	out[len(out)-1].End = d.End
	return out
}

func isMarker(line []byte, marker string) bool {
	if !bytes.HasPrefix(line, []byte(marker)) {
		return false
	}
	rest := line[len(marker):]
	return len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r'
}

func isDirectives(text []byte) bool {
	seen := false
	for _, l := range strings.Split(string(text), "\n") {
		l = strings.TrimSpace(l)
		switch {
		case l == "" || strings.HasPrefix(l, "#"):
		case strings.HasPrefix(l, "%"):
			seen = true
		default:
			return false
		}
	}
	return seen
}

func (f *File) syntaxError(start int, text []byte, err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	if n, scanErr := fmt.Sscanf(msg, "line %d:", &line); n == 1 && scanErr == nil {
		_, msg, _ = strings.Cut(msg, ": ")
		first, _ := f.Position(start)
		line += first - 1
	}
	// Of a line that does not fit its block the parser tells where the block
	// begins, which may be pages above.
	if msg == "did not find expected key" || msg == "did not find expected '-' indicator" {
		first, _ := f.Position(start)
		line = brokenLine(text, msg) + first - 1
		msg = "this line does not fit the block above: look at its indentation, and at quotes before it"
	}
	// The parser's words for the commonest slip of all, a tab that indents,
	// do not name it.
	if msg == "found character that cannot start any token" && bytes.IndexByte(f.indentOf(line), '\t') >= 0 {
		msg = "a tab indents this line: YAML takes blanks only"
	}
	return &SyntaxError{File: f.Name, Line: line, Err: msg}
}

// brokenLine finds the line of a text from which on the parser complains as it
// does of the whole. A beginning that is no YAML for another reason only ends
// within a list or a string.
func brokenLine(text []byte, complaint string) int {
	starts := lineStarts(text)
	return 1 + sort.Search(len(starts)-1, func(i int) bool {
		var n yaml.Node
		err := yaml.Unmarshal(text[:starts[i+1]], &n)
		return err != nil && strings.HasSuffix(err.Error(), complaint)
	})
}

// indentOf gives the white space that line n (from 1) starts with.
func (f *File) indentOf(n int) []byte {
	if n < 1 || n > len(f.lines) {
		return nil
	}
	text := f.Bytes[f.lines[n-1]:]
	return text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
}

func shift(n *yaml.Node, lines, columns int, seen map[*yaml.Node]bool) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	if n.Line == 1 {
		n.Column += columns
	}
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines, columns, seen)
	}
}

// Position turns a byte offset into a line and a column, both counted from 1;
// columns count characters.
func (f *File) Position(offset int) (line, column int) {
	i := sort.SearchInts(f.lines, offset+1) - 1
	return i + 1, utf8.RuneCount(f.Bytes[f.lines[i]:offset]) + 1
}

// Offset turns a line and a column (from 1, in characters) into a byte offset.
// A place behind the end of its line gives the line's end.
func (f *File) Offset(line, column int) int {
	if line < 1 {
		return 0
	}
	if line > len(f.lines) {
		return len(f.Bytes)
	}
	off, end := f.lines[line-1], len(f.Bytes)
	if line < len(f.lines) {
		end = f.lines[line] - 1
	}
	for c := 1; c < column && off < end; c++ {
		_, n := utf8.DecodeRune(f.Bytes[off:end])
		off += n
	}
	return off
}

// LineStart is the byte offset at which a line (from 1) starts.
func (f *File) LineStart(line int) int { return f.Offset(line, 1) }

// Lines is the number of lines of the file.
func (f *File) Lines() int { return len(f.lines) }

// Get returns the value of a key of a mapping and the key's node, following
// aliases; nil where there is none. The last of equal keys wins, as in the
// decoders of Kubernetes.
func Get(n *yaml.Node, key string) (value, keyNode *yaml.Node) {
	n = Resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			value, keyNode = n.Content[i+1], n.Content[i]
		}
	}
	return value, keyNode
}

// Resolve follows an alias to its anchor.
func Resolve(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < 64; i++ {
		n = n.Alias
	}
	return n
}

// String is the scalar value of a key, "" where there is none.
func String(n *yaml.Node, key string) string {
	v, _ := Get(n, key)
	if v = Resolve(v); v == nil || v.Kind != yaml.ScalarNode {
		return ""
	}
	return v.Value
}

// Edit replaces the bytes [Start, End) of a file by Text; an insertion has
// Start == End.
type Edit struct {
	Start, End int
	Text       string
}

// Apply carries out edits on data. Edits must not overlap; insertions at the
// same place keep their order. It panics on an overlap, which is a programming
// error.
func Apply(data []byte, edits []Edit) []byte {
	sorted := append([]Edit(nil), edits...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Start < sorted[j].Start })
	var out bytes.Buffer
	at := 0
	for _, e := range sorted {
		if e.Start < at || e.End < e.Start || e.End > len(data) {
			panic(fmt.Sprintf("yamldoc: edit [%d,%d) overlaps another or lies outside", e.Start, e.End))
		}
		out.Write(data[at:e.Start])
		out.WriteString(e.Text)
		at = e.End
	}
	out.Write(data[at:])
	return out.Bytes()
}
