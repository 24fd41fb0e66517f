package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
)

// KeySpec names an algorithm and a size the way --key does: "ecdsa:p256".
type KeySpec string

// The key types that certgen makes.
const (
	RSA2048   KeySpec = "rsa:2048"
	RSA3072   KeySpec = "rsa:3072"
	RSA4096   KeySpec = "rsa:4096"
	ECDSAP256 KeySpec = "ecdsa:p256"
	ECDSAP384 KeySpec = "ecdsa:p384"
	Ed25519   KeySpec = "ed25519"
)

// KeySpecs lists the values of --key, the default first.
var KeySpecs = []KeySpec{ECDSAP256, ECDSAP384, RSA2048, RSA3072, RSA4096, Ed25519}

// ParseKeySpec reads a value of --key; kubeadm's and cfssl's spellings
// (RSA-2048, ECDSA-P256, ecdsa-256) are understood too.
func ParseKeySpec(s string) (KeySpec, error) {
	canon := strings.ToLower(strings.TrimSpace(s))
	canon = strings.Replace(canon, "-", ":", 1)
	switch canon {
	case "ecdsa:256", "ecdsa", "ec", "ec:p256", "ec:prime256v1", "ecdsa:prime256v1":
		canon = string(ECDSAP256)
	case "ecdsa:384", "ec:p384", "ec:secp384r1", "ecdsa:secp384r1":
		canon = string(ECDSAP384)
	case "rsa":
		canon = string(RSA2048)
	}
	for _, k := range KeySpecs {
		if canon == string(k) {
			return k, nil
		}
	}
	all := make([]string, len(KeySpecs))
	for i, k := range KeySpecs {
		all[i] = string(k)
	}
	return "", fmt.Errorf("key type %q: not one of %s", s, strings.Join(all, ", "))
}

// SpecOf names the type of a public key, also of types that certgen does not
// make ("ecdsa:p521", "rsa:1024").
func SpecOf(pub crypto.PublicKey) KeySpec {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return KeySpec(fmt.Sprintf("rsa:%d", k.N.BitLen()))
	case *ecdsa.PublicKey:
		return KeySpec("ecdsa:" + strings.ToLower(strings.ReplaceAll(k.Curve.Params().Name, "-", "")))
	case ed25519.PublicKey:
		return Ed25519
	}
	return "unknown"
}

// SpecOfCert names the type of a certificate's key, also where Go cannot use
// it ("ed448", "rsa-pss", "dsa").
func SpecOfCert(c *x509.Certificate) KeySpec { return specOf(c.PublicKey, c.RawSubjectPublicKeyInfo) }

// SpecOfRequest is SpecOfCert for a request.
func SpecOfRequest(r *x509.CertificateRequest) KeySpec {
	return specOf(r.PublicKey, r.RawSubjectPublicKeyInfo)
}

func specOf(pub crypto.PublicKey, der []byte) KeySpec {
	if spec := SpecOf(pub); spec != "unknown" {
		return spec
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return "unknown"
	}
	switch oid := info.Algorithm.Algorithm.String(); oid {
	case "1.3.101.113":
		return "ed448"
	case "1.2.840.113549.1.1.10":
		return "rsa-pss"
	case "1.2.840.10040.4.1":
		return "dsa"
	default:
		return KeySpec("of type " + oid)
	}
}

// Human is how people say the type: "ECDSA P-256", "RSA 2048".
func (k KeySpec) Human() string {
	alg, size, _ := strings.Cut(string(k), ":")
	switch alg {
	case "ecdsa":
		return "ECDSA " + strings.Replace(strings.ToUpper(size), "P", "P-", 1)
	case "rsa":
		return "RSA " + size
	case "ed25519":
		return "Ed25519"
	case "ed448":
		return "Ed448"
	case "rsa-pss", "dsa":
		return strings.ToUpper(alg)
	}
	return string(k)
}

// IsRSA says whether the key can encipher a TLS 1.2 key exchange, which is
// what keyEncipherment allows.
func (k KeySpec) IsRSA() bool { return strings.HasPrefix(string(k), "rsa:") }

// GenerateKey makes a private key. The entropy is always the system's: Go does
// not let a key be made from anything else.
func GenerateKey(spec KeySpec) (crypto.Signer, error) {
	switch spec {
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	case ECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "ecdsa:p521":
		// Not offered by --key, but renewing a certificate with a new key
		// keeps its type.
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
	if bits, ok := strings.CutPrefix(string(spec), "rsa:"); ok {
		var n int
		if _, err := fmt.Sscanf(bits, "%d", &n); err == nil && n >= 2048 && n <= 8192 {
			return rsa.GenerateKey(rand.Reader, n)
		}
	}
	return nil, fmt.Errorf("cannot make a key of type %s", spec)
}

// SamePublicKey says whether two public keys are equal.
func SamePublicKey(a, b crypto.PublicKey) bool {
	eq, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && eq.Equal(b)
}
