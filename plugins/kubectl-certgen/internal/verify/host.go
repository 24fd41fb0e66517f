package verify

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// host judges whether the certificate is for a name or an address. Where Go and
// the others differ, what they do was seen on OpenSSL 3.0, GnuTLS 3.7, Java 17,
// Node 18 and pyca 48; NSS by its source (CERT_VerifyCertName, pkixnames.cpp).
func host(c *x509.Certificate, h string, add func(Defect)) {
	if c.VerifyHostname(h) == nil {
		unusual(c, h, add)
		return
	}
	m := all("certificate is not valid for " + h)
	// Without any DNS name the older verifiers still look at the common name.
	if net.ParseIP(h) == nil && len(c.DNSNames) == 0 && strings.EqualFold(c.Subject.CommonName, h) {
		m = map[Client]string{Go: "certificate relies on legacy Common Name field, use SANs instead", PyCA: "Certificate is missing required extension: 2.5.29.17"}
		if len(c.IPAddresses) > 0 {
			m[Node] = "ERR_TLS_CERT_ALTNAME_INVALID"
		}
	}
	if slices.ContainsFunc(c.DNSNames, func(n string) bool { return partWildcard(n, h) }) {
		for _, lenient := range []Client{OpenSSL, Strict, Node, Java} {
			delete(m, lenient)
		}
	}
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	msg := fmt.Sprintf("%s is not among its names (%s)", h, pki.Printable(strings.Join(names, ", ")))
	if len(names) == 0 {
		msg = fmt.Sprintf("%s cannot be found: the certificate has no names", h)
	}
	add(Defect{certlint.WrongName, c, msg, m})
}

// unusual judges names that Go finds in the certificate and others do not.
func unusual(c *x509.Certificate, h string, add func(Defect)) {
	if net.ParseIP(h) != nil {
		return
	}
	_, parent, _ := strings.Cut(h, ".")
	if !strings.Contains(parent, ".") && !slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, h) }) {
		add(Defect{certlint.BadWildcard, c, fmt.Sprintf("%s is found by *.%s alone, a wildcard right below a top-level name", h, parent), map[Client]string{
			OpenSSL: "hostname mismatch (62)", Strict: "hostname mismatch (62)", Node: "ERR_TLS_CERT_ALTNAME_INVALID",
			GnuTLS: "The name in the certificate does not match the expected", NSS: "SSL_ERROR_BAD_CERT_DOMAIN",
		}})
	}
	if strings.Contains(h, "_") {
		add(Defect{certlint.BadDNSName, c, fmt.Sprintf("%s has an underscore, which no host name has (RFC 1123)", h), map[Client]string{
			Java: "Illegal given domain name", PyCA: "invalid domain name",
		}})
	}
}

// partWildcard says whether h is matched by a name such as api-*.example.com.
func partWildcard(n, h string) bool {
	label, rest, _ := strings.Cut(strings.ToLower(n), ".")
	first, above, _ := strings.Cut(strings.ToLower(h), ".")
	before, behind, ok := strings.Cut(label, "*")
	return ok && label != "*" && !strings.Contains(behind, "*") && rest == above && strings.Contains(rest, ".") &&
		len(first) >= len(before)+len(behind) && strings.HasPrefix(first, before) && strings.HasSuffix(first, behind)
}
