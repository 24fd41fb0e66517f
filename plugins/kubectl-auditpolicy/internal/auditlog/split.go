package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// chunkSize is how much text one worker gets at a time.
	chunkSize = 1 << 20
	// maxLine bounds a line and a JSON value, and so the memory. The largest
	// legal event is far below: etcd takes objects of 1.5 MiB, and a webhook
	// batch ends at 10 MiB.
	maxLine = 32 << 20
)

// chunk is a run of whole lines.
type chunk struct {
	data []byte
	file string
	// line is the number of the first line, 0 where lines have been joined or
	// made and the numbers mean nothing.
	line int64
}

// splitter cuts one source into chunks. It is the only sequential part of
// reading, so it looks at as few bytes as the format allows.
type splitter struct {
	file string
	get  func() []byte
	emit func(chunk) error
}

// split reads r to its end.
func (s *splitter) split(r io.Reader) error {
	buf, n, eof, err := s.firstLine(r)
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	switch layout(buf[:n], eof) {
	case layoutCRI:
		return s.transform(buf[:n], r, &criJoiner{})
	case layoutDocker:
		return s.transform(buf[:n], r, &dockerJoiner{})
	case layoutDocument:
		d := &document{r: r, buf: buf[:n], eof: eof, out: lineWriter{s: s}}
		if err := d.run(); err != nil {
			return err
		}
		return d.out.flush()
	}
	return s.lines(buf, n, eof, r)
}

// firstLine reads until the buffer holds a whole line and something of the
// next, the end of the source, or maxLine bytes.
func (s *splitter) firstLine(r io.Reader) (buf []byte, n int, eof bool, err error) {
	buf = s.get()
	for {
		m, err := io.ReadFull(r, buf[n:])
		n += m
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return buf, n, true, nil
		}
		if err != nil {
			return buf, n, false, err
		}
		if bytes.IndexByte(buf[:n-1], '\n') >= 0 || len(buf) >= maxLine {
			return buf, n, false, nil
		}
		buf = grow(buf)
	}
}

func grow(buf []byte) []byte {
	next := make([]byte, 2*len(buf))
	copy(next, buf)
	return next
}

const (
	layoutLines = iota
	layoutCRI
	layoutDocker
	layoutDocument
)

// layout tells from the first line how a source is laid out.
func layout(b []byte, eof bool) int {
	line, rest, more := bytes.Cut(b, []byte{'\n'})
	line = bytes.TrimRight(line, "\r")
	if _, _, _, ok := criHeader(line); ok {
		return layoutCRI
	}
	i := skipSpace(line, 0)
	if i >= len(line) {
		// Blank lines first.
		if more && len(bytes.TrimSpace(rest)) > 0 && len(rest) < len(b) {
			return layout(rest, eof)
		}
		return layoutLines
	}
	if line[i] != '{' && line[i] != '[' {
		return layoutLines
	}
	if skipValue(line, i) > 0 {
		if isDocker(line[i:]) {
			return layoutDocker
		}
		return layoutLines
	}
	// The value does not end on its line. Either it goes on over lines, or
	// the line was cut and the next begins anew.
	if !more {
		if eof {
			return layoutLines
		}
		return layoutDocument
	}
	if len(rest) > 0 && rest[0] == '{' {
		return layoutLines
	}
	return layoutDocument
}

// lines cuts at line ends.
func (s *splitter) lines(buf []byte, n int, eof bool, r io.Reader) error {
	line := int64(1)
	for {
		cut := n
		if !eof {
			cut = bytes.LastIndexByte(buf[:n], '\n') + 1
		}
		if cut == 0 && !eof {
			if len(buf) >= maxLine {
				return fmt.Errorf("line %d is longer than %d MiB", line, maxLine>>20)
			}
			buf = grow(buf)
		} else {
			next := s.get()
			for len(next) < n-cut {
				next = grow(next)
			}
			rest := copy(next, buf[cut:n])
			count := int64(bytes.Count(buf[:cut], []byte{'\n'}))
			if err := s.emit(chunk{data: buf[:cut], file: s.file, line: line}); err != nil {
				return err
			}
			if eof {
				return nil
			}
			line += count
			buf, n = next, rest
		}
		m, err := io.ReadFull(r, buf[n:])
		n += m
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			eof = true
		} else if err != nil {
			return err
		}
	}
}

// joiner turns the lines of a container log into the lines that the container
// wrote: take returns them, whole, as they become complete.
type joiner interface {
	take(line []byte, out func([]byte) error) error
	end(out func([]byte) error) error
}

// transform feeds every line through a joiner.
func (s *splitter) transform(head []byte, r io.Reader, j joiner) error {
	in := &splitter{file: s.file, get: func() []byte { return make([]byte, chunkSize) }}
	w := lineWriter{s: s}
	in.emit = func(c chunk) error {
		for b := c.data; len(b) > 0; {
			line, rest, _ := bytes.Cut(b, []byte{'\n'})
			if err := j.take(bytes.TrimRight(line, "\r"), w.line); err != nil {
				return err
			}
			b = rest
		}
		return nil
	}
	// lines wants to own its buffer and to read on from the rest.
	all := io.MultiReader(bytes.NewReader(head), r)
	if err := in.lines(in.get(), 0, false, all); err != nil {
		return err
	}
	if err := j.end(w.line); err != nil {
		return err
	}
	return w.flush()
}

// lineWriter gathers lines into chunks.
type lineWriter struct {
	s   *splitter
	buf []byte
}

func (w *lineWriter) line(b []byte) error {
	if w.buf == nil {
		w.buf = w.s.get()[:0]
	}
	w.buf = append(append(w.buf, b...), '\n')
	if len(w.buf) >= chunkSize-64<<10 {
		return w.flush()
	}
	return nil
}

func (w *lineWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	b := w.buf
	w.buf = nil
	return w.s.emit(chunk{data: b, file: w.s.file})
}

// criHeader splits a line in the format of CRI container logs:
// "2026-01-02T03:04:05.678901234Z stdout F text". Tags after F or P are
// separated by colons.
func criHeader(line []byte) (stream byte, partial bool, text []byte, ok bool) {
	sp := bytes.IndexByte(line, ' ')
	if sp < 20 || sp > 40 || line[4] != '-' || line[10] != 'T' {
		return 0, false, nil, false
	}
	rest := line[sp+1:]
	switch {
	case bytes.HasPrefix(rest, []byte("stdout ")):
		stream = 'o'
	case bytes.HasPrefix(rest, []byte("stderr ")):
		stream = 'e'
	default:
		return 0, false, nil, false
	}
	rest = rest[7:]
	if len(rest) == 0 || rest[0] != 'F' && rest[0] != 'P' {
		return 0, false, nil, false
	}
	partial = rest[0] == 'P'
	if sp = bytes.IndexByte(rest, ' '); sp < 0 {
		return stream, partial, nil, len(rest) == 1
	}
	if sp > 1 && rest[1] != ':' {
		return 0, false, nil, false
	}
	return stream, partial, rest[sp+1:], true
}

// criJoiner joins the partial lines (P) of each stream up to the full one (F).
type criJoiner struct{ out, err []byte }

func (j *criJoiner) take(line []byte, out func([]byte) error) error {
	stream, partial, text, ok := criHeader(line)
	if !ok {
		return out(line)
	}
	held := &j.out
	if stream == 'e' {
		held = &j.err
	}
	if partial || len(*held) > 0 {
		*held = append(*held, text...)
		if partial && len(*held) < maxLine {
			return nil
		}
		text = *held
		*held = (*held)[:0]
	}
	return out(text)
}

func (j *criJoiner) end(out func([]byte) error) error {
	for _, held := range [][]byte{j.out, j.err} {
		if len(held) > 0 {
			if err := out(held); err != nil {
				return err
			}
		}
	}
	return nil
}

// isDocker says whether a line is one of Docker's json-file log driver, which
// cuts long lines into entries of 16 KiB.
func isDocker(line []byte) bool {
	log, other := false, false
	members(line, 0, func(key []byte, _, start, _ int) bool {
		switch string(key) {
		case "log":
			log = line[start] == '"'
		case "stream", "time", "attrs":
		default:
			other = true
		}
		return !other
	})
	return log && !other
}

type dockerJoiner struct{ out, err []byte }

func (j *dockerJoiner) take(line []byte, out func([]byte) error) error {
	var entry struct{ Log, Stream string }
	if json.Unmarshal(line, &entry) != nil {
		return out(line)
	}
	held := &j.out
	if entry.Stream == "stderr" {
		held = &j.err
	}
	*held = append(*held, entry.Log...)
	text := bytes.TrimRight(*held, "\r\n")
	// An entry without a line end is part of a line, unless it is whole.
	if len(text) == len(*held) && len(text) < maxLine && len(text) > 0 && text[0] == '{' && skipValue(text, 0) < 0 {
		return nil
	}
	*held = (*held)[:0]
	return out(text)
}

func (j *dockerJoiner) end(out func([]byte) error) error {
	return (&criJoiner{out: j.out, err: j.err}).end(out)
}
