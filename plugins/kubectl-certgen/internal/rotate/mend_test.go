package rotate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certtest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
)

// The new CA has none of the faults that the old one came with, and keeps the
// rest of it.
func TestNewCAIsMended(t *testing.T) {
	now := time.Now()
	bare := pki.BasicConstraints(true, 1, false)
	alt, err := pki.SubjectAltName([]pki.GeneralName{{Kind: pki.DNS, Value: "kubernetes"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, exts := range map[string][]pkix.Extension{
		"nothing":                     nil,
		"not critical":                {bare, alt},
		"no right to sign":            {pki.BasicConstraints(true, -1, true), pki.KeyUsage(x509.KeyUsageDigitalSignature, true)},
		"an authority with an issuer": {bare, pki.AuthorityKeyID([]byte{1}, []byte{0x30, 0}, big.NewInt(7))},
	} {
		key := certtest.Key(t)
		tmpl := &x509.Certificate{Subject: pkix.Name{CommonName: "old"}, SerialNumber: big.NewInt(5), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtraExtensions: exts}
		old := certtest.Sign(t, tmpl, tmpl, &key.PublicKey, key)
		next, err := pki.GenerateKey(nextKey(old))
		if err != nil {
			t.Fatal(err)
		}
		r, err := pki.Renewal(old, next.Public(), nil, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := mend(&r, old); err != nil {
			t.Fatal(err)
		}
		cert, err := pki.SelfSign(r, next)
		if err != nil {
			t.Fatal(err)
		}
		if no := verify.CheckAuthority(cert, now).Rejecting(); len(no) > 0 || len(verify.CheckAuthority(old, now).Rejecting()) == 0 {
			t.Errorf("%s: the new CA is rejected by %v", name, no)
		}
		if old.MaxPathLen != cert.MaxPathLen && exts != nil {
			t.Errorf("%s: pathlen %d became %d", name, old.MaxPathLen, cert.MaxPathLen)
		}
		if _, had := pki.Find(old.Extensions, pki.OIDSubjectAltName); had && len(cert.DNSNames) != 1 {
			t.Errorf("%s: its names are lost", name)
		}
		if aki, ok := pki.Find(cert.Extensions, pki.OIDAuthorityKeyID); ok && pki.AuthorityKeyIDHasIssuer(aki.Value) {
			t.Errorf("%s: the authority key identifier names the old CA", name)
		}
		if s := mended(old, cert, now); !strings.HasPrefix(s, "; without the old one's CG0") || strings.Contains(s, "still") {
			t.Errorf("%s: said: %q", name, s)
		}
	}
}

func TestNextName(t *testing.T) {
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	long := strings.Repeat("ä", 64)
	for old, want := range map[string]string{
		"kubernetes": "kubernetes-20260131", "kubernetes-20250131": "kubernetes-20260131", "kubernetes-20250131-3": "kubernetes-20260131",
		"kubernetes-20260131": "kubernetes-20260131-2", "kubernetes-20260131-2": "kubernetes-20260131-3", "": "-20260131", long: strings.Repeat("ä", 55) + "-20260131",
	} {
		if got := nextName(old, now); got != want {
			t.Errorf("%q: %q, want %q", old, got, want)
		}
	}
}

// A key that clients no longer take is not made again.
func TestNextKey(t *testing.T) {
	for _, c := range []struct {
		curve elliptic.Curve
		want  pki.KeySpec
	}{{elliptic.P224(), pki.ECDSAP256}, {elliptic.P256(), pki.ECDSAP256}, {elliptic.P384(), pki.ECDSAP384}, {elliptic.P521(), "ecdsa:p521"}} {
		k, err := ecdsa.GenerateKey(c.curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if got := nextKey(&x509.Certificate{PublicKey: &k.PublicKey}); got != c.want {
			t.Errorf("%s: %s", c.curve.Params().Name, got)
		}
	}
	if got := nextKey(&x509.Certificate{PublicKey: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2046), E: 65537}}); got != pki.RSA2048 {
		t.Errorf("RSA 2047: %s", got)
	}
}
