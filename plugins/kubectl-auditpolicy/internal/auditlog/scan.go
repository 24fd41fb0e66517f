package auditlog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

// The scanner works on one rule: outside of strings, JSON has six characters
// of structure, and a string ends at the first quote that is not escaped.
// Strings are crossed eight bytes at a time, long ones with bytes.IndexByte.
//
// It checks the structure that it walks and not what it leaps over: a body with
// a malformed number passes. Where the event is whole, every field it reports
// is the one that encoding/json would report (the last of duplicate keys).

// skipString returns the index after the closing quote of the string that
// begins at b[i], or -1.
func skipString(b []byte, i int) int {
	from := i + 1
	// Most strings of an event are short: eight bytes at a time finds their end
	// before a call of IndexByte would begin to pay.
	for k := 0; k < 4 && from+8 <= len(b); k++ {
		const ones, high, quotes = 0x0101010101010101, 0x8080808080808080, 0x2222222222222222
		w := binary.LittleEndian.Uint64(b[from:]) ^ quotes
		if m := (w - ones) &^ w & high; m != 0 {
			end := from + bits.TrailingZeros64(m)>>3
			if b[end-1] != '\\' {
				return end + 1
			}
			break
		}
		from += 8
	}
	for {
		j := bytes.IndexByte(b[from:], '"')
		if j < 0 {
			return -1
		}
		end := from + j
		n := 0
		for end-1-n > i && b[end-1-n] == '\\' {
			n++
		}
		if n&1 == 0 {
			return end + 1
		}
		from = end + 1
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// structural marks the characters that skipValue must look at.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// skipValue returns the index after the JSON value that begins at b[i], or -1
// where it does not end.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			c := b[i]
			if !structural[c] {
				i++
				continue
			}
			switch c {
			case '"':
				if i = skipString(b, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			default:
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	start := i
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			if i == start {
				return -1
			}
			return i
		case '"', '{', '[', ':':
			return -1
		}
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// members calls f with each member of the object that begins at b[i] and
// returns the index after it, or -1 where the object is malformed. from is
// where the key's quote stands. f stops the walk by returning false; then the
// result is -1 too.
func members(b []byte, i int, f func(key []byte, from, start, end int) bool) int {
	if i >= len(b) || b[i] != '{' {
		return -1
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		from := i
		if i = skipString(b, i); i < 0 {
			return -1
		}
		key := b[from+1 : i-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			var s string
			if json.Unmarshal(b[from:i], &s) != nil {
				return -1
			}
			key = []byte(s)
		}
		if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
			return -1
		}
		start := skipSpace(b, i+1)
		if i = skipValue(b, start); i < 0 {
			return -1
		}
		if !f(key, from, start, i) {
			return -1
		}
		var more bool
		if i, more = after(b, i, '}'); !more {
			return i
		}
	}
}

// after is where the next member of an object or array that ends with end
// begins, behind one that ends at i; without more it is the index after the
// whole, or -1 where neither follows.
func after(b []byte, i int, end byte) (next int, more bool) {
	i = skipSpace(b, i)
	switch {
	case i >= len(b):
		return -1, false
	case b[i] == ',':
		return skipSpace(b, i+1), true
	case b[i] == end:
		return i + 1, false
	}
	return -1, false
}

// elements calls f with each element of the array that begins at b[i] and
// returns the index after it, or -1 where the array is malformed or f stops.
func elements(b []byte, i int, f func(start, end int) bool) int {
	if i >= len(b) || b[i] != '[' {
		return -1
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		start := i
		if i = skipValue(b, i); i < 0 {
			return -1
		}
		if !f(start, i) {
			return -1
		}
		var more bool
		if i, more = after(b, i, ']'); !more {
			return i
		}
	}
}

// scan reads the fields of the object that b begins with and returns the index
// after it, or -1 where b does not begin with one whole object.
func (e *Event) scan(b []byte) int {
	*e = Event{File: e.File, Line: e.Line, scratch: e.scratch[:0]}
	n := members(b, 0, func(key []byte, from, start, end int) bool {
		switch string(key) {
		case "level":
			e.Level = e.str(b[start:end])
		case "stage":
			e.Stage = e.str(b[start:end])
		case "verb":
			e.Verb = e.str(b[start:end])
		case "requestURI":
			e.RequestURI = e.str(b[start:end])
		case "auditID":
			e.AuditID = e.str(b[start:end])
		case "stageTimestamp":
			e.StageTime = e.str(b[start:end])
		case "requestReceivedTimestamp":
			e.ReceivedTime = e.str(b[start:end])
		case "timestamp":
			e.oldTime = e.str(b[start:end])
		case "user":
			e.User = span(b, from, start, end)
		case "userAgent":
			e.UserAgent = span(b, from, start, end)
		case "impersonatedUser":
			e.ImpersonatedUser = span(b, from, start, end)
		case "objectRef":
			e.ObjectRef = span(b, from, start, end)
		case "responseStatus":
			e.ResponseStatus = span(b, from, start, end)
		case "requestObject":
			e.RequestObject = span(b, from, start, end)
		case "responseObject":
			e.ResponseObject = span(b, from, start, end)
		case "annotations":
			e.Annotations = span(b, from, start, end)
		}
		return true
	})
	if n < 0 {
		return -1
	}
	e.Raw = b[:n]
	if len(e.User.Value) > 0 && e.User.Value[0] == '{' {
		u := e.User.Value
		members(u, 0, func(key []byte, _, start, end int) bool {
			switch string(key) {
			case "username":
				e.Username = e.str(u[start:end])
			case "groups":
				e.Groups = nil
				if u[start] == '[' {
					e.Groups = u[start:end]
				}
			}
			return true
		})
	}
	return n
}

func span(b []byte, from, start, end int) Span {
	if v := b[start:end]; string(v) != "null" {
		return Span{Value: v, Size: end - from + 1}
	}
	return Span{}
}

// str returns the contents of a JSON string value. What has no escapes is
// returned where it stands; a value that is not a string is empty.
func (e *Event) str(v []byte) []byte {
	if len(v) < 2 || v[0] != '"' {
		return nil
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	// scratch may move when it grows; earlier slices keep the old array alive.
	at := len(e.scratch)
	var ok bool
	if e.scratch, ok = unescape(e.scratch, inner); !ok {
		var s string
		if json.Unmarshal(v, &s) != nil {
			return nil
		}
		e.scratch = append(e.scratch[:at], s...)
	}
	return e.scratch[at:len(e.scratch):len(e.scratch)]
}

// unescape appends a string's contents with the escapes that are common in
// audit logs resolved: kube-apiserver writes every & of a URI as \u0026. ok is
// false where the string has another escape.
func unescape(dst, s []byte) (_ []byte, ok bool) {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...), true
		}
		dst = append(dst, s[:i]...)
		if i+1 >= len(s) {
			return dst, false
		}
		switch c := s[i+1]; c {
		case '"', '\\', '/':
			dst = append(dst, c)
			s = s[i+2:]
		case 'u':
			if len(s) < i+6 || s[i+2] != '0' || s[i+3] != '0' || s[i+4] > '7' || s[i+4] < '0' {
				return dst, false
			}
			lo := s[i+5] | 0x20
			switch {
			case lo >= '0' && lo <= '9':
				lo -= '0'
			case lo >= 'a' && lo <= 'f':
				lo -= 'a' - 10
			default:
				return dst, false
			}
			dst = append(dst, (s[i+4]-'0')<<4|lo)
			s = s[i+6:]
		default:
			return dst, false
		}
	}
}

// isEvent says whether a scanned object is an audit event of any version: it
// names its stage and either its request or its id.
func (e *Event) isEvent() bool {
	return len(e.Stage) > 0 && (len(e.RequestURI) > 0 || len(e.AuditID) > 0)
}
