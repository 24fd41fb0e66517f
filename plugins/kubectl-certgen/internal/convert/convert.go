// Package convert carries a PKI from one tool's layout to another's: keys and
// certificates byte for byte under the names that the other tool looks for, and
// the book of what was issued and revoked.
//
// A layout without a book of its own (flat, kubeadm, cfssl) gets it in a folder
// "history", from which converting back restores it.
//
// kubeadm's folder holds three authorities. In the other layouts each is a
// folder of its own, etcd/ and front-proxy/ below the cluster's, in which the
// tool works as in any other; converted back they are one folder again.
package convert

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// File is a file of the new folder.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode
}

// Result is the new folder, and what is worth saying about it.
type Result struct {
	Files   []File
	Folders []string
	// Pairs counts certificates that have a name; Valid, Revoked and Expired
	// the book's entries.
	Pairs, Valid, Revoked, Expired int
	// Pending counts requests that nobody has signed yet.
	Pending int
	// Authorities counts the CAs.
	Authorities int
	// Renamed says which pair got the name that the new layout's tool looks for.
	Renamed string
	// CAKey says that the CA's key is there.
	CAKey bool
	// Left are files of the old folder that the new one does not get.
	Left     []string
	Warnings []string
}

// history is the folder for a book that the layout has no place for.
const history = "history"

// verbatim are easyrsa's archives, which only easyrsa reads and which are
// carried along as they are.
var verbatim = []string{"revoked", "renewed", "expired"}

// carrier carries one authority with what it signed.
type carrier struct {
	src, dst layout.Layout
	// kid is the authority: "" for the cluster's, or the name of the folder
	// that others have: etcd, front-proxy.
	kid string
	// from and to are put before paths of the old and the new folder.
	from, to string
	// claims says which authority a pair of a kubeadm folder belongs to.
	claims map[string]string

	now  time.Time
	rand io.Reader
	out  *Result
	used map[string]bool // files of src that were carried
	have map[string]int  // index in out.Files by path

	// names are pairs that kubeadm knows by another name: what they were called
	// before, by kubeadm's.
	names map[string]string

	ca       *x509.Certificate
	index    layout.Index
	bySerial map[string][]byte // PEM by upper-case hex
}

// Plan works out the new folder. Nothing is written.
func Plan(src layout.Layout, to layout.Kind, now time.Time, rand io.Reader) (*Result, error) {
	top := &carrier{src: src, dst: layout.New(to, ""), now: now, rand: rand, out: &Result{},
		names: map[string]string{}, used: map[string]bool{}, have: map[string]int{}, bySerial: map[string][]byte{}}
	all, err := top.authorities()
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		for _, step := range []func() error{c.authority, c.readNames, c.readBook, c.pairs, c.pending, c.orphans, c.writeBook, c.writeNames, c.extras} {
			if err := step(); err != nil {
				return nil, err
			}
		}
		top.out.Authorities++
	}
	return top.out, top.others()
}

// srcHistory and dstHistory are the folders for a book that the layout has no
// place for.
func (c *carrier) srcHistory() string { return c.historyIn(c.src.Kind) }

func (c *carrier) dstHistory() string { return c.historyIn(c.dst.Kind) }

func (c *carrier) historyIn(k layout.Kind) string {
	if k == layout.Kubeadm {
		return path.Join(history, c.kid)
	}
	return history
}

func (c *carrier) warn(format string, args ...any) {
	c.out.Warnings = append(c.out.Warnings, fmt.Sprintf(format, args...))
}

func (c *carrier) read(rel string) ([]byte, error) {
	if rel == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.src.Path(rel))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return nil, fmt.Errorf("%s: %w", pe.Path, pe.Err)
		}
		return nil, err
	}
	c.used[path.Join(c.from, rel)] = true
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

func (c *carrier) put(rel string, data []byte, mode fs.FileMode) error {
	rel = path.Join(c.to, rel)
	if i, dup := c.have[rel]; dup {
		if string(c.out.Files[i].Data) == string(data) {
			return nil
		}
		return fmt.Errorf("%s: two files of the old folder would get this name", rel)
	}
	c.have[rel] = len(c.out.Files)
	c.out.Files = append(c.out.Files, File{rel, data, mode})
	return nil
}

func (c *carrier) authority() error {
	from, to := c.src.CA(), c.dst.CA()
	cert, err := c.read(from.Cert)
	if err != nil {
		return err
	}
	if cert == nil {
		return fmt.Errorf("%s: there is no CA certificate", c.src.Path(from.Cert))
	}
	certs, err := pki.ParseCerts(cert)
	if err != nil {
		return fmt.Errorf("%s: %w", c.src.Path(from.Cert), err)
	}
	c.ca = certs[0]
	if c.now.After(c.ca.NotAfter) {
		c.warn("%s: the CA expired on %s; nothing that it signs is accepted", c.src.Path(from.Cert), c.ca.NotAfter.UTC().Format("2006-01-02"))
	}
	if err := c.put(to.Cert, cert, store.PublicMode); err != nil {
		return err
	}
	key, err := c.read(from.Key)
	if err != nil {
		return err
	}
	if key == nil {
		c.warn("%s: the CA's key is not here; the new folder cannot sign either", c.src.Path(from.Key))
	} else {
		c.out.CAKey = true
		if err := c.checkPair(from, c.ca, key); err != nil {
			return err
		}
		if err := c.put(to.Key, key, store.KeyMode); err != nil {
			return err
		}
	}
	return c.request(from, to, c.ca, key)
}

// checkPair refuses a key that is not its certificate's; an encrypted one is
// taken on trust.
func (c *carrier) checkPair(p layout.Pair, cert *x509.Certificate, key []byte) error {
	signer, err := pki.ParseKey(key, nil)
	if errors.Is(err, pki.ErrEncrypted) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.src.Path(p.Key), err)
	}
	if !pki.SamePublicKey(signer.Public(), cert.PublicKey) {
		return fmt.Errorf("%s: the key in %s does not belong to it", c.src.Path(p.Cert), c.src.Path(p.Key))
	}
	return nil
}

// request carries a request, or makes one for a tool that wants it.
func (c *carrier) request(from, to layout.Pair, cert *x509.Certificate, key []byte) error {
	if from.Request != "" {
		data, err := c.read(from.Request)
		if err != nil {
			return err
		}
		if data != nil && to.Request != "" {
			return c.put(to.Request, data, store.PublicMode)
		}
		if data != nil {
			return c.put(c.dstHistory()+"/reqs/"+path.Base(to.Name)+".csr", data, store.PublicMode)
		}
	}
	if to.Request == "" {
		return nil
	}
	if old, err := c.read(c.srcHistory() + "/reqs/" + path.Base(from.Name) + ".csr"); err != nil || old != nil {
		if err != nil {
			return err
		}
		return c.put(to.Request, old, store.PublicMode)
	}
	signer, err := pki.ParseKey(key, nil)
	if err != nil {
		return nil //nolint:nilerr // without the key no request can be made, and the tool can do without
	}
	exts := cert.Extensions[:0:0]
	if e, ok := pki.Find(cert.Extensions, pki.OIDSubjectAltName); ok {
		exts = append(exts, e)
	}
	req, err := pki.CreateRequest(cert.RawSubject, exts, signer)
	if err != nil {
		return err
	}
	return c.put(to.Request, pki.EncodeRequest(req), store.PublicMode)
}

func (c *carrier) pairs() error {
	list, err := c.src.Pairs()
	if err != nil {
		return err
	}
	for _, from := range list {
		if from.Cert == c.src.CA().Cert || c.claims != nil && c.claims[from.Name] != c.kid {
			continue
		}
		data, err := c.read(from.Cert)
		if err != nil {
			return err
		}
		certs, err := pki.ParseCerts(data)
		if err != nil {
			return fmt.Errorf("%s: %w", c.src.Path(from.Cert), err)
		}
		cert := certs[0]
		to := c.target(from.Name, cert)
		if err := c.put(to.Cert, data, store.PublicMode); err != nil {
			return err
		}
		key, err := c.read(from.Key)
		if err != nil {
			return err
		}
		if key != nil {
			if err := c.checkPair(from, cert, key); err != nil {
				return err
			}
			if err := c.put(to.Key, key, store.KeyMode); err != nil {
				return err
			}
		}
		if err := c.request(from, to, cert, key); err != nil {
			return err
		}
		c.out.Pairs++
		c.note(cert, c.src.Path(from.Cert))
	}
	return nil
}

// target is a pair's place in the new folder; cert is nil for a request.
func (c *carrier) target(name string, cert *x509.Certificate) layout.Pair {
	if c.src.Kind == layout.Kubeadm {
		name = strings.TrimPrefix(name, c.kid+"/")
		if was := c.names[name]; was != "" && c.kid == "" {
			c.out.Renamed = name + " is " + was + ", as it was called before"
			name = was
		}
	}
	if c.dst.Kind == layout.Kubeadm && c.kid == "" && name == "server" && c.isAPIServer(cert) {
		c.names[apiServer] = name
		c.out.Renamed = name + " is " + apiServer + ", as kubeadm calls it"
		return c.dst.Exactly(apiServer)
	}
	if c.dst.Kind == layout.Kubeadm && c.kid == "etcd" && name != "apiserver-etcd-client" {
		return layout.New(layout.Kubeadm, "").Exactly("etcd/" + name)
	}
	name = strings.ReplaceAll(name, "/", "-")
	to := c.dst.Exactly(name)
	if _, taken := c.have[to.Cert]; taken && c.dst.Kind == layout.Kubeadm && c.kid != "" {
		to = c.dst.Exactly(c.kid + "-" + name) // the cluster's own CA signed one of this name, too
	}
	return to
}

// note enters a certificate that the book does not have.
func (c *carrier) note(cert *x509.Certificate, file string) {
	serial := layout.SerialHex(cert.SerialNumber)
	if !pki.SignedBy(cert, c.ca) {
		c.warn("%s: was signed by another CA; it is carried along, and not in the book", file)
		return
	}
	if _, have := c.bySerial[serial]; !have {
		c.bySerial[serial] = pki.EncodeCerts(cert)
	}
	if slices.ContainsFunc(c.index, func(e layout.IndexEntry) bool { return strings.EqualFold(e.Serial, serial) }) {
		return
	}
	name, err := pki.DecodeName(cert.RawSubject)
	if err != nil {
		return
	}
	status := byte('V')
	if c.now.After(cert.NotAfter) {
		status = 'E'
	}
	c.index = append(c.index, layout.IndexEntry{Status: status, Expires: cert.NotAfter, Serial: serial, File: "unknown", Subject: name.OneLine()})
}

// others lists what the new folder does not get.
func (c *carrier) others() error {
	root, err := filepath.EvalSymlinks(c.src.Root) // WalkDir does not follow a link
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil || d.IsDir() {
			return err
		}
		if rel = filepath.ToSlash(rel); !c.used[rel] {
			c.out.Left = append(c.out.Left, rel)
		}
		return nil
	})
}
