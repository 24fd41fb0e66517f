package rotate

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/renew"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// Change is one file that a stage writes.
type Change struct {
	Rel  string
	What string
	data []byte
	mode fs.FileMode
	// kept is where the old content goes; "" for a new file or one that needs
	// no copy.
	kept  string
	fresh bool
}

// Options are for the new CA and the new certificates.
type Options struct {
	// Days of the new CA, 0 for as long as the old one.
	Days int
	Now  time.Time
	// Unlock gives the passphrase of an encrypted CA key.
	Unlock func(file string) ([]byte, error)
}

// Plan works out what a stage writes. Nothing is written.
func (s *State) Plan(stage Stage, o Options) ([]Change, error) {
	if stage != Rollback && stage != s.Next() {
		return nil, fmt.Errorf("stage %s: the rotation stands behind %q, and %q comes next", stage, word(s.Done), word(s.Next()))
	}
	switch stage {
	case Prepare:
		return s.prepare(o)
	case Trust:
		return s.trust([]*x509.Certificate{s.Old, s.New})
	case Sign:
		return s.sign(o)
	case Finish:
		return s.trust([]*x509.Certificate{s.New})
	case Rollback:
		return s.rollback()
	}
	return nil, errors.New("the rotation is finished")
}

func word(s Stage) string {
	if s == None {
		return "nothing"
	}
	return string(s)
}

func (s *State) key(rel string, o Options) (*pki.Authority, []byte, error) {
	data, err := os.ReadFile(s.path(rel))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.path(rel), cause(err))
	}
	key, err := pki.ParseKey(data, nil)
	if errors.Is(err, pki.ErrEncrypted) && o.Unlock != nil {
		var pass []byte
		if pass, err = o.Unlock(s.path(rel)); err == nil {
			key, err = pki.ParseKey(data, pass)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.path(rel), err)
	}
	return &pki.Authority{Key: key}, data, nil
}

func (s *State) prepare(o Options) ([]Change, error) {
	base := s.Which.base()
	old, oldPEM, err := s.key(base+".key", o)
	if err != nil {
		return nil, fmt.Errorf("the rotation needs the key of the old CA: %w", err)
	}
	if !pki.SamePublicKey(old.Key.Public(), s.Old.PublicKey) {
		return nil, fmt.Errorf("%s.key does not belong to %s.crt", s.path(base), s.path(base))
	}
	key, err := pki.GenerateKey(nextKey(s.Old))
	if err != nil {
		return nil, err
	}
	t, err := pki.Renewal(s.Old, key.Public(), nil, o.Now, rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := mend(&t, s.Old); err != nil {
		return nil, err
	}
	if o.Days > 0 {
		t.NotAfter = o.Now.Add(time.Duration(o.Days) * 24 * time.Hour)
	}
	// The name differs from the old CA's: two CAs of one name and different
	// keys are hard on clients that choose an issuer by its name alone.
	name, err := pki.DecodeName(s.Old.RawSubject)
	if err != nil {
		return nil, err
	}
	named := false
	for i := range name {
		if strings.EqualFold(name[i].Type, "CN") {
			name[i].Value, named = nextName(name[i].Value, o.Now), true
		}
	}
	if !named {
		name = append(name, pki.Attribute{Type: "CN", Value: nextName("ca", o.Now)})
	}
	if t.Subject, err = name.Encode(pki.PrintableOrUTF8); err != nil {
		return nil, err
	}
	cert, err := pki.SelfSign(t, key)
	if err != nil {
		return nil, err
	}
	format, _ := pki.FormatOf(oldPEM)
	keyPEM, err := pki.EncodeKey(key, format, nil)
	if err != nil {
		return nil, err
	}
	out := []Change{
		{Rel: base + "-next.key", What: "the new CA's key", data: keyPEM, mode: store.KeyMode, fresh: true},
		{Rel: base + "-next.crt", What: "the new CA: " + inspect.NameString(cert.RawSubject) + ", until " + cert.NotAfter.UTC().Format("2006-01-02") + mended(s.Old, cert, o.Now) + s.signedByItself(), data: pki.EncodeCerts(cert), mode: 0o644, fresh: true},
		{Rel: base + "-old.crt", What: "the old CA, alone", data: pki.EncodeCerts(s.Old), mode: 0o644, fresh: true},
	}
	if s.Which == Cluster {
		// An earlier rotation left it, with what is the old CA now.
		if alone := pki.EncodeCerts(s.Old); !bytes.Equal(readOr(s.path(base+"-signing.crt")), alone) {
			out = append(out, Change{Rel: base + "-signing.crt", What: "what kube-controller-manager signs with: the old CA, alone", data: alone, mode: 0o644})
		}
		if m, ok, err := s.manifest(); err != nil {
			return nil, err
		} else if ok {
			out = append(out, m)
		}
	}
	return out, nil
}

// signedByItself says what is different where another CA signed the old one.
func (s *State) signedByItself() string {
	if bytes.Equal(s.Old.RawIssuer, s.Old.RawSubject) {
		return ""
	}
	return fmt.Sprintf("; it signs itself, and who trusts it by %q has to be given it", s.Old.Issuer)
}

// manifest points kube-controller-manager's signing certificate away from
// ca.crt: that file becomes a bundle, and the signer takes one certificate only
// (pkg/controller/certificates/signer/ca_provider.go).
func (s *State) manifest() (Change, bool, error) {
	if s.Manifest == "" {
		return Change{}, false, nil
	}
	data, err := os.ReadFile(s.Manifest)
	if err != nil {
		return Change{}, false, err
	}
	flag := []byte("--cluster-signing-cert-file=")
	i := bytes.Index(data, flag)
	if i < 0 {
		return Change{}, false, nil
	}
	start := i + len(flag)
	end := start + bytes.IndexAny(append(data[start:], '\n'), " \n\"'\r")
	path := string(data[start:end])
	if !strings.HasSuffix(path, "/ca.crt") {
		return Change{}, false, nil
	}
	out := append(append(append([]byte{}, data[:start]...), strings.TrimSuffix(path, "ca.crt")+"ca-signing.crt"...), data[end:]...)
	st, err := os.Stat(s.Manifest)
	if err != nil {
		return Change{}, false, err
	}
	return Change{Rel: "manifests/kube-controller-manager.yaml", What: "--cluster-signing-cert-file=.../ca-signing.crt (the kubelet restarts it)", data: out, mode: st.Mode().Perm()}, true, nil
}

// trust writes the CAs that are trusted: into the CA's file, and into every
// kubeconfig.
func (s *State) trust(cas []*x509.Certificate) ([]Change, error) {
	what := "trusts both CAs"
	if len(cas) == 1 {
		what = "trusts the new CA only"
		if cas[0].Equal(s.Old) {
			what = "trusts the old CA only"
		}
	}
	bundle := pki.EncodeCerts(cas...)
	out := []Change{{Rel: s.Which.base() + ".crt", What: what, data: bundle, mode: 0o644}}
	for _, k := range s.Kubeconfigs {
		text, err := os.ReadFile(k)
		if err != nil {
			return nil, err
		}
		data, changed, err := swapCA(text, bundle, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		if !changed {
			continue
		}
		rel, err := filepath.Rel(s.Root, k)
		if err != nil {
			return nil, err
		}
		out = append(out, Change{Rel: filepath.ToSlash(rel), What: what, data: data, mode: 0o600})
	}
	return out, nil
}

// swapCA replaces every certificate-authority-data that holds one of the two
// CAs.
func swapCA(text, bundle []byte, s *State) (out []byte, changed bool, err error) {
	field := []byte("certificate-authority-data")
	for at := 0; ; {
		i := bytes.Index(text[at:], field)
		if i < 0 {
			return text, changed, nil
		}
		start := at + i + len(field)
		for start < len(text) && bytes.IndexByte([]byte("\":' \t"), text[start]) >= 0 {
			start++
		}
		if renew.Folded(text[start:]) {
			return nil, false, fmt.Errorf("%s is written over several lines: put its value into one", field)
		}
		end := start
		for end < len(text) && bytes.IndexByte([]byte(" \t\r\n\"',}"), text[end]) < 0 {
			end++
		}
		at = end
		old, err := base64.StdEncoding.DecodeString(string(text[start:end]))
		if err != nil {
			continue
		}
		cs, err := pki.ParseCerts(old)
		if err != nil || !slices.ContainsFunc(cs, func(c *x509.Certificate) bool { return c.Equal(s.Old) || c.Equal(s.New) }) {
			continue
		}
		text = append(append(append([]byte{}, text[:start]...), base64.StdEncoding.EncodeToString(bundle)...), text[end:]...)
		at = start
		changed = true
	}
}

// sign issues all leaves anew under the new CA, and hands signing over to it.
func (s *State) sign(o Options) ([]Change, error) {
	base := s.Which.base()
	auth, keyPEM, err := s.key(base+"-next.key", o)
	if err != nil {
		return nil, err
	}
	auth.Cert = s.New
	by := &renew.Authority{Authority: auth, File: base + "-next.crt"}
	var out []Change
	kubeconfigs := map[string][]byte{}
	for _, l := range s.Leaves {
		if l.ByNew {
			continue
		}
		t, err := pki.Renewal(l.Item.Cert, l.Item.Cert.PublicKey, auth, o.Now, rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Item.Where(), err)
		}
		cert, err := auth.Sign(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Item.Where(), err)
		}
		step := &renew.Step{Item: l.Item, Old: l.Item.Cert, New: cert, By: by}
		rel, err := filepath.Rel(s.Root, l.Item.Source)
		if err != nil {
			return nil, err
		}
		rel = filepath.ToSlash(rel)
		text, ok := kubeconfigs[rel]
		if !ok {
			if text, err = os.ReadFile(l.Item.Source); err != nil {
				return nil, err
			}
		}
		data, err := step.Apply(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Item.Where(), err)
		}
		st, err := os.Stat(l.Item.Source)
		if err != nil {
			return nil, err
		}
		kubeconfigs[rel] = data
		what := "signed by the new CA, key kept, until " + cert.NotAfter.UTC().Format("2006-01-02")
		if i := slices.IndexFunc(out, func(c Change) bool { return c.Rel == rel }); i >= 0 {
			out[i].data = data
			continue
		}
		out = append(out, Change{Rel: rel, What: what, data: data, mode: st.Mode().Perm(), kept: rel + beforeSuffix})
	}
	out = append(out, Change{Rel: base + ".key", What: "the new CA's key (what ca.key is for: signing); the old one is kept", data: keyPEM, mode: store.KeyMode, kept: base + "-old.key"})
	if s.Which == Cluster {
		out = append(out, Change{Rel: base + "-signing.crt", What: "kube-controller-manager signs with the new CA", data: pki.EncodeCerts(s.New), mode: 0o644})
	}
	return out, nil
}
