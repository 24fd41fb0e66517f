package yamltree

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// plainScalar reads a plain scalar in block context; it may go on over lines
// that are indented more than its parent.
func (p *parser) plainScalar(parent int) *Node {
	if !plainStart(p, p.pos, false) {
		p.fail("found a character that cannot start a value")
	}
	n := p.node(Scalar, Plain, p.pos)
	p.plainLine()
	n.Value, n.End = p.src[n.Start:p.pos], p.pos
	if c := p.src[n.Start]; c == '?' || c == ':' {
		p.plain = false
	}
	var b *strings.Builder
	for {
		if p.commentAhead() {
			return n
		}
		save, ls := p.pos, p.ls
		breaks := p.lineBreaks()
		if p.pos >= p.end || p.pos-p.ls <= parent || breaks == 0 || p.src[p.pos] == '#' {
			p.pos, p.ls = save, ls
			return n
		}
		p.plain = false
		p.noTabIndent()
		if p.keyAhead() {
			p.fail("mapping values are not allowed in this context")
		}
		if b == nil {
			b = &strings.Builder{}
			b.WriteString(n.Value)
		}
		fold(b, breaks)
		start := p.pos
		p.plainLine()
		b.WriteString(p.src[start:p.pos])
		n.Value, n.End = b.String(), p.pos
	}
}

// plainLine reads to the end of a plain scalar's line.
func (p *parser) plainLine() {
	start, last := p.pos, p.pos
	for ; p.pos < p.end; p.pos++ {
		c := p.src[p.pos]
		if c == '\n' || c == '\r' {
			break
		}
		if c == '#' && p.pos > start && (p.src[p.pos-1] == ' ' || p.src[p.pos-1] == '\t') {
			break
		}
		if c == ':' && (p.pos+1 >= p.end || blank(p.src[p.pos+1])) {
			p.fail("mapping values are not allowed in this context")
		}
		if c != ' ' && c != '\t' {
			last = p.pos + 1
		}
	}
	p.pos = last
}

// commentAhead says whether a comment follows on this line.
func (p *parser) commentAhead() bool {
	i := p.pos
	for i < p.end && (p.src[i] == ' ' || p.src[i] == '\t') {
		i++
	}
	return i < p.end && p.src[i] == '#' && i > p.pos
}

// lineBreaks goes over blanks and line ends and counts the line ends.
func (p *parser) lineBreaks() int {
	n := 0
	for p.pos < p.end {
		switch c := p.src[p.pos]; {
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == '\n':
			p.pos++
			p.ls = p.pos
			n++
		default:
			return n
		}
	}
	return n
}

func fold(b *strings.Builder, breaks int) {
	if breaks == 1 {
		b.WriteByte(' ')
		return
	}
	for ; breaks > 1; breaks-- {
		b.WriteByte('\n')
	}
}

// quoted reads a single or double quoted scalar.
func (p *parser) quoted() *Node {
	q := p.src[p.pos]
	style := Double
	if q == '\'' {
		style = Single
	}
	n := p.node(Scalar, style, p.pos)
	p.pos++
	// Most are short and without escapes.
	for i := p.pos; i < p.end; i++ {
		c := p.src[i]
		if c == q && !(q == '\'' && i+1 < p.end && p.src[i+1] == q) {
			n.Value, n.End = p.src[p.pos:i], i+1
			p.pos = i + 1
			return n
		}
		if c == '\\' && q == '"' || c == '\n' || c == '\r' || c == q {
			break
		}
	}
	var b strings.Builder
	for p.pos < p.end {
		c := p.src[p.pos]
		switch {
		case c == q && q == '\'' && p.pos+1 < p.end && p.src[p.pos+1] == q:
			b.WriteByte(q)
			p.pos += 2
		case c == q:
			p.pos++
			n.Value, n.End = b.String(), p.pos
			return n
		case c == '\\' && q == '"':
			p.escape(&b)
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			start := p.pos
			if breaks := p.lineBreaks(); breaks > 0 {
				p.plain = false
				fold(&b, breaks)
			} else {
				b.WriteString(p.src[start:p.pos])
			}
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	p.pos = n.Start
	p.fail("a quoted value that does not end")
	return nil
}

var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r",
	'e': "\x1b", ' ': " ", '"': "\"", '\'': "'", '/': "/", '\\': "\\", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape reads a backslash and what belongs to it.
func (p *parser) escape(b *strings.Builder) {
	p.pos++
	if p.pos >= p.end {
		p.fail("a quoted value that does not end")
	}
	c := p.src[p.pos]
	if c == '\n' || c == '\r' {
		p.plain = false
		for n := p.lineBreaks(); n > 1; n-- {
			b.WriteByte('\n')
		}
		return
	}
	if s, ok := escapes[c]; ok {
		b.WriteString(s)
		p.pos++
		return
	}
	width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if width == 0 {
		p.fail("found an unknown escape character")
	}
	p.pos++
	r := p.hex(width)
	if utf16.IsSurrogate(r) && strings.HasPrefix(p.src[p.pos:p.end], `\u`) {
		save := p.pos
		p.pos += 2
		if low := p.hex(4); utf16.DecodeRune(r, low) != utf8.RuneError {
			r = utf16.DecodeRune(r, low)
		} else {
			p.pos = save
		}
	}
	b.WriteRune(r)
}

func (p *parser) hex(width int) rune {
	if p.pos+width > p.end {
		p.fail("an escape that does not end")
	}
	v, err := strconv.ParseUint(p.src[p.pos:p.pos+width], 16, 32)
	if err != nil {
		p.fail("an escape that is not hexadecimal")
	}
	p.pos += width
	return rune(v)
}

// blockScalar reads a literal or folded scalar.
func (p *parser) blockScalar(parent int) *Node {
	style := Literal
	if p.src[p.pos] == '>' {
		style = Folded
	}
	n := p.node(Scalar, style, p.pos)
	p.pos++
	chomp, indent := byte(0), 0
	for p.pos < p.end {
		c := p.src[p.pos]
		if (c == '+' || c == '-') && chomp == 0 {
			chomp = c
		} else if c >= '1' && c <= '9' && indent == 0 {
			indent = max(parent, 0) + int(c-'0')
			p.plain = false
		} else {
			break
		}
		p.pos++
	}
	if !p.eol() {
		p.fail("text behind the start of a block scalar")
	}
	header := p.pos
	_, next := lineAt(p.src[:p.end], p.pos)
	p.pos, p.ls = next, next
	if known := &p.mem.literal; indent == 0 && style == Literal && known.stands(p, parent, chomp) {
		n.Value, n.End, n.Indent = known.value, next+known.last, known.indent
		p.pos += len(known.body)
		p.ls = p.pos
		return n
	}
	explicit, plain := indent > 0, p.plain
	lines, last, ends := p.scalarLines(parent, &indent)
	if last < 0 {
		n.End = header
		if chomp == '+' && len(lines) > 0 {
			n.End = p.trimBreak(p.pos)
		}
	} else {
		n.End = last
		if chomp == '+' {
			n.End = max(last, p.trimBreak(p.pos))
		}
	}
	if chomp == '+' {
		p.plain = false
	}
	n.Value = assemble(lines, style, chomp, ends)
	n.Indent = indent
	if body := p.src[next:p.pos]; style == Literal && len(body) > 500 && !explicit && plain && p.plain {
		p.mem.literal = literal{body: body, value: n.Value, indent: indent, last: n.End - next, chomp: chomp}
	}
	return n
}

// literal is a long literal scalar that was read: the same script stands in every
// document of a file that was injected into.
type literal struct {
	body, value  string
	indent, last int
	chomp        byte
}

// stands says whether the same lines stand at the position of a parser, under a
// parent at a column, and end there too.
func (l *literal) stands(p *parser, parent int, chomp byte) bool {
	if l.body == "" || l.chomp != chomp || parent >= l.indent || !strings.HasPrefix(p.src[p.pos:p.end], l.body) {
		return false
	}
	i := p.pos + len(l.body)
	lead := 0
	for i < p.end && p.src[i] == ' ' {
		i, lead = i+1, lead+1
	}
	return i < p.end && p.src[i] > ' ' && lead < l.indent
}

func (p *parser) trimBreak(at int) int {
	if at > 0 && p.src[at-1] == '\n' {
		at--
		if at > 0 && p.src[at-1] == '\r' {
			at--
		}
	}
	return at
}

// scalarLines reads the lines of a block scalar without their indentation.
// last is the end of the last line with text, -1 without one; ends says whether
// the last line has a line end.
func (p *parser) scalarLines(parent int, indent *int) (lines []string, last int, ends bool) {
	last = -1
	lines = p.mem.lines[:0]
	defer func() { p.mem.lines = lines }()
	for p.pos < p.end {
		line, next := lineAt(p.src[:p.end], p.pos)
		text := strings.TrimSuffix(line, "\r")
		lead := 0
		for lead < len(text) && text[lead] == ' ' {
			lead++
		}
		switch {
		case lead == len(text): // only spaces, or nothing
			if *indent > 0 && lead > *indent {
				text = text[*indent:]
				p.plain = false
				last = p.pos + lead
			} else {
				if *indent == 0 && lead > 0 {
					p.plain = false // an early line of spaces may be the indentation
				}
				text = ""
			}
		default:
			if *indent == 0 {
				if lead < max(parent+1, 1) {
					return lines, last, true
				}
				*indent = lead
			}
			if lead < *indent {
				return lines, last, true
			}
			if text[lead] == '\t' && lead == *indent {
				p.plain = false
			}
			text = text[*indent:]
			last = p.pos + *indent + len(text)
		}
		lines = append(lines, text)
		ends = next > p.pos+len(line)
		p.pos, p.ls = next, next
	}
	return lines, last, ends
}

func assemble(lines []string, style Style, chomp byte, ends bool) string {
	tail := len(lines)
	for tail > 0 && lines[tail-1] == "" {
		tail--
	}
	var b strings.Builder
	size := len(lines)
	for _, l := range lines {
		size += len(l)
	}
	b.Grow(size)
	if style == Literal {
		for i, l := range lines[:tail] {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(l)
		}
	} else {
		foldLines(&b, lines[:tail])
	}
	trailing := len(lines) - tail
	switch {
	case chomp == '-':
	case chomp == '+':
		if tail > 0 && (trailing > 0 || ends) {
			b.WriteByte('\n')
		}
		for i := range trailing {
			if i == trailing-1 && !ends {
				break
			}
			b.WriteByte('\n')
		}
	case tail > 0 && (trailing > 0 || ends):
		b.WriteByte('\n')
	}
	return b.String()
}

// foldLines joins the lines of a folded scalar: one line end becomes a space,
// except around lines that start with white space.
func foldLines(b *strings.Builder, lines []string) {
	deep := func(s string) bool { return s != "" && (s[0] == ' ' || s[0] == '\t') }
	prev, empty := -1, 0
	for i, l := range lines {
		if l == "" {
			empty++
			continue
		}
		if prev >= 0 {
			switch {
			case deep(l) || deep(lines[prev]):
				b.WriteString(strings.Repeat("\n", empty+1))
			case empty == 0:
				b.WriteByte(' ')
			default:
				b.WriteString(strings.Repeat("\n", empty))
			}
		} else {
			b.WriteString(strings.Repeat("\n", empty))
		}
		b.WriteString(l)
		prev, empty = i, 0
	}
}
