package input

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CFSSLRequest is a CSR JSON of cfssl (cfssl v1.6.5, csr.CertificateRequest).
type CFSSLRequest struct {
	// Name is the file, or the file that a script writes this document to.
	Name     string
	Embedded bool
	At       Text

	CN           Text
	HasHosts     bool
	HostsAt      Text
	Hosts        []Text
	Names        []DN
	Key          *CFSSLKey
	CA           *CFSSLCA
	SerialNumber Text
	CRL          Text
	// Unknown are members that cfssl ignores without a word.
	Unknown  []Unknown
	Problems []Problem
	// Twice are members that come again in their object: the last one counts.
	Twice []Text
}

// DN is a part of a subject: cfssl's names[], or an openssl section.
type DN []Attribute

// Attribute is a type ("CN", "O" or a dotted OID) and its value.
type Attribute struct {
	Type  string
	Value Text
}

// CFSSLKey is key{algo,size}; Size is 0 where it is not given.
type CFSSLKey struct {
	Algo Text
	Size Text
	Bits int
	At   Text
}

// CFSSLCA is ca{expiry,pathlen,pathlenzero,backdate}.
type CFSSLCA struct {
	Expiry   Text
	Backdate Text
	PathLen  int
	Zero     bool
	At       Text
}

// Unknown is a member that its tool does not know, with the object it stands
// in and the names that it does know there.
type Unknown struct {
	Key   Text
	In    string
	Known []string
}

var (
	csrFields  = []string{"CN", "names", "hosts", "key", "ca", "serialnumber", "crl_url", "extensions", "delegation_enabled"}
	nameFields = []string{"C", "ST", "L", "O", "OU", "E", "SerialNumber", "OID"}
	keyFields  = []string{"algo", "size"}
	caFields   = []string{"expiry", "pathlen", "pathlenzero", "backdate"}
)

// parseCFSSLRequest reads a CSR JSON, also wrapped as the API's
// {"request": {...}, "profile": ...}.
func parseCFSSLRequest(root *node, name string) *CFSSLRequest {
	r := &CFSSLRequest{Name: name, At: root.text, Twice: root.twice}
	n := root
	if inner, _ := root.get("request"); inner != nil && inner.kind == '{' {
		n = inner
		if h, _ := inner.get("hosts"); h == nil {
			if outer, _ := root.get("hosts"); outer != nil {
				r.hosts(outer)
			}
		}
	}
	r.unknown(n, "the request", csrFields)
	r.CN = r.str(n, "CN")
	if h, _ := n.get("hosts"); h != nil {
		r.hosts(h)
	}
	if v, _ := n.get("names"); v != nil {
		if v.kind != '[' {
			r.wrong(v, "names", "a list of objects")
		} else {
			for _, e := range v.items {
				r.name(e)
			}
		}
	}
	if v, _ := n.get("key"); v != nil {
		if v.kind != '{' {
			r.wrong(v, "key", "an object {\"algo\", \"size\"}")
		} else {
			r.unknown(v, "key", keyFields)
			k := &CFSSLKey{At: v.text, Algo: r.str(v, "algo")}
			k.Bits, k.Size = r.num(v, "size")
			r.Key = k
		}
	}
	if v, _ := n.get("ca"); v != nil && v.kind != 'n' {
		if v.kind != '{' {
			r.wrong(v, "ca", "an object")
		} else {
			r.unknown(v, "ca", caFields)
			ca := &CFSSLCA{At: v.text, Expiry: r.str(v, "expiry"), Backdate: r.str(v, "backdate")}
			ca.PathLen, _ = r.num(v, "pathlen")
			ca.Zero = boolean(v, "pathlenzero", r.wrong)
			r.CA = ca
		}
	}
	r.SerialNumber = r.str(n, "serialnumber")
	r.CRL = r.str(n, "crl_url")
	return r
}

func (r *CFSSLRequest) hosts(v *node) {
	r.HasHosts, r.HostsAt = true, v.text
	if v.kind == 'n' {
		return
	}
	if v.kind != '[' {
		r.wrong(v, "hosts", "a list of strings")
		return
	}
	for _, e := range v.items {
		if e.kind != '"' {
			r.wrong(e, "hosts", "strings")
			continue
		}
		r.Hosts = append(r.Hosts, e.text)
	}
}

func (r *CFSSLRequest) name(e *node) {
	if e.kind != '{' {
		r.wrong(e, "names", "objects")
		return
	}
	r.unknown(e, "names", nameFields)
	var dn DN
	for i, k := range e.keys {
		switch {
		case strings.EqualFold(k.Value, "OID"):
			for j, oid := range e.items[i].keys {
				if e.items[i].items[j].kind == '"' {
					dn = append(dn, Attribute{oid.Value, e.items[i].items[j].text})
				}
			}
		case slices.ContainsFunc(nameFields, func(f string) bool { return strings.EqualFold(f, k.Value) }):
			if e.items[i].kind != '"' {
				r.wrong(e.items[i], "names."+k.Value, "a string")
				continue
			}
			if e.items[i].text.Value == "" {
				continue
			}
			dn = append(dn, Attribute{canonicalType(k.Value), e.items[i].text})
		}
	}
	r.Names = append(r.Names, dn)
}

func canonicalType(k string) string {
	switch strings.ToLower(k) {
	case "e":
		return "emailAddress"
	case "serialnumber":
		return "serialNumber"
	}
	return strings.ToUpper(k)
}

func (r *CFSSLRequest) wrong(n *node, field, want string) {
	r.Problems = append(r.Problems, Problem{n.text, fmt.Sprintf("%s is %s, not %s", field, n.describe(), want)})
}

func (r *CFSSLRequest) unknown(n *node, in string, known []string) {
	r.Unknown = append(r.Unknown, unknownMembers(n, in, known)...)
}

func unknownMembers(n *node, in string, known []string) []Unknown {
	var out []Unknown
	for _, k := range n.keys {
		if !slices.ContainsFunc(known, func(f string) bool { return strings.EqualFold(f, k.Value) }) && !isComment(k.Value) {
			out = append(out, Unknown{k, in, known})
		}
	}
	return out
}

// isComment says whether a member is one of the ways in which people comment
// JSON.
func isComment(key string) bool {
	k := strings.ToLower(key)
	return strings.HasPrefix(k, "_") || strings.HasPrefix(k, "//") || strings.HasPrefix(k, "#") || strings.HasPrefix(k, "comment")
}

func (r *CFSSLRequest) str(n *node, name string) Text {
	v, _ := n.get(name)
	if v == nil || v.kind == 'n' {
		return Text{}
	}
	if v.kind != '"' {
		r.wrong(v, name, "a string")
		return Text{}
	}
	return v.text
}

func (r *CFSSLRequest) num(n *node, name string) (int, Text) {
	v, _ := n.get(name)
	if v == nil || v.kind == 'n' {
		return 0, Text{}
	}
	i, err := strconv.Atoi(v.text.Value)
	if v.kind != '0' || err != nil {
		r.wrong(v, name, "a whole number")
		return 0, v.text
	}
	return i, v.text
}

func boolean(n *node, name string, wrong func(n *node, field, want string)) bool {
	v, _ := n.get(name)
	if v != nil && v.kind != 't' && v.kind != 'n' {
		wrong(v, name, "true or false")
	}
	return v != nil && v.kind == 't' && v.text.Value == "true"
}

// Subject is the request's whole subject: names[] in order, then the CN.
func (r *CFSSLRequest) Subject() DN {
	var out DN
	for _, n := range r.Names {
		out = append(out, n...)
	}
	if r.CN.Value != "" {
		out = append(out, Attribute{"CN", r.CN})
	}
	return out
}

// Key writes a subject as a comparable string that ignores order, as Go's
// pkix.Name (and so cfssl) writes it in an order of its own.
func (d DN) Key() string {
	parts := make([]string, len(d))
	for i, a := range d {
		parts[i] = a.Type + "=" + a.Value.Value
	}
	slices.Sort(parts)
	return strings.Join(parts, "/")
}

// Get returns the values of a type.
func (d DN) Get(typ string) []Text {
	var out []Text
	for _, a := range d {
		if strings.EqualFold(a.Type, typ) {
			out = append(out, a.Value)
		}
	}
	return out
}

// CFSSLKeyUsages and CFSSLExtKeyUsages are the names that cfssl knows
// (config/config.go), exactly so: it compares them letter by letter.
var (
	CFSSLKeyUsages = map[string]x509.KeyUsage{
		"signing":            x509.KeyUsageDigitalSignature,
		"digital signature":  x509.KeyUsageDigitalSignature,
		"content commitment": x509.KeyUsageContentCommitment,
		"key encipherment":   x509.KeyUsageKeyEncipherment,
		"key agreement":      x509.KeyUsageKeyAgreement,
		"data encipherment":  x509.KeyUsageDataEncipherment,
		"cert sign":          x509.KeyUsageCertSign,
		"crl sign":           x509.KeyUsageCRLSign,
		"encipher only":      x509.KeyUsageEncipherOnly,
		"decipher only":      x509.KeyUsageDecipherOnly,
	}
	CFSSLExtKeyUsages = map[string]asn1.ObjectIdentifier{
		"any":              {2, 5, 29, 37, 0},
		"server auth":      {1, 3, 6, 1, 5, 5, 7, 3, 1},
		"client auth":      {1, 3, 6, 1, 5, 5, 7, 3, 2},
		"code signing":     {1, 3, 6, 1, 5, 5, 7, 3, 3},
		"email protection": {1, 3, 6, 1, 5, 5, 7, 3, 4},
		"s/mime":           {1, 3, 6, 1, 5, 5, 7, 3, 4},
		"ipsec end system": {1, 3, 6, 1, 5, 5, 7, 3, 5},
		"ipsec tunnel":     {1, 3, 6, 1, 5, 5, 7, 3, 6},
		"ipsec user":       {1, 3, 6, 1, 5, 5, 7, 3, 7},
		"timestamping":     {1, 3, 6, 1, 5, 5, 7, 3, 8},
		"ocsp signing":     {1, 3, 6, 1, 5, 5, 7, 3, 9},
		"microsoft sgc":    {1, 3, 6, 1, 4, 1, 311, 10, 3, 3},
		"netscape sgc":     {2, 16, 840, 1, 113730, 4, 1},
	}
)

// CFSSLUsageNames lists all usages that cfssl knows.
func CFSSLUsageNames() []string {
	var out []string
	for k := range CFSSLKeyUsages {
		out = append(out, k)
	}
	for k := range CFSSLExtKeyUsages {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
