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

// utf16Reader turns UTF-16 (what PowerShell's > writes) into UTF-8.
type utf16Reader struct {
	src io.Reader
	big bool
	bom bool
	buf [4096]byte
	n   int
	out []byte
}

func newUTF16(src io.Reader) io.Reader { return &utf16Reader{src: src} }

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		n, err := u.src.Read(u.buf[u.n:])
		u.n += n
		u.decode(err != nil)
		if len(u.out) == 0 && err != nil {
			return 0, err
		}
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) decode(last bool) {
	u.out = u.out[:0]
	i := 0
	unit := func(k int) rune {
		if u.big {
			return rune(u.buf[k])<<8 | rune(u.buf[k+1])
		}
		return rune(u.buf[k+1])<<8 | rune(u.buf[k])
	}
	if !u.bom && u.n >= 2 {
		u.bom, u.big = true, u.buf[0] == 0xfe
		i = 2
	}
	for i+1 < u.n {
		r := unit(i)
		if r >= 0xd800 && r < 0xdc00 {
			if i+3 >= u.n && !last {
				break
			}
			if i+3 < u.n {
				if low := unit(i + 2); low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
					i += 2
				}
			}
		}
		u.out = append(u.out, string(r)...)
		i += 2
	}
	u.n = copy(u.buf[:], u.buf[i:u.n])
}
