package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

type asn1Raw struct{ full []byte }

func (r *asn1Raw) parse(der []byte) error {
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return err
	}
	r.full = v.FullBytes
	return nil
}

// CreateRequest makes a certificate request (PKCS#10): subject is the DER of
// the name, exts what is asked for (subject alternative names, usages).
func CreateRequest(subject []byte, exts []pkix.Extension, key crypto.Signer) (*x509.CertificateRequest, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		RawSubject: subject, ExtraExtensions: exts, SignatureAlgorithm: defaultAlgorithm(key.Public()),
	}, key)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "x509: "))
	}
	return x509.ParseCertificateRequest(der)
}

// EncodeRequest writes a request as PEM with the only label that kube-apiserver
// takes, "CERTIFICATE REQUEST".
func EncodeRequest(r *x509.CertificateRequest) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: labelCSR, Bytes: r.Raw})
}

// ParseRequest reads a PEM (also openssl's old "NEW CERTIFICATE REQUEST") or
// DER request and checks that it is signed by its own key. A byte order mark in
// front hurts nobody here: nobody else reads the file.
func ParseRequest(data []byte) (*x509.CertificateRequest, error) {
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	der := data
	b := findBlock(data, func(l string) bool { return l == labelCSR || l == "NEW CERTIFICATE REQUEST" })
	switch {
	case b != nil:
		der = b.Bytes
	case bytes.Contains(data, []byte("-----BEGIN")):
		if o := findBlock(data, func(string) bool { return true }); o != nil {
			return nil, fmt.Errorf("it holds a %s, not a certificate request", strings.ToLower(o.Type))
		}
		return nil, errors.New("broken PEM: no complete certificate request block")
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		if b == nil {
			return nil, errors.New("no PEM or DER certificate request in it; 'kubectl certgen inspect' says what it holds")
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "x509: "))
	}
	if err := CheckRequest(r); err != nil {
		return nil, err
	}
	return r, nil
}

// ErrForged says that a request is not signed by the key in it.
var (
	ErrForged    = errors.New("the request is not signed by the key in it")
	errUnchecked = errors.New("its key or signature is of a kind that certgen does not know (RSA, ECDSA on P-256, P-384 or P-521, and Ed25519 are)")
)

// CheckRequest says whether a request is signed by the key in it.
func CheckRequest(r *x509.CertificateRequest) error {
	err := r.CheckSignature()
	var insecure x509.InsecureAlgorithmError
	switch {
	case r.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm || errors.Is(err, x509.ErrUnsupportedAlgorithm):
		return errUnchecked
	case errors.As(err, &insecure):
		return fmt.Errorf("it is signed with %s, which nobody trusts any more: make the request again", r.SignatureAlgorithm)
	case err != nil:
		return ErrForged
	}
	return nil
}
