package profile

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// cfssl is cfssl 1.6.5 with the handbook's config: profile kubernetes, 8760h,
// signing, key encipherment, server auth, client auth.
func cfssl() Profile {
	return Profile{
		Name: "cfssl", Tool: "cfssl 1.6.5 with the handbook's config",
		Key: pki.RSA2048, KeyFormat: pki.Traditional, Strings: pki.PrintableOrUTF8,
		CAValidity: 5 * 8760 * time.Hour, Validity: 8760 * time.Hour, CASerialBits: 159, SerialBits: 159,
		CACommonName: "kubernetes", ServerCommonName: "kubernetes",
		arrange: func(n ServerNames) []pki.GeneralName {
			// The handbook's list of hosts has the loopback address in it.
			n.IPs = append([]pki.GeneralName{{Kind: pki.IP, Value: "127.0.0.1"}}, n.IPs...)
			return dnsFirst(n)
		},
		dates: func(now time.Time, validity time.Duration) (time.Time, time.Time) {
			from := now.UTC().Round(time.Minute).Add(-5 * time.Minute)
			return from, from.Add(validity)
		},
		algorithm: func(signer pki.KeySpec) x509.SignatureAlgorithm {
			var bits int
			if n, _ := fmt.Sscanf(string(signer), "rsa:%d", &bits); n == 1 {
				switch {
				case bits >= 4096:
					return x509.SHA512WithRSA
				case bits >= 3072:
					return x509.SHA384WithRSA
				}
			}
			return 0
		},
		caExts: func(c caFacts) []pkix.Extension {
			return []pkix.Extension{
				pki.KeyUsage(x509.KeyUsageCertSign|x509.KeyUsageCRLSign, true),
				pki.BasicConstraints(true, c.pathLen, true),
				pki.SubjectKeyID(c.keyID),
			}
		},
		leafExts: func(l leafFacts) ([]pkix.Extension, error) {
			exts := []pkix.Extension{
				pki.KeyUsage(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, true),
				pki.ExtKeyUsage(false, []asn1.ObjectIdentifier{pki.OIDServerAuth, pki.OIDClientAuth}...),
				pki.BasicConstraints(false, -1, true),
				pki.SubjectKeyID(l.keyID),
			}
			if !sameName(l) {
				exts = append(exts, pki.AuthorityKeyID(l.caKeyID, nil, nil))
			}
			return withNames(exts, l.names)
		},
		faults: func(l leafFacts) []string {
			var out []string
			if sameName(l) {
				out = append(out, "CA and certificate have one name, so the certificate has no authority key identifier: "+
					"openssl, curl, Node, Python and NSS take it for self-signed (give --ca-subject another CN)")
			}
			if !l.key.IsRSA() {
				out = append(out, "keyEncipherment on a key that cannot encipher (RFC 8813)")
			}
			return out
		},
	}
}

// sameName is the case in which Go, and so cfssl, leaves the authority key
// identifier out.
func sameName(l leafFacts) bool { return bytes.Equal(l.subject, l.ca.Cert.RawSubject) }
