package verify

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// Chain is a leaf, its issuer, and so on to a trust anchor.
type Chain []*x509.Certificate

// Root is the last certificate of the chain.
func (c Chain) Root() *x509.Certificate { return c[len(c)-1] }

// errNoIssuer and errBadSignature are why no chain was built.
var (
	errNoIssuer     = errors.New("no issuer")
	errBadSignature = errors.New("bad signature")
)

// build finds the way from a leaf to one of the roots. sameName reports a name
// that equals the issuer's only in meaning. stuck is the certificate that has
// no issuer.
func build(leaf *x509.Certificate, pool, roots []*x509.Certificate) (chain Chain, otherEncoding bool, stuck *x509.Certificate, err error) {
	chain = Chain{leaf}
	cur := leaf
	for range 10 {
		if contains(roots, cur) {
			return chain, otherEncoding, nil, nil
		}
		parent, enc, sigErr := parentOf(cur, roots, chain)
		if parent == nil {
			var e2 error
			parent, enc, e2 = parentOf(cur, pool, chain)
			if parent == nil {
				if sigErr == nil {
					sigErr = e2
				}
				if sigErr != nil {
					return chain, otherEncoding, cur, errBadSignature
				}
				return chain, otherEncoding, cur, errNoIssuer
			}
		}
		otherEncoding = otherEncoding || enc
		chain = append(chain, parent)
		cur = parent
	}
	return chain, otherEncoding, cur, errNoIssuer
}

func contains(list []*x509.Certificate, c *x509.Certificate) bool {
	for _, o := range list {
		if o.Equal(c) {
			return true
		}
	}
	return false
}

// parentOf finds the certificate of a list that signed c: first by equal bytes
// of the name, then by equal meaning.
func parentOf(c *x509.Certificate, list []*x509.Certificate, chain Chain) (parent *x509.Certificate, otherEncoding bool, sigErr error) {
	for _, exact := range []bool{true, false} {
		for _, p := range list {
			if contains(chain, p) {
				continue
			}
			same := bytes.Equal(c.RawIssuer, p.RawSubject)
			if exact != same || (!exact && !sameMeaning(c, p)) {
				continue
			}
			if pki.SignedBy(c, p) || notChecked(c, p) {
				return p, !exact, nil
			}
			sigErr = errBadSignature
		}
	}
	return nil, false, sigErr
}

// sameMeaning compares names as OpenSSL and Java do: string types, case and
// blanks do not count.
func sameMeaning(c, p *x509.Certificate) bool {
	norm := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	return len(c.Issuer.Names) > 0 && len(c.Issuer.Names) == len(p.Subject.Names) && norm(c.Issuer.String()) == norm(p.Subject.String())
}

// notChecked says that p is c's issuer by its name and its key's identifier,
// and that the signature is of a kind that cannot be checked here.
func notChecked(c, p *x509.Certificate) bool {
	if c.SignatureAlgorithm != x509.UnknownSignatureAlgorithm && p.PublicKeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		return false
	}
	return len(c.AuthorityKeyId) == 0 || len(p.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, p.SubjectKeyId)
}

// SelfSigned says whether a certificate is signed with its own key.
func SelfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && (pki.SignedBy(c, c) || notChecked(c, c))
}
