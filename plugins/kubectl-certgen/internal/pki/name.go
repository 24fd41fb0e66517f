package pki

import (
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Attribute is one part of a distinguished name.
type Attribute struct {
	// Type is the short name ("CN", "O") or a dotted object identifier.
	Type  string
	Value string
}

// Name is a distinguished name in the order in which it is encoded: most
// general part first, as openssl prints it.
type Name []Attribute

// StringType decides how the strings of a name are encoded. Verifiers that
// compare names byte by byte (Go among them) care.
type StringType int

const (
	// PrintableOrUTF8 is PrintableString where the characters allow it, as Go,
	// cfssl and kubeadm do.
	PrintableOrUTF8 StringType = iota
	// UTF8 is UTF8String except where X.520 asks for PrintableString (country,
	// serial number, qualifier), as openssl and easyrsa do.
	UTF8
)

type attributeType struct {
	short string
	long  string
	oid   asn1.ObjectIdentifier
	max   int // upper bound of RFC 5280, appendix A, in characters; 0 is none
}

// CutCommonName keeps a host's name within a common name's bound. The names that
// count are in the extension.
func CutCommonName(host string) string {
	if len(host) > 64 {
		return strings.Trim(host[:64], ".-")
	}
	return host
}

var attributeTypes = []attributeType{
	{"C", "countryName", asn1.ObjectIdentifier{2, 5, 4, 6}, 2},
	{"ST", "stateOrProvinceName", asn1.ObjectIdentifier{2, 5, 4, 8}, 128},
	{"L", "localityName", asn1.ObjectIdentifier{2, 5, 4, 7}, 128},
	{"O", "organizationName", asn1.ObjectIdentifier{2, 5, 4, 10}, 64},
	{"OU", "organizationalUnitName", asn1.ObjectIdentifier{2, 5, 4, 11}, 64},
	{"CN", "commonName", asn1.ObjectIdentifier{2, 5, 4, 3}, 64},
	{"street", "streetAddress", asn1.ObjectIdentifier{2, 5, 4, 9}, 0},
	{"postalCode", "postalCode", asn1.ObjectIdentifier{2, 5, 4, 17}, 40},
	{"serialNumber", "serialNumber", asn1.ObjectIdentifier{2, 5, 4, 5}, 64},
	{"dnQualifier", "dnQualifier", asn1.ObjectIdentifier{2, 5, 4, 46}, 0},
	{"SN", "surname", asn1.ObjectIdentifier{2, 5, 4, 4}, 40},
	{"GN", "givenName", asn1.ObjectIdentifier{2, 5, 4, 42}, 40},
	{"title", "title", asn1.ObjectIdentifier{2, 5, 4, 12}, 64},
	{"emailAddress", "emailAddress", asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, 255},
	{"DC", "domainComponent", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, 0},
	{"UID", "userId", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, 256},
}

func attributeByName(name string) (attributeType, error) {
	for _, a := range attributeTypes {
		if strings.EqualFold(a.short, name) || strings.EqualFold(a.long, name) {
			return a, nil
		}
	}
	switch strings.ToLower(name) {
	case "e", "email":
		return attributeByName("emailAddress")
	case "s", "state":
		return attributeByName("ST")
	}
	oid, err := ParseOID(name)
	if err != nil {
		return attributeType{}, fmt.Errorf("%q is not a part of a distinguished name (C, ST, L, O, OU, CN, ...)", name)
	}
	for _, a := range attributeTypes {
		if a.oid.Equal(oid) {
			return a, nil
		}
	}
	return attributeType{short: name, oid: oid}, nil
}

// ParseOID reads a dotted object identifier.
func ParseOID(s string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for _, p := range strings.Split(s, ".") {
		n := 0
		if p == "" || len(p) > 9 {
			return nil, fmt.Errorf("%q is not an object identifier", s)
		}
		for _, c := range p {
			if c < '0' || c > '9' {
				return nil, fmt.Errorf("%q is not an object identifier", s)
			}
			n = n*10 + int(c-'0')
		}
		oid = append(oid, n)
	}
	if len(oid) < 2 || oid[0] > 2 || (oid[0] < 2 && oid[1] > 39) {
		return nil, fmt.Errorf("%q is not an object identifier", s)
	}
	return oid, nil
}

// ParseName reads a distinguished name as openssl's -subj has it ("/C=US/O=Acme
// Inc/CN=x") or with commas ("C=US, O=Acme, CN=x"); a backslash takes the next
// character as it is.
func ParseName(s string) (Name, error) {
	sep := byte(',')
	body := strings.TrimSpace(s)
	if strings.HasPrefix(body, "/") {
		sep, body = '/', body[1:]
	}
	var parts []string
	var cur strings.Builder
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '\\' && i+1 < len(body):
			i++
			cur.WriteByte(body[i])
		case body[i] == sep:
			parts = append(parts, cur.String())
			cur.Reset()
		default:
			cur.WriteByte(body[i])
		}
	}
	parts = append(parts, cur.String())
	var n Name
	for _, p := range parts {
		if strings.TrimSpace(p) == "" {
			continue
		}
		k, v, ok := strings.Cut(p, "=")
		if !ok {
			return nil, fmt.Errorf("subject %q: %q is not TYPE=VALUE", s, strings.TrimSpace(p))
		}
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if v == "" {
			continue
		}
		n = append(n, Attribute{k, v})
	}
	if len(n) == 0 {
		return nil, fmt.Errorf("subject %q: empty", s)
	}
	return n, n.Check()
}

// Check says which part of a name no verifier should be given: unknown types,
// invalid UTF-8, control characters, lengths over the bounds of RFC 5280 (a
// common name has 64 characters).
func (n Name) Check() error {
	for _, a := range n {
		t, err := attributeByName(a.Type)
		if err != nil {
			return err
		}
		if !utf8.ValidString(a.Value) {
			return fmt.Errorf("%s=%q: not valid UTF-8", t.short, a.Value)
		}
		for _, r := range a.Value {
			if r < 0x20 || r == 0x7f {
				return fmt.Errorf("%s=%q: has a control character", t.short, a.Value)
			}
		}
		if c := utf8.RuneCountInString(a.Value); t.max > 0 && c > t.max {
			return fmt.Errorf("%s=%q: %d characters, %d are allowed (RFC 5280, appendix A)", t.short, a.Value, c, t.max)
		}
		if t.short == "C" && (len(a.Value) != 2 || !isPrintable(a.Value)) {
			//lint:ignore ST1005 C is the attribute's name
			return fmt.Errorf("C=%q: a country is two letters", a.Value)
		}
	}
	return nil
}

// CN is the last common name, "" for none.
func (n Name) CN() string {
	for _, a := range slices.Backward(n) {
		if strings.EqualFold(a.Type, "CN") || strings.EqualFold(a.Type, "commonName") {
			return a.Value
		}
	}
	return ""
}

// String is "C=US, O=Acme, CN=x".
func (n Name) String() string {
	parts := make([]string, len(n))
	for i, a := range n {
		parts[i] = a.Type + "=" + Printable(strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(a.Value))
	}
	return strings.Join(parts, ", ")
}

// Printable writes what a terminal would obey or a reader would not see, escape
// sequences, line breaks, marks that turn the direction of writing, as openssl and
// RFC 4514 do: \1B. What a certificate is called, its maker has chosen.
func Printable(s string) string {
	var b strings.Builder
	for i, r := range s {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(s[i:])
		}
		if unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(s[i : i+size]) {
			fmt.Fprintf(&b, `\%02X`, c)
		}
	}
	return b.String()
}

// OneLine is openssl's old form, "/C=US/O=Acme/CN=x", which index.txt has.
func (n Name) OneLine() string {
	var b strings.Builder
	for _, a := range n {
		t, err := attributeByName(a.Type)
		short := t.short
		if err != nil {
			short = a.Type
		}
		b.WriteString("/" + short + "=")
		for _, r := range []byte(a.Value) {
			if r < 0x20 || r > 0x7e {
				fmt.Fprintf(&b, `\x%02X`, r)
			} else {
				b.WriteByte(r)
			}
		}
	}
	return b.String()
}

// Encode is the DER of the name.
func (n Name) Encode(st StringType) ([]byte, error) {
	type atv struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type rdnSET []atv
	seq := make([]rdnSET, 0, len(n))
	for _, a := range n {
		t, err := attributeByName(a.Type)
		if err != nil {
			return nil, err
		}
		seq = append(seq, rdnSET{{t.oid, asn1.RawValue{Tag: stringTag(t, a.Value, st), Bytes: []byte(a.Value)}}})
	}
	return asn1.Marshal(seq)
}

func stringTag(t attributeType, v string, st StringType) int {
	switch t.short {
	case "emailAddress", "DC":
		return asn1.TagIA5String
	case "C", "serialNumber", "dnQualifier":
		if isPrintable(v) {
			return asn1.TagPrintableString
		}
	}
	if st == PrintableOrUTF8 && isPrintable(v) {
		return asn1.TagPrintableString
	}
	return asn1.TagUTF8String
}

func isPrintable(s string) bool {
	for _, r := range []byte(s) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case strings.IndexByte(" '()+,-./:=?", r) >= 0:
		default:
			return false
		}
	}
	return true
}

// DecodeName reads a DER name for showing. Parts of a multi-valued RDN stand
// one after the other.
func DecodeName(der []byte) (Name, error) {
	type atv struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type rdnSET []atv
	var seq []rdnSET
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("not a distinguished name")
	}
	var n Name
	for _, set := range seq {
		for _, a := range set {
			name := a.Type.String()
			for _, t := range attributeTypes {
				if t.oid.Equal(a.Type) {
					name = t.short
				}
			}
			n = append(n, Attribute{name, decodeString(a.Value)})
		}
	}
	return n, nil
}

func decodeString(v asn1.RawValue) string {
	switch v.Tag {
	case asn1.TagBMPString:
		var s string
		if _, err := asn1.Unmarshal(v.FullBytes, &s); err == nil {
			return s
		}
	case asn1.TagT61String:
		r := make([]rune, len(v.Bytes))
		for i, b := range v.Bytes {
			r[i] = rune(b)
		}
		return string(r)
	}
	return string(v.Bytes)
}
