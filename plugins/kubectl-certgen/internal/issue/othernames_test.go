package issue

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certtest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
)

// A certificate of openssl's with a name of a kind that certgen does not make (a
// registered identifier) stays while it fits, and does not lose that name unasked.
func TestNamesOfOtherKindsAreNotLost(t *testing.T) {
	dir := t.TempDir()
	a, b := pki.GeneralName{Kind: pki.DNS, Value: "a.example.org"}, pki.GeneralName{Kind: pki.DNS, Value: "b.example.org"}
	if _, err := makeOne(options(t, dir, now), request("first", a)); err != nil {
		t.Fatal(err)
	}
	f, err := Open(options(t, dir, now))
	if err != nil {
		t.Fatal(err)
	}
	ca := f.CA
	f.Close()
	san, err := asn1.Marshal([]asn1.RawValue{{Class: 2, Tag: 2, Bytes: []byte(a.Value)}, {Class: 2, Tag: 8, Bytes: []byte{0x2a, 3, 4}}})
	if err != nil {
		t.Fatal(err)
	}
	key := certtest.Key(t)
	cert := certtest.Sign(t, &x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "x"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 1, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, ExtraExtensions: []pkix.Extension{{Id: pki.OIDSubjectAltName, Value: san}}}, ca.Cert, key.Public(), ca.Key)
	keyPEM, err := pki.EncodeKey(key, pki.PKCS8, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"x.crt": pki.EncodeCerts(cert), "x.key": keyPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if it, err := makeOne(options(t, dir, now), request("x", a)); err != nil || it.Action != Unchanged {
		t.Errorf("%+v %v", it, err)
	}
	if _, err := makeOne(options(t, dir, now), request("x", a, b)); err == nil || !strings.Contains(err.Error(), "(+b.example.org), and has names of a kind that certgen does not make") {
		t.Errorf("%v", err)
	}
	o := options(t, dir, now)
	o.Drop = true
	if it, err := makeOne(o, request("x", a, b)); err != nil || it.Action != Reissued {
		t.Errorf("%+v %v", it, err)
	}
}

// A client's certificate that another tool gave names keeps them, for 'client' has no
// flag to say them again.
func TestClientKeepsItsNames(t *testing.T) {
	dir := t.TempDir()
	a := pki.GeneralName{Kind: pki.DNS, Value: "a.example.org"}
	r := request("alice", a)
	r.Purpose = profile.Client
	if _, err := makeOne(options(t, dir, now), r); err != nil {
		t.Fatal(err)
	}
	r.Names = nil
	if it, err := makeOne(options(t, dir, now), r); err != nil || it.Action != Unchanged {
		t.Errorf("%+v %v", it, err)
	}
	it, err := makeOne(options(t, dir, now.AddDate(2, 0, 0)), r)
	if err != nil || it.Action != Reissued || len(it.Cert.DNSNames) != 1 {
		t.Errorf("%+v %v", it, err)
	}
}
