package parse

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func zipped(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const one = "I1121 03:56:31.367033       1 a.go:1] \"one\"\n"

// TestGzipTails: several members are one log; zeros after them are padding, and
// anything else is said and left out.
func TestGzipTails(t *testing.T) {
	for name, c := range map[string]struct {
		data   []byte
		events int64
		notes  int
	}{
		"two members":       {append(zipped(t, one), zipped(t, one+one)...), 3, 0},
		"an empty member":   {append(zipped(t, ""), zipped(t, one)...), 1, 0},
		"padding":           {append(zipped(t, one), make([]byte, 512)...), 1, 0},
		"garbage":           {append(zipped(t, one), "garbage"...), 1, 1},
		"one byte":          {append(zipped(t, one), 'x'), 1, 1},
		"not gzip, for all": {[]byte(one), 1, 0},
	} {
		_, r := run(t, Options{Encode: toJSON}, write(t, filepath.Join(t.TempDir(), "x.log.gz"), c.data))
		if r.Events != c.events || len(r.Notes) != c.notes {
			t.Errorf("%s: %d events, notes %q", name, r.Events, r.Notes)
		}
	}
}

// TestDamagedGzip: data that is cut off or wrong is told from a file that cannot
// be read, whatever the file's name.
func TestDamagedGzip(t *testing.T) {
	whole := zipped(t, strings.Repeat(one, 100))
	sum := bytes.Clone(whole)
	sum[len(sum)-5] ^= 1
	for name, data := range map[string][]byte{"cut off": whole[:len(whole)-12], "checksum": sum, "second header": append(bytes.Clone(whole), 0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9)} {
		z, err := newMembers(bytes.NewReader(data), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(z); !corrupt(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&fs.PathError{Op: "read", Path: "/var/log/gzip.log", Err: errors.New("input/output error")}); corrupt(err) {
		t.Error(err)
	}
}

// TestHoles: what copytruncate leaves is counted, whatever its size, and does
// not hide the line after it.
func TestHoles(t *testing.T) {
	for _, hole := range []int{1, 4096, 3 * chunkSize} {
		data := one + strings.Repeat("\x00", hole) + one
		_, r := run(t, Options{Encode: toJSON, Workers: 3}, write(t, filepath.Join(t.TempDir(), "x.log"), []byte(data)))
		if r.Events != 2 || r.Formats[1] != 2 || r.NULs != int64(hole) {
			t.Errorf("hole of %d: %d events, %v, %d NUL bytes", hole, r.Events, r.Formats, r.NULs)
		}
	}
}

// TestFolderWithBadFiles: what cannot be read costs its own lines only, and is
// said; what is no log is passed over.
func TestFolderWithBadFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), []byte(one))
	write(t, filepath.Join(dir, "b.log"), []byte("\x28\xb5\x2f\xfdzstd"))
	half := zipped(t, strings.Repeat(one, 5000))
	write(t, filepath.Join(dir, "c.log.gz"), half[:len(half)-20])
	var binary []byte
	for i := range 2000 {
		binary = append(binary, byte(i*7))
	}
	write(t, filepath.Join(dir, "d.log"), binary)
	write(t, filepath.Join(dir, "e.log"), []byte("BZh91AY&SY\x01\x02"))
	write(t, filepath.Join(dir, "f.log"), []byte(one))
	in, err := Expand([]string{dir}, nil, Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "f.log")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "g.log"), []byte(one)) // not seen by the walk
	var out bytes.Buffer
	r, err := Run(t.Context(), in, Options{Encode: toJSON}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if r.Events < 2 || len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "d.log: binary") || !strings.Contains(r.Notes[1], "f.log: gone") {
		t.Errorf("%d events, notes %q", r.Events, r.Notes)
	}
	if got := fmt.Sprint(r.Unread); len(r.Unread) != 3 || !strings.Contains(got, "zstd -dc") || !strings.Contains(got, "cut off") || !strings.Contains(got, "bzip2 -dc") {
		t.Errorf("unread: %s", got)
	}
}
