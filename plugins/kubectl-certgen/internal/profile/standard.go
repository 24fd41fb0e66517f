package profile

import (
	"crypto/x509"
	"crypto/x509/pkix"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// standard is certgen's own profile: the intersection of what openssl
// -x509_strict, Python, GnuTLS, Java, NSS, Node and Go ask for, and of RFC 5280
// as zlint reads it. Each extension is there because somebody refuses a
// certificate without it: keyUsage on the CA (Python 3.13, Java), a critical
// basicConstraints (openssl strict), digitalSignature (GnuTLS, Java), both key
// identifiers (openssl strict, pyca), and no keyEncipherment for a key that
// cannot encipher (RFC 8813).
func standard() Profile {
	return Profile{
		Tool: "certgen", Key: pki.ECDSAP256, KeyFormat: pki.PKCS8, Strings: pki.PrintableOrUTF8,
		CAValidity: Days(3650), Validity: Days(365), CASerialBits: 128, SerialBits: 128,
		CACommonName: "kubernetes-ca", ServerCommonName: "kube-apiserver",
		dates: backdated, algorithm: bySize,
		caExts: func(c caFacts) []pkix.Extension {
			return []pkix.Extension{
				pki.BasicConstraints(true, c.pathLen, true),
				pki.KeyUsage(x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign|x509.KeyUsageCRLSign, true),
				pki.SubjectKeyID(c.keyID),
				pki.AuthorityKeyID(c.keyID, nil, nil),
			}
		},
		leafExts: func(l leafFacts) ([]pkix.Extension, error) {
			ku := x509.KeyUsageDigitalSignature
			// A client signs and deciphers nothing (RFC 5280, section 4.2.1.12).
			if l.key.IsRSA() && l.purpose != Client {
				ku |= x509.KeyUsageKeyEncipherment
			}
			return withNames([]pkix.Extension{
				pki.BasicConstraints(false, -1, true),
				pki.KeyUsage(ku, true),
				pki.ExtKeyUsage(false, usages(l.purpose)...),
				pki.SubjectKeyID(l.keyID),
				pki.AuthorityKeyID(l.caKeyID, nil, nil),
			}, l.names)
		},
	}
}
