package cmd

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/request"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// requestFiles are the files of one request. keyPEM is nil where the key is
// elsewhere (--csr), csr where it is there already.
type requestFiles struct {
	base        string
	keyPEM, csr []byte
	newKey      bool
	// instead is what the request that csr replaces asked for, "" for none.
	instead string
}

// objectName is the name of a request's object: the same for the same key, wish
// and signer, so that a second run goes on with it.
func objectName(base string, s request.Spec) string {
	wish := sha256.Sum256(s.CSR.RawTBSCertificateRequest)
	how := sha256.Sum256([]byte(s.Signer + strings.Join(s.Usages, ",") + fmt.Sprint(s.Seconds)))
	return fmt.Sprintf("certgen-%s-%s%s", dnsLabel(base), hex.EncodeToString(wish[:3]), hex.EncodeToString(how[:2]))
}

// dnsLabel makes a part of an object name of a file name.
func dnsLabel(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '.':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
	return strings.Trim(out[:min(len(out), 200)], "-.")
}

// wishes are the flags that say what is asked for, as far as they were given.
func (o *requestOptions) wishes() []string {
	var out []string
	for _, f := range []struct {
		name  string
		given bool
	}{{"--common-name", o.user != ""}, {"--org", len(o.orgs) > 0}, {"--subject", o.subject != ""}, {"--ip", len(o.ips) > 0}, {"--dns", len(o.dns) > 0}} {
		if f.given {
			out = append(out, f.name)
		}
	}
	return out
}

// prepare makes or reads the key and the request; nothing is written yet.
func (o *requestOptions) prepare(f *requestFiles, name string) (*x509.CertificateRequest, error) {
	if o.csrFile != "" {
		if w := o.wishes(); len(w) > 0 {
			return nil, cli.Usagef("--csr %s says itself what is asked for: leave %s out", o.csrFile, strings.Join(w, ", "))
		}
		return readRequest(o.csrFile)
	}
	subject, names, err := o.wish(name)
	if err != nil {
		return nil, err
	}
	keyFile, csrFile := filepath.Join(o.out, f.base+".key"), filepath.Join(o.out, f.base+".csr")
	key, err := o.keyOf(f, keyFile)
	if err != nil {
		return nil, err
	}
	if isThere(csrFile) {
		have, err := readRequest(csrFile)
		switch {
		case err != nil:
			return nil, err
		case f.newKey:
			return nil, cli.WithHint(cli.Usagef("%s is there without its key %s", csrFile, keyFile), "move it away, or send it as it is with --csr "+csrFile)
		case !pki.SamePublicKey(key.Public(), have.PublicKey):
			return nil, cli.Usagef("%s is not the request of the key %s", csrFile, keyFile)
		case len(o.wishes()) == 0 || asksFor(have, subject, names):
			return have, nil
		}
		f.instead = strings.TrimSpace(inspect.NameString(have.RawSubject) + " " + strings.Join(request.Names(have), " "))
	}
	der, err := subject.Encode(pki.PrintableOrUTF8)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	var exts []pkix.Extension
	if len(names) > 0 {
		e, err := pki.SubjectAltName(names, false)
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		exts = append(exts, e)
	}
	csr, err := pki.CreateRequest(der, exts, key)
	if err != nil {
		return nil, cli.Unknownf("%w", err)
	}
	f.csr = pki.EncodeRequest(csr)
	return csr, nil
}

func readRequest(file string) (*x509.CertificateRequest, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	csr, err := pki.ParseRequest(data)
	if err != nil {
		return nil, cli.Usagef("%s: %w", file, err)
	}
	return csr, nil
}

// wish is what the flags ask for: a subject and names.
func (o *requestOptions) wish(name string) (pki.Name, []pki.GeneralName, error) {
	names, err := generalNames(o.ips, o.dns)
	if err != nil {
		return nil, nil, err
	}
	cn, orgs := o.user, o.orgs
	node := o.signer == request.KubeletClient || o.signer == request.Serving
	if cn == "" {
		cn = name
		if node && !strings.HasPrefix(name, "system:node:") {
			cn = "system:node:" + name
		}
	}
	if len(orgs) == 0 && node {
		orgs = []string{"system:nodes"}
	}
	subject, err := subjectOf(cn, orgs, o.subject)
	return subject, names, err
}

// asksFor says whether a request asks for a subject and names.
func asksFor(have *x509.CertificateRequest, subject pki.Name, names []pki.GeneralName) bool {
	old, err := pki.DecodeName(have.RawSubject)
	if err != nil || old.String() != subject.String() {
		return false
	}
	a, b := request.Names(have), values(names)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// keyOf reads the key that is there, or makes one.
func (o *requestOptions) keyOf(f *requestFiles, file string) (crypto.Signer, error) {
	data, err := os.ReadFile(file)
	if err == nil {
		key, err := pki.ParseKey(data, nil)
		if err != nil {
			return nil, cli.Usagef("%s: %w", file, err)
		}
		f.keyPEM = data
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, cli.Usagef("%s: %w", file, cause(err))
	}
	spec, err := pki.ParseKeySpec(o.key)
	if err != nil {
		return nil, cli.Usagef("--key: %w", err)
	}
	key, err := pki.GenerateKey(spec)
	if err != nil {
		return nil, cli.Unknownf("%w", err)
	}
	if f.keyPEM, err = pki.EncodeKey(key, pki.PKCS8, nil); err != nil {
		return nil, cli.Unknownf("%w", err)
	}
	f.newKey = true
	return key, nil
}

// write stores the key and the request before anything is sent, so that no
// certificate can be issued for a key that is lost. The folder is not locked
// while a person approves: others may ask for certificates in it meanwhile.
func (f *requestFiles) write(o *requestOptions) error {
	if !f.newKey && f.csr == nil {
		return nil
	}
	st, err := store.Open(o.out)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	defer st.Close()
	b := st.Begin()
	if f.newKey {
		err = b.Create(f.base+".key", f.keyPEM, store.KeyMode)
	}
	if err == nil && f.csr != nil {
		err = b.Replace(f.base+".csr", f.csr, store.PublicMode)
	}
	if err == nil {
		err = b.Commit()
	}
	if err != nil {
		return notWritten(err)
	}
	return nil
}
