package logline

import (
	"bytes"
	"encoding/binary"
)

// headerEnd is the place in a klog header up to which every line has the same
// shape: Lmmdd hh:mm:ss.uuuuuu and a space.
const headerEnd = 22

// isKlog says whether a line starts with klog's header. Eight bytes are tested
// at once: "mmdd hh:", "mm:ss.uu" and "uuuu ".
func isKlog(b []byte) bool {
	if len(b) < headerEnd+3 {
		return false
	}
	switch b[0] {
	case 'I', 'W', 'E', 'F':
	default:
		return false
	}
	x := binary.LittleEndian.Uint64(b[1:])
	y := binary.LittleEndian.Uint64(b[9:])
	z := binary.LittleEndian.Uint64(b[17:])
	const (
		xd, xs, xc = 0x00ffff00ffffffff, 0xff0000ff00000000, ':'<<56 | ' '<<32
		yd, ys, yc = 0xffff00ffff00ffff, 0x0000ff0000ff0000, '.'<<40 | ':'<<16
		zd, zs, zc = 0x00000000ffffffff, 0x000000ff00000000, ' ' << 32
	)
	return x&xs == xc && y&ys == yc && z&zs == zc && digits(x, xd) && digits(y, yd) && digits(z, zd)
}

// digits says whether all bytes of x that the mask selects are decimal digits.
func digits(x, mask uint64) bool {
	const zeros, sixes, high = 0x3030303030303030, 0x0606060606060606, 0xf0f0f0f0f0f0f0f0
	x = (x ^ zeros) & mask
	return (x|(x+sixes))&high == 0
}

// parseKlogHeader reads the header into ev and returns the place after it, or
// 0 where the line is not klog's.
func parseKlogHeader(b []byte, ev *Event) int {
	if !isKlog(b) {
		return 0
	}
	mo, d := digits2(b[1:]), digits2(b[3:])
	secs, ok := clockOf(b[6:])
	if !ok || mo < 1 || mo > 12 || d < 1 || d > 31 {
		return 0
	}
	us := int64(digits2(b[15:])*10000 + digits2(b[17:])*100 + digits2(b[19:]))
	i := headerEnd
	for i < len(b) && b[i] == ' ' {
		i++
	}
	pid, n := 0, 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' && n < 10 {
		pid = pid*10 + int(b[i]-'0')
		i++
		n++
	}
	if n == 0 || i >= len(b) || b[i] != ' ' {
		return 0
	}
	i++
	end := bytes.IndexByte(b[i:], ']')
	if end < 0 || end > 256 {
		return 0
	}
	caller := b[i : i+end]
	colon := bytes.LastIndexByte(caller, ':')
	if colon < 0 || bytes.IndexByte(caller, ' ') >= 0 && !bytes.HasPrefix(caller, []byte("???")) {
		return 0
	}
	switch b[0] {
	case 'I':
		ev.Severity = Info
	case 'W':
		ev.Severity = Warning
	case 'E':
		ev.Severity = Error
	case 'F':
		ev.Severity = Fatal
	}
	ev.Time = resolveWall(mo, d, secs*second+us*1000, &ev.Env, ev.File, &ev.memo.wall)
	ev.HasTime = true
	ev.PID = pid
	ev.Caller = caller
	ev.Format = Klog
	i += end + 1
	if i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}

// parseKlog reads a whole klog event (several lines where a value has them)
// into ev. It returns false where the text does not start with klog's header.
func parseKlog(b []byte, ev *Event) bool {
	i := parseKlogHeader(b, ev)
	if i == 0 {
		return false
	}
	body := b[i:]
	if len(body) > 0 && body[0] == '"' {
		if msg, end := goString(body, 0); end > 0 && (end == len(body) || body[end] == ' ') {
			ev.Msg = msg
			if end == len(body) || parsePairs(body[end+1:], ev) {
				ev.Structured = true
				return true
			}
			ev.Fields = ev.Fields[:0]
			ev.LoggerAt, ev.ErrAt = -1, -1
		}
	}
	ev.Msg = plain(body)
	return true
}

// goString reads the Go string literal at b[i] and returns its end, or -1.
func goString(b []byte, i int) (v Value, end int) {
	start := i + 1
	v.Enc = GoLiteral
	for i = start; ; {
		i += safePrefix(b[i:])
		if i >= len(b) {
			return Value{}, -1
		}
		switch b[i] {
		case '"':
			v.Raw = b[start:i]
			return v, i + 1
		case '\\':
			if i+1 >= len(b) {
				return Value{}, -1
			}
			switch b[i+1] {
			case '"', '\\', 'n', 't', 'r':
			default:
				v.Enc = GoString
			}
			i += 2
		default:
			// Not ASCII: only the end is of interest.
			if end = goStringEnd(b, i); end < 0 {
				return Value{}, -1
			}
			return Value{b[start : end-1], GoString}, end
		}
	}
}

// goStringEnd returns the end of a Go string literal, from a place inside it
// that is no part of an escape.
func goStringEnd(b []byte, i int) int {
	from := i
	for i < len(b) {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			return -1
		}
		// The quote is escaped where an odd number of backslashes stands
		// before it.
		n := 0
		for k := i + q - 1; k >= from && b[k] == '\\'; k-- {
			n++
		}
		i += q + 1
		if n%2 == 0 {
			return i
		}
	}
	return -1
}

// parsePairs reads key=value pairs, one space between two. It returns false
// where the text is something else.
//
// klog escapes no keys, so that a key may hold spaces and equal signs; what
// stands after the right sign is always a Go string, a block or JSON. Older
// versions wrote other values with %+v: those are kept as text.
func parsePairs(b []byte, ev *Event) bool {
	noBlock := false
	for len(b) > 0 {
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			return false
		}
		key, val, next := strictPair(b, eq, &noBlock)
		if next < 0 {
			key, val, next = loosePair(b, eq)
			if next < 0 {
				return false
			}
		}
		ev.addField(plain(key), val)
		if next >= len(b) {
			break
		}
		b = b[next+1:]
	}
	ev.finishFields()
	return true
}

// strictPair reads a pair whose value has one of klog's own forms, trying each
// equal sign of the same word.
func strictPair(b []byte, eq int, noBlock *bool) (key []byte, val Value, next int) {
	for {
		if val, end := klogValue(b, eq+1, noBlock); end > 0 {
			return b[:eq], val, end
		}
		more := bytes.IndexByte(b[eq+1:], '=')
		if more < 0 || bytes.IndexByte(b[eq+1:eq+1+more], ' ') >= 0 {
			return nil, Value{}, -1
		}
		eq += 1 + more
	}
}

// klogValue reads a value at b[i] that is followed by a space or the end, and
// returns its end, or -1. noBlock remembers that no value of several lines ends
// further on: a hostile line could make it look for one again and again.
func klogValue(b []byte, i int, noBlock *bool) (Value, int) {
	if i >= len(b) {
		return Value{}, -1
	}
	ends := func(end int) bool { return end > 0 && (end == len(b) || b[end] == ' ') }
	switch c := b[i]; {
	case c == '"':
		if v, end := goString(b, i); ends(end) {
			return v, end
		}
	case c == '<':
		if i+1 < len(b) && b[i+1] == '\n' && !*noBlock {
			start := i + 2
			if bytes.HasPrefix(b[start:], []byte(" >")) {
				return Value{nil, Plain}, start + 2
			}
			at := start
			for {
				close := bytes.Index(b[at:], []byte("\n >"))
				if close < 0 {
					*noBlock = true
					return Value{}, -1
				}
				if end := at + close + 3; ends(end) {
					return Value{b[start : at+close], Block}, end
				}
				at += close + 3
			}
		}
	default:
		if end := scanNormal(b, i, 0); ends(end) {
			return Value{b[i:end], JSONPlain}, end
		}
		if end := scanValue(b, i, 0); ends(end) {
			return Value{b[i:end], JSONValue}, end
		}
	}
	return Value{}, -1
}

// loosePair reads a pair whose value is in no form of today's klog: it ends
// where its brackets close, or before the next word that holds an equal sign.
func loosePair(b []byte, eq int) (key []byte, val Value, next int) {
	key = b[:eq]
	if len(key) == 0 || bytes.IndexByte(key, ' ') >= 0 {
		return nil, Value{}, -1
	}
	depth := 0
	word := -1 // where the last word started
	for i := eq + 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '{' || c == '[' || c == '(':
			depth++
		case (c == '}' || c == ']' || c == ')') && depth > 0:
			depth--
		case c == ' ' && depth == 0:
			word = i
		case c == '=' && depth == 0 && word >= 0 && i > word+1:
			return key, plain(b[eq+1 : word]), word
		}
	}
	return key, plain(b[eq+1:]), len(b)
}

// openBlock says whether a line ends inside a klog value of several lines.
func openBlock(line []byte) bool {
	n := len(line)
	return n >= 3 && line[n-1] == '<' && line[n-2] == '='
}

func (e *Event) addField(key, val Value) {
	e.Fields = append(e.Fields, Field{key, val})
}

// finishFields drops repeated keys (the last one wins, and an equal one stays
// where it stood first, as klog does) and takes the logger's name and the error
// out.
func (e *Event) finishFields() {
	f := e.Fields
	if len(f) > 1 {
		f = dedupe(f)
	}
	for i := 0; i < len(f); i++ {
		switch k := f[i].Key.Raw; {
		case len(k) == 3 && string(k) == "err" && e.ErrAt < 0:
			e.Err, e.ErrAt, e.errFirst = f[i].Value, i, e.LoggerAt < 0
			f = append(f[:i], f[i+1:]...)
			i--
		case len(k) == 6 && string(k) == "logger" && i == 0 && e.Format == Klog && e.LoggerAt < 0 && f[i].Value.IsString():
			e.Logger, e.LoggerAt = f[i].Value, i
			f = append(f[:i], f[i+1:]...)
			i--
		}
	}
	e.Fields = f
}

func dedupe(f []Field) []Field {
	if len(f) > 24 {
		return dedupeMany(f)
	}
	for i := 1; i < len(f); i++ {
		k := f[i].Key.Raw
		for j := 0; j < i; j++ {
			o := f[j].Key.Raw
			if len(o) != len(k) || string(o) != string(k) {
				continue
			}
			drop := j
			if sameValue(f[j].Value, f[i].Value) {
				drop = i
			}
			f = append(f[:drop], f[drop+1:]...)
			i--
			break
		}
	}
	return f
}

func dedupeMany(f []Field) []Field {
	at := make(map[string]int, len(f))
	gone := make([]bool, len(f))
	for i := range f {
		k := string(f[i].Key.Raw)
		if j, ok := at[k]; ok {
			if sameValue(f[j].Value, f[i].Value) {
				gone[i] = true
				continue
			}
			gone[j] = true
		}
		at[k] = i
	}
	out := f[:0]
	for i := range f {
		if !gone[i] {
			out = append(out, f[i])
		}
	}
	return out
}

func sameValue(a, b Value) bool { return a.Enc == b.Enc && bytes.Equal(a.Raw, b.Raw) }
