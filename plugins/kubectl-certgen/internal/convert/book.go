package convert

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// bySerialIn is where a layout keeps copies by serial number; ok says that it
// keeps index.txt itself.
func (c *carrier) bySerialIn(k layout.Kind) (dir string, ok bool) {
	switch k {
	case layout.EasyRSA:
		return "certs_by_serial", true
	case layout.OpenSSL:
		return "newcerts", true
	}
	return c.historyIn(k) + "/certs_by_serial", false
}

// bookAt is where a layout's book lies.
func (c *carrier) bookAt(k layout.Kind, name string) string {
	if _, ok := c.bySerialIn(k); ok {
		return name
	}
	return path.Join(c.historyIn(k), name)
}

func (c *carrier) readBook() error {
	rel := c.bookAt(c.src.Kind, "index.txt")
	data, err := c.read(rel)
	if err != nil {
		return err
	}
	if c.index, err = layout.ParseIndex(data); err != nil {
		return fmt.Errorf("%s: %w", c.src.Path(rel), err)
	}
	dirs := []string{}
	dir, _ := c.bySerialIn(c.src.Kind)
	dirs = append(dirs, dir)
	if c.src.Kind == layout.EasyRSA {
		dirs = append(dirs, "revoked/certs_by_serial", "renewed/certs_by_serial", "expired")
	}
	if c.src.Kind == layout.OpenSSL {
		dirs = append(dirs, "certs_by_serial")
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(c.src.Path(dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || !(strings.HasSuffix(e.Name(), ".pem") || strings.HasSuffix(e.Name(), ".crt")) {
				continue
			}
			data, err := c.read(path.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			certs, err := pki.ParseCerts(data)
			if err != nil {
				c.warn("%s: %v; left out of the copies by serial number", c.src.Path(path.Join(dir, e.Name())), err)
				continue
			}
			serial := layout.SerialHex(certs[0].SerialNumber)
			if _, have := c.bySerial[serial]; !have {
				c.bySerial[serial] = data
			}
		}
	}
	return nil
}

// orphans gives a name to valid certificates that the old folder keeps by
// serial number only: easyrsa and cfssl work by name.
func (c *carrier) orphans() error {
	if c.dst.Kind != layout.EasyRSA {
		return nil
	}
	named := map[string]bool{}
	for _, f := range c.out.Files {
		if strings.HasPrefix(f.Path, path.Join(c.to, "issued")+"/") {
			if certs, err := pki.ParseCerts(f.Data); err == nil {
				named[layout.SerialHex(certs[0].SerialNumber)] = true
			}
		}
	}
	for _, e := range c.index {
		data := c.bySerial[strings.ToUpper(e.Serial)]
		if e.Status != 'V' || named[strings.ToUpper(e.Serial)] || data == nil {
			continue
		}
		certs, err := pki.ParseCerts(data)
		if err != nil {
			continue
		}
		name := certs[0].Subject.CommonName
		if _, taken := c.have[path.Join(c.to, "issued/"+name+".crt")]; taken || layout.CheckName(name) != nil {
			name = strings.ToUpper(e.Serial)
		}
		if err := c.put("issued/"+name+".crt", data, store.PublicMode); err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) writeBook() error {
	for _, e := range c.index {
		switch e.Status {
		case 'V':
			c.out.Valid++
		case 'R':
			c.out.Revoked++
		case 'E':
			c.out.Expired++
		}
	}
	dir, own := c.bySerialIn(c.dst.Kind)
	_, had := c.bySerialIn(c.src.Kind)
	if !own && !had && !c.src.Has(c.bookAt(c.src.Kind, "index.txt")) {
		return nil // neither has a book
	}
	for _, d := range c.dst.Folders() {
		c.out.Folders = append(c.out.Folders, path.Join(c.to, d))
	}
	if err := c.put(c.bookAt(c.dst.Kind, "index.txt"), c.index.Bytes(), store.PublicMode); err != nil {
		return err
	}
	missing := 0
	for _, e := range c.index {
		data := c.bySerial[strings.ToUpper(e.Serial)]
		if data == nil {
			missing++
			continue
		}
		if err := c.put(dir+"/"+strings.ToUpper(e.Serial)+".pem", data, store.PublicMode); err != nil {
			return err
		}
	}
	if missing > 0 {
		c.warn("%d certificates of the book are not in the folder; their entries are carried along", missing)
	}
	for _, name := range []string{"index.txt.attr", "serial", "crlnumber"} {
		data, err := c.read(c.bookAt(c.src.Kind, name))
		if err != nil {
			return err
		}
		if data != nil {
			if err := c.put(c.bookAt(c.dst.Kind, name), data, store.PublicMode); err != nil {
				return err
			}
		}
	}
	return nil
}

// extras are the files that the new tool wants beside, and easyrsa's archives
// and the revocation list, as they are.
func (c *carrier) extras() error {
	for _, s := range layout.Starters(c.dst.Kind, c.ca, c.rand) {
		if _, have := c.have[path.Join(c.to, s.Path)]; have {
			continue
		}
		if old, err := c.read(s.Path); err != nil {
			return err
		} else if old != nil && c.src.Kind == c.dst.Kind {
			s.Data = old
		}
		if err := c.put(s.Path, s.Data, store.PublicMode); err != nil {
			return err
		}
	}
	_, to := c.bySerialIn(c.dst.Kind)
	if data, err := c.read(c.bookAt(c.src.Kind, "crl.pem")); err != nil {
		return err
	} else if data != nil {
		if err := c.put(c.bookAt(c.dst.Kind, "crl.pem"), data, store.PublicMode); err != nil {
			return err
		}
	}
	// The service account key of a kubeadm folder is no certificate.
	for _, name := range []string{"sa.key", "sa.pub"} {
		if c.kid != "" {
			break
		}
		if data, err := c.read(name); err != nil {
			return err
		} else if data != nil {
			mode := store.PublicMode
			if name == "sa.key" {
				mode = store.KeyMode
			}
			if err := c.put(name, data, mode); err != nil {
				return err
			}
		}
	}
	for _, dir := range verbatim {
		for _, base := range []string{dir, path.Join(c.srcHistory(), dir)} {
			if err := c.tree(base, dir, to); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *carrier) tree(from, dir string, own bool) error {
	root := c.src.Path(from)
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		data, err := c.read(path.Join(from, filepath.ToSlash(rel)))
		if err != nil {
			return err
		}
		to := path.Join(dir, filepath.ToSlash(rel))
		if !own {
			to = path.Join(c.dstHistory(), to)
		}
		mode := store.PublicMode
		if strings.HasSuffix(rel, ".key") {
			mode = store.KeyMode
		}
		return c.put(to, data, mode)
	})
}
