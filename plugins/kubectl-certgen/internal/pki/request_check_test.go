package pki

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"testing"
)

// Weak signatures are told from wrong ones.
func TestCheckRequest(t *testing.T) {
	key, err := GenerateKey(RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRequest(r); err != nil {
		t.Error(err)
	}
	for alg, forged := range map[x509.SignatureAlgorithm]bool{x509.SHA512WithRSA: true, x509.MD5WithRSA: false, x509.UnknownSignatureAlgorithm: false} {
		r.SignatureAlgorithm = alg
		if err := CheckRequest(r); err == nil || errors.Is(err, ErrForged) != forged {
			t.Errorf("%v: %v", alg, err)
		}
	}
}
