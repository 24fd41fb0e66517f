package rotate

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
)

// nextKey is the type of the new CA's key: the old one's, where clients still
// take it.
func nextKey(old *x509.Certificate) pki.KeySpec {
	spec := pki.SpecOf(old.PublicKey)
	if k, ok := old.PublicKey.(*rsa.PublicKey); ok {
		if k.N.BitLen() < 2048 {
			return pki.RSA2048
		}
		return spec
	}
	switch spec {
	case pki.ECDSAP256, pki.ECDSAP384, "ecdsa:p521", pki.Ed25519:
		return spec
	}
	return pki.ECDSAP256 // P-224, or what Go has no name for
}

// mend gives the new CA what clients ask of one and the old CA may lack: that
// it is a CA, critically, that it may sign, and identifiers of its key. All
// else stays as the old tool made it.
func mend(t *pki.Template, old *x509.Certificate) error {
	id, err := pki.KeyID(t.PublicKey)
	if err != nil {
		return err
	}
	pathLen := -1
	if old.BasicConstraintsValid && (old.MaxPathLen > 0 || old.MaxPathLenZero) {
		pathLen = old.MaxPathLen
	}
	set := func(e pkix.Extension, good bool) {
		i := slices.IndexFunc(t.Extensions, func(o pkix.Extension) bool { return o.Id.Equal(e.Id) })
		switch {
		case i < 0:
			t.Extensions = append(t.Extensions, e)
		case !good:
			t.Extensions[i] = e
		}
	}
	bc, _ := pki.Find(old.Extensions, pki.OIDBasicConstraints)
	set(pki.BasicConstraints(true, pathLen, true), bc.Critical && old.IsCA)
	set(pki.KeyUsage(old.KeyUsage|x509.KeyUsageCertSign|x509.KeyUsageCRLSign, true), old.KeyUsage&x509.KeyUsageCertSign != 0)
	set(pki.SubjectKeyID(id), true)
	if i := slices.IndexFunc(t.Extensions, func(o pkix.Extension) bool { return o.Id.Equal(pki.OIDAuthorityKeyID) }); i >= 0 {
		// One that names the issuer by its subject would name the old CA.
		t.Extensions[i] = pki.AuthorityKeyID(id, nil, nil)
	}
	return nil
}

// mended says what became of the faults of the old CA.
func mended(old, cert *x509.Certificate, now time.Time) string {
	ids := func(c *x509.Certificate) []string {
		var out []string
		for _, d := range verify.CheckAuthority(c, now).Defects {
			if len(d.Rejects) > 0 && !slices.Contains(out, d.Rule.ID) {
				out = append(out, d.Rule.ID)
			}
		}
		return out
	}
	left := ids(cert)
	gone := slices.DeleteFunc(ids(old), func(id string) bool { return slices.Contains(left, id) || id == "CG100" || id == "CG101" })
	s := ""
	if len(gone) > 0 {
		s = "; without the old one's " + strings.Join(gone, ", ")
	}
	if len(left) > 0 {
		s += "; it still has " + strings.Join(left, ", ")
	}
	return s
}
