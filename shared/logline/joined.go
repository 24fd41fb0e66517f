package logline

import "bytes"

// reparse reads an event without structure that was joined from several lines.
func (p *Parser) reparse(text []byte, n int) {
	p.reset(n, text)
	ev := &p.ev
	if i := parseKlogHeader(text, ev); i > 0 {
		ev.Msg = plain(text[i:])
		p.fromCarrier()
		return
	}
	if !tracedText(text) {
		p.parse(text, n)
		return
	}
	first, stack, _ := bytes.Cut(text, []byte{'\n'})
	p.parse(first, n)
	ev.Raw = text
	if joinJUL(first, stack, ev) {
		return
	}
	if len(stack) > 0 {
		ev.addField(plain([]byte("stack")), plain(stack))
	}
}

// tracedText says whether a text that came as one has lines that belong below its
// first: an entry of the journal may hold several.
func tracedText(text []byte) bool {
	first, rest, many := bytes.Cut(text, []byte{'\n'})
	if !many {
		return false
	}
	second, _, _ := bytes.Cut(rest, []byte{'\n'})
	if stackLine(second) || isPanic(first) {
		return true
	}
	_, n := julTime(first)
	level, _ := julLevel(second, ':')
	return n > 0 && level != Unknown
}
