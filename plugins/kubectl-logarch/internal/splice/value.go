// Package splice edits manifests as text. Every edit inserts bytes in the style
// that stands around it (block, KYAML or JSON) and leaves all others as they
// are; every edit can be taken out again by looking at the result alone.
package splice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// Entry is a key and its value.
type Entry struct {
	Key   string
	Value any
}

// Object is a map in the order in which it is written. Values are Object, List,
// string, int, int64, bool, or *yamltree.Node for a copy of what is there.
type Object []Entry

// List is a sequence of such values.
type List []any

// layout is how a new value is written.
type layout struct {
	flow    bool   // in braces, KYAML or JSON
	json    bool   // quoted keys
	inline  bool   // on one line
	compact bool   // JSON without spaces
	eol     string // line end
	unit    string // one step of indentation
	offset  int    // columns by which a block list is indented under its key
}

// A file of a thousand documents gets the same text a thousand times: it grows in
// one of the buffers and is kept once.
var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	texts   = struct {
		sync.Mutex
		known map[string]string
	}{known: map[string]string{}}
)

func render(before, after string, write func(*bytes.Buffer)) string {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	b.WriteString(before)
	write(b)
	b.WriteString(after)
	texts.Lock()
	defer texts.Unlock()
	s, ok := texts.known[string(b.Bytes())]
	if !ok {
		s = b.String()
		if len(texts.known) < 1000 {
			texts.known[s] = s
		}
	}
	return s
}

// block renders a value behind "key:" or "-": col is the column of the
// collection that holds it. The text starts with a space or a line end.
func (l layout) block(v any, col int, underKey bool) string {
	return render("", "", func(b *bytes.Buffer) { l.writeBlock(b, v, col, underKey) })
}

func (l layout) blockObject(before string, o Object, col int, after string) string {
	return render(before, after, func(b *bytes.Buffer) { l.writeObject(b, o, col) })
}

func (l layout) blockList(before string, x List, col int, after string) string {
	return render(before, after, func(b *bytes.Buffer) { l.writeList(b, x, col) })
}

const blanks = "                                                                "

// line starts a line at a column.
func (l layout) line(b *bytes.Buffer, col int) {
	b.WriteString(l.eol)
	for ; col > len(blanks); col -= len(blanks) {
		b.WriteString(blanks)
	}
	b.WriteString(blanks[:col])
}

func (l layout) writeBlock(b *bytes.Buffer, v any, col int, underKey bool) {
	switch x := v.(type) {
	case Object:
		switch {
		case len(x) == 0:
			b.WriteString(" {}")
		case !underKey:
			b.WriteByte(' ')
			l.writeObject(b, x, col+2)
		default:
			l.line(b, col+len(l.unit))
			l.writeObject(b, x, col+len(l.unit))
		}
	case List:
		if len(x) == 0 {
			b.WriteString(" []")
			return
		}
		at := col + l.offset
		if !underKey {
			at = col + 2
		}
		l.line(b, at)
		l.writeList(b, x, at)
	case string:
		b.WriteByte(' ')
		b.WriteString(l.blockString(x, col))
	case *yamltree.Node:
		l.writeBlock(b, plainValue(x), col, underKey)
	default:
		b.WriteByte(' ')
		b.WriteString(l.scalar(v))
	}
}

// writeObject renders the entries of a map whose first key stands at col
// already.
func (l layout) writeObject(b *bytes.Buffer, o Object, col int) {
	for i, e := range o {
		if i > 0 {
			l.line(b, col)
		}
		b.WriteString(l.blockKey(e.Key))
		b.WriteByte(':')
		l.writeBlock(b, e.Value, col, true)
	}
}

func (l layout) writeList(b *bytes.Buffer, x List, col int) {
	for i, v := range x {
		if i > 0 {
			l.line(b, col)
		}
		b.WriteByte('-')
		l.writeBlock(b, v, col, false)
	}
}

func (l layout) blockKey(k string) string {
	if plainSafe(k) {
		return k
	}
	return quote(k)
}

// literals remembers how long texts are written: a file of a thousand documents
// gets the same script a thousand times.
var literals sync.Map

type literalKey struct {
	text, eol string
	col       int
}

func (l layout) blockString(s string, col int) string {
	if len(s) < 500 {
		return l.anyString(s, col)
	}
	key := literalKey{s, l.eol, col}
	if v, ok := literals.Load(key); ok {
		return v.(string)
	}
	out := l.anyString(s, col)
	literals.Store(key, out)
	return out
}

func (l layout) anyString(s string, col int) string {
	if literalSafe(s) {
		head := "|"
		if !strings.HasSuffix(s, "\n") {
			head = "|-"
		}
		var b strings.Builder
		b.WriteString(head)
		for _, line := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
			b.WriteString(l.eol)
			if line != "" {
				b.WriteString(strings.Repeat(" ", col+2) + line)
			}
		}
		return b.String()
	}
	if plainSafe(s) {
		return s
	}
	return quote(s)
}

// literalSafe says whether a text of several lines survives as a literal block.
func literalSafe(s string) bool {
	if strings.IndexByte(s, '\n') < 0 {
		return false
	}
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(body, "\n") || strings.HasSuffix(body, "\n") || strings.ContainsAny(s, "\r\t") || body[0] == ' ' || body[0] == '\n' {
		return false
	}
	for _, line := range strings.Split(body, "\n") {
		if line != "" && strings.TrimSpace(line) == "" {
			return false
		}
	}
	return printable(s)
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\n' || r >= 0x7f {
			return false
		}
	}
	return true
}

// isAmount says whether a text is a quantity such as 10m or 32Mi, which no YAML
// takes for a number.
func isAmount(s string) bool {
	digits := strings.TrimRight(strings.TrimSuffix(s, "i"), "mKMGT")
	unit := s[len(digits):]
	return strings.Trim(digits, "0123456789") == "" && digits != "" &&
		(unit == "m" || len(unit) == 2 && unit[0] != 'm' && unit[1] == 'i')
}

// plainSafe says whether a word means itself without quotes, in YAML 1.1 and
// 1.2 alike.
func plainSafe(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	if s[0] <= '9' && isAmount(s) {
		return true
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '/', c == '_':
		case i == 0 && c == '-' && len(s) > 1 && (s[1] >= 'a' && s[1] <= 'z'):
		case i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == '=' || c == '@'):
		case i > 0 && i < len(s)-1 && c == ':' && s[i+1] != ' ':
		default:
			return false
		}
	}
	if len(s) > 8 && s[0] > '9' {
		return true
	}
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "e", "infinity":
		return false
	}
	// What starts like a number may be one: 1e3, 1_000, 0x1f, -.5, 2026-01-01.
	return s[0] > '9' || s[0] == '/' || s[0] == '-' && s[1] != 'i'
}

// simple says whether a text needs no escapes between double quotes.
func simple(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// quote quotes a string so that it reads well: in single quotes where it holds
// double ones.
func quote(s string) string {
	if strings.Contains(s, `"`) && printable(s) && !strings.Contains(s, "\n") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return jsonString(s)
}

func jsonString(s string) string {
	if simple(s) {
		return `"` + s + `"`
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// braces renders a value in flow style at an indentation.
func (l layout) braces(v any, indent string) string {
	in := indent + l.unit
	switch x := v.(type) {
	case Object:
		if len(x) == 0 {
			return "{}"
		}
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = l.flowKey(e.Key) + l.braces(e.Value, in)
		}
		return l.enclose("{", "}", parts, indent)
	case List:
		if len(x) == 0 {
			return "[]"
		}
		_, objects := x[0].(Object)
		if objects && !l.json && !l.inline {
			parts := make([]string, len(x))
			for i, v := range x {
				parts[i] = l.braces(v, indent)
			}
			return "[" + strings.Join(parts, ", ") + "]"
		}
		parts := make([]string, len(x))
		for i, v := range x {
			parts[i] = l.braces(v, in)
		}
		return l.enclose("[", "]", parts, indent)
	case string:
		return jsonString(x)
	case *yamltree.Node:
		return l.braces(plainValue(x), indent)
	}
	return l.scalar(v)
}

func (l layout) enclose(open, closing string, parts []string, indent string) string {
	if l.inline {
		sep := ", "
		if l.compact {
			sep = ","
		}
		return open + strings.Join(parts, sep) + closing
	}
	in := l.eol + indent + l.unit
	trail := ","
	if l.json {
		trail = ""
	}
	return open + in + strings.Join(parts, ","+in) + trail + l.eol + indent + closing
}

func (l layout) flowKey(k string) string {
	colon := ": "
	if l.compact {
		colon = ":"
	}
	if l.json || !plainSafe(k) {
		return jsonString(k) + colon
	}
	return k + colon
}

func (l layout) scalar(v any) string {
	switch x := v.(type) {
	case raw:
		if l.json {
			return jsonString(string(x))
		}
		return string(x)
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// raw is a plain scalar, written as it was read.
type raw string

// plainValue turns a part of a manifest into a value, with aliases and merge
// keys replaced by what they stand for.
func plainValue(n *yamltree.Node) any {
	n = n.Resolve()
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yamltree.Map:
		out := Object{}
		for _, k := range n.MergedKeys() {
			out = append(out, Entry{k, n.Get(k)})
		}
		return out
	case yamltree.Seq:
		out := List{}
		for _, i := range n.Items {
			out = append(out, plainValue(i))
		}
		return out
	}
	if n.Style == yamltree.Plain && n.Tag == "" && !strings.Contains(n.Value, "\n") {
		if n.Value == "" {
			return nil
		}
		return raw(n.Value)
	}
	return n.Value
}

// Document renders objects as the documents of a YAML file in block style.
func Document(objects ...Object) string {
	l := layout{eol: "\n", unit: "  "}
	var b strings.Builder
	for i, o := range objects {
		if i > 0 {
			b.WriteString("---\n")
		}
		b.WriteString(l.blockObject("", o, 0, "\n"))
	}
	return b.String()
}

// Plain turns a value into the maps and lists of encoding/json.
func Plain(v any) any {
	switch x := v.(type) {
	case Object:
		m := make(map[string]any, len(x))
		for _, e := range x {
			m[e.Key] = Plain(e.Value)
		}
		return m
	case List:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = Plain(item)
		}
		return out
	}
	return v
}
