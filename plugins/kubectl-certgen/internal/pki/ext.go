package pki

import (
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
)

// Object identifiers of the extensions that certgen writes or reads.
var (
	OIDSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
	OIDKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	OIDSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	OIDBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	OIDNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	OIDAuthorityKeyID   = asn1.ObjectIdentifier{2, 5, 29, 35}
	OIDExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// Extended key usages.
var (
	OIDServerAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	OIDClientAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
)

// KeyUsage makes the key usage extension.
func KeyUsage(ku x509.KeyUsage, critical bool) pkix.Extension {
	// RFC 5280 numbers the bits from the most significant of the first byte.
	var a [2]byte
	for bit := range 9 {
		if ku&(1<<bit) != 0 {
			a[bit/8] |= 0x80 >> (bit % 8)
		}
	}
	n := 1
	if a[1] != 0 {
		n = 2
	}
	length := n * 8
	for length > 0 && a[(length-1)/8]&(0x80>>((length-1)%8)) == 0 {
		length--
	}
	v, err := asn1.Marshal(asn1.BitString{Bytes: a[:n], BitLength: length})
	return must(OIDKeyUsage, critical, v, err)
}

// ExtKeyUsage makes the extended key usage extension.
func ExtKeyUsage(critical bool, usages ...asn1.ObjectIdentifier) pkix.Extension {
	v, err := asn1.Marshal(usages)
	return must(OIDExtKeyUsage, critical, v, err)
}

// BasicConstraints makes the basic constraints extension; pathLen < 0 is
// unlimited.
func BasicConstraints(isCA bool, pathLen int, critical bool) pkix.Extension {
	type bc struct {
		IsCA    bool `asn1:"optional"`
		PathLen int  `asn1:"optional,default:-1"`
	}
	if !isCA {
		pathLen = -1
	}
	v, err := asn1.Marshal(bc{isCA, pathLen})
	return must(OIDBasicConstraints, critical, v, err)
}

// SubjectKeyID makes the subject key identifier extension.
func SubjectKeyID(id []byte) pkix.Extension {
	v, err := asn1.Marshal(id)
	return must(OIDSubjectKeyID, false, v, err)
}

// AuthorityKeyID makes the authority key identifier extension. issuer (the raw
// issuer of the issuing certificate) and serial are added where given, as
// openssl's "issuer:always" does.
func AuthorityKeyID(id, issuer []byte, serial *big.Int) pkix.Extension {
	type aki struct {
		ID     []byte        `asn1:"optional,tag:0"`
		Issuer asn1.RawValue `asn1:"optional"`
		Serial *big.Int      `asn1:"optional,tag:2"`
	}
	a := aki{ID: id}
	if len(issuer) > 0 && serial != nil {
		// GeneralNames [1] of one directoryName [4], which is explicit.
		dir, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: issuer})
		if err != nil {
			return must(OIDAuthorityKeyID, false, nil, err)
		}
		a.Issuer = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: dir}
		a.Serial = serial
	}
	v, err := asn1.Marshal(a)
	return must(OIDAuthorityKeyID, false, v, err)
}

// AuthorityKeyIDHasIssuer says whether an authority key identifier carries the
// issuer's name and serial number.
func AuthorityKeyIDHasIssuer(value []byte) bool {
	var seq asn1.RawValue
	if _, err := asn1.Unmarshal(value, &seq); err != nil {
		return false
	}
	for rest := seq.Bytes; len(rest) > 0; {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			return false
		}
		if v.Class == asn1.ClassContextSpecific && v.Tag == 2 {
			return true
		}
	}
	return false
}

// must turns an impossible marshalling error into a panic: the inputs are
// fixed Go types, so an error is a mistake in this file.
func must(oid asn1.ObjectIdentifier, critical bool, value []byte, err error) pkix.Extension {
	if err != nil {
		panic(fmt.Sprintf("pki: extension %v: %v", oid, err))
	}
	return pkix.Extension{Id: oid, Critical: critical, Value: value}
}

// KeyID is the identifier of a public key: the SHA-1 of its bits, method 1 of
// RFC 5280, section 4.2.1.2, which openssl and cfssl use. It is a name and not
// a protection.
func KeyID(pub crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	sum := sha1.Sum(info.Bits.Bytes)
	return sum[:], nil
}

// GeneralName is one subject alternative name.
type GeneralName struct {
	Kind  NameKind
	Value string
}

// NameKind is the kind of a subject alternative name.
type NameKind string

// The kinds of subject alternative names.
const (
	DNS   NameKind = "DNS"
	IP    NameKind = "IP"
	Email NameKind = "email"
	URI   NameKind = "URI"
)

func (g GeneralName) String() string { return string(g.Kind) + ":" + g.Value }

// SubjectAltName makes the subject alternative name extension with the names
// in this order.
func SubjectAltName(names []GeneralName, critical bool) (pkix.Extension, error) {
	raw := make([]asn1.RawValue, 0, len(names))
	for _, n := range names {
		v := asn1.RawValue{Class: asn1.ClassContextSpecific, Bytes: []byte(n.Value)}
		switch n.Kind {
		case Email:
			v.Tag = 1
		case DNS:
			v.Tag = 2
		case URI:
			v.Tag = 6
		case IP:
			v.Tag = 7
			a, err := netip.ParseAddr(n.Value)
			if err != nil || a.Zone() != "" {
				return pkix.Extension{}, fmt.Errorf("%q is not an IP address", n.Value)
			}
			v.Bytes = a.Unmap().AsSlice()
		default:
			return pkix.Extension{}, fmt.Errorf("%q: unknown kind of name", n.Kind)
		}
		if n.Kind != IP && strings.ContainsFunc(n.Value, func(r rune) bool { return r > 0x7e || r < 0x21 }) {
			return pkix.Extension{}, fmt.Errorf("%s %q: not plain ASCII", n.Kind, n.Value)
		}
		raw = append(raw, v)
	}
	der, err := asn1.Marshal(raw)
	if err != nil {
		return pkix.Extension{}, err
	}
	return pkix.Extension{Id: OIDSubjectAltName, Critical: critical, Value: der}, nil
}

// AltNames reads a subject alternative name extension, keeping the order of
// names, which Go's parser does not. Kinds other than the four are left out
// and reported by complete = false.
func AltNames(ext pkix.Extension) (names []GeneralName, complete bool) {
	var seq asn1.RawValue
	if rest, err := asn1.Unmarshal(ext.Value, &seq); err != nil || len(rest) > 0 {
		return nil, false
	}
	complete = true
	for rest := seq.Bytes; len(rest) > 0; {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			return names, false
		}
		switch v.Tag {
		case 1:
			names = append(names, GeneralName{Email, string(v.Bytes)})
		case 2:
			names = append(names, GeneralName{DNS, string(v.Bytes)})
		case 6:
			names = append(names, GeneralName{URI, string(v.Bytes)})
		case 7:
			if a, ok := netip.AddrFromSlice(v.Bytes); ok {
				names = append(names, GeneralName{IP, a.String()})
				continue
			}
			complete = false
		default:
			complete = false
		}
	}
	return names, complete
}

// Find returns the extension of this kind.
func Find(exts []pkix.Extension, oid asn1.ObjectIdentifier) (pkix.Extension, bool) {
	for _, e := range exts {
		if e.Id.Equal(oid) {
			return e, true
		}
	}
	return pkix.Extension{}, false
}
