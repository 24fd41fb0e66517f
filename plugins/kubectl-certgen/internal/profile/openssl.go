package profile

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// openssl is the handbook's recipe with openssl 3.0: `req -x509 -new -nodes
// -subj /CN=IP -days 10000` and `x509 -req -extensions v3_ext -extfile
// csr.conf -days 10000`.
func openssl() Profile {
	return Profile{
		Name: "openssl", Tool: "openssl 3.0 with the handbook's csr.conf",
		Key: pki.RSA2048, KeyFormat: pki.PKCS8, Strings: pki.UTF8,
		CAValidity: Days(10000), Validity: Days(10000), CASerialBits: 159, SerialBits: 159,
		CACommonName: "{ip}", ServerCommonName: "{ip}",
		arrange: dnsFirst, dates: fromNow, algorithm: sha256Always,
		caExts: func(c caFacts) []pkix.Extension {
			return []pkix.Extension{
				pki.SubjectKeyID(c.keyID),
				pki.AuthorityKeyID(c.keyID, nil, nil),
				pki.BasicConstraints(true, c.pathLen, true),
			}
		},
		leafExts: func(l leafFacts) ([]pkix.Extension, error) {
			exts, err := withNames([]pkix.Extension{
				pki.AuthorityKeyID(l.caKeyID, l.ca.Cert.RawIssuer, l.ca.Cert.SerialNumber),
				pki.BasicConstraints(false, -1, false),
				pki.KeyUsage(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment, false),
				// csr.conf asks for both, whatever the certificate is for.
				pki.ExtKeyUsage(false, []asn1.ObjectIdentifier{pki.OIDServerAuth, pki.OIDClientAuth}...),
			}, l.names)
			return append(exts, pki.SubjectKeyID(l.keyID)), err
		},
		faults: func(l leafFacts) []string {
			out := []string{"no digitalSignature: GnuTLS and Java end the handshake"}
			if l.ca.Cert.KeyUsage == 0 {
				out = append(out, "the CA has no keyUsage: Python 3.13 and later and pyca refuse it")
			}
			if !l.key.IsRSA() {
				out = append(out, "keyEncipherment on a key that cannot encipher (RFC 8813)")
			}
			return out
		},
	}
}
