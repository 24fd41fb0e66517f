// Package layout knows how five tools lay a PKI out in a folder: which file is
// the CA, which is whose key, and what book is kept of what was issued. It
// recognises a folder and names the files; it writes nothing.
package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Kind is a layout.
type Kind string

// The layouts.
const (
	// Flat is certgen's own: ca.crt, ca.key, NAME.crt, NAME.key.
	Flat Kind = "flat"
	// Kubeadm is /etc/kubernetes/pki.
	Kubeadm Kind = "kubeadm"
	// EasyRSA is easyrsa's pki folder: private/, issued/, reqs/, index.txt.
	EasyRSA Kind = "easyrsa"
	// OpenSSL is the handbook's folder of an openssl user (ca.crt, ca.key,
	// NAME.csr) with the book that openssl ca keeps.
	OpenSSL Kind = "openssl"
	// CFSSL is cfssl's: ca.pem, ca-key.pem, NAME.pem, NAME-key.pem, NAME.csr.
	CFSSL Kind = "cfssl"
)

// Kinds lists the layouts, the default first.
var Kinds = []Kind{Flat, Kubeadm, EasyRSA, OpenSSL, CFSSL}

// ParseKind reads a value of --layout.
func ParseKind(s string) (Kind, error) {
	if k := Kind(s); slices.Contains(Kinds, k) {
		return k, nil
	}
	all := make([]string, len(Kinds))
	for i, k := range Kinds {
		all[i] = string(k)
	}
	return "", fmt.Errorf("layout %q: not one of %s", s, strings.Join(all, ", "))
}

// Layout is a folder that is laid out in some way. Paths that its methods
// return are relative to Root, with slashes.
type Layout struct {
	Kind Kind
	Root string
	// Found says that the folder held this layout already; Evidence is the file
	// by which it was recognised.
	Found    bool
	Evidence string
	// caCert and caKey differ from the usual where a folder names them in its
	// own way (cacert.pem, private/cakey.pem).
	caCert, caKey, caName string
}

// Pair is a certificate, its key, and its request where the layout keeps one
// ("" where not).
type Pair struct {
	// Name is what the layout calls it: "server", "apiserver", "etcd/peer".
	Name               string
	Cert, Key, Request string
}

// New is a layout in an empty folder.
func New(kind Kind, root string) Layout { return Layout{Kind: kind, Root: root} }

// WithCA is the same folder with another certificate authority in it, as a
// kubeadm folder has three. name is the pair's, such as "etcd/ca".
func (l Layout) WithCA(name string) Layout {
	l.caCert, l.caKey, l.caName = name+".crt", name+".key", name
	return l
}

// Path is the place of a relative path in the file system.
func (l Layout) Path(rel string) string { return filepath.Join(l.Root, filepath.FromSlash(rel)) }

// CA is the certificate authority's pair.
func (l Layout) CA() Pair {
	if l.caName != "" {
		return Pair{Name: l.caName, Cert: l.caCert, Key: l.caKey}
	}
	if l.caCert != "" {
		return Pair{Name: "ca", Cert: l.caCert, Key: l.caKey}
	}
	switch l.Kind {
	case EasyRSA:
		return Pair{Name: "ca", Cert: "ca.crt", Key: "private/ca.key"}
	case CFSSL:
		return Pair{Name: "ca", Cert: "ca.pem", Key: "ca-key.pem", Request: "ca.csr"}
	}
	return Pair{Name: "ca", Cert: "ca.crt", Key: "ca.key"}
}

// Leaf is the pair of a name that the user gives. kubeadm calls the API
// server's "apiserver".
func (l Layout) Leaf(name string) Pair {
	if l.Kind == Kubeadm && name == "server" {
		name = "apiserver"
	}
	return l.Exactly(name)
}

// Exactly is the pair of a name as the files have it.
func (l Layout) Exactly(name string) Pair {
	switch l.Kind {
	case EasyRSA:
		return Pair{Name: name, Cert: "issued/" + name + ".crt", Key: "private/" + name + ".key", Request: "reqs/" + name + ".req"}
	case OpenSSL:
		return Pair{Name: name, Cert: name + ".crt", Key: name + ".key", Request: name + ".csr"}
	case CFSSL:
		return Pair{Name: name, Cert: name + ".pem", Key: name + "-key.pem", Request: name + ".csr"}
	}
	return Pair{Name: name, Cert: name + ".crt", Key: name + ".key"}
}

// CheckName says why a name cannot be a file's name in any layout.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a certificate needs a name")
	case name == "." || name == ".." || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "."):
		return fmt.Errorf("name %q: must not start with %q", name, name[:1])
	case strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x21 || r > 0x7e || strings.ContainsRune(`/\:*?"<>|`, r)
	}):
		return fmt.Errorf("name %q: letters, digits, and . _ - @ + = only: it becomes a file's name", name)
	case len(name) > 200:
		return fmt.Errorf("name %q...: %d characters, 200 are allowed: it becomes a file's name", name[:20], len(name))
	}
	return nil
}

// Folders are the folders that a fresh layout has below Root.
func (l Layout) Folders() []string {
	switch l.Kind {
	case EasyRSA:
		return []string{"private", "issued", "reqs", "certs_by_serial", "revoked", "revoked/certs_by_serial",
			"revoked/private_by_serial", "revoked/reqs_by_serial", "inline"}
	case OpenSSL:
		return []string{"newcerts"}
	}
	return nil
}

// Detect recognises the layout of a folder. An empty or missing folder, or one
// with nothing of a PKI in it, gives ok = false. A folder whose files say two
// things is recognised as the more special one: easyrsa's and cfssl's names are
// their own, and kubeadm's set contains flat's names.
func Detect(dir string) (l Layout, ok bool, err error) {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Layout{}, false, nil
	case err != nil:
		return Layout{}, false, err
	case !st.IsDir():
		return Layout{}, false, fmt.Errorf("%s: is a file, not a folder", dir)
	}
	if _, err := os.ReadDir(dir); err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return Layout{}, false, fmt.Errorf("%s: %w", dir, pe.Err)
		}
		return Layout{}, false, err
	}
	if l, ok := detectIn(dir); ok {
		return l, true, nil
	}
	// An easyrsa or kubeadm user points at the folder above, too.
	for _, sub := range []string{"pki", "demoCA"} {
		if l, ok := detectIn(filepath.Join(dir, sub)); ok && (l.Kind == EasyRSA || l.Kind == Kubeadm || l.caCert != "") {
			return l, true, nil
		}
	}
	return Layout{}, false, nil
}

func detectIn(dir string) (Layout, bool) {
	has := func(rel string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(rel)))
		return err == nil
	}
	any := func(rels ...string) string {
		for _, r := range rels {
			if has(r) {
				return r
			}
		}
		return ""
	}
	found := func(k Kind, evidence string) (Layout, bool) {
		return Layout{Kind: k, Root: dir, Found: true, Evidence: evidence}, true
	}
	if has("private") {
		if e := any("certs_by_serial", "issued", "openssl-easyrsa.cnf", "safessl-easyrsa.cnf"); e != "" && any("ca.crt", "index.txt", "reqs") != "" {
			return found(EasyRSA, e)
		}
		if has("private/cakey.pem") && has("cacert.pem") {
			return Layout{Kind: OpenSSL, Root: dir, Found: true, Evidence: "private/cakey.pem",
				caCert: "cacert.pem", caKey: "private/cakey.pem"}, true
		}
	}
	if e := any("ca-key.pem", "ca-config.json"); e != "" {
		return found(CFSSL, e)
	}
	if has("ca.pem") {
		return found(CFSSL, "ca.pem")
	}
	// What openssl ca works in may hold the names of a kubeadm folder.
	if has("ca.crt") && has("index.txt") && has("openssl.cnf") {
		return found(OpenSSL, "openssl.cnf")
	}
	if has("ca.crt") && has("front-proxy/ca.crt") && !has("front-proxy-ca.crt") {
		return found(Flat, "front-proxy/ca.crt")
	}
	if e := any("front-proxy-ca.crt", "etcd/ca.crt", "apiserver.crt", "apiserver-kubelet-client.crt"); e != "" {
		return found(Kubeadm, e)
	}
	if has("ca.crt") || has("ca.key") {
		if e := any("csr.conf", "openssl.cnf", "ca.srl", "newcerts", "server.csr", "index.txt"); e != "" {
			return found(OpenSSL, e)
		}
		return found(Flat, any("ca.crt", "ca.key"))
	}
	return Layout{}, false
}

// KubeadmCAs are the certificate authorities of kubeadm's layout, each with the
// leaves that it signs.
var KubeadmCAs = []struct {
	Name   string
	Leaves []string
}{
	{"ca", []string{"apiserver", "apiserver-kubelet-client"}},
	{"front-proxy-ca", []string{"front-proxy-client"}},
	{"etcd/ca", []string{"etcd/server", "etcd/peer", "etcd/healthcheck-client", "apiserver-etcd-client"}},
}

// Pairs lists the certificates of the folder that are there, the CAs first.
// Files of other kinds are passed over.
func (l Layout) Pairs() ([]Pair, error) {
	var out []Pair
	add := func(p Pair) {
		if !slices.ContainsFunc(out, func(o Pair) bool { return o.Cert == p.Cert }) {
			out = append(out, p)
		}
	}
	if ca := l.CA(); l.exists(ca.Cert) {
		add(ca)
	}
	dirs, suffix := []string{""}, ".crt"
	switch l.Kind {
	case EasyRSA:
		dirs = []string{"issued"}
	case CFSSL:
		suffix = ".pem"
	case Kubeadm:
		dirs = []string{"", "etcd"}
		for _, ca := range KubeadmCAs {
			if p := l.Leaf(ca.Name); l.exists(p.Cert) {
				add(p)
			}
		}
	}
	for _, d := range dirs {
		entries, err := l.entries(d)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name, ok := strings.CutSuffix(e.Name(), suffix)
			if !ok || e.IsDir() || strings.HasPrefix(name, ".") || (l.Kind == CFSSL && strings.HasSuffix(name, "-key")) {
				continue
			}
			if l.Kind == Kubeadm {
				name = path.Join(d, name)
			}
			p := l.Exactly(name)
			if l.caCert != "" && p.Cert == l.caCert {
				continue
			}
			add(p)
		}
	}
	return out, nil
}

// entries lists a folder of the layout, nothing where it is not there.
func (l Layout) entries(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(l.Path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

func (l Layout) exists(rel string) bool {
	_, err := os.Stat(l.Path(rel))
	return err == nil
}

// Has says whether a file of the layout is there.
func (l Layout) Has(rel string) bool { return rel != "" && l.exists(rel) }

// Keys lists the private key files of the folder as full paths: the CA's, the
// leaves' and, in kubeadm's layout, the service accounts'.
func (l Layout) Keys() ([]string, error) {
	var out []string
	add := func(rel string) {
		if l.Has(rel) {
			out = append(out, l.Path(rel))
		}
	}
	add(l.CA().Key)
	dirs := []string{""}
	switch l.Kind {
	case EasyRSA:
		dirs = []string{"private"}
	case Kubeadm:
		dirs = []string{"", "etcd"}
	}
	for _, d := range dirs {
		entries, err := l.entries(d)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && (strings.HasSuffix(e.Name(), ".key") || strings.HasSuffix(e.Name(), "-key.pem")) {
				if p := l.Path(path.Join(d, e.Name())); !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	return out, nil
}
