package certlint

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

func (l *linter) conf(f *input.File, c *input.Conf) {
	for _, p := range c.Problems {
		l.add(f, Refused, p.At, "openssl refuses this: "+p.Msg)
	}
	l.unset(f, c)
	for _, s := range c.Shadowed {
		l.shadowed(f, c, s)
	}
	if !c.Embedded || !c.Shell {
		for _, e := range c.MissingSections() {
			l.add(f, MissingSection, e.Value, fmt.Sprintf("%s refers to [ %s ], which is not in the file; openssl refuses it", e.Key.Value, e.Value.Value))
		}
	}
	for _, x := range c.ExtSets() {
		l.extSet(f, c, x)
	}
	l.droppedByCA(f, c)
	for _, r := range c.Requests() {
		l.subject(f, r.Subject)
		l.confRequest(f, c, r)
		if r.Bits != nil {
			if n, err := strconv.Atoi(r.Bits.Value.Value); err == nil && n < 2048 {
				l.add(f, WeakKey, r.Bits.Value, fmt.Sprintf("an RSA key of %d bits: clients refuse less than 2048", n)).fix(r.Bits.Value, "2048")
			}
		}
		if r.Digest != nil {
			l.digest(f, r.Digest.Value, r.Digest.Value.Value)
		}
	}
	for _, s := range c.Sections {
		if e := s.Get("default_md"); e != nil && s.Get("distinguished_name") == nil {
			l.digest(f, e.Value, e.Value.Value)
		}
	}
	l.unusedNames(f, c)
}

// unset: a $VARIABLE that openssl finds no value for. In a quoted here-document
// the shell leaves it to openssl, which stops.
func (l *linter) unset(f *input.File, c *input.Conf) {
	for _, u := range c.Unset {
		switch {
		case f.Template() || c.Shell || len(c.Includes) > 0:
		case !c.Embedded:
			l.add(f, Placeholder, u, fmt.Sprintf("openssl has no value for %s and stops: something must fill the file in first", u.Value)).as(finding.Info)
		case f.Kind == input.KindScript && !bytes.Contains(f.Data, []byte("envsubst")) && !bytes.Contains(f.Data, []byte("sed ")) && !bytes.Contains(f.Data, []byte("<(echo")):
			l.add(f, Refused, u, fmt.Sprintf("%s reaches openssl as it is, because the here-document is quoted: it has no value there, and openssl stops", u.Value)).
				remedy("take the quotes off the word behind <<, or write ${ENV::NAME} and export it")
		}
	}
}

func (l *linter) digest(f *input.File, at input.Text, md string) {
	switch strings.ToLower(strings.TrimLeft(md, "-")) {
	case "sha1", "md5", "sha", "md4", "md2", "dss1", "sha-1":
		l.add(f, WeakDigest, at, fmt.Sprintf("%s: Go, OpenSSL, GnuTLS and browsers refuse certificates that are signed with it", strings.TrimLeft(md, "-"))).
			fixIf(strings.EqualFold(string(f.Data[at.Start:at.End]), md), at, strings.Repeat("-", len(md)-len(strings.TrimLeft(md, "-")))+"sha256")
	}
}

// shadowed: in a list of names the earlier entry is lost.
func (l *linter) shadowed(f *input.File, c *input.Conf, s input.Shadowed) {
	base, _, _ := strings.Cut(s.Old.Key.Value, ".")
	if slices.Contains([]string{"keyUsage", "extendedKeyUsage", "basicConstraints", "subjectAltName"}, base) && s.Old.Value.Value != s.Last.Value.Value {
		l.add(f, DeadUsage, s.Last.Key, fmt.Sprintf("%s stands twice: openssl keeps the last, and %q has no effect", base, s.Old.Value.Value)).as(finding.Warning).remedy("write both into one line, or begin the file anew (> instead of >>)")
		return
	}
	if !slices.Contains(input.SANTypes(), base) {
		return
	}
	if s.Old.Value.Value == s.Last.Value.Value {
		return
	}
	is := l.add(f, LostName, s.Last.Key, fmt.Sprintf("%s stands twice in [ %s ]: openssl keeps the last, and %s is not in the certificate", s.Old.Key.Value, s.Section, s.Old.Value.Value))
	sec := c.Section(s.Section)
	n := 0
	for ; sec.Get(fmt.Sprintf("%s.%d", base, n)) != nil || n == 0; n++ {
	}
	for _, e := range sec.Entries { // past every number in use
		if k, ok := strings.CutPrefix(e.Key.Value, base+"."); ok {
			if v, err := strconv.Atoi(k); err == nil && v >= n {
				n = v + 1
			}
		}
	}
	is.remedy(fmt.Sprintf("number it %s.%d", base, n)).fix(s.Last.Key, fmt.Sprintf("%s.%d", base, n))
}

// extNames are the subject alternative names of a section.
func extNames(x *input.ExtSet) []name {
	ns := make([]name, len(x.Names))
	for i, n := range x.Names {
		ns[i] = name{typ: n.Type.Value, typAt: n.Type, val: n.Value, free: n.Free}
		if ns[i].typ == "" && !strings.Contains(n.Value.Value, "$") {
			ns[i].typ = noType
		}
	}
	return ns
}

// unusedNames finds a section of names that no extension refers to.
func (l *linter) unusedNames(f *input.File, c *input.Conf) {
	if len(c.Includes) > 0 {
		return
	}
	text := string(f.Data)
	for _, s := range c.Sections {
		if s.Name.Value == "" || len(s.Entries) == 0 {
			continue
		}
		names := 0
		for _, e := range s.Entries {
			base, num, ok := strings.Cut(e.Key.Value, ".")
			if ok && (base == "DNS" || base == "IP") && strings.Trim(num, "0123456789") == "" {
				names++
			}
		}
		if names != len(s.Entries) || strings.Contains(text, "@"+s.Name.Value) {
			continue
		}
		l.add(f, UnusedNames, s.Name, fmt.Sprintf("nothing refers to [ %s ]: its names are in no certificate", s.Name.Value)).
			remedy(fmt.Sprintf("write subjectAltName = @%s into the section of extensions", s.Name.Value))
	}
}

// easyRSAType says whether a file is one of easyrsa's x509-types: names are
// added when it signs.
func easyRSAType(f *input.File) bool {
	return filepath.Base(filepath.Dir(f.Name)) == "x509-types" || strings.Contains(string(f.Data), "X509 extensions")
}

func (l *linter) extSet(f *input.File, c *input.Conf, x *input.ExtSet) {
	at := x.Section.Name
	if at.Value == "" {
		at = x.Section.Entries[0].Key
	}
	for _, e := range x.Unknown {
		if near := input.Nearest(e.Key.Value, []string{"basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName", "subjectKeyIdentifier", "authorityKeyIdentifier", "nsCertType"}); near != "" && closeEnough(e.Key.Value, near) {
			l.add(f, UnknownField, e.Key, fmt.Sprintf("openssl knows no extension %q and refuses the file", e.Key.Value)).
				as(finding.Error).note(fmt.Sprintf("did you mean %q?", near)).fix(e.Key, near)
		}
	}
	l.usageNames(f, x.KU, "keyUsage", input.KnownKeyUsage, input.KeyUsageNames, input.ExtKeyUsageNames, "extendedKeyUsage")
	l.usageNames(f, x.EKU, "extendedKeyUsage", input.KnownExtKeyUsage, input.ExtKeyUsageNames, input.KeyUsageNames, "keyUsage")
	l.usageNames(f, x.NSCertType, "nsCertType", input.KnownNSCertType, []string{"client", "server", "email", "objsign", "sslCA"}, nil, "")
	l.emptyNames(f, c, x)
	ns := extNames(x)
	nameAt := at
	if x.SAN != nil {
		nameAt = x.SAN.Entry.Value
	}
	l.names(f, nameAt, ns)
	if x.CA() {
		// A server's section with CA:TRUE that may not sign: a leaf by mistake.
		if leafByMistake(x) {
			is := l.add(f, LeafIsCA, x.BC.Entry.Value, fmt.Sprintf("%s has the names of a server, and says CA:TRUE: rustls and pyca reject it as a server, and who trusts it trusts all that its key signs", sectionName(x))).
				as(finding.Error).remedy("basicConstraints = critical, CA:FALSE")
			if raw := x.BC.Entry.Raw; raw == x.BC.Entry.Value.Value && len(x.BC.Items) == 1 {
				is.fix(x.BC.Entry.Value, strings.Replace(raw, x.BC.Items[0].Value, "CA:FALSE", 1))
			}
			return
		}
		l.caSet(f, x, at)
		return
	}
	l.leafSet(f, c, x, at)
}

// leafByMistake says whether a set with CA:TRUE is a server's: it has names or
// serverAuth, may not sign, and is not called a CA.
func leafByMistake(x *input.ExtSet) bool {
	if x.KU.Has("keyCertSign", "Certificate Sign") || anyDynamic(x.KU) || caWord.MatchString(strings.ReplaceAll(x.Section.Name.Value, "_", "-")) {
		return false
	}
	return x.Server() || x.SAN != nil
}

func (l *linter) usageNames(f *input.File, v *input.ExtValue, ext string, known func(string) bool, own, other []string, otherExt string) {
	if v == nil {
		return
	}
	seen := map[string]bool{}
	for _, it := range v.Items {
		if !it.Fixed() || strings.HasPrefix(it.Value, "@") {
			continue
		}
		if known(it.Value) {
			if seen[it.Value] {
				l.add(f, DeadUsage, it, fmt.Sprintf("%s has %s twice", ext, it.Value))
			}
			seen[it.Value] = true
			continue
		}
		if slices.Contains(other, it.Value) {
			l.add(f, UnknownUsage, it, fmt.Sprintf("%s belongs into %s, not into %s; openssl refuses it", it.Value, otherExt, ext))
			continue
		}
		is := l.add(f, UnknownUsage, it, fmt.Sprintf("openssl knows no %s %q and refuses the file", ext, it.Value))
		if near := input.Nearest(it.Value, own); near != "" {
			is.note(fmt.Sprintf("did you mean %q?", near))
			if closeEnough(it.Value, near) && string(f.Data[it.Start:it.End]) == it.Value {
				is.fix(it, near)
			}
		}
	}
}

func (l *linter) caSet(f *input.File, x *input.ExtSet, at input.Text) {
	if !x.BC.Critical {
		is := l.add(f, BCNotCritical, x.BC.Entry.Value, fmt.Sprintf("basicConstraints of the CA in %s are not critical: OpenSSL's strict mode, and so Python 3.13, rejects every chain to it", sectionName(x)))
		is.note("critical, CA:TRUE")
		if x.BC.Entry.Raw == x.BC.Entry.Value.Value {
			v := x.BC.Entry.Value
			is.fix(input.Text{Start: v.Start, End: v.Start}, "critical, ")
		}
	}
	switch {
	case x.KU == nil:
		is := l.add(f, CANoKeyUsage, at, fmt.Sprintf("the CA in %s has no keyUsage: Python 3.13 and pyca reject it", sectionName(x)))
		is.fixBelow(f, x.BC.Entry, "keyUsage = critical, keyCertSign, cRLSign")
	case !x.KU.Has("keyCertSign", "Certificate Sign") && !anyDynamic(x.KU):
		v := x.KU.Entry.Value
		l.add(f, NoCertSign, v, fmt.Sprintf("the CA in %s may not sign certificates: keyCertSign is missing", sectionName(x))).
			fixIf(x.KU.Entry.Raw == v.Value, input.Text{Start: v.End, End: v.End}, ", keyCertSign")
	}
	if x.SKI == nil && x.Section.Name.Value != "" && (x.Selfsigned || len(x.Used) == 0) {
		l.add(f, CANoKeyID, at, fmt.Sprintf("the CA in %s has no subjectKeyIdentifier: OpenSSL before 3.0 and LibreSSL write none, and OpenSSL's strict mode rejects the CA", sectionName(x))).
			as(finding.Info).fixBelow(f, x.BC.Entry, "subjectKeyIdentifier = hash")
	}
}

func anyDynamic(v *input.ExtValue) bool {
	return v != nil && slices.ContainsFunc(v.Items, func(t input.Text) bool { return !t.Fixed() })
}

func sectionName(x *input.ExtSet) string {
	if x.Section.Name.Value == "" {
		return "this file"
	}
	return "[ " + x.Section.Name.Value + " ]"
}

func (l *linter) leafSet(f *input.File, c *input.Conf, x *input.ExtSet, at input.Text) {
	server, client := x.Server(), x.Client()
	typ := ""
	if filepath.Base(filepath.Dir(f.Name)) == "x509-types" {
		typ = strings.ToLower(filepath.Base(f.Name))
	}
	tls := server || client || (x.EKU == nil && (x.SAN != nil || x.SaysNotCA())) || strings.HasPrefix(typ, "server") || typ == "client"
	l.typeUsages(f, x, typ, at)
	if x.KU.Has("keyCertSign", "Certificate Sign") && (x.SaysNotCA() || server || client) {
		l.add(f, NoCertSign, x.KU.Entry.Value, fmt.Sprintf("%s may sign certificates (keyCertSign) and is no CA: strict clients reject it", sectionName(x)))
	}
	if x.KU.Has("keyCertSign", "Certificate Sign") && x.BC == nil && !server && !client && len(x.Names) == 0 && x.Section.Name.Value != "" && x.Selfsigned {
		l.add(f, BCNotCritical, at, fmt.Sprintf("the CA in %s has no basicConstraints: it is no CA to anybody", sectionName(x))).remedy("add basicConstraints = critical, CA:TRUE")
	}
	if x.KU != nil && tls && !anyDynamic(x.KU) && !x.KU.Has("keyCertSign") {
		if !x.KU.Has("digitalSignature", "Digital Signature") {
			v := x.KU.Entry.Value
			l.add(f, NoDigitalSignature, v, fmt.Sprintf("keyUsage in %s lacks digitalSignature: the key may not sign the TLS handshake, and GnuTLS and Java refuse it", sectionName(x))).
				fixIf(x.KU.Entry.Raw == v.Value, input.Text{Start: v.End, End: v.End}, ", digitalSignature")
		}
		for _, it := range x.KU.Items {
			if it.Value == "dataEncipherment" || it.Value == "Data Encipherment" {
				l.add(f, DataEncipherment, it, "dataEncipherment is for encrypting data with the key itself, which TLS never does").fixCommaItem(f, it)
			}
		}
	}
	if x.NSCertType != nil && !anyDynamic(x.NSCertType) {
		v := x.NSCertType.Entry.Value
		miss := ""
		switch {
		case server && !x.NSCertType.Has("server", "SSL Server"):
			miss = "server"
		case client && !x.NSCertType.Has("client", "SSL Client"):
			miss = "client"
		}
		if miss != "" {
			l.add(f, NSCertType, v, fmt.Sprintf("nsCertType in %s leaves out %s although extendedKeyUsage has %sAuth: OpenSSL's clients reject the certificate for it", sectionName(x), miss, miss)).
				remedy("take nsCertType out (it is obsolete), or name both").
				fixIf(x.NSCertType.Entry.Raw == v.Value, input.Text{Start: v.End, End: v.End}, ", "+miss)
		}
	}
	if whose := serviceNames(x); whose != "" && x.EKU != nil && !server && !x.EKU.Has("anyExtendedKeyUsage") && !anyDynamic(x.EKU) {
		l.add(f, WrongUsage, x.EKU.Entry.Value, "names of "+whose+" without serverAuth: no client accepts the server").
			fixIf(x.EKU.Entry.Raw == x.EKU.Entry.Value.Value, input.Text{Start: x.EKU.Entry.Value.End, End: x.EKU.Entry.Value.End}, ", serverAuth")
	}
	l.purposeOfSection(f, x)
	if f.Kind == input.KindExtensions && !c.Embedded && x.Section.Name.Value == "" && typ == "" && x.EKU == nil && x.SAN != nil {
		l.noServerAuth(f, x.SAN.Entry.Key, "this file")
	}
	onlyRequest := len(x.Used) > 0 && !slices.ContainsFunc(x.Used, func(u string) bool { return u != "req_extensions" })
	if server && x.SAN == nil && !onlyRequestWithout(c, x) && !easyRSAType(f) && !copiesExtensions(c) {
		l.add(f, NoNames, at, fmt.Sprintf("%s makes server certificates without subjectAltName: clients ignore the common name and find no name at all", sectionName(x))).
			as(finding.Warning).guess()
	}
	if !onlyRequest && (server || client) && x.BC != nil && x.AKI == nil && !easyRSAType(f) && !x.Selfsigned {
		// Extensions that a request carries cannot name the issuer's key.
		if !copiesExtensions(c) {
			l.add(f, NoAuthorityKeyID, at, fmt.Sprintf("%s has no authorityKeyIdentifier: OpenSSL before 3.0 and LibreSSL write none, and Python 3.13 and pyca reject the certificate", sectionName(x))).
				as(finding.Info).fixBelow(f, x.BC.Entry, "authorityKeyIdentifier = keyid")
		}
	}
}

// noServerAuth: names without a usage. Most clients take it for every usage.
func (l *linter) noServerAuth(f *input.File, at input.Text, what string) {
	l.add(f, WrongUsage, at, what+" has names and no extendedKeyUsage: Apple's clients refuse a server without serverAuth").
		as(finding.Info).remedy("extendedKeyUsage = serverAuth")
}

// fixCommaItem takes an item out of a comma-separated value.
func (i *Issue) fixCommaItem(f *input.File, it input.Text) *Issue {
	if string(f.Data[it.Start:it.End]) != it.Value {
		return i
	}
	s, e := it.Start, it.End
	for e < len(f.Data) && f.Data[e] == ' ' {
		e++
	}
	if e < len(f.Data) && f.Data[e] == ',' {
		for e++; e < len(f.Data) && f.Data[e] == ' '; e++ {
		}
		return i.fix(input.Text{Start: s, End: e}, "")
	}
	e = it.End
	for s > 0 && f.Data[s-1] == ' ' {
		s--
	}
	if s > 0 && f.Data[s-1] == ',' {
		return i.fix(input.Text{Start: s - 1, End: e}, "")
	}
	return i
}

// serviceNames says whether the names are those of a Service: of
// kube-apiserver, or of any other.
func serviceNames(x *input.ExtSet) string {
	whose := ""
	for _, n := range x.Names {
		v := strings.ToLower(n.Value.Value)
		switch {
		case strings.HasPrefix(v, "kubernetes.default"):
			return "kube-apiserver"
		case strings.HasSuffix(v, ".svc") || strings.HasSuffix(v, ".svc.cluster.local"):
			whose = "a Service"
		}
	}
	return whose
}

// typeUsages: a file of easyrsa's x509-types says by its name what its
// certificates are for.
func (l *linter) typeUsages(f *input.File, x *input.ExtSet, typ string, at input.Text) {
	miss := map[string][]string{"server": {"serverAuth"}, "client": {"clientAuth"}, "serverclient": {"serverAuth", "clientAuth"}}[typ]
	miss = slices.DeleteFunc(slices.Clone(miss), func(u string) bool { return x.EKU.Has(u) })
	if len(miss) == 0 || anyDynamic(x.EKU) {
		return
	}
	if x.EKU != nil {
		v := x.EKU.Entry.Value
		l.add(f, WrongUsage, v, fmt.Sprintf("certificates of type %s come without %s, and are refused as such", typ, strings.Join(miss, " and "))).
			fixIf(x.EKU.Entry.Raw == v.Value, input.Text{Start: v.End, End: v.End}, ", "+strings.Join(miss, ", "))
		return
	}
	is := l.add(f, WrongUsage, at, fmt.Sprintf("certificates of type %s come without extendedKeyUsage: OpenVPN (remote-cert-tls) and others that ask for it refuse them", typ)).as(finding.Warning)
	if x.BC != nil {
		is.fixBelow(f, x.BC.Entry, "extendedKeyUsage = "+strings.Join(miss, ", "))
	}
}

// copiesExtensions says whether the configuration's CA takes the request's
// extensions over, names included.
func copiesExtensions(c *input.Conf) bool {
	for _, s := range c.Sections {
		if e := s.Get("copy_extensions"); e != nil && strings.HasPrefix(e.Value.Value, "copy") {
			return true
		}
	}
	return false
}

// onlyRequestWithout says whether the file has another set with names, so that
// this one is one half of the story.
func onlyRequestWithout(c *input.Conf, x *input.ExtSet) bool {
	if c.Embedded || len(c.Includes) > 0 {
		return true
	}
	for _, s := range c.Sections {
		if s != x.Section && s.Get("subjectAltName") != nil {
			return true
		}
	}
	return false
}
