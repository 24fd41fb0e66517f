package pki

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"time"
)

// An old signature is of the key that made it, and of no other.
func TestSignedBy(t *testing.T) {
	for spec, algs := range map[KeySpec][]x509.SignatureAlgorithm{
		RSA2048: {x509.SHA1WithRSA, x509.SHA256WithRSA}, ECDSAP256: {x509.ECDSAWithSHA1, x509.ECDSAWithSHA256},
	} {
		mine, other := newAuthority(t, spec), newAuthority(t, spec)
		for _, alg := range algs {
			der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), SignatureAlgorithm: alg}, mine.Cert, mine.Key.Public(), mine.Key)
			if err != nil {
				t.Fatal(err)
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if !SignedBy(c, mine.Cert) || SignedBy(c, other.Cert) {
				t.Errorf("%v: by its CA %v, by another %v", alg, SignedBy(c, mine.Cert), SignedBy(c, other.Cert))
			}
		}
	}
}

func newAuthority(t *testing.T, spec KeySpec) *Authority {
	t.Helper()
	key, err := GenerateKey(spec)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{Cert: c, Key: key}
}
