package verify

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// keyType judges the key of the i-th certificate of a chain. What the clients
// do with the rare kinds was seen on OpenSSL 3.0, GnuTLS 3.7, Java 17, NSS
// 3.87, Node 18, pyca 48 and Go 1.26.
func keyType(c *x509.Certificate, i int, add func(Defect)) {
	var m map[Client]string
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 {
			add(Defect{certlint.WeakKey, c, fmt.Sprintf("the RSA key of %s has %d bits", Name(c), n), map[Client]string{
				OpenSSL: "EE certificate key too weak (66)", Strict: "EE certificate key too weak (66)",
			}})
		}
		return
	case ed25519.PublicKey:
		m = map[Client]string{NSS: "unsupported key"}
	}
	spec := pki.SpecOfCert(c)
	switch spec {
	case "ecdsa:p224":
		if i == 0 { // a signature by such a CA is checked by all
			const words = "handshake failure: no signature on this curve"
			m = map[Client]string{OpenSSL: words, Strict: words, GnuTLS: words, Java: words, Node: words, Go: words}
		}
	case "ed448":
		m = map[Client]string{Go: "handshake failure: no signature of this kind", NSS: "unsupported key"}
		if i > 0 {
			m[Go], m[PyCA] = "certificate signed by unknown authority (algorithm unimplemented)", "Forbidden public key algorithm"
		}
	case "rsa-pss":
		m = map[Client]string{Go: "handshake failure: no signature of this kind"}
		if i > 0 {
			m[Go] = "certificate signed by unknown authority (algorithm unimplemented)"
		}
	case "dsa":
		m = all("handshake failure: no cipher suite for a DSA key")
	}
	if m != nil {
		add(Defect{certlint.RareKey, c, fmt.Sprintf("the key of %s is %s", Name(c), spec.Human()), m})
	}
}

// unknownSignature: a signature that is not checked here, because Go knows none
// of its kind. Of an RSA key that is RSA-PSS with a salt that is not as long as
// the digest, as openssl makes it unless told.
func unknownSignature(c, by *x509.Certificate, add func(Defect)) {
	if by.PublicKeyAlgorithm != x509.RSA { // keyType of the CA says who refuses it
		add(Defect{certlint.RareKey, c, fmt.Sprintf("the signature of %s was not checked: its CA's key is %s", Name(c), pki.SpecOfCert(by).Human()), nil})
		return
	}
	add(Defect{certlint.RareKey, c, fmt.Sprintf("the signature of %s is RSA-PSS with unusual parameters, and was not checked", Name(c)), map[Client]string{
		Go: "cannot verify signature: algorithm unimplemented", GnuTLS: "Error in the certificate", PyCA: "Forbidden signature algorithm",
	}})
}

// constraints compares the names below a CA with those that it may sign.
func constraints(chain Chain, add func(Defect)) {
	bound := -1
	for i, c := range chain[1:] {
		if limits := append(append([]string{}, c.PermittedDNSDomains...), c.ExcludedDNSDomains...); len(limits) > 0 {
			bound = i + 1
			for _, d := range limits {
				if strings.HasPrefix(d, ".") {
					rule := certlint.NameConstraint
					rule.Severity = finding.Warning
					add(Defect{rule, c, fmt.Sprintf("the CA %s is bound to %q: a DNS name constraint has no dot in front", Name(c), d), map[Client]string{PyCA: "malformed DNS name constraint"}})
					break
				}
			}
		}
		if bound < 0 && len(c.PermittedIPRanges)+len(c.ExcludedIPRanges)+len(c.PermittedEmailAddresses)+len(c.ExcludedEmailAddresses)+len(c.PermittedURIDomains)+len(c.ExcludedURIDomains) > 0 {
			bound = i + 1
		}
	}
	if bound < 0 {
		return
	}
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	o.Roots.AddCert(chain.Root())
	for _, c := range chain {
		o.Intermediates.AddCert(c)
		if c.NotBefore.After(o.CurrentTime) {
			o.CurrentTime = c.NotBefore.Add(time.Second) // dates are judged elsewhere
		}
	}
	_, err := chain[0].Verify(o)
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName {
		return
	}
	by := chain[bound]
	add(Defect{certlint.NameConstraint, chain[0], fmt.Sprintf("the CA %s may not sign this name: %s", Name(by), invalid.Detail), forRoot(all("permitted subtree violation (47)"), bound == len(chain)-1, Java)})
}
