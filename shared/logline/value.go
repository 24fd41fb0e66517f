package logline

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// Encoding says how the bytes of a Value stand for it.
type Encoding uint8

// The encodings.
const (
	Plain      Encoding = iota // the text itself
	GoString                   // the inside of a Go string literal
	GoLiteral                  // GoString that is the inside of a JSON string, too
	JSONString                 // the inside of a JSON string
	JSONValue                  // a JSON number, object, array, true, false or null
	JSONPlain                  // JSONValue that is in its normal form already
	Block                      // klog's many-line value: each line after a tab
)

// Value is a piece of a line, decoded only when it is written.
type Value struct {
	Raw []byte
	Enc Encoding
}

func plain(b []byte) Value { return Value{Raw: b} }

// Text appends the value as text: strings decoded, JSON in its normal form.
func (v Value) Text(dst []byte) []byte {
	switch v.Enc {
	case GoString, GoLiteral:
		return appendUnquotedGo(dst, v.Raw)
	case JSONString:
		return appendUnquotedJSON(dst, v.Raw)
	case JSONValue:
		n := len(dst)
		dst = appendCanonical(dst, v.Raw, true)
		if len(dst) > n && dst[n] == '"' {
			// A reference to an object became a string.
			inner := append([]byte(nil), dst[n+1:len(dst)-1]...)
			return appendUnquotedJSON(dst[:n], inner)
		}
		return dst
	case Block:
		return appendBlock(dst, v.Raw)
	}
	return append(dst, v.Raw...)
}

// String is Text as a string.
func (v Value) String() string { return string(v.Text(nil)) }

// IsString says whether the value is text, and not a JSON number, object and
// so on.
func (v Value) IsString() bool {
	if v.Enc != JSONValue {
		return v.Enc != JSONPlain
	}
	out := appendCanonical(nil, v.Raw, true)
	return len(out) > 0 && out[0] == '"'
}

// AppendJSON appends the value as JSON.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Enc {
	case Plain:
		return AppendJSONString(dst, v.Raw)
	case JSONValue:
		return appendCanonical(dst, v.Raw, true)
	case JSONPlain:
		return append(dst, v.Raw...)
	case GoLiteral:
		dst = append(append(dst, '"'), v.Raw...)
		return append(dst, '"')
	case JSONString:
		if literal(v.Raw) {
			dst = append(append(dst, '"'), v.Raw...)
			return append(dst, '"')
		}
	}
	if (v.Enc == GoString || v.Enc == JSONString) && bytes.IndexByte(v.Raw, '\\') < 0 {
		return AppendJSONString(dst, v.Raw)
	}
	return AppendJSONString(dst, v.Text(nil))
}

// AppendJSONField is AppendJSON for the value of a field, whose last line break
// klog text cannot tell.
func (v Value) AppendJSONField(dst []byte) []byte {
	if v.Enc == JSONString && bytes.HasSuffix(v.Raw, []byte(`\n`)) {
		return AppendJSONString(dst, trimBlockEnd(v.Text(nil)))
	}
	return v.AppendJSON(dst)
}

// literal says whether the inside of a JSON string is what AppendJSONString
// would write of its text: ASCII, and each escape the shortest one.
func literal(s []byte) bool {
	for i := 0; i < len(s); i++ {
		i += safePrefix(s[i:])
		if i == len(s) {
			return true
		}
		if s[i] != '\\' || i+1 == len(s) {
			return false
		}
		i++
		switch s[i] {
		case '"', '\\', 'n', 't', 'r':
		default:
			return false
		}
	}
	return true
}

// trimBlockEnd gives a text of several lines the form that klog text can carry:
// there, "a\nb" and "a\nb\n" are written the same.
func trimBlockEnd(s []byte) []byte {
	if n := len(s); n > 1 && s[n-1] == '\n' && s[n-2] != '\n' && bytes.IndexByte(s[:n-1], '\n') >= 0 {
		return s[:n-1]
	}
	return s
}

// appendBlock decodes a klog value of several lines: raw is what stands between
// "<\n" and "\n >".
func appendBlock(dst, raw []byte) []byte {
	var lines, last int
	for {
		line := raw
		nl := bytes.IndexByte(raw, '\n')
		if nl >= 0 {
			line = raw[:nl]
		}
		if lines > 0 {
			dst = append(dst, '\n')
		}
		lines++
		if len(line) > 0 && line[0] == '\t' {
			line = line[1:]
		}
		last = len(line)
		dst = append(dst, line...)
		if nl < 0 {
			break
		}
		raw = raw[nl+1:]
	}
	// One line, or an empty last one, can only come from a text that ended in
	// a line break; otherwise it cannot be known, and klog's reader sees none.
	if lines == 1 || last == 0 {
		dst = append(dst, '\n')
	}
	return dst
}

// jsonSafe are the bytes that a JSON string holds as they are.
var jsonSafe = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// AppendJSONString appends a text as a JSON string. Bytes that are not UTF-8
// become U+FFFD, as encoding/json and zap write them.
func AppendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	dst = appendJSONInner(dst, s)
	return append(dst, '"')
}

func appendJSONInner(dst, s []byte) []byte {
	n := safePrefix(s)
	if n == len(s) {
		return append(dst, s...)
	}
	start := 0
	for i := n; i < len(s); {
		c := s[i]
		if jsonSafe[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\ufffd"...)
				i++
				start = i
				continue
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

// safePrefix returns how many bytes at the start of s need no escape.
func safePrefix(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if m := unsafeBytes(binary.LittleEndian.Uint64(s[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	if i == len(s) {
		return i
	}
	if n := len(s) - 8; n >= 0 {
		// The last eight once more, most of them known to be safe.
		if m := unsafeBytes(binary.LittleEndian.Uint64(s[n:])); m != 0 {
			return n + bits.TrailingZeros64(m)>>3
		}
		return len(s)
	}
	for i < len(s) && jsonSafe[s[i]] {
		i++
	}
	return i
}

// unsafeBytes tests eight bytes at once: it sets the top bit of each that needs
// an escape, and perhaps of some above the first of them.
func unsafeBytes(x uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return (x | (x - ones*0x20) | ((x ^ ones*'"') - ones) | ((x ^ ones*'\\') - ones)) & tops
}

// appendUnquotedGo decodes the inside of a Go string literal. What is not a
// valid escape stays as it is.
func appendUnquotedGo(dst, s []byte) []byte {
	for len(s) > 0 {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		if len(s) > 1 {
			c := s[1]
			switch c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case '"', '\\':
			default:
				c = 0
			}
			if c != 0 {
				dst = append(dst, c)
				s = s[2:]
				continue
			}
		}
		// The longest escape has ten bytes (\U0010ffff).
		r, multi, tail, err := strconv.UnquoteChar(string(s[:min(10, len(s))]), '"')
		if err != nil {
			dst = append(dst, s[0])
			s = s[1:]
			continue
		}
		used := min(10, len(s)) - len(tail)
		if r < utf8.RuneSelf || !multi {
			dst = append(dst, byte(r))
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		s = s[used:]
	}
	return dst
}

// appendUnquotedJSON decodes the inside of a JSON string.
func appendUnquotedJSON(dst, s []byte) []byte {
	for len(s) > 0 {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'u':
			r, n := hexRune(s)
			s = s[n:]
			if r >= 0xd800 && r < 0xdc00 && len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
				if low, n := hexRune(s[2:]); low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
					s = s[2+n:]
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func hexRune(s []byte) (rune, int) {
	if len(s) < 4 {
		return utf8.RuneError, len(s)
	}
	var r rune
	for _, c := range s[:4] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r |= rune(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r |= rune(c|0x20-'a') + 10
		default:
			return utf8.RuneError, 4
		}
	}
	return r, 4
}

// appendCanonical appends a valid JSON value in the one form that klog text and
// component JSON agree on: no white space, strings with the fewest escapes,
// numbers as encoding/json writes them, and references to objects
// ({"name":N,"namespace":NS}, alone or in a list) as "NS/N".
func appendCanonical(dst, raw []byte, top bool) []byte {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return append(dst, "null"...)
	}
	if top {
		switch raw[0] {
		case '{':
			if ref, ok := objectRef(raw); ok {
				return AppendJSONString(dst, ref)
			}
		case '[':
			dst = append(dst, '[')
			first := true
			scanElements(raw, 0, 0, func(item []byte) {
				if !first {
					dst = append(dst, ',')
				}
				first = false
				if ref, ok := objectRef(item); ok {
					dst = AppendJSONString(dst, ref)
				} else {
					dst = appendCanonical(dst, item, false)
				}
			})
			return append(dst, ']')
		}
	}
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			end := scanString(raw, i)
			if end < 0 {
				return append(dst, raw[i:]...)
			}
			dst = append(dst, '"')
			if inner := raw[i+1 : end-1]; bytes.IndexByte(inner, '\\') < 0 {
				dst = appendJSONInner(dst, inner)
			} else {
				dst = appendJSONInner(dst, appendUnquotedJSON(nil, inner))
			}
			dst = append(dst, '"')
			i = end
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(raw) && isNumberByte(raw[end]) {
				end++
			}
			dst = appendNumber(dst, raw[i:end])
			i = end
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// appendNumber writes a number as encoding/json writes a float64, where the
// spelling of zap's encoder differs: very large and very small ones.
func appendNumber(dst, n []byte) []byte {
	odd := len(n) > 20 || bytes.ContainsAny(n, "eE")
	if !odd {
		digits := bytes.TrimPrefix(n, []byte("-"))
		odd = bytes.HasPrefix(digits, []byte("0.000000"))
	}
	if odd {
		if f, err := strconv.ParseFloat(string(n), 64); err == nil && !math.IsInf(f, 0) {
			if b, err := json.Marshal(f); err == nil {
				return append(dst, b...)
			}
		}
	}
	return append(dst, n...)
}

// objectRef reads {"name":N,"namespace":NS} or {"name":N}, klog's KObj in JSON,
// as klog text writes it.
func objectRef(raw []byte) ([]byte, bool) {
	if len(raw) < 11 || raw[0] != '{' || raw[1] != '"' || raw[2] != 'n' {
		return nil, false
	}
	var name, ns []byte
	seen := 0
	ok := true
	scanObject(raw, 0, func(key, val []byte) {
		if len(val) == 0 || val[0] != '"' {
			ok = false
			return
		}
		text := appendUnquotedJSON(nil, val[1:len(val)-1])
		switch string(key) {
		case "name":
			name, seen = text, seen|1
		case "namespace":
			ns, seen = text, seen|2
		default:
			ok = false
		}
	})
	if !ok || seen&1 == 0 {
		return nil, false
	}
	if len(ns) == 0 {
		return name, true
	}
	return append(append(ns, '/'), name...), true
}
