package input

import (
	"slices"
	"strconv"
	"strings"
)

// ExtSet is a section of X.509 extensions.
type ExtSet struct {
	Conf    *Conf
	Section *Section
	// Used says who refers to the section: "req_extensions", "x509_extensions"
	// or nothing (then -extensions on the command line does, or nobody).
	Used []string
	// Selfsigned says that x509_extensions of a request section refers to it:
	// openssl req -x509 puts it into a certificate that signs itself.
	Selfsigned bool

	BC, KU, EKU, NSCertType *ExtValue
	SAN                     *ExtValue
	Names                   []SANEntry
	SKI, AKI                *Entry
	Unknown                 []*Entry
}

// ExtValue is an extension's value: whether it is critical, and its items.
type ExtValue struct {
	Entry    *Entry
	Critical bool
	Items    []Text
}

// SANEntry is one subject alternative name: its type as written ("DNS", "IP",
// "email", ...) and its value.
type SANEntry struct {
	Type  Text
	Value Text
	// Free is the first number that no entry of the section has, by type.
	Free map[string]int
}

// Extensions that openssl knows by name (the v3 methods of crypto/x509).
var extNames = []string{
	"basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName", "issuerAltName", "subjectKeyIdentifier",
	"authorityKeyIdentifier", "nsCertType", "nsComment", "nsBaseUrl", "nsRevocationUrl", "nsCaRevocationUrl", "nsRenewalUrl",
	"nsCaPolicyUrl", "nsSslServerName", "crlDistributionPoints", "authorityInfoAccess", "subjectInfoAccess", "certificatePolicies",
	"policyConstraints", "policyMappings", "inhibitAnyPolicy", "nameConstraints", "proxyCertInfo", "noCheck", "tlsfeature",
	"issuingDistributionPoint", "freshestCRL", "crlNumber", "deltaCRL", "CRLReason", "invalidityDate", "privateKeyUsagePeriod",
	"subjectDirectoryAttributes", "sxnetID", "ct_precert_poison", "ct_cert_scts", "noRevAvail", "targetInformation", "singleUse",
	"indirectIssuer", "acceptableResponses", "serviceLocator",
}

// KeyUsageNames and ExtKeyUsageNames are what openssl takes in keyUsage and
// extendedKeyUsage (short and long names; an OID is taken too).
var (
	KeyUsageNames = []string{
		"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign",
		"encipherOnly", "decipherOnly",
	}
	keyUsageLong = []string{
		"Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign",
		"CRL Sign", "Encipher Only", "Decipher Only",
	}
	ExtKeyUsageNames = []string{
		"serverAuth", "clientAuth", "codeSigning", "emailProtection", "timeStamping", "OCSPSigning", "ipsecEndSystem", "ipsecTunnel",
		"ipsecUser", "ipsecIKE", "msCodeInd", "msCodeCom", "msCTLSign", "msSGC", "msEFS", "nsSGC", "anyExtendedKeyUsage", "dvcs",
		"msSmartcardLogin", "pkInitKDC", "pkInitClientAuth", "secureShellClient", "secureShellServer", "cmcCA", "cmcRA", "capwapAC", "capwapWTP",
	}
	extKeyUsageLong = []string{
		"TLS Web Server Authentication", "TLS Web Client Authentication", "Code Signing", "E-mail Protection", "Time Stamping", "OCSP Signing",
		"Any Extended Key Usage", "IPSec End System", "IPSec Tunnel", "IPSec User", "Microsoft Smartcard Login", "Smartcard Login", "Signing KDC Response",
	}
	nsCertTypeNames = []string{"client", "server", "email", "objsign", "reserved", "sslCA", "emailCA", "objCA"}
	sanTypes        = []string{"DNS", "IP", "email", "URI", "RID", "dirName", "otherName"}
)

// SANTypes are the types of names that openssl knows.
func SANTypes() []string { return sanTypes }

// KnownKeyUsage, KnownExtKeyUsage and KnownNSCertType say whether openssl
// takes a name in its extension.
func KnownKeyUsage(s string) bool {
	return slices.Contains(KeyUsageNames, s) || slices.Contains(keyUsageLong, s)
}

// KnownExtKeyUsage: see KnownKeyUsage. An OID is always taken.
func KnownExtKeyUsage(s string) bool {
	return slices.Contains(ExtKeyUsageNames, s) || slices.Contains(extKeyUsageLong, s) || isOID(s)
}

// KnownNSCertType: see KnownKeyUsage.
func KnownNSCertType(s string) bool {
	return slices.Contains(nsCertTypeNames, s) || slices.Contains([]string{"SSL Client", "SSL Server", "S/MIME", "Object Signing", "Unused", "SSL CA", "S/MIME CA", "Object Signing CA"}, s)
}

func isOID(s string) bool {
	if !strings.Contains(s, ".") {
		return false
	}
	return strings.Trim(s, "0123456789.") == ""
}

// Has says whether the value lists an item.
func (v *ExtValue) Has(items ...string) bool {
	if v == nil {
		return false
	}
	for _, t := range v.Items {
		for _, i := range items {
			if strings.EqualFold(t.Value, i) {
				return true
			}
		}
	}
	return false
}

// Server, Client and CA say what the set is for.
func (x *ExtSet) Server() bool {
	return x.EKU.Has("serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1")
}

// Client says whether extendedKeyUsage has clientAuth.
func (x *ExtSet) Client() bool {
	return x.EKU.Has("clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2")
}

// CA says whether basicConstraints say CA:TRUE.
func (x *ExtSet) CA() bool {
	return x.BC.Has("CA:TRUE", "CA:YES", "CA:Y", "CA:T", "CA: TRUE")
}

// SaysNotCA says whether basicConstraints say CA:FALSE.
func (x *ExtSet) SaysNotCA() bool { return x.BC != nil && !x.CA() }

// extKeys are the extensions that make a section count as one of extensions
// where nobody refers to it.
var extKeys = []string{"basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName", "subjectKeyIdentifier", "nsCertType"}

// ExtSets finds the sections of extensions.
func (c *Conf) ExtSets() []*ExtSet {
	var out []*ExtSet
	refs := c.references()
	for _, s := range c.Sections {
		used := refs[s.Name.Value]
		isExt := len(used) > 0
		for _, k := range extKeys {
			isExt = isExt || s.Get(k) != nil
		}
		if !isExt || (s.Name.Value == "" && len(s.Entries) == 0) {
			continue
		}
		x := c.extSet(s)
		for _, r := range used {
			x.Used = append(x.Used, r.Key.Value)
		}
		for _, q := range c.Sections {
			if e := q.Get("x509_extensions"); e != nil && e.Value.Value == s.Name.Value && q.Get("distinguished_name") != nil {
				x.Selfsigned = true
			}
		}
		out = append(out, x)
	}
	return out
}

// references are the entries that name a section of extensions.
func (c *Conf) references() map[string][]*Entry {
	out := map[string][]*Entry{}
	for _, s := range c.Sections {
		for _, k := range []string{"req_extensions", "x509_extensions", "extensions"} {
			if e := s.Get(k); e != nil && e.Value.Value != "" {
				out[e.Value.Value] = append(out[e.Value.Value], e)
			}
		}
	}
	return out
}

// MissingSections are the references to sections that are not in the file.
func (c *Conf) MissingSections() []*Entry {
	var out []*Entry
	if len(c.Includes) > 0 {
		return nil
	}
	for _, s := range c.Sections {
		for _, k := range []string{"req_extensions", "x509_extensions", "extensions", "distinguished_name"} {
			if e := s.Get(k); e != nil && e.Value.Fixed() && e.Value.Value != "" && c.Section(e.Value.Value) == nil {
				out = append(out, e)
			}
		}
		for _, e := range s.Entries {
			for _, it := range split(e) {
				if ref, ok := strings.CutPrefix(it.Value, "@"); ok && isExtName(e.Key.Value) && it.Fixed() && c.Section(ref) == nil {
					out = append(out, &Entry{Key: e.Key, Value: Text{ref, it.Start, it.End}})
				}
			}
		}
	}
	return out
}

func isExtName(k string) bool { return slices.Contains(extNames, k) || isOID(k) }

func (c *Conf) extSet(s *Section) *ExtSet {
	x := &ExtSet{Conf: c, Section: s}
	for _, e := range s.Entries {
		switch e.Key.Value {
		case "basicConstraints":
			x.BC = extValue(e)
		case "keyUsage":
			x.KU = extValue(e)
		case "extendedKeyUsage":
			x.EKU = extValue(e)
		case "nsCertType":
			x.NSCertType = extValue(e)
		case "subjectAltName":
			x.SAN = extValue(e)
		case "subjectKeyIdentifier":
			x.SKI = e
		case "authorityKeyIdentifier":
			x.AKI = e
		default:
			if !isExtName(e.Key.Value) {
				x.Unknown = append(x.Unknown, e)
			}
		}
	}
	if x.SAN != nil {
		for _, it := range x.SAN.Items {
			if ref, ok := strings.CutPrefix(it.Value, "@"); ok {
				x.Names = append(x.Names, c.altNames(ref)...)
				continue
			}
			x.Names = append(x.Names, sanEntry(it))
		}
	}
	return x
}

// altNames reads a section of names: DNS.1 = a, IP.0 = b.
func (c *Conf) altNames(section string) []SANEntry {
	s := c.Section(section)
	if s == nil {
		return nil
	}
	var out []SANEntry
	free := map[string]int{}
	for _, t := range []string{"DNS", "IP"} {
		free[t] = 1
		for _, e := range s.Entries {
			if n, ok := strings.CutPrefix(e.Key.Value, t+"."); ok {
				if v, err := strconv.Atoi(n); err == nil {
					free[t] = max(free[t], v+1)
				}
			}
		}
	}
	for _, e := range s.Entries {
		if s.Get(e.Key.Value) != e {
			continue // replaced by a later one of the same name
		}
		typ, _, _ := strings.Cut(e.Key.Value, ".")
		out = append(out, SANEntry{Text{typ, e.Key.Start, e.Key.End}, e.Value, free})
	}
	return out
}

func sanEntry(it Text) SANEntry {
	typ, val, ok := strings.Cut(it.Value, ":")
	if !ok || strings.ContainsAny(typ, "$`{") {
		return SANEntry{Type: Text{"", it.Start, it.End}, Value: it}
	}
	e := SANEntry{Type: Text{strings.TrimSpace(typ), it.Start, it.Start + len(typ)}, Value: Text{strings.TrimSpace(val), it.Start, it.End}}
	if it.End-it.Start == len(it.Value) {
		e.Value.Start = it.End - len(strings.TrimLeft(val, " "))
	}
	return e
}

func extValue(e *Entry) *ExtValue {
	v := &ExtValue{Entry: e}
	for _, it := range split(e) {
		if strings.EqualFold(it.Value, "critical") && len(v.Items) == 0 {
			v.Critical = true
			continue
		}
		v.Items = append(v.Items, it)
	}
	return v
}

// split cuts a value at its commas. Where nothing was expanded the items have
// places of their own.
func split(e *Entry) []Text {
	t, raw := e.Value, e.Raw
	if n := len(raw); n >= 2 && (raw[0] == '"' || raw[0] == '\'') && raw[n-1] == raw[0] && raw[1:n-1] == t.Value {
		t.Start, t.End, raw = t.Start+1, t.End-1, t.Value
	}
	return splitText(t, raw == t.Value)
}

func splitText(t Text, exact bool) []Text {
	exact = exact && t.End-t.Start == len(t.Value)
	var out []Text
	off := 0
	for _, part := range strings.Split(t.Value, ",") {
		trim := strings.TrimSpace(part)
		it := Text{trim, t.Start, t.End}
		if exact {
			lead := strings.Index(part, trim)
			it.Start = t.Start + off + lead
			it.End = it.Start + len(trim)
		}
		if trim != "" {
			out = append(out, it)
		}
		off += len(part) + 1
	}
	return out
}

// ConfRequest is a section that describes a certificate request ([req], or one
// that -section names).
type ConfRequest struct {
	Conf    *Conf
	Section *Section
	Subject DN
	// DN is the section that distinguished_name refers to.
	DN *Section
	// Asked says that openssl asks for the subject and the values are only
	// prompts; then Subject holds the defaults.
	Asked    bool
	ReqExts  *ExtSet
	X509Exts *ExtSet
	Bits     *Entry
	Digest   *Entry
}

// Requests finds the sections that describe requests.
func (c *Conf) Requests() []*ConfRequest {
	var out []*ConfRequest
	sets := c.ExtSets()
	find := func(e *Entry) *ExtSet {
		if e == nil {
			return nil
		}
		for _, x := range sets {
			if x.Section.Name.Value == e.Value.Value {
				return x
			}
		}
		return nil
	}
	for _, s := range c.Sections {
		dn := s.Get("distinguished_name")
		if dn == nil && s.Name.Value != "req" {
			continue
		}
		r := &ConfRequest{
			Conf: c, Section: s, ReqExts: find(s.Get("req_extensions")), X509Exts: find(s.Get("x509_extensions")),
			Bits: s.Get("default_bits"), Digest: s.Get("default_md"), Asked: s.value("prompt") != "no",
		}
		if dn != nil {
			if d := c.Section(dn.Value.Value); d != nil {
				r.Subject, r.DN = subject(d, r.Asked), d
			}
		}
		out = append(out, r)
	}
	return out
}

var dnTypes = map[string]string{
	"c": "C", "countryname": "C", "st": "ST", "stateorprovincename": "ST", "l": "L", "localityname": "L", "o": "O",
	"organizationname": "O", "ou": "OU", "organizationalunitname": "OU", "cn": "CN", "commonname": "CN",
	"emailaddress": "emailAddress", "serialnumber": "serialNumber", "dc": "DC", "domaincomponent": "DC", "uid": "UID", "userid": "UID",
	"street": "street", "streetaddress": "street", "postalcode": "postalCode", "sn": "SN", "surname": "SN", "gn": "GN", "givenname": "GN",
	"title": "title", "dnqualifier": "dnQualifier",
}

// subject reads a section of names. A number and a dot in front of a type
// ("0.organizationName") only make the key unique.
func subject(s *Section, asked bool) DN {
	var out DN
	for _, e := range s.Entries {
		key := e.Key.Value
		base, isDefault := strings.CutSuffix(key, "_default")
		if asked != isDefault || strings.HasSuffix(key, "_min") || strings.HasSuffix(key, "_max") || strings.HasSuffix(key, "_value") {
			continue
		}
		if i := strings.IndexAny(base, ".,:"); i >= 0 && !isOID(base) {
			base = base[i+1:]
		}
		typ := dnTypes[strings.ToLower(base)]
		if typ == "" {
			typ = base
		}
		if e.Value.Value == "" {
			continue
		}
		out = append(out, Attribute{typ, e.Value})
	}
	return out
}

// KnownNameType says whether openssl knows a part of a subject by this name:
// the usual ones in their exact spelling, or an OID.
func KnownNameType(s string) bool {
	if isOID(s) {
		return true
	}
	long, ok := dnTypes[strings.ToLower(s)]
	return ok && (s == long || slices.Contains(nameTypes, s)) || slices.Contains(nameTypes, s)
}

// nameTypes are the names that openssl knows, short and long.
var nameTypes = []string{
	"C", "countryName", "ST", "stateOrProvinceName", "L", "localityName", "O", "organizationName", "OU", "organizationalUnitName", "CN", "commonName",
	"emailAddress", "serialNumber", "DC", "domainComponent", "UID", "userId", "street", "streetAddress", "postalCode", "SN", "surname", "GN", "givenName",
	"title", "dnQualifier", "name", "initials", "generationQualifier", "pseudonym", "description", "businessCategory", "jurisdictionC", "jurisdictionCountryName",
	"jurisdictionL", "jurisdictionLocalityName", "jurisdictionST", "jurisdictionStateOrProvinceName", "unstructuredName", "unstructuredAddress", "challengePassword",
	"x500UniqueIdentifier", "role", "member", "owner", "postOfficeBox", "telephoneNumber", "organizationIdentifier", "mail", "rfc822Mailbox", "searchGuide",
}

// NearestNameType is the part of a subject that is meant by a misspelt one.
func NearestNameType(s string) string {
	if l, ok := dnTypes[strings.ToLower(s)]; ok {
		return l
	}
	switch strings.ToLower(s) {
	case "organization", "organisation", "organisationname", "org":
		return "O"
	case "organizationalunit", "organisationalunitname", "unit":
		return "OU"
	case "country":
		return "C"
	case "state", "province", "stateorprovince":
		return "ST"
	case "locality", "city", "location":
		return "L"
	case "email":
		return "emailAddress"
	}
	return Nearest(s, nameTypes)
}
