package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/youmark/pkcs8"
)

// KeyFormat is how a private key is written as PEM.
type KeyFormat int

const (
	// PKCS8 is "PRIVATE KEY", which every client reads: openssl 3's and ours.
	PKCS8 KeyFormat = iota
	// Traditional is "RSA PRIVATE KEY" and "EC PRIVATE KEY", what kubeadm and
	// cfssl write. Ed25519 has no such form and stays PKCS8.
	Traditional
)

// PEM labels.
const (
	labelCert      = "CERTIFICATE"
	labelCSR       = "CERTIFICATE REQUEST"
	labelKey       = "PRIVATE KEY"
	labelEncrypted = "ENCRYPTED PRIVATE KEY"
)

// ErrEncrypted says that a key is encrypted and no passphrase was given.
var ErrEncrypted = errors.New("the key is encrypted and no passphrase was given")

// ErrPassphrase says that the passphrase does not open the key.
var ErrPassphrase = errors.New("the passphrase does not open the key")

// EncodeKey writes a private key as PEM. With a passphrase the form is always
// encrypted PKCS#8 (PBES2, AES-256-CBC, PBKDF2 with 600,000 rounds of
// HMAC-SHA256, the figure OWASP asks for), which openssl, easyrsa and Java
// open.
func EncodeKey(key crypto.Signer, format KeyFormat, passphrase []byte) ([]byte, error) {
	if len(passphrase) > 0 {
		der, err := pkcs8.MarshalPrivateKey(key, passphrase, &pkcs8.Opts{
			Cipher:  pkcs8.AES256CBC,
			KDFOpts: pkcs8.PBKDF2Opts{SaltSize: 16, IterationCount: 600000, HMACHash: crypto.SHA256},
		})
		if err != nil {
			return nil, fmt.Errorf("encrypt the key: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: labelEncrypted, Bytes: der}), nil
	}
	if format == Traditional {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}), nil
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				return nil, err
			}
			return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: labelKey, Bytes: der}), nil
}

// FormatOf says how a key file was written, so that a renewed key can be
// written alike, and whether it is encrypted.
func FormatOf(data []byte) (format KeyFormat, encrypted bool) {
	b := findBlock(data, isKeyLabel)
	if b == nil {
		return PKCS8, false
	}
	switch {
	case b.Type == labelEncrypted:
		return PKCS8, true
	case b.Type == labelKey:
		return PKCS8, false
	}
	return Traditional, b.Headers["DEK-Info"] != ""
}

const byteOrderMark = "\xef\xbb\xbf"

// ErrMarked says that the first PEM block has a byte order mark in front of it.
var ErrMarked = errors.New("a byte order mark stands in front of the PEM: OpenSSL reads it all the same, Go, and so all of Kubernetes, does not; save it as UTF-8 without BOM")

// Marked is whether ErrMarked is to be said of a file: Go passes over its first
// block, which may be one of several.
func Marked(data []byte) bool { return bytes.HasPrefix(data, []byte(byteOrderMark+"-----BEGIN ")) }

func isKeyLabel(label string) bool { return strings.HasSuffix(label, "PRIVATE KEY") }

// EncodePublicKey writes a public key as PKIX PEM ("PUBLIC KEY"), as sa.pub.
func EncodePublicKey(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// PublicKeys are the public keys in a PEM file that kube-apiserver reads in it
// for service account tokens (k8s.io/client-go/util/keyutil): PKIX, or those of
// certificates, RSA and ECDSA.
func PublicKeys(data []byte) []crypto.PublicKey {
	var out []crypto.PublicKey
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return out
		}
		key, err := x509.ParsePKIXPublicKey(b.Bytes)
		if err != nil {
			c, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				continue
			}
			key = c.PublicKey
		}
		switch key.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey:
			out = append(out, key)
		}
	}
}

// ParseKey reads the private key in a PEM file: PKCS#8, PKCS#1 and SEC 1,
// encrypted ones (PKCS#8 and openssl's old DEK-Info form) with the passphrase,
// cfssl's "Ed25519 PRIVATE KEY". An "EC PARAMETERS" block in front, which
// openssl ecparam writes, is passed over. passphrase may be nil; the error is
// ErrEncrypted where one is needed.
func ParseKey(data, passphrase []byte) (crypto.Signer, error) {
	if Marked(data) {
		return nil, ErrMarked
	}
	b := findBlock(data, isKeyLabel)
	if b == nil {
		switch {
		case findBlock(data, func(l string) bool { return l == labelCert }) != nil:
			return nil, errors.New("it holds a certificate, not a private key")
		case bytes.Contains(data, []byte("-----BEGIN")):
			return nil, errors.New("broken PEM: no complete private key block")
		}
		return nil, errors.New("no PEM private key in it")
	}
	der := b.Bytes
	if b.Type == labelEncrypted {
		if len(passphrase) == 0 {
			return nil, ErrEncrypted
		}
		key, err := pkcs8.ParsePKCS8PrivateKey(der, passphrase)
		if err != nil {
			if strings.Contains(err.Error(), "incorrect password") {
				return nil, ErrPassphrase
			}
			return nil, fmt.Errorf("a key that is encrypted in an old or rare way (%s): openssl pkcs8 -topk8 -in FILE -out FILE.new writes it anew", strings.TrimPrefix(err.Error(), "pkcs8: "))
		}
		return asSigner(key)
	}
	if b.Headers["DEK-Info"] != "" {
		if len(passphrase) == 0 {
			return nil, ErrEncrypted
		}
		var err error
		//lint:ignore SA1019 openssl and easyrsa before 3 wrote keys in this form, and they are still about.
		if der, err = x509.DecryptPEMBlock(b, passphrase); err != nil {
			return nil, ErrPassphrase
		}
	}
	key, err := parseKeyDER(der)
	if err != nil {
		return nil, err
	}
	return asSigner(key)
}

// ParseKeyDER reads a private key that is not in PEM, and not encrypted.
func ParseKeyDER(der []byte) (crypto.Signer, error) {
	key, err := parseKeyDER(der)
	if err != nil {
		return nil, err
	}
	return asSigner(key)
}

func parseKeyDER(der []byte) (any, error) {
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("the private key is damaged or of an unknown kind")
	}
	return k, nil
}

func asSigner(key any) (crypto.Signer, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	case *ed25519.PrivateKey:
		return *k, nil
	}
	return nil, errors.New("a private key of a kind that cannot sign")
}

// NextBlock is pem.Decode, which passes over a block that is broken without a
// word: whole is false where one stands in front of the block that was found.
func NextBlock(data []byte) (b *pem.Block, rest []byte, whole bool) {
	b, rest = pem.Decode(data)
	if b == nil {
		return nil, rest, false
	}
	passed := append([]byte("\n"), data[:len(data)-len(rest)]...)
	return b, rest, bytes.Count(passed, []byte("\n-----BEGIN ")) == 1
}

func findBlock(data []byte, want func(label string) bool) *pem.Block {
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return nil
		}
		if want(b.Type) {
			return b
		}
	}
}
