package logline

import "bytes"

// These scanners take what encoding/json would take and nothing else: a line that
// is not JSON is text. auditpolicy's auditlog has others, which leap over what
// they need not read, for gigabytes of one known shape, and let a malformed body
// pass.

// maxDepth is how deep JSON may be nested to be read as JSON. What is deeper is
// kept as text.
const maxDepth = 200

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// scanString returns the end of the JSON string that starts at b[i] (a quote),
// or -1.
func scanString(b []byte, i int) int {
	i++
	for i < len(b) {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			return -1
		}
		seg := b[i : i+q]
		if bytes.IndexByte(seg, '\\') < 0 {
			for _, c := range seg {
				if c < 0x20 {
					return -1
				}
			}
			return i + q + 1
		}
		// Escapes: walk.
		for i < len(b) {
			switch c := b[i]; {
			case c == '"':
				return i + 1
			case c == '\\':
				if i+1 >= len(b) {
					return -1
				}
				switch b[i+1] {
				case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
					i += 2
				case 'u':
					if i+6 > len(b) {
						return -1
					}
					for _, h := range b[i+2 : i+6] {
						if !(h >= '0' && h <= '9' || h|0x20 >= 'a' && h|0x20 <= 'f') {
							return -1
						}
					}
					i += 6
				default:
					return -1
				}
			case c < 0x20:
				return -1
			default:
				i++
			}
		}
	}
	return -1
}

// scanValue returns the end of the JSON value that starts at b[i], or -1 where
// there is no valid one.
func scanValue(b []byte, i, depth int) int {
	if i >= len(b) || depth > maxDepth {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		return scanString(b, i)
	case c == '{':
		return scanMembers(b, i, depth, nil)
	case c == '[':
		return scanElements(b, i, depth, nil)
	case c == '-' || c >= '0' && c <= '9':
		return scanNumber(b, i)
	case c == 't' && bytes.HasPrefix(b[i:], []byte("true")), c == 'n' && bytes.HasPrefix(b[i:], []byte("null")):
		return i + 4
	case c == 'f' && bytes.HasPrefix(b[i:], []byte("false")):
		return i + 5
	}
	return -1
}

func scanNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	digits := func() bool {
		n := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > n
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

// scanElements calls f with each element of the array that starts at b[i] and
// returns its end, or -1.
func scanElements(b []byte, i, depth int, f func(item []byte)) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		start := skipSpace(b, i)
		i = scanValue(b, start, depth+1)
		if i < 0 {
			return -1
		}
		if f != nil {
			f(b[start:i])
		}
		var more bool
		if i, more = after(b, i, ']'); !more {
			return i
		}
	}
}

// after is the index behind the comma that follows what ends at i; without more
// it is the index behind end, which closes the whole, or -1.
func after(b []byte, i int, end byte) (next int, more bool) {
	i = skipSpace(b, i)
	switch {
	case i >= len(b):
		return -1, false
	case b[i] == ',':
		return i + 1, true
	case b[i] == end:
		return i + 1, false
	}
	return -1, false
}

// scanObject calls f with each member of the object that starts at b[i] (the
// key without its quotes, the value as written) and returns its end, or -1.
func scanObject(b []byte, i int, f func(key, val []byte)) int {
	return scanMembers(b, i, 0, f)
}

func scanMembers(b []byte, i, depth int, f func(key, val []byte)) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		end := scanString(b, i)
		if end < 0 {
			return -1
		}
		key := b[i+1 : end-1]
		i = skipSpace(b, end)
		if i >= len(b) || b[i] != ':' {
			return -1
		}
		start := skipSpace(b, i+1)
		i = scanValue(b, start, depth+1)
		if i < 0 {
			return -1
		}
		if f != nil {
			f(key, b[start:i])
		}
		var more bool
		if i, more = after(b, i, '}'); !more {
			return i
		}
	}
}

// scanNormal returns the end of the JSON value at b[i] where it is in its
// normal form (see appendCanonical): no white space, no escapes, ASCII, plain
// numbers, no reference to an object. It returns -1 for all else, valid or not. It is
// beside scanValue because a value in normal form is copied as it stands: without it
// a line of klog with one takes twice as long.
func scanNormal(b []byte, i, depth int) int {
	if i >= len(b) || depth > 16 {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		return scanNormalString(b, i)
	case c == '{':
		if depth <= 1 && i+2 < len(b) && b[i+1] == '"' && b[i+2] == 'n' {
			return -1 // may be {"name":...}
		}
		i++
		if i < len(b) && b[i] == '}' {
			return i + 1
		}
		for i < len(b) && b[i] == '"' {
			if i = scanNormalString(b, i); i < 0 || i >= len(b) || b[i] != ':' {
				return -1
			}
			if i = scanNormal(b, i+1, depth+1); i < 0 || i >= len(b) {
				return -1
			}
			if b[i] == '}' {
				return i + 1
			}
			if b[i] != ',' {
				return -1
			}
			i++
		}
		return -1
	case c == '[':
		i++
		if i < len(b) && b[i] == ']' {
			return i + 1
		}
		for {
			if i = scanNormal(b, i, depth+1); i < 0 || i >= len(b) {
				return -1
			}
			if b[i] == ']' {
				return i + 1
			}
			if b[i] != ',' {
				return -1
			}
			i++
		}
	case c == '-' || c >= '0' && c <= '9':
		end := scanNumber(b, i)
		if end < 0 || end-i > 15 {
			return -1
		}
		for _, d := range b[i:end] {
			if d|0x20 == 'e' || d == '.' {
				return -1
			}
		}
		return end
	}
	return scanValue(b, i, depth)
}

func scanNormalString(b []byte, i int) int {
	i++
	i += safePrefix(b[i:])
	if i < len(b) && b[i] == '"' {
		return i + 1
	}
	return -1
}
