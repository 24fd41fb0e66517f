package logline

import "bytes"

// java.util.logging writes a record in two lines or more:
//
//	Nov 21, 2026 3:56:31 AM com.example.Demo run
//	WARNING: text

// julTime reads the date of the first line: the day in one digit or two, the hour as
// people in America write it.
func julTime(b []byte) (int64, int) {
	if len(b) < 23 || b[3] != ' ' {
		return 0, 0
	}
	mo := bytes.Index([]byte(months), b[:3])
	date, i := number(b, 4)
	if mo < 0 || mo%3 != 0 || date < 1 || date > 31 || b[i] != ',' || b[i+1] != ' ' {
		return 0, 0
	}
	c, y := digits2(b[i+2:]), digits2(b[i+4:])
	if i += 6; b[i] == ',' {
		i++
	}
	if c < 17 || c > 22 || y < 0 || b[i] != ' ' {
		return 0, 0
	}
	hour, i := number(b, i+1)
	if hour < 1 || hour > 12 || len(b) < i+9 || b[i] != ':' || b[i+3] != ':' || b[i+8] != 'M' || b[i+6] != ' ' {
		return 0, 0
	}
	m, s := digits2(b[i+1:]), digits2(b[i+4:])
	hour %= 12
	switch {
	case m < 0 || m > 59 || s < 0 || s > 60 || len(b) > i+9 && b[i+9] != ' ':
		return 0, 0
	case b[i+7] == 'P':
		hour += 12
	case b[i+7] != 'A':
		return 0, 0
	}
	return daysFromCivil(c*100+y, mo/3+1, date)*day + int64(hour*3600+m*60+s)*second, i + 9
}

// number reads one digit or two and returns where they end; -1 where there is none.
func number(b []byte, i int) (n, end int) {
	if b[i] < '0' || b[i] > '9' {
		return -1, i
	}
	if n = digits2(b[i:]); n >= 0 {
		return n, i + 2
	}
	return int(b[i] - '0'), i + 1
}

// julLevel reads one of java.util.logging's levels at the start of a text, with what
// stands behind it, and returns its length.
func julLevel(b []byte, behind byte) (Severity, int) {
	i := bytes.IndexByte(b[:min(len(b), 9)], behind)
	if i < 0 {
		return Unknown, 0
	}
	switch string(b[:i]) {
	case "SEVERE":
		return Error, i + 1
	case "WARNING":
		return Warning, i + 1
	case "INFO":
		return Info, i + 1
	case "CONFIG", "FINE", "FINER", "FINEST":
		return Debug, i + 1
	}
	return Unknown, 0
}

// secondOfJUL says whether the held line is the first of a record of
// java.util.logging's and a text its second.
func (p *Parser) secondOfJUL(text []byte) bool {
	if level, _ := julLevel(text, ':'); level == Unknown {
		return false
	}
	_, n := julTime(p.held.buf)
	return n > 0
}

// joinJUL reads a record that was joined from its lines, the first of which has been
// read into ev. It returns false where the second is of another form.
func joinJUL(first, rest []byte, ev *Event) bool {
	_, n := julTime(first)
	text, stack, _ := bytes.Cut(rest, []byte{'\n'})
	level, at := julLevel(text, ':')
	if n == 0 || level == Unknown {
		return false
	}
	class, method, _ := bytes.Cut(bytes.TrimSpace(first[n:]), []byte{' '})
	ev.Severity, ev.Msg = level, plain(bytes.TrimPrefix(text[at:], []byte{' '}))
	if len(class) > 0 {
		ev.Logger, ev.LoggerAt = plain(class), 0
	}
	if len(method) > 0 {
		ev.addField(plain([]byte("method")), plain(method))
	}
	if len(stack) > 0 {
		ev.addField(plain([]byte("stack")), plain(stack))
	}
	return true
}
