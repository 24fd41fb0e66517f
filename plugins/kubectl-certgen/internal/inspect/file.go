package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// maxFile is the largest file that is read; certificates and kubeconfigs are
// small.
const maxFile = 16 << 20

// File reads one file and pairs its certificates with the keys beside it.
func File(path string, o Options) ([]Item, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	items, err := Bytes(path, data, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pair(path, items)
	return items, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, short(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, short(path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: %d MB and more is no certificate file", path, maxFile>>20)
	}
	return data, nil
}

// short is a file error without the operation, which says nothing to a user.
func short(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", path, pe.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// keyNames are where a certificate's key lies in the layouts in use.
func keyNames(cert string) []string {
	dir, base := filepath.Split(cert)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	return []string{
		filepath.Join(dir, stem+".key"), filepath.Join(dir, stem+"-key.pem"), filepath.Join(dir, stem+"-key"),
		filepath.Join(dir, "..", "private", stem+".key"), filepath.Join(dir, "private", stem+".key"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "tls.key"),
	}
}

// pair finds the key of the first certificate of a file: in the file itself, or
// beside it by name.
func pair(path string, items []Item) {
	var first *Item
	for i := range items {
		if items[i].Kind == Certificate && !items[i].Intermediate && !items[i].Bundle && items[i].Part == "" && first == nil {
			first = &items[i]
		}
	}
	if first == nil || first.KeyFile != "" {
		return
	}
	for i := range items {
		if items[i].Kind == Key && items[i].public != nil && pki.SamePublicKey(items[i].public, first.Cert.PublicKey) {
			first.setKey(path, items[i].public)
			return
		}
	}
	ext := filepath.Ext(path)
	if ext != ".crt" && ext != ".pem" && ext != ".cer" && ext != ".cert" {
		return
	}
	for _, k := range keyNames(path) {
		if k == path {
			continue
		}
		data, err := read(k)
		if err != nil || !bytes.Contains(data, []byte("PRIVATE KEY-----")) {
			continue
		}
		key, err := pki.ParseKey(data, nil)
		switch {
		case err == nil:
			same := pki.SamePublicKey(key.Public(), first.Cert.PublicKey)
			if !same && (filepath.Base(k) == "key.pem" || filepath.Base(k) == "tls.key") && filepath.Base(path) != "cert.pem" && filepath.Base(path) != "tls.crt" {
				continue // another certificate's
			}
			first.setKey(k, key.Public())
			return
		case errors.Is(err, pki.ErrEncrypted):
			first.KeyFile, first.KeyEncrypted = k, true
			first.mode(k)
			return
		}
	}
}

func (i *Item) setKey(file string, pub any) {
	i.KeyFile, i.KeyMatches = file, pki.SamePublicKey(pub, i.Cert.PublicKey)
	i.mode(file)
}

func (i *Item) mode(file string) {
	if st, err := os.Stat(file); err == nil {
		i.KeyMode = st.Mode().Perm()
	}
}

// Skipped is a file of a folder that could not be read as what it claims to be.
type Skipped struct {
	Path string
	Err  error
}

// Dir reads the certificates and kubeconfigs of a folder and all below it.
// Files of other kinds are passed over; broken ones are reported. easyrsa's
// second copies (certs_by_serial) are left out.
func Dir(dir string, o Options) (items []Item, skipped []Skipped, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == dir {
				return short(p, err)
			}
			skipped = append(skipped, Skipped{p, err})
			if d != nil && d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if p != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "certs_by_serial" || d.Name() == "revoked") {
				return filepath.SkipDir
			}
			return nil
		}
		if !candidate(p, d) {
			return nil
		}
		got, err := File(p, o)
		if err != nil {
			if strings.HasSuffix(p, ".conf") || strings.HasSuffix(p, ".json") || strings.HasSuffix(p, ".yaml") || strings.HasSuffix(p, ".yml") {
				return nil // not a kubeconfig nor a manifest with certificates
			}
			skipped = append(skipped, Skipped{p, err})
			return nil
		}
		for _, it := range got {
			if it.Kind != Key {
				items = append(items, it)
			}
		}
		return nil
	})
	return items, skipped, err
}

func candidate(p string, d fs.DirEntry) bool {
	if strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), "~") {
		return false
	}
	switch strings.ToLower(filepath.Ext(p)) {
	case ".crt", ".pem", ".cer", ".cert", ".der", ".csr", ".req", ".p12", ".pfx", ".conf", ".kubeconfig", ".yaml", ".yml", ".json":
		return !strings.HasSuffix(p, "-key.pem")
	case "":
		return d.Name() == "kubeconfig" || d.Name() == "config"
	}
	return false
}
