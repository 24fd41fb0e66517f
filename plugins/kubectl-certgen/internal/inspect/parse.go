package inspect

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	case bytes.HasPrefix(data, []byte("\xfe\xed\xfe\xed")), bytes.HasPrefix(data, []byte("\xce\xce\xce\xce")): // JKS, JCEKS
		return nil, errors.New("a Java keystore (JKS, JCEKS): make it PKCS#12 by keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype pkcs12")
	case bytes.Contains(data, []byte("-----BEGIN ")) && !isYAML(trim):
		return pemItems(name, "", data)
	case trim[0] == 0x30 && len(data) > 4:
		return derItems(name, data, o)
	}
	if base64Of(trim) {
		return nil, errors.New("base64 without the lines of PEM, as a Secret's data has it: pipe it through base64 -d first")
	}
	return objects(name, data, o)
}

// base64Of says whether a text is the base64 of PEM or DER.
func base64Of(text []byte) bool {
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil || len(data) < 64 {
		return false
	}
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN ")) || data[0] == 0x30 && data[1]&0x80 != 0
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
		b, behind, whole := pki.NextBlock(rest)
		if b == nil {
			if n > 0 && bytes.Contains(rest, []byte("-----BEGIN")) {
				return nil, fmt.Errorf("broken PEM behind block %d", n)
			}
			break
		}
		n, rest = n+1, behind
		if !whole {
			return nil, fmt.Errorf("broken PEM: block %d is not complete", n)
		}
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
		return nil, brokenPEM(data)
	case len(out) == 0 && len(other) > 0 && slices.Contains(otherLabels, other[0]):
		return nil, fmt.Errorf("%w: its PEM label is %s", ErrOther, other[0])
	case len(out) == 0 && len(other) > 0:
		return nil, fmt.Errorf("no certificate, request or key in it: its PEM label is %q (of a certificate it is CERTIFICATE)", other[0])
	}
	number(out)
	return out, nil
}

// brokenPEM says why there is no block in a text that has the beginning of one.
func brokenPEM(data []byte) error {
	at := bytes.Index(data, []byte("-----BEGIN "))
	line, _, more := bytes.Cut(data[at:], []byte("\n"))
	switch {
	case at > 0 && (data[at-1] == ' ' || data[at-1] == '\t'):
		return errors.New("broken PEM: its lines are indented, as in the YAML that it was copied from")
	case !more && bytes.Contains(line, []byte("-----END ")):
		return errors.New("broken PEM: its line breaks are gone: an echo without quotes, or a variable, has taken them")
	}
	return errors.New("broken PEM: no complete block")
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
