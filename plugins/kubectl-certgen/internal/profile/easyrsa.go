package profile

import (
	"crypto/x509"
	"crypto/x509/pkix"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// easyrsa is easyrsa 3.2.6 as the handbook calls it: build-ca nopass with a
// common name of address and time, build-server-full --days=10000.
func easyrsa() Profile {
	return Profile{
		Name: "easyrsa", Tool: "easyrsa 3.2.6",
		Key: pki.RSA2048, KeyFormat: pki.PKCS8, Strings: pki.UTF8,
		CAValidity: Days(3650), Validity: Days(10000), CASerialBits: 159, SerialBits: 128,
		CACommonName: "{ip}@{unix}", ServerCommonName: "server",
		dates: fromNow, algorithm: sha256Always,
		caExts: func(c caFacts) []pkix.Extension {
			return []pkix.Extension{
				pki.BasicConstraints(true, c.pathLen, true),
				pki.SubjectKeyID(c.keyID),
				pki.AuthorityKeyID(c.keyID, c.subject, c.serial),
				pki.KeyUsage(x509.KeyUsageCertSign|x509.KeyUsageCRLSign, false),
			}
		},
		leafExts: func(l leafFacts) ([]pkix.Extension, error) {
			ku := x509.KeyUsageDigitalSignature
			if l.purpose != Client {
				ku |= x509.KeyUsageKeyEncipherment
			}
			return withNames([]pkix.Extension{
				pki.BasicConstraints(false, -1, false),
				pki.SubjectKeyID(l.keyID),
				pki.AuthorityKeyID(l.caKeyID, l.ca.Cert.RawIssuer, l.ca.Cert.SerialNumber),
				pki.ExtKeyUsage(false, usages(l.purpose)...),
				pki.KeyUsage(ku, false),
			}, l.names)
		},
		faults: func(l leafFacts) []string {
			if !l.key.IsRSA() && l.purpose != Client {
				return []string{"keyEncipherment on a key that cannot encipher (RFC 8813)"}
			}
			return nil
		},
	}
}
