package profile

import "github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"

// SubCA makes the template of a CA below another one: the profile's CA, with
// the issuer's key identifier, pathLen CAs below it, and no longer than its
// issuer.
func (p Profile) SubCA(ca *pki.Authority, r LeafRequest, pathLen int) (t pki.Template, capped bool, err error) {
	l, err := p.facts(ca, r)
	if err != nil {
		return t, false, err
	}
	serial, err := pki.NewSerial(r.Rand, p.CASerialBits)
	if err != nil {
		return t, false, err
	}
	from, to, capped := p.span(ca, r, p.CAValidity)
	exts := p.caExts(caFacts{l.subject, r.Subject, l.keyID, serial, pathLen})
	found := false
	for i, e := range exts {
		if e.Id.Equal(pki.OIDAuthorityKeyID) {
			found = true
			if pki.AuthorityKeyIDHasIssuer(e.Value) {
				exts[i] = pki.AuthorityKeyID(l.caKeyID, ca.Cert.RawIssuer, ca.Cert.SerialNumber)
			} else {
				exts[i] = pki.AuthorityKeyID(l.caKeyID, nil, nil)
			}
		}
	}
	if !found {
		exts = append(exts, pki.AuthorityKeyID(l.caKeyID, nil, nil))
	}
	return pki.Template{
		Serial: serial, Subject: l.subject, NotBefore: from, NotAfter: to, PublicKey: r.PublicKey,
		Extensions: exts, SignatureAlgorithm: p.algorithm(pki.SpecOf(ca.Cert.PublicKey)), Outlive: r.Outlive,
	}, capped, nil
}
