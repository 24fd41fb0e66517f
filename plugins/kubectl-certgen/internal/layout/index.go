package layout

import (
	"bufio"
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Index is index.txt, the book that openssl ca and easyrsa keep of what was
// issued: a line a certificate, six fields between tabs.
type Index []IndexEntry

// IndexEntry is a line of index.txt.
type IndexEntry struct {
	// Status is 'V' valid, 'R' revoked or 'E' expired.
	Status byte
	// Expires is when the certificate ends.
	Expires time.Time
	// Revoked is the third field as it stands: a time, and a reason behind a
	// comma; "" for a valid certificate.
	Revoked string
	// Serial is the serial number in upper-case hex, an even number of digits.
	Serial string
	// File is "unknown" in practice.
	File string
	// Subject is "/C=US/O=Acme/CN=x".
	Subject string
}

// SerialHex is how openssl writes a serial number: upper-case hex, an even
// number of digits.
func SerialHex(n *big.Int) string {
	s := strings.ToUpper(n.Text(16))
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}

// ParseIndex reads an index.txt.
func ParseIndex(data []byte) (Index, error) {
	var out Index
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimRight(sc.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 6 {
			return nil, fmt.Errorf("line %d: %d fields, an index.txt has 6", n, len(f))
		}
		if f[0] != "V" && f[0] != "R" && f[0] != "E" {
			return nil, fmt.Errorf("line %d: status %q is not V, R or E", n, f[0])
		}
		t, err := parseIndexTime(f[1])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is not a time", n, f[1])
		}
		out = append(out, IndexEntry{f[0][0], t, f[2], f[3], f[4], f[5]})
	}
	return out, sc.Err()
}

// Bytes writes the book.
func (x Index) Bytes() []byte {
	var b bytes.Buffer
	for _, e := range x {
		fmt.Fprintf(&b, "%c\t%s\t%s\t%s\t%s\t%s\n", e.Status, indexTime(e.Expires), e.Revoked, e.Serial, e.File, e.Subject)
	}
	return b.Bytes()
}

// indexTime is UTCTime up to 2049 and GeneralizedTime from then on, as in the
// certificate itself.
func indexTime(t time.Time) string {
	t = t.UTC()
	if t.Year() < 2050 && t.Year() >= 1950 {
		return t.Format("060102150405Z")
	}
	return t.Format("20060102150405Z")
}

func parseIndexTime(s string) (time.Time, error) {
	if len(s) == len("20060102150405Z") {
		return time.Parse("20060102150405Z", s)
	}
	t, err := time.Parse("060102150405Z", s)
	if err == nil && t.Year() >= 2050 {
		t = t.AddDate(-100, 0, 0)
	}
	return t, err
}
