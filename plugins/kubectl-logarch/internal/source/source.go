// Package source reads manifests from where the user says they are: files,
// directories, URLs and standard input.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

// MaxBytes is the largest manifest that is read.
const MaxBytes = 64 << 20

// Text is a manifest as it was read.
type Text struct {
	// Name is what the user called it; File is set for a file on disk.
	Name, File string
	Body       string
}

// Read reads every argument of -f. stdin is read for "-". Directories give their
// *.yaml, *.yml and *.json in order of name, with recursive those below too.
func Read(ctx context.Context, stdin io.Reader, names []string, recursive bool) ([]Text, error) {
	var out []Text
	for _, name := range names {
		switch {
		case name == "-":
			b, err := readAll(stdin, "standard input")
			if err != nil {
				return nil, err
			}
			if strings.TrimSpace(b) == "" {
				return nil, errors.New("stdin: the file is empty")
			}
			out = append(out, Text{Name: "stdin", Body: b})
		case strings.HasPrefix(name, "http://"), strings.HasPrefix(name, "https://"):
			b, err := fetch(ctx, name)
			if err != nil {
				return nil, err
			}
			out = append(out, Text{Name: name, Body: b})
		default:
			files, err := expand(name, recursive)
			if err != nil {
				return nil, err
			}
			for _, file := range files {
				b, err := readFile(file)
				if err != nil {
					return nil, err
				}
				if file == name && strings.TrimSpace(b) == "" {
					return nil, fmt.Errorf("%s: the file is empty", name)
				}
				out = append(out, Text{Name: file, File: file, Body: b})
			}
		}
	}
	return out, nil
}

func expand(name string, recursive bool) ([]string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, plain(name, err)
	}
	if !st.IsDir() {
		return []string{name}, nil
	}
	var out []string
	err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != name && !recursive {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(p) {
		case ".yaml", ".yml", ".json":
			out = append(out, p)
		}
		return nil
	})
	if err != nil {
		return nil, plain(name, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no *.yaml, *.yml or *.json in this directory", name)
	}
	sort.Strings(out)
	return out, nil
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", plain(name, err)
	}
	defer f.Close()
	return readAll(f, name)
}

func readAll(r io.Reader, name string) (string, error) {
	var b strings.Builder
	if f, ok := r.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			b.Grow(int(min(st.Size(), MaxBytes)) + 1)
		}
	}
	if _, err := io.Copy(&b, io.LimitReader(r, MaxBytes+1)); err != nil {
		return "", plain(name, err)
	}
	if b.Len() > MaxBytes {
		return "", fmt.Errorf("%s: larger than the %d MB that a manifest may have", name, MaxBytes>>20)
	}
	text := b.String()
	if len(text) > 2 && widetext.Is([]byte(text[:2])) {
		text = string(widetext.Decode([]byte(text)))
	}
	return text, nil
}

// plain says what is wrong with a file in the words of the system.
func plain(name string, err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("get %s: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("get %s: the server answers %s", url, resp.Status)
	}
	return readAll(resp.Body, url)
}

// WriteInPlace replaces a file by a new text in one step: whoever reads it sees
// the old text or the new one, and a process that is killed in the middle leaves
// the old one. Mode, owner and encoding stay; a symbolic link stays a link.
func WriteInPlace(name, text string) error {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return plain(name, err)
	}
	st, err := os.Stat(real)
	if err != nil {
		return plain(name, err)
	}
	data, err := widetext.Like(real, []byte(text))
	if err != nil {
		return plain(name, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(real), "."+filepath.Base(real)+".*")
	if err != nil {
		return plain(name, err)
	}
	defer os.Remove(tmp.Name())
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Chmod(st.Mode().Perm())
	}
	if err == nil {
		keepOwner(tmp, st)
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), real)
	}
	if err != nil {
		return plain(name, err)
	}
	return nil
}
