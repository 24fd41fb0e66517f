package logline

import "bytes"

// Limits of what is joined into one event. What is longer goes on as lines of
// its own: nothing is dropped.
const (
	maxJoinedBytes = 1 << 20
	maxJoinedLines = 5000
	// maxGap is how far apart the runtime may have taken two lines of one
	// write, in nanoseconds.
	maxGap = 250_000_000
	// maxStreams is how many streams may have something open at a time.
	maxStreams = 64
)

// Parser turns lines into events. Runtimes split long lines and journald and
// CRI split events of several lines: it joins both, per stream.
//
// The zero value is not useful; use NewParser.
type Parser struct {
	meta *Meta
	emit func(*Event)
	ev   Event
	env  Envelope
	cr   bool // the line ended in CR LF
	nuls int
	State
}

// NULs is how many NUL bytes before lines were left out since the last call:
// what copytruncate leaves where the writer does not append.
func (p *Parser) NULs() int {
	n := p.nuls
	p.nuls = 0
	return n
}

// State is what a Parser carries from line to line. An empty State means that
// the lines so far and those to come can be parsed apart.
type State struct {
	parts  []pending // lines that the runtime split
	blocks []pending // klog values of several lines
	held   held      // the last event, where more of it may follow
}

// Empty says whether nothing is carried.
func (s *State) Empty() bool { return len(s.parts) == 0 && len(s.blocks) == 0 && !s.held.on }

type pending struct {
	env   Envelope
	line  int
	lines int
	buf   []byte
	// crlf says that the first line ended in CR LF: then that is how the file's
	// lines end. Otherwise a CR is part of the text.
	crlf bool
}

// held is an event without structure: the lines that follow it may be the rest
// of it. Its text is either still in the buffer it came from (then ev is
// parsed) or joined in buf.
type held struct {
	on    bool
	owned bool
	pending
}

// NewParser returns a parser for lines of a file; emit is called with each
// event, which is only valid during the call.
func NewParser(meta *Meta, emit func(*Event)) *Parser {
	p := &Parser{meta: meta, emit: emit}
	p.ev = Event{V: -1, LoggerAt: -1, ErrAt: -1, memo: &memo{}}
	return p
}

// SetMeta says that the lines to come are of another file.
func (p *Parser) SetMeta(m *Meta) { p.meta = m }

// Lines parses whole lines; the last may lack its line break. first is the
// number of the first line.
func (p *Parser) Lines(data []byte, first int) {
	n := first
	for len(data) > 0 {
		line := data
		if nl := bytes.IndexByte(data, '\n'); nl >= 0 {
			line, data = data[:nl], data[nl+1:]
		} else {
			data = nil
		}
		p.Line(line, n)
		n++
	}
}

// Line parses one line.
func (p *Parser) Line(line []byte, n int) {
	p.cr = false
	if k := len(line); k > 0 && line[k-1] == '\r' {
		line, p.cr = line[:k-1], true
	}
	if len(line) > 0 && line[0] == 0 {
		k := len(line)
		line = bytes.TrimLeft(line, "\x00")
		p.nuls += k - len(line)
		if len(line) == 0 {
			return
		}
	}
	text := open(line, &p.env, p.meta)
	if p.env.Partial || len(p.parts) > 0 {
		var whole bool
		if text, whole = p.join(text, &n); !whole {
			return
		}
	}
	p.text(text, n)
}

// Single parses one line by itself, whatever came before it. The event is valid
// until the next call.
func (p *Parser) Single(line []byte, n int) *Event {
	if k := len(line); k > 0 && line[k-1] == '\r' {
		line = line[:k-1]
	}
	text := open(line, &p.env, p.meta)
	p.parse(text, n)
	return &p.ev
}

// Entry parses the text of an entry whose carrier is known already.
func (p *Parser) Entry(text []byte, env Envelope, n int) {
	p.env, p.cr = env, false
	if p.env.Partial || len(p.parts) > 0 {
		var whole bool
		if text, whole = p.join(text, &n); !whole {
			return
		}
	}
	p.text(text, n)
}

// join puts the parts of a line together, per stream.
func (p *Parser) join(text []byte, n *int) ([]byte, bool) {
	i := find(p.parts, &p.env)
	if p.env.Partial {
		if i < 0 {
			if len(p.parts) >= maxStreams {
				p.flushPart(0)
			}
			p.parts = append(p.parts, pending{env: p.env.clone(), line: *n})
			i = len(p.parts) - 1
		}
		p.parts[i].buf = append(p.parts[i].buf, text...)
		if len(p.parts[i].buf) > 16*maxJoinedBytes {
			p.flushPart(i)
		}
		return nil, false
	}
	if i < 0 {
		return text, true
	}
	part := p.parts[i]
	p.parts = append(p.parts[:i], p.parts[i+1:]...)
	*n = part.line
	return append(part.buf, text...), true
}

// flushPart emits the beginning of a line whose end never came.
func (p *Parser) flushPart(i int) {
	part := p.parts[i]
	p.parts = append(p.parts[:i], p.parts[i+1:]...)
	env := p.env
	p.env = part.env
	p.flushHeld()
	p.parse(part.buf, part.line)
	p.ev.Incomplete = true
	p.emit(&p.ev)
	p.env = env
}

func find(list []pending, env *Envelope) int {
	for i := range list {
		if sameStream(&list[i].env, env) {
			return i
		}
	}
	return -1
}

func sameStream(a, b *Envelope) bool {
	return a.Stream == b.Stream && a.PID == b.PID && bytes.Equal(a.Identifier, b.Identifier) &&
		bytes.Equal(a.Container, b.Container) && bytes.Equal(a.Pod, b.Pod) && bytes.Equal(a.Host, b.Host)
}

func (e *Envelope) clone() Envelope {
	c := *e
	for _, s := range []*[]byte{&c.Host, &c.Identifier, &c.Unit, &c.Namespace, &c.Pod, &c.Container} {
		*s = bytes.Clone(*s)
	}
	return c
}

// text takes a whole line of a stream.
func (p *Parser) text(text []byte, n int) {
	if len(p.blocks) > 0 && p.inBlock(text) {
		return
	}
	start := starts(text)
	if start != startKlog && bytes.IndexByte(text, esc) >= 0 {
		if bare := withoutColour(text); starts(bare) != startNone {
			p.flushHeld()
			if p.parse(bare, n); p.ev.Format == Unparsed {
				p.parse(text, n)
			}
			p.ev.Raw = text
			p.emit(&p.ev)
			return
		}
	}
	switch start {
	case startKlog:
		p.flushHeld()
		if openBlock(text) && p.beginsBlock(text, n) {
			return
		}
		p.parse(text, n)
		if p.ev.Structured || p.ev.Format != Klog {
			p.emit(&p.ev)
			return
		}
		p.hold(text, n)
		return
	case startOther:
		p.flushHeld()
		p.parse(text, n)
		if p.ev.Format == Classic {
			if tracedText(text) {
				p.reparse(text, n)
			}
			p.hold(text, n) // a stack trace may follow
			return
		}
		p.emit(&p.ev)
		return
	}
	if p.held.on && p.continues(text) {
		return
	}
	p.flushHeld()
	p.parse(text, n)
	if p.ev.Format == Panic || p.ev.Format == Classic {
		p.hold(text, n)
		return
	}
	p.emit(&p.ev)
}

// parse reads a whole text into p.ev.
func (p *Parser) parse(text []byte, n int) {
	ev := &p.ev
	p.reset(n, text)
	if len(text) == 0 {
		ev.Msg = plain(text)
		p.fromCarrier()
		return
	}
	ok := false
	switch c := text[0]; {
	case c == 'I' || c == 'W' || c == 'E' || c == 'F':
		ok = parseKlog(text, ev)
	case c == '{':
		ok = parseJSON(text, ev)
	}
	if !ok {
		p.reset(n, text)
		if ok = parseLogfmt(text, ev); !ok {
			p.reset(n, text)
			switch c := text[0]; {
			case c == '[' || c >= '0' && c <= ':':
				ok = parseClassic(text, ev)
			case c >= 'A' && c <= 'Z':
				ok = parseLogrus(text, ev)
			}
		}
	}
	if !ok {
		p.reset(n, text)
		if ok = parseApp(text, ev) || parseAccess(text, ev); !ok {
			p.reset(n, text)
			ok = parseBare(text, ev)
		}
	}
	if !ok {
		p.reset(n, text)
		ev.Msg = plain(text)
		if isPanic(text) {
			ev.Format, ev.Severity = Panic, Fatal
		}
	}
	p.fromCarrier()
}

func (p *Parser) reset(n int, text []byte) {
	p.ev.reset()
	p.ev.Env, p.ev.File, p.ev.Line, p.ev.Raw = p.env, p.meta, n, text
}

// fromCarrier takes from the carrier what the line does not say itself.
func (p *Parser) fromCarrier() {
	ev := &p.ev
	if !ev.HasTime && ev.Env.HasTime {
		ev.Time, ev.HasTime = ev.Env.Time, true
	}
	if ev.Severity == Unknown {
		ev.Severity = ev.Env.Severity
	}
	if ev.PID == 0 {
		ev.PID = ev.Env.PID
	}
}

// beginsBlock keeps a klog line that ends inside a value of several lines.
func (p *Parser) beginsBlock(text []byte, n int) bool {
	p.reset(n, text)
	i := parseKlogHeader(text, &p.ev)
	if i == 0 || i >= len(text) || text[i] != '"' {
		return false
	}
	if len(p.blocks) >= maxStreams {
		p.flushBlock(0, false)
	}
	p.blocks = append(p.blocks, pending{env: p.env.clone(), line: n, crlf: p.cr, buf: append(make([]byte, 0, 2*len(text)+256), text...)})
	return true
}

// inBlock takes a line that belongs to an open value; it returns false where
// the line belongs to none.
func (p *Parser) inBlock(text []byte) bool {
	i := find(p.blocks, &p.env)
	if i < 0 {
		return false
	}
	b := &p.blocks[i]
	end := bytes.HasPrefix(text, []byte(" >"))
	if !end && len(text) > 0 && text[0] != '\t' || len(b.buf) > maxJoinedBytes {
		p.flushBlock(i, false)
		return false
	}
	b.lines++
	b.buf = append(append(b.buf, '\n'), text...)
	if p.cr && !b.crlf {
		b.buf = append(b.buf, '\r')
	}
	if end && !openBlock(text) {
		p.flushBlock(i, true)
	}
	return true
}

// flushBlock emits an event with values of several lines, the last of which may
// lack its end.
func (p *Parser) flushBlock(i int, whole bool) {
	b := p.blocks[i]
	p.blocks = append(p.blocks[:i], p.blocks[i+1:]...)
	p.flushHeld()
	env := p.env
	p.env = b.env
	if whole {
		p.parse(b.buf, b.line)
	} else {
		n := len(b.buf)
		p.parse(append(b.buf, "\n >"...), b.line)
		p.ev.Raw, p.ev.Incomplete = b.buf[:n], true
	}
	p.emit(&p.ev)
	p.env = env
}

// hold keeps p.ev: more of it may follow.
func (p *Parser) hold(text []byte, n int) {
	h := &p.held
	h.on, h.owned, h.lines, h.line = true, false, 1, n
	h.env, h.buf, h.crlf = p.env, text, p.cr
}

// continues takes a line that belongs to the held event; it returns false
// where it does not.
func (p *Parser) continues(text []byte) bool {
	h := &p.held
	if !sameStream(&h.env, &p.env) || h.lines >= maxJoinedLines || len(h.buf) > maxJoinedBytes {
		return false
	}
	if h.env.HasTime && p.env.HasTime {
		if gap := p.env.Time - h.env.Time; gap > maxGap || gap < -maxGap {
			return false
		}
	}
	switch p.ev.Format {
	case Panic:
	case Classic:
		if !stackLine(text) && !(h.lines == 1 && p.secondOfJUL(text)) {
			return false
		}
	default:
		if standsAlone(text) {
			return false
		}
	}
	if !h.owned {
		h.own()
	}
	h.env.Time = p.env.Time
	h.lines++
	h.buf = append(append(h.buf, '\n'), text...)
	if p.cr && !h.crlf {
		h.buf = append(h.buf, '\r')
	}
	return true
}

func (h *held) own() {
	h.buf = append(make([]byte, 0, 2*len(h.buf)+512), h.buf...)
	h.env = h.env.clone()
	h.owned = true
}

// flushHeld emits the held event: what comes next is not part of it.
func (p *Parser) flushHeld() {
	h := &p.held
	if !h.on {
		return
	}
	h.on = false
	if h.owned {
		env := p.env
		p.env = h.env
		p.reparse(h.buf, h.line)
		p.env = env
		h.buf = nil
	}
	p.emit(&p.ev)
}

// Detach makes what is carried independent of the buffers parsed so far. The
// caller may then reuse them and give the state to another Parser.
func (p *Parser) Detach() State {
	if p.held.on && !p.held.owned {
		p.held.own()
	}
	s := p.State
	p.State = State{}
	return s
}

// Resume goes on with a state that Detach returned.
func (p *Parser) Resume(s State) {
	p.State = s
	if s.held.on {
		env := p.env
		p.env = s.held.env
		p.reparse(s.held.buf, s.held.line)
		p.env = env
	}
}

// FlushHeld emits the last event, where it is known that the next line begins
// another.
func (p *Parser) FlushHeld() { p.flushHeld() }

// Flush emits all that is carried: the input has ended.
func (p *Parser) Flush() {
	p.flushHeld()
	for len(p.parts) > 0 {
		p.flushPart(0)
	}
	for len(p.blocks) > 0 {
		p.flushBlock(0, false)
	}
}
