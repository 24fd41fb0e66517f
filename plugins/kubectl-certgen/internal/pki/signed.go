package pki

import (
	"crypto"
	"crypto/ecdsa"
	_ "crypto/md5" //nolint:gosec // to look at old signatures
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // to look at old signatures
	"crypto/x509"
	"errors"
)

// SignedBy says whether by's key made c's signature, whatever by says of itself.
// Go refuses to look at signatures with SHA-1 and MD5; old PKIs have them.
func SignedBy(c, by *x509.Certificate) bool {
	err := by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var insecure x509.InsecureAlgorithmError
	if !errors.As(err, &insecure) {
		return err == nil
	}
	h := crypto.SHA1
	if c.SignatureAlgorithm == x509.MD5WithRSA {
		h = crypto.MD5
	}
	d := h.New()
	d.Write(c.RawTBSCertificate)
	switch k := by.PublicKey.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, h, d.Sum(nil), c.Signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, d.Sum(nil), c.Signature)
	}
	return false
}
