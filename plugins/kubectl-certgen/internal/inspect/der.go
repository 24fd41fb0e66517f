package inspect

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// derItems reads what is not text.
func derItems(name string, data []byte, o Options) ([]Item, error) {
	if c, err := x509.ParseCertificate(data); err == nil {
		return []Item{{Kind: Certificate, Source: name, Cert: c}}, nil
	}
	if r, err := x509.ParseCertificateRequest(data); err == nil {
		return []Item{{Kind: Request, Source: name, Request: r}}, nil
	}
	if cs, err := x509.ParseCertificates(data); err == nil && len(cs) > 0 {
		return certItems(name, cs), nil
	}
	if cs, err := pkcs7(data); err == nil {
		return certItems(name, cs), nil
	}
	if l, err := x509.ParseRevocationList(data); err == nil {
		return nil, fmt.Errorf("%w: a revocation list of %q", ErrOther, l.Issuer)
	}
	if k, err := pki.ParseKeyDER(data); err == nil {
		return []Item{{Kind: Key, Source: name, public: k.Public()}}, nil
	}
	if encryptedKey(data) {
		return []Item{{Kind: Key, Source: name, KeyEncrypted: true}}, nil
	}
	if err := refusedDER(data); err != nil {
		return nil, err
	}
	return p12Items(name, data, o)
}

// encryptedKey says whether DER is an encrypted PKCS#8 key (RFC 5958).
func encryptedKey(der []byte) bool {
	var k struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	rest, err := asn1.Unmarshal(der, &k)
	return err == nil && len(rest) == 0
}

// refusedDER is what Go has against a certificate or request in DER, nil for what
// is laid out like neither.
func refusedDER(der []byte) error {
	var signed struct {
		Body      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	_, err := asn1.Unmarshal(der, &signed)
	laidOut := err == nil && len(signed.Body.Bytes) > 0
	switch {
	case laidOut && signed.Body.Bytes[0] == 0xa0: // the version of a certificate
		_, err := pki.ParseCert(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		return err
	case laidOut && signed.Body.Bytes[0] == 0x02:
		if _, err := x509.ParseCertificateRequest(der); err != nil {
			return fmt.Errorf("damaged certificate request: %s", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "x509: "), "asn1: "))
		}
	}
	return nil
}

// pkcs7 reads the certificates of a PKCS#7 file (.p7b, RFC 5652 SignedData),
// as Windows and Java tools export chains.
func pkcs7(der []byte) ([]*x509.Certificate, error) {
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
	}
	var signed struct {
		Version      int
		Digests      asn1.RawValue
		Encapsulated asn1.RawValue
		Certs        asn1.RawValue `asn1:"optional,tag:0"`
	}
	const what = "a PKCS#7 file without certificates that can be read"
	if _, err := asn1.Unmarshal(der, &outer); err != nil || !outer.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}) {
		return nil, errors.New(what)
	}
	// What follows the certificates is of no interest.
	if _, err := asn1.Unmarshal(outer.Content.Bytes, &signed); err != nil && len(signed.Certs.Bytes) == 0 {
		return nil, errors.New(what)
	}
	cs, err := x509.ParseCertificates(signed.Certs.Bytes)
	if err != nil || len(cs) == 0 {
		return nil, errors.New(what)
	}
	return cs, nil
}

// p12Items reads a PKCS#12 file, with the passphrase or, as several files may be
// read by one, without.
func p12Items(name string, data []byte, o Options) ([]Item, error) {
	items, err := openP12(name, data, string(o.Passphrase))
	if err != nil && len(o.Passphrase) > 0 {
		if items, e := openP12(name, data, ""); e == nil {
			return items, nil
		}
	}
	return items, err
}

func openP12(name string, data []byte, passphrase string) ([]Item, error) {
	key, leaf, cas, err := pkcs12.DecodeChain(data, passphrase)
	if err == nil {
		s, ok := key.(crypto.Signer)
		// Not every program writes the key's own certificate first.
		for i, c := range cas {
			if ok && !pki.SamePublicKey(s.Public(), leaf.PublicKey) && pki.SamePublicKey(s.Public(), c.PublicKey) {
				leaf, cas[i] = c, leaf
			}
		}
		it := Item{Kind: Certificate, Source: name, Cert: leaf, KeyFile: name}
		if ok {
			it.KeyMatches = pki.SamePublicKey(s.Public(), leaf.PublicKey)
		}
		out := append([]Item{it}, certItems(name, cas)...)
		number(out)
		return out, nil
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption) {
		if passphrase == "" {
			return nil, ErrLocked
		}
		return nil, ErrPassphrase
	}
	// No key: a trust store. Several: what holds all certificates of its owner.
	cs, noStore := pkcs12.DecodeTrustStore(data, passphrase)
	if noStore == nil {
		return certItems(name, cs), nil
	}
	//lint:ignore SA1019 deprecated for its keys; the certificates are right, and nothing else reads several.
	blocks, pemErr := pkcs12.ToPEM(data, passphrase)
	if pemErr == nil {
		blocks = slices.DeleteFunc(blocks, func(b *pem.Block) bool { return b.Type != "CERTIFICATE" })
		for _, b := range blocks {
			c, err := pki.ParseCert(b)
			if err != nil {
				return nil, err
			}
			cs = append(cs, c)
		}
		return certItems(name, cs), nil
	}
	if strings.Contains(noStore.Error(), "not marked as trusted") {
		return nil, errors.New("a PKCS#12 file of certificates without a key and without the mark of a trust store, which Java passes over too: openssl pkcs12 -in FILE -nokeys -out FILE.pem takes them out")
	}
	why := strings.TrimPrefix(err.Error(), "pkcs12: ")
	switch {
	case !isP12(data):
		return nil, errors.New("neither a certificate, a request, a key nor a PKCS#12 file (DER)")
	case why == "certificate missing":
		return nil, fmt.Errorf("%w: a PKCS#12 file with a key alone", ErrOther)
	}
	return nil, fmt.Errorf("a PKCS#12 file of a rare kind (%s): openssl pkcs12 -in FILE -nokeys -out FILE.pem takes the certificates out", why)
}

// isP12 says whether DER is laid out like a PKCS#12 file: version 3, and a content
// with its type.
func isP12(der []byte) bool {
	var pfx struct {
		Version int
		Content asn1.RawValue
		Mac     asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(der, &pfx)
	return err == nil && pfx.Version == 3 && bytes.HasPrefix(pfx.Content.Bytes, []byte{0x06})
}
