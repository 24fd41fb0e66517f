package certlint

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Request judges a finished certificate request as if it were the file that it
// was made of: its names, its subject, its key.
func Request(file string, r *x509.CertificateRequest) []Issue {
	l := &linter{seen: map[place]bool{}}
	f := input.Blank(file)
	var none input.Text
	if errors.Is(pki.CheckRequest(r), pki.ErrForged) {
		l.add(f, Refused, none, "the request's own signature does not fit its key: every signer refuses it")
	}
	if k, ok := r.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() < 2048 {
		l.add(f, WeakKey, none, fmt.Sprintf("an RSA key of %d bits: clients refuse less than 2048", k.N.BitLen()))
	}
	switch spec := pki.SpecOfRequest(r); {
	case spec == "ecdsa:p521" || spec == pki.Ed25519:
		l.add(f, RareKey, none, fmt.Sprintf("the key is %s: not every client takes it", spec.Human()))
	case !spec.IsRSA() && spec != pki.ECDSAP256 && spec != pki.ECDSAP384:
		l.add(f, RareKey, none, fmt.Sprintf("the key is %s: Go, and so every part of Kubernetes, takes no certificate with such a key, and browsers do not either", spec.Human())).as(finding.Error)
	}
	switch r.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA, x509.DSAWithSHA1:
		l.add(f, WeakDigest, none, fmt.Sprintf("the request is signed with %s: signers that check refuse it", r.SignatureAlgorithm)).as(finding.Warning)
	}
	if n, err := pki.DecodeName(r.RawSubject); err == nil {
		var dn input.DN
		for _, a := range n {
			dn = append(dn, input.Attribute{Type: a.Type, Value: input.Text{Value: a.Value}})
		}
		l.subject(f, dn)
	}
	var ns []name
	for _, d := range r.DNSNames {
		ns = append(ns, name{typ: "DNS", val: input.Text{Value: d}})
	}
	for _, ip := range r.IPAddresses {
		ns = append(ns, name{typ: "IP", val: input.Text{Value: ip.String()}})
	}
	l.names(f, none, ns)
	for i := range l.issues {
		l.issues[i].File, l.issues[i].Fix = nil, nil
		l.issues[i].Subject.Line, l.issues[i].Subject.Column = 0, 0
	}
	return l.issues
}
