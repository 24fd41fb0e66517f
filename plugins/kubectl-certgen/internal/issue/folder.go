// Package issue makes certificates in a folder: it finds out what the folder
// holds, makes or opens its CA, works out which files a request adds, and hands
// them to the store as one set. Nothing that is there is replaced but a leaf
// certificate that is issued again for its own key.
package issue

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// Options say where and how.
type Options struct {
	// Out is the folder as the user named it.
	Out string
	// Layout is asked for, "" where the folder decides (flat if it is new).
	Layout  layout.Kind
	Profile profile.Profile
	// Key is the type of new keys, "" for the profile's; CAKey that of a new
	// CA's key, "" for Key.
	Key, CAKey pki.KeySpec
	CASubject  pki.Name
	CAValidity time.Duration
	PathLen    int
	// Unlock asks for the passphrase of an encrypted CA key.
	Unlock func(file string) ([]byte, error)
	// Passphrase encrypts a new CA key.
	Passphrase []byte
	// Outlive lets leaves end after their CA.
	Outlive bool
	// Drop lets a certificate that is issued again lose names.
	Drop bool
	// DryRun writes nothing and locks nothing.
	DryRun bool
	// FixModes repairs the modes of key files that others can read.
	FixModes bool
	Now      time.Time
	Rand     io.Reader
	// Doing says what takes a while, until what it returns is called.
	Doing func(format string, args ...any) (done func())
}

// Folder is an open PKI folder.
type Folder struct {
	Options
	L  layout.Layout
	CA *pki.Authority
	// CANew says that the CA is made by this run.
	CANew bool
	// Recovered are files that finish an earlier run that was interrupted.
	Recovered []string
	// Warnings are for stderr, one line each.
	Warnings []string
	// Fixed are key files whose modes were repaired.
	Fixed []string

	// CAPEM and CAKeyPEM are the contents of the CA's files.
	CAPEM, CAKeyPEM []byte

	store *store.Store
	batch *store.Batch
	book  *book
}

// Open recognises the folder, locks it, and opens the CA or plans a new one.
func Open(o Options) (*Folder, error) {
	f, err := open(o)
	if err != nil {
		return nil, err
	}
	if err := f.openCA(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// OpenFolder is Open without a CA, for what needs none (sa keys, requests).
func OpenFolder(o Options) (*Folder, error) { return open(o) }

func open(o Options) (*Folder, error) {
	l, found, err := layout.Detect(o.Out)
	if err != nil {
		return nil, plain(err)
	}
	switch {
	case !found:
		kind := o.Layout
		if kind == "" {
			kind = layout.Flat
		}
		l = layout.New(kind, o.Out)
	case o.Layout != "" && o.Layout != l.Kind && !compatible(o.Layout, l):
		return nil, fmt.Errorf("%s: holds a PKI in the %s layout (%s); a folder has one layout: leave --layout out to add to it, or 'convert' it",
			l.Root, l.Kind, l.Evidence)
	case o.Layout != "":
		l.Kind = o.Layout
	}
	return openAt(o, l)
}

// OpenAt is OpenFolder for a folder whose layout the caller knows.
func OpenAt(o Options, l layout.Layout) (*Folder, error) { return openAt(o, l) }

func openAt(o Options, l layout.Layout) (*Folder, error) {
	f := &Folder{Options: o, L: l}
	open := store.Open
	if o.DryRun {
		open = store.Peek
	}
	var err error
	if f.store, err = open(l.Root); err != nil {
		return nil, plain(err)
	}
	f.Recovered = f.store.Recovered
	f.batch = f.store.Begin()
	if o.DryRun && store.Pending(l.Root) {
		f.warn("%s: an earlier run was interrupted; the next one that is not --dry-run finishes it first", l.Root)
	}
	if err := f.modes(); err != nil {
		f.Close()
		return nil, err
	}
	if err := f.openBook(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Authority opens or plans another certificate authority in the same folder,
// as a view: what it adds goes into the same set. CASubject is the new one's
// name.
func (f *Folder) Authority(name string, subject pki.Name) (*Folder, error) {
	v := &Folder{Options: f.Options, L: f.L.WithCA(name), store: f.store, batch: f.batch}
	v.CASubject = subject
	return v, v.openCA()
}

// compatible says whether an asked-for layout names the files of a found one
// alike: flat's two CA files say nothing about the rest.
func compatible(asked layout.Kind, found layout.Layout) bool {
	return found.Kind == layout.Flat && (asked == layout.Kubeadm || asked == layout.OpenSSL)
}

// Close gives the folder's lock back.
func (f *Folder) Close() { f.store.Close() }

func (f *Folder) warn(format string, args ...any) {
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}

// modes finds key files of the layout that others can read.
func (f *Folder) modes() error {
	keys, err := f.L.Keys()
	if err != nil {
		return plain(err)
	}
	return f.CheckModes(keys)
}

// CheckModes warns of those of the files that others than their owner can read,
// or mends them where that was asked for.
func (f *Folder) CheckModes(keys []string) error {
	loose, err := store.Loose(keys)
	if err != nil {
		return plain(err)
	}
	if len(loose) == 0 {
		return nil
	}
	if f.FixModes && !f.DryRun {
		if err := store.Tighten(loose); err != nil {
			return plain(err)
		}
		f.Fixed = loose
		return nil
	}
	more := ""
	if len(loose) > 1 {
		more = fmt.Sprintf(" and %d more", len(loose)-1)
	}
	f.warn("%s%s: others than the owner can read the key; --fix-modes sets 0600", loose[0], more)
	return nil
}

func (f *Folder) openCA() error {
	ca := f.L.CA()
	certFile, keyFile := f.L.Path(ca.Cert), f.L.Path(ca.Key)
	cert, err := read(certFile)
	if err != nil {
		return err
	}
	key, err := read(keyFile)
	if err != nil {
		return err
	}
	switch {
	case cert != nil && key != nil:
		f.CAPEM, f.CAKeyPEM = cert, key
		f.CA, err = LoadAuthority(certFile, cert, keyFile, key, f.Unlock, f.Now)
		return err
	case cert != nil:
		return fmt.Errorf("%s: its key (%s) is not here, so nothing can be signed; make a request with 'csr' and sign it where the key is",
			certFile, keyFile)
	case key != nil:
		return fmt.Errorf("%s: a CA key without its certificate (%s); put that back, or use another folder: a CA key is never replaced",
			keyFile, certFile)
	}
	return f.newCA(ca)
}

// LoadAuthority opens a CA from the contents of its two files.
func LoadAuthority(certFile string, cert []byte, keyFile string, key []byte, unlock func(string) ([]byte, error), now time.Time) (*pki.Authority, error) {
	certs, err := pki.ParseCerts(cert)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	signer, err := LoadKey(keyFile, key, unlock)
	if err != nil {
		return nil, err
	}
	// A bundle (during a rotation) may hold several CAs; the key says which.
	pick := certs[0]
	for _, c := range certs {
		if pki.SamePublicKey(signer.Public(), c.PublicKey) {
			pick = c
			break
		}
	}
	a, err := pki.NewAuthority(pick, signer, now)
	if a == nil {
		return nil, fmt.Errorf("%s: the key in %s does not belong to it", certFile, keyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	for _, c := range certs {
		if c != pick {
			a.Chain = append(a.Chain, c)
		}
	}
	return a, nil
}

// LoadKey reads a private key, asking for its passphrase where it has one.
func LoadKey(file string, data []byte, unlock func(string) ([]byte, error)) (crypto.Signer, error) {
	signer, err := pki.ParseKey(data, nil)
	if errors.Is(err, pki.ErrEncrypted) {
		if unlock == nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		pass, uerr := unlock(file)
		if uerr != nil {
			return nil, uerr
		}
		signer, err = pki.ParseKey(data, pass)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return signer, nil
}

func (f *Folder) newCA(ca layout.Pair) error {
	spec := f.CAKey
	if spec == "" {
		spec = f.Options.Key
	}
	if spec == "" {
		spec = f.Profile.Key
	}
	key, err := f.generate(spec)
	if err != nil {
		return err
	}
	f.CA, err = f.Profile.NewCA(profile.CARequest{
		Subject: f.CASubject, Key: key, Validity: f.CAValidity, PathLen: f.PathLen, Now: f.Now, Rand: f.Rand,
	})
	if err != nil {
		return fmt.Errorf("CA: %w", err)
	}
	f.CANew = true
	data, err := pki.EncodeKey(key, f.Profile.KeyFormat, f.Passphrase)
	if err != nil {
		return err
	}
	f.CAPEM, f.CAKeyPEM = pki.EncodeCerts(f.CA.Cert), data
	if err := f.create(ca.Key, data, store.KeyMode); err != nil {
		return err
	}
	if err := f.create(ca.Cert, f.CAPEM, store.PublicMode); err != nil {
		return err
	}
	if ca.Request != "" {
		req, err := pki.CreateRequest(f.CA.Cert.RawSubject, nil, key)
		if err != nil {
			return err
		}
		if err := f.create(ca.Request, pki.EncodeRequest(req), store.PublicMode); err != nil {
			return err
		}
	}
	return f.startBook()
}

func (f *Folder) create(rel string, data []byte, mode fs.FileMode) error {
	return f.batch.Create(rel, data, mode)
}

func (f *Folder) replace(rel string, data []byte, mode fs.FileMode) error {
	return f.batch.Replace(rel, data, mode)
}

// Commit writes what was planned since Open or the last Commit; a dry run says
// whether that could be.
func (f *Folder) Commit() error {
	if err := f.closeBook(); err != nil {
		return err
	}
	if err := f.batch.Commit(); err != nil {
		return plain(err)
	}
	f.batch = f.store.Begin()
	return nil
}

// read is the content of a file, nil where there is none.
func read(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, plain(err)
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// plain says what the operating system said without its system calls: "FILE:
// permission denied".
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &fileError{strings.Replace(err.Error(), pe.Error(), pe.Path+": "+pe.Err.Error(), 1), err}
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return &fileError{strings.Replace(err.Error(), le.Error(), le.New+": "+le.Err.Error(), 1), err}
	}
	return err
}

type fileError struct {
	text string
	err  error
}

func (e *fileError) Error() string { return e.text }
func (e *fileError) Unwrap() error { return e.err }

// DefaultSubject is a profile's common name for a CA or a server, with its
// placeholders filled in.
func DefaultSubject(commonName, ip string, now time.Time) pki.Name {
	cn := strings.NewReplacer("{ip}", ip, "{unix}", strconv.FormatInt(now.Unix(), 10)).Replace(commonName)
	return pki.Name{{Type: "CN", Value: cn}}
}

// Rel is a path of the layout as the user would type it.
func (f *Folder) Rel(rel string) string { return filepath.Join(f.L.Root, filepath.FromSlash(rel)) }

// generate makes a key. An RSA key of many bits takes seconds.
func (f *Folder) generate(spec pki.KeySpec) (crypto.Signer, error) {
	if f.Doing != nil {
		defer f.Doing("making a key: %s", spec.Human())()
	}
	return pki.GenerateKey(spec)
}
