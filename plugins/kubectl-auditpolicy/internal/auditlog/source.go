package auditlog

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

// Source is a log to read: a file, or a stream such as standard input.
type Source struct {
	// Name is what the user called it.
	Name string
	// Open opens the bytes as they are stored, compressed or not.
	Open func() (io.ReadCloser, error)
	// Size is the number of stored bytes, 0 where it is not known.
	Size int64
	// Found says that the user named a directory and not this file: what turns
	// out to be no log is passed over then.
	Found bool
}

// errNotLog is wrapped by the errors for files that are something else.
var errNotLog = errors.New("not an audit log")

// Sources turns the arguments of --log into sources: "-" is stdin, and a
// directory stands for the regular files under it, rotated files first in the
// order of their names (which hold their times) and the live file last.
func Sources(args []string, stdin io.Reader) ([]Source, error) {
	var out []Source
	usedStdin := false
	for _, arg := range args {
		if arg == "-" {
			if usedStdin {
				return nil, errors.New("log -: standard input can be read once only")
			}
			usedStdin = true
			out = append(out, Source{Name: "-", Open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }})
			continue
		}
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("log %s: %w", arg, reason(err))
		}
		if !info.IsDir() {
			out = append(out, file(arg, info))
			continue
		}
		files, err := under(arg)
		if err != nil {
			return nil, fmt.Errorf("log %s: %w", arg, reason(err))
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("log %s: the directory holds no file", arg)
		}
		out = append(out, files...)
	}
	return out, nil
}

func file(name string, info fs.FileInfo) Source {
	return Source{Name: name, Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(name) }}
}

func under(dir string) ([]Source, error) {
	var out []Source
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != dir {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := os.Stat(path) // follows the links that container log folders are made of
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() && info.Size() > 0 {
			f := file(path, info)
			f.Found = true
			out = append(out, f)
		}
		return nil
	})
	sort.SliceStable(out, func(i, j int) bool { return before(out[i].Name, out[j].Name) })
	return out, err
}

// before orders audit-2026-01-02T03-04-05.678.log before audit.log: the
// rotated files of a log before the live one, each by time.
func before(a, b string) bool {
	da, db := filepath.Dir(a), filepath.Dir(b)
	if da != db {
		return da < db
	}
	stem := func(s string) string {
		s = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(s), ".gz"), ".bz2")
		return strings.TrimSuffix(s, filepath.Ext(s))
	}
	sa, sb := stem(a), stem(b)
	switch {
	case sa != sb && strings.HasPrefix(sa, sb+"-"):
		return true
	case sa != sb && strings.HasPrefix(sb, sa+"-"):
		return false
	}
	return a < b
}

// reason is an error of the file system without the operation and path, which
// the message names already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// counter counts the stored bytes as they are read, for progress.
type counter struct {
	r io.Reader
	n func(int)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n(n)
	return n, err
}

// decompress looks at the first bytes and returns the plain text.
func decompress(r io.Reader) (io.Reader, error) {
	br := bufio.NewReaderSize(r, 256<<10)
	head, err := br.Peek(8 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, reason(err)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return decompressed{z}, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return decompressed{bzip2.NewReader(br)}, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, errors.New("compressed with zstd, which is not read here; pipe it: zstd -dc FILE | ... --log -")
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z'}):
		return nil, errors.New("compressed with xz, which is not read here; pipe it: xz -dc FILE | ... --log -")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("a zip archive, %w; unpack it first", errNotLog)
	case widetext.Is(head):
		return widetext.NewReader(br), nil
	case bytes.IndexByte(head, 0) >= 0:
		return nil, fmt.Errorf("a binary file, %w", errNotLog)
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		_, _ = br.Discard(3)
	}
	return br, nil
}

// decompressed gives the errors of a decompressor a meaning.
type decompressed struct{ r io.Reader }

func (d decompressed) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, errors.New("the compressed file is cut off before its end")
	}
	return n, fmt.Errorf("decompressing: %w", err)
}
