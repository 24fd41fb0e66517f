package parse

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
)

// members reads a gzip file of one or several members. What follows the last
// one and is not gzip is left out, as gzip does, and said.
type members struct {
	src  *bufio.Reader
	z    *gzip.Reader
	note func(string)
}

func newMembers(src io.Reader, note func(string)) (io.Reader, error) {
	m := &members{src: bufio.NewReaderSize(src, 64<<10), note: note}
	z, err := gzip.NewReader(m.src)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	m.z = z
	return m, nil
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		if n > 0 && errors.Is(err, io.EOF) {
			return n, nil // and the end next time
		}
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		head, _ := m.src.Peek(2)
		if len(head) == 0 {
			return 0, io.EOF
		}
		if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
			return 0, m.rest()
		}
		if err := m.z.Reset(m.src); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		m.z.Multistream(false)
	}
}

// rest looks at what follows the last member: padding with zeros is usual.
func (m *members) rest() error {
	odd := false
	for {
		c, err := m.src.ReadByte()
		if err != nil {
			break
		}
		odd = odd || c != 0
	}
	if odd {
		m.note("what follows the end of the compressed data is not gzip, and was left out")
	}
	return io.EOF
}
