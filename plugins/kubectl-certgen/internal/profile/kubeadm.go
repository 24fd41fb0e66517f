package profile

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// kubeadm is kubeadm 1.36 (and 1.37, which writes the same).
func kubeadm() Profile {
	return Profile{
		Name: "kubeadm", Tool: "kubeadm 1.36",
		Key: pki.RSA2048, KeyFormat: pki.Traditional, Strings: pki.PrintableOrUTF8,
		CAValidity: Days(3650), Validity: Days(365), CASerialBits: 63, SerialBits: 63,
		CACommonName: "kubernetes", ServerCommonName: "kube-apiserver",
		arrange: func(n ServerNames) []pki.GeneralName {
			dns := slices.Concat(n.DNS, n.ServiceDNS)
			dns = slices.DeleteFunc(dns, func(g pki.GeneralName) bool { return g.Value == "kubernetes.default.svc.cluster" })
			slices.SortFunc(dns, func(a, b pki.GeneralName) int { return strings.Compare(a.Value, b.Value) })
			return slices.Concat(dns, n.ServiceIPs, n.IPs)
		},
		dates: backdated, algorithm: bySize,
		caExts: func(c caFacts) []pkix.Extension {
			exts, err := withNames([]pkix.Extension{
				pki.KeyUsage(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment|x509.KeyUsageCertSign, true),
				pki.BasicConstraints(true, c.pathLen, true),
				pki.SubjectKeyID(c.keyID),
			}, []pki.GeneralName{{Kind: pki.DNS, Value: c.name.CN()}})
			if err != nil {
				// A common name that no DNS name can be: kubeadm's own never is.
				return exts[:3]
			}
			return exts
		},
		leafExts: func(l leafFacts) ([]pkix.Extension, error) {
			exts := []pkix.Extension{
				pki.KeyUsage(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, true),
				pki.ExtKeyUsage(false, usages(l.purpose)...),
				pki.BasicConstraints(false, -1, true),
			}
			exts = append(exts, pki.AuthorityKeyID(l.caKeyID, nil, nil))
			return withNames(exts, l.names)
		},
		faults: func(l leafFacts) []string {
			if !l.key.IsRSA() {
				return []string{"keyEncipherment on a key that cannot encipher (RFC 8813)"}
			}
			return nil
		},
	}
}
