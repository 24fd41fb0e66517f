package capture

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// isTar says whether data starts with a tar header.
func isTar(data []byte) bool { return len(data) > 262 && string(data[257:262]) == "ustar" }

func (r *reader) gzip(name string, data []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return truncated(err)
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(z, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return truncated(err)
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), z)
	if isTar(head[:n]) {
		return r.tar(whole)
	}
	text, err := io.ReadAll(io.LimitReader(whole, maxFile))
	if err != nil {
		return truncated(err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return fmt.Errorf("the file is empty")
	}
	return r.document(strings.TrimSuffix(name, ".gz"), text, true)
}

func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("truncated: the archive ends too early; copy it again, whole")
	}
	return fmt.Errorf("damaged: %w; copy it again", err)
}

func (r *reader) tar(in io.Reader) error {
	t := tar.NewReader(in)
	var later []held
	var size int
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return fmt.Errorf("an empty archive")
			}
			break
		}
		if err != nil {
			return truncated(err)
		}
		r.named(h.Name)
		if h.Typeflag != tar.TypeReg || skip(h.Name) {
			continue
		}
		if isLog(h.Name) && h.Size > maxLog {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(t, maxFile))
		if err != nil {
			return truncated(err)
		}
		if wanted(h.Name) || isLog(h.Name) {
			if err := r.member(h.Name, data); err != nil {
				return err
			}
			continue
		}
		// What does not look like ours is read only if nothing else is there,
		// so a little of it is enough.
		if size += len(data); size < 64<<20 {
			later = append(later, held{h.Name, data})
		}
	}
	return r.fallback(later)
}

type held struct {
	name string
	data []byte
}

// fallback reads files with unexpected names where those with expected names
// held no node.
func (r *reader) fallback(files []held) error {
	if len(r.b.Names()) > 0 || r.saved != nil {
		return nil
	}
	for _, f := range files {
		if err := r.member(f.name, f.data); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) folder(root string) error {
	var later []string
	any := false
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("cannot be read: %s: %w", p, reason(err))
		}
		rel, _ := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		if rel == "." {
			rel = path.Base(filepath.ToSlash(root))
		}
		r.named(rel)
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		any = true
		if !d.Type().IsRegular() || skip(rel) {
			return nil
		}
		if isLog(rel) {
			if info, err := d.Info(); err != nil || info.Size() > maxLog {
				return nil //nolint:nilerr // a log is evidence when it can be had, no more
			}
		} else if !wanted(rel) {
			later = append(later, p)
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return fmt.Errorf("cannot be read: %s: %w", rel, reason(err))
		}
		return r.member(rel, data)
	})
	if err != nil {
		return err
	}
	if !any {
		return fmt.Errorf("an empty folder")
	}
	if len(r.b.Names()) > 0 || r.saved != nil {
		return nil
	}
	for i, p := range later {
		if i >= 2000 {
			break
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return fmt.Errorf("cannot be read: %s: %w", p, reason(err))
		}
		if err := r.member(p, data); err != nil {
			return err
		}
	}
	return nil
}

// member reads one file of a folder or archive. A file that holds nothing of
// ours is passed over; one that should hold it and cannot be read costs its own
// facts and is noted, unless it is the nodes themselves.
func (r *reader) member(name string, data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	if isLog(name) {
		if len(data) <= maxLog {
			r.logs(string(data))
		}
		return nil
	}
	if path.Base(name) == "timestamp" {
		r.timestamp(string(data))
		return nil
	}
	err := r.document(name, data, false)
	if err == nil {
		return nil
	}
	if strings.Contains(strings.ToLower(name), "node") && wanted(name) {
		return fmt.Errorf("%s in it: %w", name, err)
	}
	r.b.Notes = append(r.b.Notes, fmt.Sprintf("%s: %v", name, err))
	return nil
}

var wantedName = lazyregexp.New(`(?i)(^|[/_.-])(nodes?|leases?|pods?|events?|csrs?|certificatesigningrequests?|version|cluster_version|nodemetrics|node-metrics|describe|snapshot|timestamp)([/_.s-]|$)`)

// wanted says whether a file of a capture may hold something of ours, by its
// place: the layouts of cluster-info dump, must-gather, oc adm inspect and
// support bundles.
func wanted(name string) bool {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	dir, base := path.Split(name)
	// A must-gather repeats each pod of namespaces/NS/core/pods.yaml in a file
	// of its own.
	if strings.Contains(dir, "/pods/") && strings.Contains(dir, "namespaces/") {
		return false
	}
	if base == "timestamp" || base == "nodes" {
		return true
	}
	parent := path.Base(strings.TrimSuffix(dir, "/"))
	return wantedName.MatchString(strings.TrimSuffix(base, path.Ext(base))+"/") || wantedName.MatchString(parent+"/")
}

// timestamp reads a must-gather's record of when it was taken: one or two
// lines of Go's time format, its begin and its end.
func (r *reader) timestamp(text string) {
	for l := range strings.Lines(text) {
		l, _, _ = strings.Cut(strings.TrimSpace(l), " m=")
		f := strings.Fields(l)
		if len(f) < 3 {
			continue
		}
		t, err := time.Parse("2006-01-02 15:04:05 -0700", strings.Join(f[:3], " "))
		switch {
		case err != nil:
		case r.b.Captured.IsZero():
			r.b.Began, r.b.Captured = t.UTC(), t.UTC()
		case t.After(r.b.Captured):
			r.b.Captured = t.UTC()
		}
	}
}

var bundleName = lazyregexp.New(`(?:support-bundle|supportbundle|must-gather)[-.](\d{4}-\d{2}-\d{2})T(\d{2})[_:](\d{2})[_:](\d{2})`)

// named takes the time that a support bundle carries in its folder's name.
func (r *reader) named(name string) {
	m := bundleName.FindStringSubmatch(name)
	if m == nil || !r.nameTime.IsZero() {
		return
	}
	if t, err := time.Parse("2006-01-02 15:04:05", m[1]+" "+m[2]+":"+m[3]+":"+m[4]); err == nil {
		r.nameTime = t
	}
}
