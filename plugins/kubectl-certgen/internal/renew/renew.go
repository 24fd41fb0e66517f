// Package renew makes a certificate again, whoever made the first one: with the
// same raw subject, the same extensions in the same order, for the same key or
// a new one of the same type, and puts it where the old one is: in its file, or
// in its kubeconfig. The plan is made first and can be shown; carrying it out
// is one set of the store.
package renew

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
)

// Options are what the user asked for.
type Options struct {
	// NewKey makes a new key of the same type and keeps the old one beside it.
	NewKey bool
	// Validity is how long the new certificate lasts, 0 for as long as the old.
	Validity time.Duration
	// Before renews only what expires within this time, 0 for all.
	Before time.Duration
	Now    time.Time
	// Unlock asks for the passphrase of a CA's key.
	Unlock func(file string) ([]byte, error)
}

// Authority is a CA with its key, and the file it came from.
type Authority struct {
	*pki.Authority
	File string
}

// Step renews one certificate.
type Step struct {
	Item *inspect.Item
	Old  *x509.Certificate
	New  *x509.Certificate
	By   *Authority
	// Tail are the certificates that stand behind it in its file.
	Tail []*x509.Certificate
	// Key is the new key, nil where the old one stays.
	Key crypto.Signer
	// KeptKey is where the old key goes, "" where it stays in place.
	KeptKey string
	// Capped says that the CA ends before the certificate would.
	Capped bool
}

// Skipped is a certificate that is not renewed, and why.
type Skipped struct {
	Item *inspect.Item
	Why  string
	// Wanted says that it should have been.
	Wanted bool
}

// Plan is what will be done.
type Plan struct {
	Steps   []Step
	Skipped []Skipped
}

// FindAuthorities reads the CAs with keys among files: those that lie in the
// given folders and directly above.
func FindAuthorities(items []inspect.Item, o Options) ([]*Authority, error) {
	var out []*Authority
	for i := range items {
		it := &items[i]
		if it.Cert == nil || !it.Cert.IsCA || it.KeyFile == "" || it.Part != "" {
			continue
		}
		data, err := os.ReadFile(it.KeyFile)
		if err != nil {
			continue // the key is missed when a certificate of this CA is renewed
		}
		key, err := pki.ParseKey(data, nil)
		if errors.Is(err, pki.ErrEncrypted) && o.Unlock != nil {
			var pass []byte
			if pass, err = o.Unlock(it.KeyFile); err == nil {
				key, err = pki.ParseKey(data, pass)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", it.KeyFile, err)
		}
		if !pki.SamePublicKey(key.Public(), it.Cert.PublicKey) {
			continue
		}
		out = append(out, &Authority{&pki.Authority{Cert: it.Cert, Key: key}, it.Source})
	}
	return out, nil
}

// Make plans the renewal of the leaves among the items.
func Make(items []inspect.Item, cas []*Authority, o Options) (*Plan, error) {
	p := &Plan{}
	for i := range items {
		it := &items[i]
		if it.Cert == nil || it.Intermediate || it.Bundle || it.Served || (it.Part != "" && !strings.HasPrefix(it.Part, "user ")) {
			continue
		}
		skip := func(wanted bool, format string, a ...any) {
			p.Skipped = append(p.Skipped, Skipped{it, fmt.Sprintf(format, a...), wanted})
		}
		c := it.Cert
		if c.IsCA && c.BasicConstraintsValid {
			skip(false, "a CA: rotate ca replaces it in stages")
			continue
		}
		if it.CertFile != "" {
			switch {
			case slices.ContainsFunc(items, func(f inspect.Item) bool { return f.Part == "" && sameFile(f.Source, it.CertFile) }):
				// The file itself is renewed.
			case strings.Contains(filepath.Base(it.CertFile), "kubelet-client-current") && o.Now.Before(c.NotAfter):
				skip(false, "the kubelet renews %s itself", it.CertFile)
			case strings.Contains(filepath.Base(it.CertFile), "kubelet-client-current"):
				skip(true, "the kubelet's own certificate %s expired on %s, and with it the kubelet cannot ask for a new one: make a kubeconfig with kubectl certgen node, put it into the place of this one and restart the kubelet", it.CertFile, c.NotAfter.UTC().Format("2006-01-02"))
			default:
				skip(true, "its certificate is in a file of its own: renew %s", it.CertFile)
			}
			continue
		}
		if o.Before > 0 && c.NotAfter.Sub(o.Now) > o.Before {
			skip(false, "good until %s", c.NotAfter.UTC().Format("2006-01-02"))
			continue
		}
		j := slices.IndexFunc(cas, func(a *Authority) bool { return pki.SignedBy(c, a.Cert) })
		self := verify.SelfSigned(c)
		if j < 0 && !self {
			skip(true, "the key of its CA (%s) is not here", inspect.NameString(c.RawIssuer))
			continue
		}
		if it.KeyFile != "" && !it.KeyMatches && !it.KeyEncrypted {
			skip(true, "the key in %s does not belong to it", it.KeyFile)
			continue
		}
		if c.PublicKey == nil {
			skip(true, "its key is %s, for which certgen makes no certificates", pki.SpecOfCert(c).Human())
			continue
		}
		step := Step{Item: it, Old: c}
		pub := c.PublicKey
		if o.NewKey || self {
			if it.KeyFile == "" || !it.KeyMatches {
				skip(true, "its key is not beside it")
				continue
			}
		}
		var auth *pki.Authority
		if j >= 0 {
			step.By, auth = cas[j], cas[j].Authority
			if err := usable(auth, o.Now); err != nil {
				skip(true, "its CA %s: %v", step.By.File, err)
				continue
			}
		}
		if o.NewKey {
			key, err := pki.GenerateKey(pki.SpecOf(c.PublicKey))
			if err != nil {
				return nil, err
			}
			step.Key, pub = key, key.Public()
		}
		t, err := pki.Renewal(c, pub, auth, o.Now, rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", it.Where(), err)
		}
		want := o.Validity
		if want == 0 {
			want = c.NotAfter.Sub(c.NotBefore)
		}
		if o.Validity > 0 {
			t.NotAfter = o.Now.Add(o.Validity)
		}
		if auth != nil {
			t.NotAfter = auth.Cap(t.NotAfter)
			step.Capped = t.NotAfter.Equal(auth.Cert.NotAfter) && want > 0
			step.New, err = auth.Sign(t)
		} else {
			key := step.Key
			if key == nil {
				if key, err = oldKey(it); err != nil {
					return nil, fmt.Errorf("%s: %w", it.Where(), err)
				}
			}
			step.New, err = pki.SelfSign(t, key)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", it.Where(), err)
		}
		for k := i + 1; k < len(items) && items[k].Source == it.Source && items[k].Part == it.Part && items[k].Intermediate; k++ {
			step.Tail = append(step.Tail, items[k].Cert)
		}
		p.Steps = append(p.Steps, step)
	}
	return p, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// usable says why a CA cannot sign now.
func usable(a *pki.Authority, now time.Time) error {
	_, err := pki.NewAuthority(a.Cert, a.Key, now)
	return err
}

func oldKey(it *inspect.Item) (crypto.Signer, error) {
	data, err := os.ReadFile(it.KeyFile)
	if err != nil {
		return nil, err
	}
	return pki.ParseKey(data, nil)
}

// Root is the folder that the files of a plan and their books lie in.
func (p *Plan) Root() (string, error) {
	root := ""
	for _, s := range p.Steps {
		dir, err := filepath.Abs(filepath.Dir(s.Item.Source))
		if err != nil {
			return "", err
		}
		if filepath.Base(dir) == "issued" {
			dir = filepath.Dir(dir) // easyrsa's pki
		}
		if s.Key != nil && s.Item.KeyFile != "" && s.Item.Part == "" {
			kd, err := filepath.Abs(filepath.Dir(s.Item.KeyFile))
			if err != nil {
				return "", err
			}
			dir = common(dir, kd)
		}
		if root == "" {
			root = dir
		} else {
			root = common(root, dir)
		}
	}
	return root, nil
}

func common(a, b string) string {
	for a != b && !strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/") {
		if a == filepath.Dir(a) {
			return a
		}
		a = filepath.Dir(a)
	}
	return a
}

// Fill puts all changes of a plan into a batch of the store at root. Paths that
// cannot be named relative to it are an error.
func (p *Plan) Fill(root string, b *store.Batch, now time.Time) error {
	rel := func(path string) (string, error) {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		r, err := filepath.Rel(root, abs)
		if err != nil || strings.HasPrefix(r, "..") {
			return "", fmt.Errorf("%s lies outside %s", path, root)
		}
		return filepath.ToSlash(r), nil
	}
	books := map[string]*book{}
	kubeconfigs := map[string][]byte{}
	var order []string
	for i := range p.Steps {
		s := &p.Steps[i]
		r, err := rel(s.Item.Source)
		if err != nil {
			return err
		}
		if strings.HasPrefix(s.Item.Part, "user ") {
			text, ok := kubeconfigs[r]
			if !ok {
				if text, err = os.ReadFile(s.Item.Source); err != nil {
					return err
				}
				order = append(order, r)
			}
			if kubeconfigs[r], err = s.splice(text); err != nil {
				return fmt.Errorf("%s: %w", s.Item.Where(), err)
			}
			continue
		}
		if err := s.file(root, r, b, rel, now); err != nil {
			return err
		}
		if err := enter(books, s); err != nil {
			return err
		}
	}
	for _, r := range order {
		st, err := os.Stat(filepath.Join(root, filepath.FromSlash(r)))
		if err != nil {
			return err
		}
		// The old file is kept where it holds a key that is replaced.
		keep := slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Key != nil && s.Item.Part != "" })
		if keep {
			err = b.KeepOld(r, keptName(root, r, now), kubeconfigs[r], st.Mode().Perm())
		} else {
			err = b.Replace(r, kubeconfigs[r], st.Mode().Perm())
		}
		if err != nil {
			return err
		}
	}
	for dir, bk := range books {
		r, err := rel(filepath.Join(dir, "index.txt"))
		if err != nil {
			continue // the book lies above the folder that was asked for
		}
		if err := b.Replace(r, bk.lines, 0o600); err != nil {
			return err
		}
		for name, data := range bk.copies {
			if err := b.Create(filepath.ToSlash(filepath.Join(filepath.Dir(r), name)), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// keptName is where an old file goes: beside, with the day and time, and a
// number where that name is taken.
func keptName(root, rel string, now time.Time) string {
	name := rel + ".old-" + now.UTC().Format("20060102-150405")
	for n, try := 2, name; ; n++ {
		if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(try))); err != nil {
			return try
		}
		try = fmt.Sprintf("%s-%d", name, n)
	}
}

func (s *Step) file(root, r string, b *store.Batch, rel func(string) (string, error), now time.Time) error {
	old, err := os.ReadFile(s.Item.Source)
	if err != nil {
		return err
	}
	st, err := os.Stat(s.Item.Source)
	if err != nil {
		return err
	}
	data := replaceCert(old, s)
	if s.Key == nil {
		return b.Replace(r, data, st.Mode().Perm())
	}
	kr, err := rel(s.Item.KeyFile)
	if err != nil {
		return err
	}
	oldKey, err := os.ReadFile(s.Item.KeyFile)
	if err != nil {
		return err
	}
	format, encrypted := pki.FormatOf(oldKey)
	if encrypted {
		return fmt.Errorf("%s is encrypted: renew it without --new-key, or make the key by hand", s.Item.KeyFile)
	}
	keyPEM, err := pki.EncodeKey(s.Key, format, nil)
	if err != nil {
		return err
	}
	if kr == r { // key and certificate in one file
		s.KeptKey = keptName(root, r, now)
		return b.KeepOld(r, s.KeptKey, append(append([]byte{}, keyPEM...), pki.EncodeCerts(append([]*x509.Certificate{s.New}, s.Tail...)...)...), store.KeyMode)
	}
	s.KeptKey = keptName(root, kr, now)
	if err := b.KeepOld(kr, s.KeptKey, keyPEM, store.KeyMode); err != nil {
		return err
	}
	return b.KeepOld(r, keptName(root, r, now), data, st.Mode().Perm())
}
