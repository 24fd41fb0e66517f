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
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

func (i *Item) extensions() []pkix.Extension {
	switch {
	case i.Cert != nil:
		return i.Cert.Extensions
	case i.Request != nil:
		return i.Request.Extensions
	}
	return nil
}

// Options are what reading may need.
type Options struct {
	// Passphrase opens PKCS#12 files and encrypted keys.
	Passphrase []byte
}

// ErrLocked says that a PKCS#12 file needs a passphrase, ErrPassphrase that it
// needs another one.
var (
	ErrLocked     = errors.New("a PKCS#12 file that is locked with a passphrase")
	ErrPassphrase = errors.New("a PKCS#12 file that this passphrase does not open")
)

// ErrOther says that a PEM file holds something that is looked at nowhere here.
var ErrOther = errors.New("no certificate, request or key in it")

// otherLabels are PEM blocks of other things that lie in PKI folders.
var otherLabels = []string{"X509 CRL", "PUBLIC KEY", "RSA PUBLIC KEY", "DH PARAMETERS", "X9.42 DH PARAMETERS", "EC PARAMETERS", "DSA PARAMETERS", "OpenVPN Static key V1", "SSH2 PUBLIC KEY", "ATTRIBUTE CERTIFICATE"}

// Bytes reads whatever a file may be. The name is for the items; relative
// paths in a kubeconfig are taken from its folder.
func Bytes(name string, data []byte, o Options) ([]Item, error) {
	if widetext.Is(data) {
		data = widetext.Decode(data)
		if bytes.Contains(data, []byte("-----BEGIN ")) && !isYAML(bytes.TrimSpace(data)) {
			return nil, errors.New("UTF-16 text (what > of Windows PowerShell writes), in which no TLS library finds the PEM: save it as UTF-8 or ASCII")
		}
	}
	trim := bytes.TrimSpace(data)
	switch {
	case len(trim) == 0:
		return nil, errors.New("the file is empty")
	case pki.Marked(data):
		return nil, pki.ErrMarked
	case bytes.HasPrefix(data, []byte("\xfe\xed\xfe\xed")):
		return nil, errors.New("a Java keystore (JKS): make it PKCS#12 by keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype pkcs12")
	case bytes.Contains(data, []byte("-----BEGIN ")) && !isYAML(trim):
		return pemItems(name, "", data)
	case trim[0] == 0x30 && len(data) > 4:
		return derItems(name, data, o)
	}
	return objects(name, data, o)
}

// isYAML says whether a text that holds PEM is a manifest around it.
func isYAML(trim []byte) bool {
	if trim[0] == '{' {
		return true
	}
	for _, l := range bytes.Split(trim, []byte("\n")) {
		l = bytes.TrimRight(l, "\r")
		if bytes.HasPrefix(l, []byte("-----BEGIN ")) {
			return false
		}
		if bytes.HasPrefix(l, []byte("apiVersion:")) || bytes.HasPrefix(l, []byte("kind:")) {
			return true
		}
	}
	return false
}

// pemItems reads all blocks of a PEM text. Keys are remembered by their public
// half only.
func pemItems(name, part string, data []byte) ([]Item, error) {
	var out []Item
	n := 0
	var other []string
	for rest := data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			if n > 0 && bytes.Contains(rest, []byte("-----BEGIN")) {
				return nil, fmt.Errorf("broken PEM behind block %d", n)
			}
			break
		}
		n++
		switch {
		case b.Type == "CERTIFICATE" || b.Type == "X509 CERTIFICATE" || b.Type == "TRUSTED CERTIFICATE":
			c, err := pki.ParseCert(b)
			if err != nil {
				return nil, fmt.Errorf("block %d: %w", n, err)
			}
			out = append(out, Item{Kind: Certificate, Source: name, Part: part, Cert: c})
		case b.Type == "CERTIFICATE REQUEST" || b.Type == "NEW CERTIFICATE REQUEST":
			r, err := x509.ParseCertificateRequest(b.Bytes)
			if err != nil {
				return nil, fmt.Errorf("block %d: damaged certificate request: %s", n, strings.TrimPrefix(strings.TrimPrefix(err.Error(), "x509: "), "asn1: "))
			}
			out = append(out, Item{Kind: Request, Source: name, Part: part, Request: r})
		case b.Type == "PKCS7" || b.Type == "CMS":
			cs, err := pkcs7(b.Bytes)
			if err != nil {
				return nil, fmt.Errorf("block %d: %w", n, err)
			}
			for _, c := range cs {
				out = append(out, Item{Kind: Certificate, Source: name, Part: part, Cert: c})
			}
		case strings.HasSuffix(b.Type, "PRIVATE KEY"):
			it := Item{Kind: Key, Source: name, Part: part}
			k, err := pki.ParseKey(pem.EncodeToMemory(b), nil)
			switch {
			case err == nil:
				it.public = k.Public()
			case errors.Is(err, pki.ErrEncrypted):
				it.KeyEncrypted = true
			default:
				return nil, fmt.Errorf("block %d: %w", n, err)
			}
			out = append(out, it)
		default:
			other = append(other, b.Type)
		}
	}
	switch {
	case n == 0:
		return nil, errors.New("broken PEM: no complete block")
	case len(out) == 0 && len(other) > 0 && slices.Contains(otherLabels, other[0]):
		return nil, fmt.Errorf("%w: its PEM label is %s", ErrOther, other[0])
	case len(out) == 0 && len(other) > 0:
		return nil, fmt.Errorf("no certificate, request or key in it: its PEM label is %q (of a certificate it is CERTIFICATE)", other[0])
	}
	number(out)
	return out, nil
}

// number counts the certificates of one part and marks chains and bundles.
func number(items []Item) {
	var certs []*Item
	for i := range items {
		if items[i].Kind == Certificate {
			certs = append(certs, &items[i])
		}
	}
	if len(certs) < 2 {
		return
	}
	firstCA := certs[0].Cert.IsCA
	for i, c := range certs {
		c.Index = i + 1
		c.Bundle = firstCA && c.Cert.IsCA
		c.Intermediate = i > 0 && !firstCA
		c.Behind = firstCA && !c.Cert.IsCA
	}
}

func certItems(name string, certs []*x509.Certificate) []Item {
	out := make([]Item, len(certs))
	for i, c := range certs {
		out[i] = Item{Kind: Certificate, Source: name, Cert: c}
	}
	number(out)
	return out
}

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
	return p12Items(name, data, o)
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

func p12Items(name string, data []byte, o Options) ([]Item, error) {
	key, leaf, cas, err := pkcs12.DecodeChain(data, string(o.Passphrase))
	if err == nil {
		it := Item{Kind: Certificate, Source: name, Cert: leaf, KeyFile: name}
		if s, ok := key.(crypto.Signer); ok {
			it.KeyMatches = pki.SamePublicKey(s.Public(), leaf.PublicKey)
		}
		out := append([]Item{it}, certItems(name, cas)...)
		number(out)
		return out, nil
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption) {
		if len(o.Passphrase) == 0 {
			return nil, ErrLocked
		}
		return nil, ErrPassphrase
	}
	// No key: a trust store. Several: what holds all certificates of its owner.
	cs, err := pkcs12.DecodeTrustStore(data, string(o.Passphrase))
	if err == nil {
		return certItems(name, cs), nil
	}
	//lint:ignore SA1019 deprecated for its keys; the certificates are right, and nothing else reads several.
	blocks, pemErr := pkcs12.ToPEM(data, string(o.Passphrase))
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
	if strings.Contains(err.Error(), "not marked as trusted") {
		return nil, errors.New("a PKCS#12 file of certificates without a key and without the mark of a trust store, which Java passes over too: openssl pkcs12 -in FILE -nokeys -out FILE.pem takes them out")
	}
	return nil, errors.New("neither a certificate, a request nor a PKCS#12 file (DER)")
}
