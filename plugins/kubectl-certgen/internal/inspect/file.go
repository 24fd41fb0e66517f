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
	"syscall"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/access"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// maxFile is the largest file that is read; certificates and kubeconfigs are
// small.
const maxFile = 16 << 20

// File reads one file and pairs its certificates with the keys beside it. See
// PartsOf for an error beside items.
func File(path string, o Options) ([]Item, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	items, err := Bytes(path, data, o)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	pair(path, items)
	return items, err
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
		other := (filepath.Base(k) == "key.pem" || filepath.Base(k) == "tls.key") && filepath.Base(path) != "cert.pem" && filepath.Base(path) != "tls.crt"
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !other && first.Note == "" {
			first.Note = "its key cannot be compared: " + err.Error()
		}
		if err != nil || !bytes.Contains(data, []byte("PRIVATE KEY-----")) {
			continue
		}
		key, err := pki.ParseKey(data, nil)
		switch {
		case err == nil:
			same := pki.SamePublicKey(key.Public(), first.Cert.PublicKey)
			if !same && other {
				continue // another certificate's
			}
			first.Note = ""
			first.setKey(k, key.Public())
			return
		case errors.Is(err, pki.ErrEncrypted):
			first.KeyFile, first.KeyEncrypted = k, true
			first.Note = ""
			first.mode(k)
			return
		case !other && first.Note == "":
			first.Note = fmt.Sprintf("its key cannot be compared: %s: %v", k, err)
		}
	}
}

func (i *Item) setKey(file string, pub any) {
	i.KeyFile, i.KeyMatches = file, pki.SamePublicKey(pub, i.Cert.PublicKey)
	i.mode(file)
}

func (i *Item) mode(file string) {
	if st, err := os.Stat(file); err == nil {
		i.KeyMode = access.Mode(i.KeyFile, st)
	}
}

// Skipped is a file of a folder that could not be read as what it claims to be.
type Skipped struct {
	Path string
	Err  error
}

// Dir reads the certificates and kubeconfigs of a folder and all below it,
// behind symbolic links too. Files of other kinds are passed over; broken ones
// are reported. What a tool keeps as a second or an old copy is left out:
// easyrsa's certs_by_serial and revoked, certbot's archive, and the files that
// a kubelet has rotated away from.
func Dir(dir string, o Options) (items []Item, skipped []Skipped, err error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, nil, short(dir, err)
	}
	w := &walk{o: o, seen: map[string]bool{}}
	w.dir(dir)
	return w.items, w.skipped, nil
}

type walk struct {
	o       Options
	seen    map[string]bool // by real path
	items   []Item
	skipped []Skipped
}

// again says whether a file or folder was read before, under whatever name.
func (w *walk) again(p string) bool {
	real, err := filepath.EvalSymlinks(p)
	if err != nil {
		return false
	}
	if abs, err := filepath.Abs(real); err == nil {
		real = abs
	}
	was := w.seen[real]
	w.seen[real] = true
	return was
}

func (w *walk) dir(dir string) {
	if w.again(dir) {
		return
	}
	ents, err := os.ReadDir(dir)
	if err != nil {
		w.skipped = append(w.skipped, Skipped{dir, short(dir, err)})
		return
	}
	names := map[string]bool{}
	for _, e := range ents {
		names[e.Name()] = true
	}
	var links []string
	for _, e := range ents {
		p := filepath.Join(dir, e.Name())
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			st, err := os.Stat(p)
			if err != nil {
				if candidate(p, e) {
					w.skipped = append(w.skipped, Skipped{p, errors.New("a link to a file that is not there")})
				}
				continue
			}
			if isDir = st.IsDir(); !isDir && !currentLink(e.Name()) {
				links = append(links, p) // behind the files that are here themselves
				continue
			}
		}
		switch {
		case isDir && (strings.HasPrefix(e.Name(), ".") || e.Name() == "certs_by_serial" || e.Name() == "revoked" || e.Name() == "archive" && names["live"]):
		case isDir:
			w.dir(p)
		case candidate(p, e) && !rotatedAway(e.Name(), names):
			w.file(p)
		}
	}
	for _, p := range links {
		if candidate(p, nil) {
			w.file(p)
		}
	}
}

// currentLink says that a name is a kubelet's link to the file in use.
func currentLink(name string) bool {
	return strings.HasPrefix(name, "kubelet-") && strings.HasSuffix(name, "-current.pem")
}

// rotatedAway says that a file is one of a kubelet's dated ones, which the link
// beside it leads to or no longer leads to.
func rotatedAway(name string, beside map[string]bool) bool {
	for _, kind := range []string{"kubelet-client-", "kubelet-server-"} {
		if rest, ok := strings.CutPrefix(name, kind); ok && rest != "current.pem" && strings.HasSuffix(rest, ".pem") {
			return beside[kind+"current.pem"]
		}
	}
	return false
}

func (w *walk) file(p string) {
	if w.again(p) {
		return
	}
	got, err := File(p, w.o)
	if parts, ok := PartsOf(got, err); ok {
		for _, part := range parts {
			w.skipped = append(w.skipped, Skipped{p, part})
		}
		err = nil
	}
	if err != nil {
		if errors.Is(err, ErrOther) || strings.HasSuffix(p, ".conf") || strings.HasSuffix(p, ".json") || strings.HasSuffix(p, ".yaml") || strings.HasSuffix(p, ".yml") {
			return // not a kubeconfig nor a manifest with certificates
		}
		w.skipped = append(w.skipped, Skipped{p, err})
		return
	}
	for _, it := range got {
		if it.Kind != Key {
			w.items = append(w.items, it)
		}
	}
}

func candidate(p string, d fs.DirEntry) bool {
	name := filepath.Base(p)
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || d != nil && !d.Type().IsRegular() && d.Type()&fs.ModeSymlink == 0 {
		return false // a pipe or a device would be waited for
	}
	switch strings.ToLower(filepath.Ext(p)) {
	case ".crt", ".pem", ".cer", ".cert", ".der", ".csr", ".req", ".p12", ".pfx", ".jks", ".p7b", ".p7c", ".conf", ".kubeconfig", ".yaml", ".yml", ".json":
		return !strings.HasSuffix(p, "-key.pem")
	case "":
		return name == "kubeconfig" || name == "config"
	}
	return false
}
