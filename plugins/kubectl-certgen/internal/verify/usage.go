package verify

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
)

// authorityUsage judges the extended key usage of a CA: where it has one, most
// clients take it as a bound of what lies below it. What they do was seen on
// the real ones (test/e2e/certgen-live).
func authorityUsage(c *x509.Certificate, root bool, purpose Purpose, add func(Defect)) {
	want, word := x509.ExtKeyUsageServerAuth, "serverAuth"
	if purpose == AsClient {
		want, word = x509.ExtKeyUsageClientAuth, "clientAuth"
	}
	has := func(u x509.ExtKeyUsage) bool { return slices.Contains(c.ExtKeyUsage, u) }
	if purpose == "" || len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 || has(want) {
		return
	}
	m := map[Client]string{OpenSSL: "unsuitable certificate purpose (26)", Strict: "unsuitable certificate purpose (26)", Node: "INVALID_PURPOSE", GnuTLS: "Error in the certificate"}
	if !has(x509.ExtKeyUsageAny) {
		m[PyCA], m[Go] = "Neither EKU nor anyEKU could be found", "certificate specifies an incompatible key usage"
	}
	if !has(x509.ExtKeyUsageServerAuth) && !has(x509.ExtKeyUsageClientAuth) {
		m[NSS] = "Issuer certificate is invalid" // either one makes it a CA for TLS
	}
	add(Defect{certlint.WrongUsage, c, fmt.Sprintf("the extended key usage of the CA %s lacks %s, and bounds what it signs", Name(c), word), forRoot(m, root, GnuTLS, NSS)})
}
