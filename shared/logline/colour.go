package logline

import "bytes"

// esc begins the sequences that colour a terminal.
const esc = 0x1b

// withoutColour returns a text without its colours.
func withoutColour(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		i := bytes.IndexByte(b, esc)
		if i < 0 {
			break
		}
		out = append(out, b[:i]...)
		b = b[i:]
		if n := colour(b); n > 0 {
			b = b[n:]
		} else {
			out = append(out, esc)
			b = b[1:]
		}
	}
	return append(out, b...)
}

// colour returns the length of a sequence that changes colours, ESC [ 1;31 m,
// at the start of b.
func colour(b []byte) int {
	if len(b) < 3 || b[0] != esc || b[1] != '[' {
		return 0
	}
	for i := 2; i < min(len(b), 24); i++ {
		switch c := b[i]; {
		case c == 'm' || c == 'K':
			return i + 1
		case (c < '0' || c > '9') && c != ';' && c != ':':
			return 0
		}
	}
	return 0
}
