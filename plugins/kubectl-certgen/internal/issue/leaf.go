package issue

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// Request is a leaf that somebody wants.
type Request struct {
	// Name is the file's name in the layout.
	Name    string
	Purpose profile.Purpose
	Subject pki.Name
	Names   []pki.GeneralName
	// Validity 0 is the profile's.
	Validity time.Duration
	// Also makes more files out of the certificate: a kubeconfig. They are
	// written with a new certificate, and where they are missing or outdated
	// beside one that stays.
	Also func(it *Item) ([]File, error)
}

// File is a file of the folder beside certificates and keys.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode
	// Outdated says why a file that is there, beside a certificate that stays, is
	// to be written again, "" where it fits; nil where any fits. The error is for
	// one that must not be replaced.
	Outdated func(have []byte) (why string, err error)

	replace bool
}

// Action says what became of a file.
type Action string

// The actions.
const (
	Created   Action = "created"
	Reissued  Action = "reissued"
	Unchanged Action = "unchanged"
)

// Item is what became of a Request.
type Item struct {
	Request
	Pair layout.Pair
	Cert *x509.Certificate
	// Action is the certificate's; KeyNew says whether the key is new too.
	Action Action
	KeyNew bool
	// Capped says that the end was cut to the CA's.
	Capped bool
	// Why says what made an existing certificate be issued again, or a file
	// beside it be written.
	Why string
	// Faults are the profile's known faults.
	Faults []string
	// Unlocked says that the key's file is encrypted, which files that carry the
	// key cannot be.
	Unlocked bool
	// CAPEM is the CA's certificate, for files that carry it.
	CAPEM []byte

	above    []*x509.Certificate
	embedded bool

	key    crypto.Signer
	keyPEM []byte
	also   []File
}

// KeyPEM is the encoding of the certificate's key, for files that hold both.
func (it *Item) KeyPEM() ([]byte, error) {
	if it.keyPEM != nil {
		return it.keyPEM, nil
	}
	return pki.EncodeKey(it.key, pki.PKCS8, nil)
}

// CertPEM is the certificate, with the intermediate CAs above it.
func (it *Item) CertPEM() []byte {
	return pki.EncodeCerts(append([]*x509.Certificate{it.Cert}, it.above...)...)
}

// Also lists the further files that come with the certificate.
func (it *Item) Also() []string {
	out := make([]string, len(it.also))
	for i, f := range it.also {
		out[i] = f.Path
	}
	return out
}

// Prepare looks at what is there for a request and makes what is missing, in
// memory: it may be called for many requests at once.
func (f *Folder) Prepare(r Request) (*Item, error) {
	if err := layout.CheckName(lastPart(r.Name)); err != nil {
		return nil, err
	}
	it := &Item{Request: r, Pair: f.L.Leaf(r.Name)}
	if ca := f.L.CA(); it.Pair.Cert == ca.Cert || it.Pair.Key == ca.Key {
		return nil, fmt.Errorf("name %q: is the CA's", r.Name)
	}
	certFile, keyFile := f.L.Path(it.Pair.Cert), f.L.Path(it.Pair.Key)
	certPEM, err := read(certFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := read(keyFile)
	if err != nil {
		return nil, err
	}
	switch {
	case certPEM != nil && keyPEM == nil:
		return nil, fmt.Errorf("%s: is there without its key (%s); move it away, or use another --name", certFile, keyFile)
	case keyPEM != nil:
		if it.key, err = LoadKey(keyFile, keyPEM, f.Unlock); err != nil {
			return nil, err
		}
		_, it.Unlocked = pki.FormatOf(keyPEM)
	}
	if certPEM != nil {
		certs, err := pki.ParseCerts(certPEM)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", certFile, err)
		}
		done, err := f.compare(it, certFile, keyFile, certs[0])
		if err == nil && done {
			err = f.beside(it)
		}
		if err != nil || done {
			return it, err
		}
	} else {
		it.Action = Created
	}
	return it, f.complete(it)
}

// beside makes those of the files that come with a certificate that stays which
// are not there, or are outdated: a kubeconfig may be asked for later, or for
// another address.
func (f *Folder) beside(it *Item) error {
	if it.Request.Also == nil {
		return nil
	}
	it.above, it.CAPEM = f.intermediates(), pki.EncodeCerts(f.CA.Cert)
	files, err := it.Request.Also(it)
	if err != nil {
		return err
	}
	for _, file := range files {
		have, err := read(f.L.Path(file.Path))
		if err != nil {
			return err
		}
		why := "was missing"
		if file.replace = have != nil; file.replace {
			if file.Outdated == nil {
				continue
			}
			if why, err = file.Outdated(have); err != nil {
				return fmt.Errorf("%s: %w", f.L.Path(file.Path), err)
			}
		}
		if why != "" {
			it.also = append(it.also, file)
			it.Why = file.Path + " " + why
		}
	}
	return nil
}

// Embed makes a certificate that has no files of its own: a kubeconfig holds
// it. key is nil for a new one.
func (f *Folder) Embed(r Request, key crypto.Signer, keyPEM []byte) (*Item, error) {
	it := &Item{Request: r, Action: Created, key: key, keyPEM: keyPEM, embedded: true}
	if key != nil {
		it.Action = Reissued
	}
	return it, f.complete(it)
}

// complete makes the key, where there is none, signs, and makes the files that
// come with the certificate.
func (f *Folder) complete(it *Item) (err error) {
	if it.key == nil {
		it.KeyNew = true
		spec := f.Options.Key
		if spec == "" {
			spec = f.Profile.Key
		}
		if it.key, err = f.generate(spec); err != nil {
			return err
		}
		if it.keyPEM, err = pki.EncodeKey(it.key, f.Profile.KeyFormat, nil); err != nil {
			return err
		}
	}
	if err := f.sign(it); err != nil {
		return err
	}
	if it.Request.Also != nil {
		it.also, err = it.Request.Also(it)
	}
	return err
}

func lastPart(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// compare decides about a certificate that is there. done says that it stays.
func (f *Folder) compare(it *Item, certFile, keyFile string, have *x509.Certificate) (done bool, err error) {
	if !pki.SamePublicKey(it.key.Public(), have.PublicKey) {
		return false, fmt.Errorf("%s: the key in %s does not belong to it", certFile, keyFile)
	}
	if !bytes.Equal(have.RawIssuer, f.CA.Cert.RawSubject) || !pki.SignedBy(have, f.CA.Cert) {
		return false, fmt.Errorf("%s: was signed by another CA than %s; move it away, or use another --name",
			certFile, f.L.Path(f.L.CA().Cert))
	}
	old, all := []pki.GeneralName(nil), true
	if e, ok := pki.Find(have.Extensions, pki.OIDSubjectAltName); ok {
		old, all = pki.AltNames(e)
	}
	if it.Purpose == profile.Client && len(it.Names) == 0 && !f.Drop {
		it.Names = old // 'client' takes no names: the subject says who it is
	}
	var gone, added []string
	for _, n := range old {
		if !slices.Contains(it.Names, n) {
			gone = append(gone, n.Value)
		}
	}
	for _, n := range it.Names {
		if !slices.Contains(old, n) {
			added = append(added, n.Value)
		}
	}
	if len(gone) > 0 && !f.Drop {
		return false, fmt.Errorf("%s: has names that were not given now: %s; give them too, or --drop-names to lose them",
			certFile, strings.Join(gone, ", "))
	}
	var why []string
	for _, n := range added {
		why = append(why, "+"+n)
	}
	for _, n := range gone {
		why = append(why, "-"+n)
	}
	if !purposeFits(have, it.Purpose) {
		why = append(why, "its usages did not allow "+string(it.Purpose))
	}
	switch have.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA:
		why = append(why, "it was signed with "+have.SignatureAlgorithm.String())
	}
	if w := OutOfTime(have, f.Now); w != "" {
		why = append(why, w)
	}
	if subject, err := it.Subject.Encode(f.Profile.Strings); err != nil {
		return false, err
	} else if !bytes.Equal(subject, have.RawSubject) {
		if name, _ := pki.DecodeName(have.RawSubject); name.String() != it.Subject.String() {
			why = append(why, "its subject was "+name.String())
		}
	}
	if len(why) == 0 {
		it.Action, it.Cert = Unchanged, have
		return true, nil
	}
	if !all && !f.Drop {
		return false, fmt.Errorf("%s: is to be issued again (%s), and has names of a kind that certgen does not make: 'renew' keeps them, --drop-names loses them", certFile, strings.Join(why, ", "))
	}
	it.Action, it.Why = Reissued, strings.Join(why, ", ")
	return false, nil
}

// OutOfTime says that a certificate has expired or, made while the clock was
// ahead, is not valid yet; "" for one that is valid.
func OutOfTime(c *x509.Certificate, now time.Time) string {
	switch {
	case !now.Before(c.NotAfter):
		return "it expired on " + c.NotAfter.UTC().Format(time.DateOnly)
	case now.Before(c.NotBefore):
		return "it is not valid before " + c.NotBefore.UTC().Format(time.DateOnly)
	}
	return ""
}

func purposeFits(c *x509.Certificate, p profile.Purpose) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	has := func(u x509.ExtKeyUsage) bool {
		return slices.Contains(c.ExtKeyUsage, u) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
	}
	switch p {
	case profile.Server:
		return has(x509.ExtKeyUsageServerAuth)
	case profile.Client:
		return has(x509.ExtKeyUsageClientAuth)
	}
	return has(x509.ExtKeyUsageServerAuth) && has(x509.ExtKeyUsageClientAuth)
}

func (f *Folder) sign(it *Item) error {
	lr := profile.LeafRequest{
		Purpose: it.Purpose, Subject: it.Subject, Names: it.Names, PublicKey: it.key.Public(),
		Validity: it.Validity, Outlive: f.Outlive, Now: f.Now, Rand: f.Rand,
	}
	t, capped, err := f.Profile.Leaf(f.CA, lr)
	if err != nil {
		return fmt.Errorf("%s: %w", it.Name, err)
	}
	if it.Cert, err = f.CA.Sign(t); err != nil {
		return fmt.Errorf("%s: %w", it.Name, err)
	}
	it.Capped, it.above, it.CAPEM = capped, f.intermediates(), pki.EncodeCerts(f.CA.Cert)
	it.Faults, err = f.Profile.Faults(f.CA, lr)
	return err
}

// Add puts what a request needs into the set that the next Commit writes.
func (f *Folder) Add(it *Item) error {
	if it.Action == Unchanged {
		for _, file := range it.also {
			write := f.create
			if file.replace {
				write = f.replace
			}
			if err := write(file.Path, file.Data, file.Mode); err != nil {
				return err
			}
		}
		return nil
	}
	if it.KeyNew && !it.embedded {
		if err := f.create(it.Pair.Key, it.keyPEM, store.KeyMode); err != nil {
			return err
		}
	}
	write := f.create
	if it.Action == Reissued {
		write = f.replace
	}
	if !it.embedded {
		if err := write(it.Pair.Cert, it.CertPEM(), store.PublicMode); err != nil {
			return err
		}
	}
	if it.Pair.Request != "" {
		if err := f.addRequest(it); err != nil {
			return err
		}
	}
	for _, file := range it.also {
		if err := write(file.Path, file.Data, file.Mode); err != nil {
			return err
		}
	}
	return f.record(it.Cert)
}

// AddFile puts a new file into the set that the next Commit writes. One that
// is there with the same content is left alone; with another it is refused.
func (f *Folder) AddFile(file File) (Action, error) {
	have, err := read(f.L.Path(file.Path))
	switch {
	case err != nil:
		return "", err
	case have == nil:
		return Created, f.create(file.Path, file.Data, file.Mode)
	case bytes.Equal(have, file.Data):
		return Unchanged, nil
	}
	return "", fmt.Errorf("%s: is there with other content", f.L.Path(file.Path))
}

// ReplaceFile puts a file into the set that takes the place of one that is
// there.
func (f *Folder) ReplaceFile(file File) error { return f.replace(file.Path, file.Data, file.Mode) }

// ReadFile is the content of a file of the folder, nil where there is none.
func (f *Folder) ReadFile(rel string) ([]byte, error) { return read(f.L.Path(rel)) }

// intermediates are the certificates that a server must show with its own: the
// CA, and those above it but the root, when the CA is not itself a root.
func (f *Folder) intermediates() []*x509.Certificate {
	c := f.CA.Cert
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return nil
	}
	out := []*x509.Certificate{c}
	for _, up := range f.CA.Chain {
		if !bytes.Equal(up.RawIssuer, up.RawSubject) {
			out = append(out, up)
		}
	}
	return out
}

func (f *Folder) addRequest(it *Item) error {
	var exts = it.Cert.Extensions[:0:0]
	if e, ok := pki.Find(it.Cert.Extensions, pki.OIDSubjectAltName); ok {
		exts = append(exts, e)
	}
	req, err := pki.CreateRequest(it.Cert.RawSubject, exts, it.key)
	if err != nil {
		return err
	}
	return f.replace(it.Pair.Request, pki.EncodeRequest(req), store.PublicMode)
}
