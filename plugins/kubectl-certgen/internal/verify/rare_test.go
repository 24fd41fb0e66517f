package verify

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certtest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// What the clients do was seen on the real ones; see keyType.
func TestRareKinds(t *testing.T) {
	read := func(name string) *x509.Certificate {
		b, err := os.ReadFile("../../testdata/rare/" + name)
		if err != nil {
			t.Fatal(err)
		}
		cs, err := pki.ParseCerts(b)
		if err != nil {
			t.Fatal(err)
		}
		return cs[0]
	}
	ca := read("ca.pem")
	for name, want := range map[string][]Client{"ed448.pem": {NSS, Go}, "rsa-pss.pem": {Go}, "long-salt.pem": {PyCA, GnuTLS, Go}} {
		leaf := read(name)
		res := Check(Request{Leaf: leaf, Roots: []*x509.Certificate{ca}, Purpose: Server, Now: leaf.NotBefore.Add(time.Hour)})
		if got := res.Rejecting(); !slices.Equal(got, want) {
			t.Errorf("%s: rejected by %v, want %v", name, got, want)
		}
		if len(res.Chain) != 2 {
			t.Errorf("%s: a chain of %d", name, len(res.Chain))
		}
	}
	// An unknown signature is no reason to take any CA of the name for the issuer.
	other := *ca
	other.SubjectKeyId = []byte{1, 2, 3}
	leaf := read("long-salt.pem")
	if res := Check(Request{Leaf: leaf, Roots: []*x509.Certificate{&other}, Purpose: Server, Now: leaf.NotBefore.Add(time.Hour)}); len(res.Accepting()) > 0 {
		t.Errorf("accepted by %v below a CA with another key", res.Accepting())
	}
}

func TestNameConstraints(t *testing.T) {
	sign := func(c, parent *x509.Certificate, pub, by *ecdsa.PrivateKey) *x509.Certificate {
		c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		c.BasicConstraintsValid = true
		return certtest.Sign(t, c, parent, &pub.PublicKey, by)
	}
	ca := func(cn string, permitted ...string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: cn}, IsCA: true, KeyUsage: x509.KeyUsageCertSign, PermittedDNSDomains: permitted, PermittedDNSDomainsCritical: len(permitted) > 0}
	}
	for _, c := range []struct {
		name               string
		root, intermediate []string
		leaf               string
		want               []Client
	}{
		{"inside", []string{"example.com"}, nil, "api.example.com", nil},
		{"outside of the root's", []string{"example.com"}, nil, "localhost", []Client{OpenSSL, Strict, PyCA, GnuTLS, NSS, Node, Go}},
		{"outside of the intermediate's", nil, []string{"example.com"}, "localhost", Clients},
		{"a dot in front", []string{".example.com"}, nil, "api.example.com", []Client{PyCA}},
	} {
		rk, ik, lk := certtest.Key(t), certtest.Key(t), certtest.Key(t)
		root := ca("root", c.root...)
		root = sign(root, root, rk, rk)
		by, bk, pool := root, rk, []*x509.Certificate(nil)
		if c.intermediate != nil {
			by, bk = sign(ca("intermediate", c.intermediate...), root, ik, rk), ik
			pool = append(pool, by)
		}
		leaf := sign(&x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{c.leaf}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, by, lk, bk)
		res := Check(Request{Leaf: leaf, Roots: []*x509.Certificate{root}, Pool: pool, Purpose: Server, Now: time.Now()})
		if got := res.Rejecting(); !slices.Equal(got, c.want) {
			t.Errorf("%s: rejected by %v, want %v: %+v", c.name, got, c.want, res.Defects)
		}
		if len(c.want) > 1 && !slices.ContainsFunc(res.Defects, func(d Defect) bool { return d.Rule.ID == "CG119" && strings.Contains(d.Message, "localhost") }) {
			t.Errorf("%s: no word of the name: %+v", c.name, res.Defects)
		}
	}
}
