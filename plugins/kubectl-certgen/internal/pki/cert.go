package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// Backdate is how far notBefore lies in the past, so that a client whose clock
// is a little behind accepts a certificate at once. kubeadm uses the same.
const Backdate = 5 * time.Minute

// Template is a certificate to be: everything but the issuer and the
// signature.
type Template struct {
	// Serial must be positive and at most 20 bytes long.
	Serial *big.Int
	// Subject is the DER of the name (Name.Encode, or the RawSubject of the
	// certificate that is renewed).
	Subject []byte
	// NotBefore and NotAfter are cut to seconds.
	NotBefore, NotAfter time.Time
	PublicKey           crypto.PublicKey
	// Extensions stand in the certificate exactly so.
	Extensions []pkix.Extension
	// SignatureAlgorithm is chosen by the issuer's key when 0: SHA-256 for RSA
	// and P-256, SHA-384 for P-384, SHA-512 for P-521.
	SignatureAlgorithm x509.SignatureAlgorithm
	// Outlive allows NotAfter to lie behind the issuer's.
	Outlive bool
}

// Authority is a CA that can sign: its certificate and its key.
type Authority struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	// Chain are the certificates that stood behind Cert in its file (the
	// issuers of an intermediate CA, nearest first).
	Chain []*x509.Certificate
}

// ErrOutlives says that a certificate would outlive its issuer.
var ErrOutlives = errors.New("the certificate would outlive its CA")

// NewAuthority checks that a certificate and a key can sign other
// certificates. now is for expiry.
func NewAuthority(cert *x509.Certificate, key crypto.Signer, now time.Time) (*Authority, error) {
	if !SamePublicKey(key.Public(), cert.PublicKey) {
		return nil, errors.New("the key does not belong to the certificate")
	}
	a := &Authority{Cert: cert, Key: key}
	return a, a.check(now)
}

func (a *Authority) check(now time.Time) error {
	c := a.Cert
	switch {
	case c.Version == 3 && (!c.BasicConstraintsValid || !c.IsCA):
		return errors.New("the certificate is not a CA (basic constraints do not say CA:TRUE)")
	case c.Version != 3:
		return fmt.Errorf("the certificate is of version %d, which cannot be a CA", c.Version)
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("the CA's key usage does not allow it to sign certificates")
	case now.After(c.NotAfter):
		return fmt.Errorf("the CA expired on %s, and nothing that it signs is accepted: a new CA takes its place (rotate ca)", c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("the CA is not valid before %s (is this machine's clock right?)", c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// KeyID is the identifier that certificates of this CA carry as authority key
// identifier: the CA's own, computed where it has none.
func (a *Authority) KeyID() ([]byte, error) {
	if len(a.Cert.SubjectKeyId) > 0 {
		return a.Cert.SubjectKeyId, nil
	}
	return KeyID(a.Cert.PublicKey)
}

// Cap is the earlier of t and the CA's end.
func (a *Authority) Cap(t time.Time) time.Time {
	if t.After(a.Cert.NotAfter) {
		return a.Cert.NotAfter
	}
	return t
}

// Sign makes a certificate. The result is parsed from what was signed.
func (a *Authority) Sign(t Template) (*x509.Certificate, error) {
	if t.NotAfter.After(a.Cert.NotAfter) && !t.Outlive {
		return nil, fmt.Errorf("%w: %s is after %s", ErrOutlives,
			t.NotAfter.UTC().Format(time.RFC3339), a.Cert.NotAfter.UTC().Format(time.RFC3339))
	}
	// Only what the issuer contributes: no key identifier, so that Go adds no
	// authority key identifier of its own.
	return sign(t, &x509.Certificate{RawSubject: a.Cert.RawSubject, PublicKey: a.Cert.PublicKey}, a.Key)
}

// SelfSign makes a certificate that is its own issuer.
func SelfSign(t Template, key crypto.Signer) (*x509.Certificate, error) {
	t.PublicKey = key.Public()
	return sign(t, &x509.Certificate{RawSubject: t.Subject, PublicKey: t.PublicKey}, key)
}

func sign(t Template, parent *x509.Certificate, key crypto.Signer) (*x509.Certificate, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	alg := t.SignatureAlgorithm
	if alg == 0 {
		alg = defaultAlgorithm(key.Public())
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: t.Serial, RawSubject: t.Subject,
		NotBefore: t.NotBefore.Truncate(time.Second), NotAfter: t.NotAfter.Truncate(time.Second),
		ExtraExtensions: t.Extensions, SignatureAlgorithm: alg,
	}, parent, t.PublicKey, key)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "x509: "))
	}
	return x509.ParseCertificate(der)
}

func (t Template) check() error {
	switch {
	case t.Serial == nil || t.Serial.Sign() <= 0:
		return errors.New("the serial number is not positive")
	case t.Serial.BitLen() > 159:
		return errors.New("the serial number is longer than 20 bytes (RFC 5280, section 4.1.2.2)")
	case !t.NotAfter.After(t.NotBefore):
		return fmt.Errorf("it would end (%s) before it starts (%s)",
			t.NotAfter.UTC().Format(time.RFC3339), t.NotBefore.UTC().Format(time.RFC3339))
	case t.NotAfter.UTC().Year() > 9999:
		return errors.New("it would end after the year 9999, which a certificate cannot express")
	}
	name, err := DecodeName(t.Subject)
	if err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	if cn := name.CN(); len([]rune(cn)) > 64 {
		return fmt.Errorf("CN=%q: %d characters, 64 are allowed (RFC 5280, appendix A)", cn, len([]rune(cn)))
	}
	seen := map[string]bool{}
	for _, e := range t.Extensions {
		if seen[e.Id.String()] {
			return fmt.Errorf("extension %v stands there twice", e.Id)
		}
		seen[e.Id.String()] = true
	}
	return nil
}

func defaultAlgorithm(pub crypto.PublicKey) x509.SignatureAlgorithm {
	switch SpecOf(pub) {
	case ECDSAP384:
		return x509.ECDSAWithSHA384
	case "ecdsa:p521":
		return x509.ECDSAWithSHA512
	case Ed25519:
		return x509.PureEd25519
	}
	if SpecOf(pub).IsRSA() {
		return x509.SHA256WithRSA
	}
	return x509.ECDSAWithSHA256
}

// NewSerial is a random positive serial number of exactly this many bits, the
// highest of which is set so that its length never tells anything. r is
// crypto/rand.Reader but in tests.
func NewSerial(r io.Reader, bits int) (*big.Int, error) {
	buf := make([]byte, (bits+7)/8)
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, fmt.Errorf("no randomness for a serial number: %w", err)
	}
	n := new(big.Int).SetBytes(buf)
	n.Rsh(n, uint(len(buf)*8-bits))
	return n.SetBit(n, bits-1, 1), nil
}

// EncodeCerts writes certificates as PEM, one after the other.
func EncodeCerts(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: labelCert, Bytes: c.Raw}) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

// ParseCerts reads all certificates of a PEM file, or one DER certificate.
// Text around the blocks (openssl and easyrsa write some) is passed over.
func ParseCerts(data []byte) ([]*x509.Certificate, error) {
	if Marked(data) {
		return nil, ErrMarked
	}
	var out []*x509.Certificate
	other := ""
	for rest := data; ; {
		b, behind, whole := NextBlock(rest)
		if b == nil {
			if out != nil && bytes.Contains(rest, []byte("-----BEGIN")) {
				return nil, fmt.Errorf("broken PEM behind certificate %d", len(out))
			}
			break
		}
		if rest = behind; !whole {
			return nil, errors.New("broken PEM: a block in it is not complete")
		}
		if b.Type != labelCert && b.Type != "X509 CERTIFICATE" && b.Type != "TRUSTED CERTIFICATE" {
			other = b.Type
			continue
		}
		c, err := ParseCert(b)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	if out != nil {
		return out, nil
	}
	if c, err := x509.ParseCertificate(data); err == nil {
		return []*x509.Certificate{c}, nil
	}
	switch {
	case other != "":
		return nil, fmt.Errorf("it holds a %s, not a certificate", strings.ToLower(other))
	case bytes.Contains(data, []byte("-----BEGIN")):
		return nil, errors.New("broken PEM: no complete certificate block")
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("the file is empty")
	}
	return nil, errors.New("no PEM or DER certificate in it; 'kubectl certgen inspect' says what it holds")
}

// ParseCert reads one block of a PEM file.
func ParseCert(b *pem.Block) (*x509.Certificate, error) {
	der := b.Bytes
	if b.Type == "TRUSTED CERTIFICATE" {
		// openssl's trust settings follow the certificate.
		var first asn1Raw
		if err := first.parse(der); err == nil {
			der = first.full
		}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: Go, and so every part of Kubernetes, refuses such a certificate", strings.TrimPrefix(err.Error(), "x509: "))
	}
	return c, nil
}
