package yamltree

import (
	"encoding/json"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// maxDepth bounds nesting: a manifest has a dozen levels.
const maxDepth = 200

type parser struct {
	src     string
	pos     int // the next byte to read
	end     int // where the document ends
	ls      int // where the line of pos starts
	depth   int
	plain   bool
	anchors map[string]*Node
	mem     *memory
	// colon is where the plain key that starts at key ends.
	key, colon int
}

// Parse splits a text into documents and reads each of them. A document that
// cannot be read carries its error; the others are read all the same.
func Parse(name, src string) *File {
	f, parts := Split(name, src)
	docs := make([][]*Doc, len(parts))
	Each(len(parts), func(i int) {
		p := parts[i]
		docs[i] = f.document(p.start, p.end, p.marked, &memory{hint: p.end - p.start})
	})
	for _, d := range docs {
		f.Docs = append(f.Docs, d...)
	}
	return f
}

// Part is the text between two markers: no document, one, or in a stream of JSON
// objects several.
type Part struct {
	start, end int
	marked     bool
}

// Split finds the parts of a text and reads none of them: the file has no Docs. It
// is for those who want one part at a time.
func Split(name, src string) (*File, []Part) {
	return &File{Name: name, Src: src}, split(src)
}

// split finds the markers between documents.
func split(src string) (parts []Part) {
	start := 0
	if strings.HasPrefix(src, "\xef\xbb\xbf") {
		start = 3
	}
	marked := false
	for at := start; ; {
		if at+3 <= len(src) && (src[at] == '-' || src[at] == '.') {
			line, next := lineAt(src, at)
			switch {
			case marker(line, "---"):
				parts = append(parts, Part{start: start, end: at, marked: marked})
				start, marked = at+3, true
			case marker(line, "..."):
				parts = append(parts, Part{start: start, end: at, marked: marked})
				start, marked = next, false
			}
		}
		i := strings.IndexByte(src[at:], '\n')
		if i < 0 || at+i+1 >= len(src) {
			break
		}
		at += i + 1
	}
	return append(parts, Part{start: start, end: len(src), marked: marked})
}

// Each calls f for 0 to n-1, on all processors where n is large.
func Each(n int, f func(int)) {
	workers := runtime.GOMAXPROCS(0)
	if n < 32 || workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				from := int(next.Add(16)) - 16
				if from >= n {
					return
				}
				for i := from; i < min(from+16, n); i++ {
					f(i)
				}
			}
		}()
	}
	wg.Wait()
}

func lineAt(src string, at int) (line string, next int) {
	if i := strings.IndexByte(src[at:], '\n'); i >= 0 {
		return src[at : at+i], at + i + 1
	}
	return src[at:], len(src)
}

func marker(line, m string) bool {
	if !strings.HasPrefix(line, m) {
		return false
	}
	return len(line) == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r'
}

// document reads the text between two markers: one document, none, or in a JSON
// stream several.
func (f *File) document(start, end int, marked bool, mem *memory) (docs []*Doc) {
	for start < end {
		d := &Doc{Start: start, End: end, Plain: true}
		p := &parser{src: f.Src, pos: start, end: end, plain: true, mem: mem}
		p.ls = start
		if !marked {
			p.ls = strings.LastIndexByte(f.Src[:start], '\n') + 1
			if p.ls < start && start == 3 {
				p.ls = start // behind a byte order mark
			}
			p.directives()
		}
		if p.quickEmpty() {
			return docs
		}
		more := p.run(d, marked)
		if d.Root == nil && d.Err == nil {
			return docs
		}
		docs = append(docs, d)
		if more < 0 {
			return docs
		}
		d.End = more
		start, marked = more, false
	}
	return docs
}

// directives skips "%YAML" lines before a document.
func (p *parser) directives() {
	for p.pos < p.end && p.src[p.pos] == '%' && p.pos == p.ls {
		_, next := lineAt(p.src[:p.end], p.pos)
		p.pos, p.ls = next, next
		p.plain = false
	}
}

func (p *parser) quickEmpty() bool {
	save, ls := p.pos, p.ls
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(*Error); !ok {
				panic(r)
			}
		}
		p.pos, p.ls = save, ls
	}()
	return p.skip() && p.pos >= p.end
}

// run reads one value and expects the end of the document behind it. In a
// stream of JSON objects it returns where the next one starts, else -1.
func (p *parser) run(d *Doc, marked bool) (more int) {
	more = -1 //nolint:wastedassign // what is returned when p.fail ends it
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			d.Root, d.Err, d.Plain = nil, e, false
		default:
			panic(e)
		}
	}()
	p.prescan()
	d.Root = p.value(-1, false, !marked)
	d.Anchors = len(p.anchors) > 0
	p.skip()
	if p.pos < p.end {
		first := strings.TrimLeft(p.src[d.Start:p.pos], " \t\r\n")
		if p.src[p.pos] == '{' && strings.HasPrefix(first, "{") && json.Valid([]byte(p.src[d.Start:p.pos])) {
			d.JSON, more = true, p.pos
			return more
		}
		p.fail("more text behind the end of the value")
	}
	d.Plain = p.plain
	if d.Root.Style == Flow && (d.Root.Kind == Map || d.Root.Kind == Seq) {
		d.JSON = json.Valid([]byte(strings.TrimSpace(p.src[d.Start:d.End])))
		if d.JSON {
			d.Plain = true
		}
	}
	return -1
}

// odd are the bytes about which YAML has opinions of its own: all but printable
// ASCII and line feeds.
var odd = func() (t [256]bool) {
	for c := range t {
		t[c] = c != '\n' && (c < ' ' || c >= 0x7f)
	}
	return t
}()

// plainWord says whether all of eight bytes are printable ASCII.
func plainWord(s string) bool {
	_ = s[7]
	v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones = 0x0101010101010101
	// The top bit of a byte: set below ' ', and from 0x7f on.
	return ((v-' '*ones)|(v+ones)|v)&(0x80*ones) == 0
}

// prescan looks for odd bytes: whoever uses them gets a second opinion.
func (p *parser) prescan() {
	text := p.src[p.pos:p.end]
	for i := 0; i < len(text); i++ {
		for i+8 <= len(text) && plainWord(text[i:i+8]) {
			i += 8
		}
		if i == len(text) {
			break
		}
		c := text[i]
		if !odd[c] {
			continue
		}
		at := p.pos + i + 1
		if c == '\r' && at < len(p.src) && p.src[at] == '\n' {
			continue
		}
		p.plain = false
		if c == '\r' {
			p.pos = at - 1
			p.fail("a carriage return without a line feed")
		}
	}
}

func (p *parser) fail(msg string) { panic(&Error{Offset: p.pos, Msg: msg}) }

func (p *parser) node(k Kind, s Style, start int) *Node {
	n := p.mem.node()
	n.Kind, n.Style, n.Start, n.Props = k, s, start, start
	return n
}

// skip goes to the next content: over blanks, line ends and comments. It
// returns whether it passed a line end (or stood at the start of a line).
func (p *parser) skip() bool {
	fresh := p.pos == p.ls
	for p.pos < p.end {
		switch c := p.src[p.pos]; {
		case c == ' ':
			p.pos++
		case c == '\n':
			p.pos++
			p.ls = p.pos
			fresh = true
		case c == '\r' && p.pos+1 < len(p.src) && p.src[p.pos+1] == '\n':
			p.pos++
		case c == '\t':
			p.pos++
		case c == '#' && (p.pos == p.ls || blank(p.src[p.pos-1])):
			for p.pos < p.end && p.src[p.pos] != '\n' {
				p.pos++
			}
		default:
			return fresh
		}
	}
	return fresh
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// eol says whether only blanks and a comment follow on the line.
func (p *parser) eol() bool {
	i := p.pos
	for i < p.end && (p.src[i] == ' ' || p.src[i] == '\t') {
		i++
	}
	if i >= p.end || p.src[i] == '\n' || p.src[i] == '\r' {
		return true
	}
	return p.src[i] == '#' && (i == p.ls || blank(p.src[i-1]))
}

func (p *parser) spaces() {
	for p.pos < p.end && (p.src[p.pos] == ' ' || p.src[p.pos] == '\t') {
		p.pos++
	}
}

// indicator says whether the byte c stands at i and is followed by white space.
func (p *parser) indicator(i int, c byte) bool {
	return i < p.end && p.src[i] == c && (i+1 >= p.end || blank(p.src[i+1]))
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail("nested too deeply")
	}
}
