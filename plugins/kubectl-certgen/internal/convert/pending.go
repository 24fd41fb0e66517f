package convert

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// pending carries requests without a certificate, with their keys.
func (c *carrier) pending() error {
	dirs, suffix := []string{"", path.Join(c.srcHistory(), "reqs")}, ".csr"
	switch {
	case c.src.Kind == layout.EasyRSA:
		dirs, suffix = []string{"reqs"}, ".req"
	case c.src.Kind == layout.Kubeadm && c.kid != "":
		dirs = dirs[1:]
	}
	for _, dir := range dirs {
		if err := c.pendingIn(dir, suffix); err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) pendingIn(dir, suffix string) error {
	entries, err := os.ReadDir(c.src.Path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		rel := path.Join(dir, e.Name())
		if !ok || e.IsDir() || c.used[path.Join(c.from, rel)] || layout.CheckName(name) != nil {
			continue
		}
		data, err := os.ReadFile(c.src.Path(rel))
		if err != nil {
			return err
		}
		if req, err := pki.ParseRequest(data); err != nil || req == nil {
			continue // no request: it is listed as left
		}
		from, to := c.src.Leaf(name), c.target(name, nil)
		if c.src.Kind == layout.Kubeadm && c.kid == "etcd" {
			from = c.src.Leaf("etcd/" + name)
		}
		if to.Request == "" {
			to.Request = c.dstHistory() + "/reqs/" + path.Base(to.Name) + ".csr"
		}
		if _, taken := c.have[path.Join(c.to, to.Request)]; taken {
			continue
		}
		key, err := c.read(from.Key)
		if err != nil {
			return err
		}
		if key != nil {
			if err := c.put(to.Key, key, store.KeyMode); err != nil {
				return err
			}
		}
		if data, err = c.read(rel); err != nil {
			return err
		}
		if err := c.put(to.Request, data, store.PublicMode); err != nil {
			return err
		}
		c.out.Pending++
	}
	return nil
}

// Done says whether a folder holds a plan's files and no others, with its keys
// and certificates. Requests and serial numbers are made anew by each plan.
func Done(root string, r *Result) bool {
	for _, f := range r.Files {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.Path)))
		if err != nil {
			return false
		}
		switch path.Ext(f.Path) {
		case ".key", ".crt", ".pem":
			if string(data) != string(f.Data) {
				return false
			}
		}
	}
	return len(files(root)) == len(r.Files)
}

// Within says whether a folder is, or lies in, another one; either need not be there
// yet.
func Within(folder, other string) bool {
	rel, err := filepath.Rel(real(other), real(folder))
	return err == nil && filepath.IsLocal(rel)
}

// real is a path without symbolic links, as far as there is something.
func real(p string) string {
	p, err := filepath.Abs(p)
	if err != nil {
		return p
	}
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	dir := filepath.Dir(p)
	if dir == p {
		return p
	}
	return filepath.Join(real(dir), filepath.Base(p))
}

// Holds says whether there is a file in a folder; folders without one are what
// an interrupted run leaves.
func Holds(root string) bool { return len(files(root)) > 0 }

func files(root string) []string {
	var out []string
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			out = append(out, p) // what cannot be read is not empty
			return nil
		}
		if !d.IsDir() {
			out = append(out, p)
		}
		return nil
	})
	return out
}
