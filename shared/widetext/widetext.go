// Package widetext reads text in UTF-16: what > and Out-File of Windows
// PowerShell 5 write, whatever the program wrote that they save. Such a file
// begins with a byte order mark, by which it is known.
package widetext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"unicode/utf16"
	"unicode/utf8"
)

// Is says whether data begins with a byte order mark of UTF-16.
func Is(data []byte) bool {
	return len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff)
}

// Decode is data as UTF-8 without a mark where it is UTF-16, and data itself
// where it is not. Half a character becomes U+FFFD.
func Decode(data []byte) []byte {
	if !Is(data) {
		return data
	}
	out := bytes.NewBuffer(make([]byte, 0, len(data)/2))
	_, _ = out.ReadFrom(NewReader(bytes.NewReader(data))) // memory does not fail
	return out.Bytes()
}

// Like is text, which is UTF-8, in the encoding of a file that it will replace.
func Like(file string, text []byte) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mark := make([]byte, 2)
	if _, err := io.ReadFull(f, mark); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return encode(mark, text), nil
}

func encode(mark, text []byte) []byte {
	if !Is(mark) {
		return text
	}
	var order binary.AppendByteOrder = binary.LittleEndian
	if mark[0] == 0xfe {
		order = binary.BigEndian
	}
	out := order.AppendUint16(make([]byte, 0, 2*len(text)+2), 0xfeff)
	for _, u := range utf16.Encode([]rune(string(text))) {
		out = order.AppendUint16(out, u)
	}
	return out
}

// NewReader reads a stream in UTF-16, which begins with its mark, as UTF-8.
func NewReader(src io.Reader) io.Reader { return &reader{src: src} }

type reader struct {
	src io.Reader
	big bool
	bom bool
	buf [4096]byte
	n   int
	out []byte
	err error
}

func (u *reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		var n int
		n, u.err = u.src.Read(u.buf[u.n:])
		u.n += n
		u.decode(u.err != nil)
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *reader) decode(last bool) {
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
					r = utf16.DecodeRune(r, low)
					i += 2
				}
			}
		}
		u.out = utf8.AppendRune(u.out, r)
		i += 2
	}
	if last && i < u.n {
		u.out = utf8.AppendRune(u.out, utf8.RuneError) // half a unit: the file is cut off
		i = u.n
	}
	u.n = copy(u.buf[:], u.buf[i:u.n])
}
