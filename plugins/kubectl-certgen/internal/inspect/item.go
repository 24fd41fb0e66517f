package inspect

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// Kind is what an item is.
type Kind string

// The kinds of items.
const (
	Certificate Kind = "certificate"
	Request     Kind = "request"
	Key         Kind = "key"
	// Login is a user of a kubeconfig without a certificate.
	Login Kind = "login"
)

// Cluster is the source of what lies in the objects of a live cluster.
const Cluster = "cluster"

// Item is one certificate, request or key, and where it was seen.
type Item struct {
	Kind Kind
	// Source is where it lies, as the user would name it: "pki/server.crt",
	// "secret kube-system/tls", "10.0.0.1:6443".
	Source string
	// Part is a place inside the source: "user admin", "data tls.crt",
	// "webhook x caBundle"; Index counts the certificates of one part from 1,
	// 0 where there is one.
	Part  string
	Index int
	// Intermediate says that it stands behind another one in the same part, as
	// a chain does.
	Intermediate bool
	// Behind says that it is no CA and stands behind a CA in one file, where a
	// server that is given the file does not find it.
	Behind bool
	// Served says that a server presented it.
	Served bool
	// Bundle says that the part is a list of CAs to trust.
	Bundle bool

	Cert    *x509.Certificate
	Request *x509.CertificateRequest

	// Note says how a Login proves who it is ("a token", "the exec plugin aws"), and
	// of a certificate why the key beside it was not looked at.
	Note string
	// CertFile is the file that a kubeconfig names for its user's certificate, ""
	// where it holds the certificate itself.
	CertFile string
	// KeyFile is the private key that lies beside it, and KeyMatches whether it
	// is the certificate's. KeyMode is 0 where the key is not a file.
	KeyFile    string
	KeyMatches bool
	KeyMode    fs.FileMode
	// KeyEncrypted says that the key cannot be compared without a passphrase.
	KeyEncrypted bool
	public       crypto.PublicKey
}

// PublicKey is the public half of a private key, nil where it is encrypted.
func (i *Item) PublicKey() crypto.PublicKey { return i.public }

// Where is the source and the part of an item, in one line.
func (i *Item) Where() string {
	s := i.Source
	if s == Cluster {
		s = i.Part // "secret ns/name tls.crt" says it
	} else if i.Part != "" {
		s += " (" + i.Part + ")"
	}
	if i.Index > 0 {
		s += fmt.Sprintf(" #%d", i.Index)
	}
	return pki.Printable(s)
}

// Subject is the subject of a certificate or a request.
func (i *Item) Subject() string {
	var raw []byte
	switch {
	case i.Cert != nil:
		raw = i.Cert.RawSubject
	case i.Request != nil:
		raw = i.Request.RawSubject
	default:
		return ""
	}
	return NameString(raw)
}

// NameString writes a DER name as "C=US, O=Acme, CN=x".
func NameString(raw []byte) string {
	n, err := pki.DecodeName(raw)
	if err != nil {
		return "(unreadable name)"
	}
	return n.String()
}

// Role says what a certificate is by what it allows: "CA", "server", "client",
// "server and client", "leaf".
func Role(c *x509.Certificate) string {
	if c.IsCA && c.BasicConstraintsValid {
		return "CA"
	}
	server := slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	client := slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	switch {
	case server && client:
		return "server and client"
	case server:
		return "server"
	case client:
		return "client"
	}
	return "leaf"
}

// Names are all subject alternative names of a certificate or request, in
// their order.
func Names(exts []pki.GeneralName) []string {
	out := make([]string, len(exts))
	for i, g := range exts {
		out[i] = g.Value
		if g.Kind == pki.URI || g.Kind == pki.Email {
			out[i] = g.String()
		}
		out[i] = pki.Printable(out[i])
	}
	return out
}

// AltNames are an item's subject alternative names.
func (i *Item) AltNames() []pki.GeneralName {
	exts := i.extensions()
	for _, e := range exts {
		if e.Id.Equal(pki.OIDSubjectAltName) {
			names, _ := pki.AltNames(e)
			return names
		}
	}
	return nil
}

// OtherNames says that there are names beside AltNames, of kinds that are not
// shown: otherName, directoryName, registered identifiers.
func (i *Item) OtherNames() bool {
	e, ok := pki.Find(i.extensions(), pki.OIDSubjectAltName)
	if !ok {
		return false
	}
	_, complete := pki.AltNames(e)
	return !complete
}

// Fingerprint is the SHA-256 of a certificate, in the form openssl shows.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return Colons(sum[:])
}

// Colons writes bytes as AB:CD.
func Colons(b []byte) string {
	h := strings.ToUpper(hex.EncodeToString(b))
	var parts []string
	for i := 0; i+1 < len(h); i += 2 {
		parts = append(parts, h[i:i+2])
	}
	return strings.Join(parts, ":")
}

// KeyUsageNames are the usages of a certificate's keyUsage, as openssl's
// configuration names them.
func KeyUsageNames(ku x509.KeyUsage) []string {
	all := []string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"}
	var out []string
	for i, n := range all {
		if ku&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// ExtKeyUsageNames are the names of a certificate's extended usages.
func ExtKeyUsageNames(c *x509.Certificate) []string {
	names := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "anyExtendedKeyUsage", x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth",
		x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection", x509.ExtKeyUsageIPSECEndSystem: "ipsecEndSystem",
		x509.ExtKeyUsageIPSECTunnel: "ipsecTunnel", x509.ExtKeyUsageIPSECUser: "ipsecUser", x509.ExtKeyUsageTimeStamping: "timeStamping",
		x509.ExtKeyUsageOCSPSigning: "OCSPSigning",
	}
	var out []string
	for _, u := range c.ExtKeyUsage {
		n := names[u]
		if n == "" {
			n = fmt.Sprintf("usage %d", u)
		}
		out = append(out, n)
	}
	for _, o := range c.UnknownExtKeyUsage {
		out = append(out, o.String())
	}
	return out
}

// DaysLeft is the number of whole days until a time, negative behind it.
func DaysLeft(t, now time.Time) int {
	// Not by Sub, which ends at 292 years: certificates last until 9999.
	s := t.Unix() - now.Unix()
	if s < 0 {
		return int(s/86400) - 1
	}
	return int(s / 86400)
}

// Serial is a serial number as openssl shows it.
func Serial(n *big.Int) string {
	if n.Sign() == 0 {
		return "00"
	}
	return Colons(n.Bytes())
}
