package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// node is a JSON value with its place. kind is one of { [ " 0 t n.
type node struct {
	kind  byte
	text  Text // value of a string, literal of a number or a boolean
	keys  []Text
	items []*node // of an object in the order of keys, or of a list
	twice []Text  // of the root: members that come again in their object
}

// get returns a member of an object by a case-insensitive name, as Go's
// decoder (and so cfssl) finds it; the last of equal names wins.
func (n *node) get(name string) (*node, Text) {
	if n == nil || n.kind != '{' {
		return nil, Text{}
	}
	for i := len(n.keys) - 1; i >= 0; i-- {
		if strings.EqualFold(n.keys[i].Value, name) {
			return n.items[i], n.keys[i]
		}
	}
	return nil, Text{}
}

// syntaxError is a text that is not JSON, with its place.
type syntaxError struct {
	offset int
	msg    string
}

func (e *syntaxError) Error() string { return e.msg }

func parseJSON(data []byte) (*node, error) {
	lead := len(data) - len(bytes.TrimLeft(data, " \t\r\n"))
	if rest := data[lead:]; len(rest) > 0 && rest[0] != '{' && rest[0] != '[' {
		word, _, _ := bytes.Cut(rest[:min(len(rest), 20)], []byte("\n"))
		return nil, &syntaxError{lead, fmt.Sprintf("it begins with %q", word)}
	}
	// A decoder of tokens takes some things that the whole decoder refuses.
	var any json.RawMessage
	if err := json.Unmarshal(data, &any); err != nil {
		var se *json.SyntaxError
		if errors.As(err, &se) {
			return nil, &syntaxError{int(se.Offset) - 1, jsonCause(data, se)}
		}
		return nil, &syntaxError{0, err.Error()}
	}
	p := &jsonParser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	n, err := p.value()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, &syntaxError{p.at(), err.Error()}
	}
	n.twice = p.twice
	return n, nil
}

func jsonCause(data []byte, se *json.SyntaxError) string {
	msg := se.Error()
	off := int(se.Offset) - 1
	if strings.Contains(msg, "unexpected end") {
		return "it ends in the middle"
	}
	before := bytes.TrimRight(data[:max(0, min(off, len(data)))], " \t\r\n")
	if len(before) > 0 && before[len(before)-1] == ',' && (data[off] == '}' || data[off] == ']') {
		return fmt.Sprintf("a comma before %q", data[off])
	}
	if off >= 0 && off < len(data) && (data[off] == '/' || data[off] == '#') {
		return "JSON has no comments"
	}
	return msg
}

type jsonParser struct {
	data  []byte
	dec   *json.Decoder
	twice []Text
}

func (p *jsonParser) at() int { return int(p.dec.InputOffset()) }

// start is where the next token begins.
func (p *jsonParser) start() int {
	i := p.at()
	for i < len(p.data) && bytes.IndexByte([]byte(" \t\r\n,:"), p.data[i]) >= 0 {
		i++
	}
	return i
}

func (p *jsonParser) value() (*node, error) {
	begin := p.start()
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{text: Text{Start: begin, End: p.at()}}
	switch t := tok.(type) {
	case json.Delim:
		n.kind = byte(t)
		for p.dec.More() {
			if t == '{' {
				s := p.start()
				k, err := p.dec.Token()
				if err != nil {
					return nil, err
				}
				key, _ := k.(string)
				for _, o := range n.keys {
					if o.Value == key {
						p.twice = append(p.twice, Text{key, s, p.at()})
					}
				}
				n.keys = append(n.keys, Text{key, s, p.at()})
			}
			v, err := p.value()
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, v)
		}
		if _, err := p.dec.Token(); err != nil {
			return nil, err
		}
		n.text.End = p.at()
	case string:
		n.kind, n.text.Value = '"', t
	case json.Number:
		n.kind, n.text.Value = '0', t.String()
	case bool:
		n.kind, n.text.Value = 't', fmt.Sprint(t)
	default:
		n.kind, n.text.Value = 'n', "null"
	}
	return n, nil
}

func (n *node) describe() string {
	switch n.kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't':
		return "true or false"
	}
	return "null"
}

// untemplated blanks the statements of a template ({% %}, {# #}, <% %>) and the
// commas that they leave at the end of a list; nil where there are none.
func untemplated(data []byte) []byte {
	out := bytes.Clone(data)
	found := false
	for _, m := range [][2]string{{"{%", "%}"}, {"{#", "#}"}, {"<%", "%>"}, {"{{-", "}}"}} {
		for i := 0; ; {
			j := bytes.Index(out[i:], []byte(m[0]))
			if j < 0 {
				break
			}
			i += j
			// Inside a string it is a value.
			if line := out[bytes.LastIndexByte(out[:i], '\n')+1 : i]; bytes.Count(line, []byte{'"'})%2 == 1 {
				i++
				continue
			}
			k := bytes.Index(out[i:], []byte(m[1]))
			if k < 0 {
				return nil
			}
			for n := i; n < i+k+2; n++ {
				if out[n] != '\n' {
					out[n] = ' '
				}
			}
			found = true
		}
	}
	if !found {
		return nil
	}
	for i, c := range out {
		if c == ',' {
			if rest := bytes.TrimLeft(out[i+1:], " \t\r\n"); len(rest) > 0 && (rest[0] == ']' || rest[0] == '}') {
				out[i] = ' '
			}
		}
	}
	return out
}
