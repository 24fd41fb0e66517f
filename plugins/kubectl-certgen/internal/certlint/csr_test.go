package certlint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
)

// A request is not called forged for a weak digest, and its rare key is named.
func TestRequestsOfRareKinds(t *testing.T) {
	for _, c := range []struct {
		curve elliptic.Curve
		alg   x509.SignatureAlgorithm
		want  string
	}{
		{elliptic.P256(), x509.ECDSAWithSHA256, ""}, {elliptic.P521(), x509.ECDSAWithSHA512, "CG042"}, {elliptic.P224(), x509.ECDSAWithSHA256, "CG042"},
	} {
		key, err := ecdsa.GenerateKey(c.curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{SignatureAlgorithm: c.alg}, key)
		if err != nil {
			t.Fatal(err)
		}
		r, err := x509.ParseCertificateRequest(der)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ids(Request("x.csr", r)), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.curve.Params().Name, got, c.want)
		}
		r.SignatureAlgorithm = x509.MD5WithRSA
		if got := strings.Join(ids(Request("x.csr", r)), " "); strings.Contains(got, "CG001") || !strings.Contains(got, "CG041") {
			t.Errorf("%s with MD5: %q", c.curve.Params().Name, got)
		}
	}
}
