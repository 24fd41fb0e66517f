package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// document reads JSON that goes over several lines: an EventList or an export
// written for people, one event after the other, or an array. It holds one
// list item at a time, so a list may be larger than memory, and writes each
// item as one line.
type document struct {
	r   io.Reader
	buf []byte
	pos int
	eof bool
	// base is how many bytes went before buf, for messages.
	base int64
	out  lineWriter
}

// listMembers are the names under which lists and exports keep their entries.
var listMembers = map[string]bool{
	"items": true, "Items": true, "records": true, "Records": true, "events": true,
	"logEvents": true, "hits": true, "results": true, "values": true, "entries": true, "value": true,
}

func (d *document) run() error {
	for {
		c, ok, err := d.peek()
		if err != nil || !ok {
			return err
		}
		switch c {
		case ',':
			d.pos++
		case '[':
			d.pos++
			err = d.array()
		case '{':
			d.pos++
			err = d.object()
		default:
			return d.malformed("a JSON object or array")
		}
		if err != nil {
			return err
		}
	}
}

func (d *document) malformed(want string) error {
	return fmt.Errorf("not JSON at byte %d: %s was expected", d.base+int64(d.pos)+1, want)
}

// more reads on. What has been used is dropped.
func (d *document) more() error {
	if d.eof {
		return io.ErrUnexpectedEOF
	}
	if d.pos > 0 {
		d.base += int64(d.pos)
		d.buf = d.buf[:copy(d.buf, d.buf[d.pos:])]
		d.pos = 0
	}
	n := len(d.buf)
	if n >= maxLine {
		return fmt.Errorf("a JSON value of more than %d MiB begins at byte %d", maxLine>>20, d.base+1)
	}
	if cap(d.buf)-n < cap(d.buf)/2 {
		next := make([]byte, n, max(2*cap(d.buf), chunkSize))
		copy(next, d.buf)
		d.buf = next
	}
	m, err := io.ReadFull(d.r, d.buf[n:cap(d.buf)])
	d.buf = d.buf[:n+m]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.eof = true
		return nil
	}
	return err
}

// peek returns the next character that is not space. ok is false at the end.
func (d *document) peek() (c byte, ok bool, err error) {
	for {
		d.pos = skipSpace(d.buf, d.pos)
		if d.pos < len(d.buf) {
			return d.buf[d.pos], true, nil
		}
		if d.eof {
			return 0, false, nil
		}
		if err := d.more(); err != nil {
			return 0, false, err
		}
	}
}

// value returns the value that begins at pos and steps over it.
func (d *document) value() ([]byte, error) {
	for {
		end := skipValue(d.buf, d.pos)
		scalar := d.pos < len(d.buf) && d.buf[d.pos] != '{' && d.buf[d.pos] != '[' && d.buf[d.pos] != '"'
		if end > 0 && (!scalar || end < len(d.buf) || d.eof) {
			v := d.buf[d.pos:end]
			d.pos = end
			return v, nil
		}
		if err := d.more(); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, d.cut()
			}
			return nil, err
		}
	}
}

func (d *document) cut() error {
	return fmt.Errorf("the JSON document is cut off or malformed: the value that begins at byte %d does not end", d.base+int64(d.pos)+1)
}

// next is the separator after a member or an element.
func (d *document) next(end byte) (done bool, err error) {
	c, ok, err := d.peek()
	switch {
	case err != nil:
		return false, err
	case !ok:
		return false, d.cut()
	case c == end:
		d.pos++
		return true, nil
	case c == ',':
		d.pos++
		return false, nil
	}
	return false, d.malformed(fmt.Sprintf("a comma or %q", end))
}

func (d *document) array() error {
	if c, ok, err := d.peek(); err != nil || ok && c == ']' {
		d.pos++
		return err
	}
	for {
		if _, ok, err := d.peek(); err != nil {
			return err
		} else if !ok {
			return d.cut()
		}
		v, err := d.value()
		if err != nil {
			return err
		}
		if err := d.write(v); err != nil {
			return err
		}
		if done, err := d.next(']'); err != nil || done {
			return err
		}
	}
}

func (d *document) object() error {
	if c, ok, err := d.peek(); err != nil || ok && c == '}' {
		d.pos++
		return err
	}
	own := []byte{'{'}
	lists := false
	for {
		c, ok, err := d.peek()
		if err != nil {
			return err
		}
		if !ok {
			return d.cut()
		}
		if c != '"' {
			return d.malformed("a member's name")
		}
		key, err := d.value()
		if err != nil {
			return err
		}
		key = bytes.Clone(key)
		if c, ok, err = d.peek(); err != nil {
			return err
		} else if !ok || c != ':' {
			return d.malformed("a colon")
		}
		d.pos++
		if c, ok, err = d.peek(); err != nil {
			return err
		} else if !ok {
			return d.cut()
		}
		if c == '[' && listMembers[string(key[1:len(key)-1])] {
			d.pos++
			lists = true
			err = d.array()
		} else {
			var v []byte
			if v, err = d.value(); err == nil {
				own = append(append(append(append(own, key...), ':'), v...), ',')
			}
		}
		if err != nil {
			return err
		}
		done, err := d.next('}')
		if err != nil {
			return err
		}
		if done {
			break
		}
	}
	if lists {
		return nil
	}
	own[len(own)-1] = '}'
	return d.write(own)
}

// write writes a value as one line, as kube-apiserver would have.
func (d *document) write(v []byte) error {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		// The scanner tells what is wrong with it; here it must only stay one
		// line.
		return d.out.line(bytes.ReplaceAll(v, []byte{'\n'}, []byte{' '}))
	}
	return d.out.line(b.Bytes())
}
