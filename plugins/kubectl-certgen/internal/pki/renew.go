package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"time"
)

// Renewal is the template of a certificate that follows old: the same raw
// subject (byte by byte: verifiers compare it so), the same extensions in the
// same order with the same criticality. Only the key identifiers, the dates and
// the serial number are new. issuer is nil for a certificate that signs itself
// (a CA renewed with its key). The serial number is as long as the old one, at
// least 64 bits. The validity is as long as the old one's and is cut at the
// issuer's end.
func Renewal(old *x509.Certificate, pub crypto.PublicKey, issuer *Authority, now time.Time, r io.Reader) (Template, error) {
	bits := min(max(old.SerialNumber.BitLen(), 64), 159)
	if old.SerialNumber.BitLen() > 64 {
		bits = max(bits, 127)
	}
	serial, err := NewSerial(r, bits)
	if err != nil {
		return Template{}, err
	}
	t := Template{
		Serial: serial, Subject: old.RawSubject, PublicKey: pub,
		NotBefore: now.Add(-Backdate),
	}
	t.NotAfter = t.NotBefore.Add(old.NotAfter.Sub(old.NotBefore))
	if issuer != nil {
		t.NotAfter = issuer.Cap(t.NotAfter)
	}
	if issuer != nil && SamePublicKey(issuer.Key.Public(), old.PublicKey) && issuer.Cert.Equal(old) {
		issuer = nil
	}
	keyID := func(have []byte) ([]byte, error) {
		if SamePublicKey(pub, old.PublicKey) && len(have) > 0 {
			return have, nil
		}
		return KeyID(pub)
	}
	for _, e := range old.Extensions {
		switch {
		case e.Id.Equal(OIDSubjectKeyID):
			id, err := keyID(old.SubjectKeyId)
			if err != nil {
				return Template{}, err
			}
			e = SubjectKeyID(id)
		case e.Id.Equal(OIDAuthorityKeyID):
			crit := e.Critical
			id, err := keyID(old.SubjectKeyId)
			name, num := old.RawSubject, serial
			if issuer != nil {
				id, err = issuer.KeyID()
				name, num = issuer.Cert.RawIssuer, issuer.Cert.SerialNumber
			}
			if err != nil {
				return Template{}, err
			}
			if !AuthorityKeyIDHasIssuer(e.Value) {
				name, num = nil, nil
			}
			e = AuthorityKeyID(id, name, num)
			e.Critical = crit
		}
		t.Extensions = append(t.Extensions, pkix.Extension{Id: e.Id, Critical: e.Critical, Value: e.Value})
	}
	// The same digest, where the new issuer's key can make it.
	signer := pub
	if issuer != nil {
		signer = issuer.Key.Public()
	}
	if SpecOf(signer).IsRSA() {
		switch old.SignatureAlgorithm {
		case x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
			t.SignatureAlgorithm = old.SignatureAlgorithm
		}
	}
	return t, nil
}
