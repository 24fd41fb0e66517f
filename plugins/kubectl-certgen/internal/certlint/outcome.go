package certlint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// outcome is the certificate that a call of openssl will make: which
// extensions it gets, and from where.
type outcome struct {
	f *input.File
	c *input.Command
	// at is where the extensions are chosen, else the subcommand.
	at input.Text
	// known says that everything is known; else an unseen file decides.
	known bool
	// self says that the certificate signs itself.
	self bool
	// set is the section that is used, nil for none; defaults says that it is
	// the [ v3_ca ] of the configuration that comes with openssl.
	set      *input.ExtSet
	defaults bool
	// inline are the extensions of -addext by name.
	inline map[string]input.Text
	// copied says that the request's extensions are taken over.
	copied bool
	out    input.Text
}

// opensslConf are the sections of the configuration that comes with openssl.
var opensslConfSections = []string{"v3_ca", "v3_req", "usr_cert", "crl_ext", "proxy_cert_ext", "tsa"}

// outcomeOf works out what a call of "req -x509", "x509 -req" or "ca" makes;
// ok is false where it makes no certificate.
func (l *linter) outcomeOf(f *input.File, c *input.Command) (o outcome, ok bool) {
	o = outcome{f: f, c: c, at: c.Args[0], known: true, inline: map[string]input.Text{}}
	o.out, _ = c.Out()
	for _, a := range addExts(c) {
		k, v, _ := strings.Cut(a.Value, "=")
		a.Value = strings.TrimSpace(v)
		if a.Value == "" {
			o.known = false // a variable
		}
		o.inline[strings.TrimSpace(k)] = a
	}
	switch c.Sub() {
	case "req":
		if !c.Has("x509") {
			return o, false
		}
		o.self = !c.Has("CA")
		l.fromConfig(&o)
	case "x509":
		if !c.Has("req") || !c.Has("CA", "signkey", "key") {
			return o, false
		}
		o.self = !c.Has("CA")
		if cp, ok := c.Flag("copy_extensions"); ok && strings.HasPrefix(cp.Value, "copy") {
			o.copied = true
		}
		if ext, ok := c.Flag("extfile"); ok {
			l.fromExtfile(&o, ext)
		}
	default:
		return o, false
	}
	return o, true
}

// fromConfig: req -x509 takes the section that -extensions names, else
// x509_extensions of its configuration.
func (l *linter) fromConfig(o *outcome) {
	sec, hasSec := o.c.Flag("extensions", "x509_extensions")
	if hasSec {
		o.at = sec
	}
	cfg, hasCfg := o.c.Flag("config")
	if !hasCfg || systemConf(cfg.Value) {
		switch {
		case !hasSec || sec.Value == "v3_ca":
			o.defaults = true
		case sec.Fixed() && !slices.Contains(opensslConfSections, sec.Value):
			l.add(o.f, MissingSection, sec, fmt.Sprintf("the configuration that comes with openssl has no section [ %s ], and -config is not given; openssl refuses it", sec.Value))
			o.known = false
		default:
			o.known = false // leaf sections with a key usage; no names
		}
		return
	}
	conf := l.confFor(o.f, o.c, cfg)
	if conf == nil || len(conf.Includes) > 0 && !hasSec {
		o.known = false
		return
	}
	name := sec.Value
	if !hasSec {
		req := "req"
		if s, ok := o.c.Flag("section"); ok {
			req = s.Value
		}
		e := conf.Section(req).Get("x509_extensions")
		if e == nil {
			return
		}
		name = e.Value.Value
	}
	o.set = extSetNamed(conf, name)
	if o.set == nil {
		o.known = false
		if hasSec && sec.Fixed() && conf.Section(name) == nil && len(conf.Includes) == 0 {
			l.add(o.f, MissingSection, sec, fmt.Sprintf("%s has no section [ %s ]; openssl refuses it", fileOf(conf, cfg), sec.Value))
		}
	}
}

// systemConf says whether a path is the configuration that comes with openssl.
func systemConf(p string) bool {
	return slices.Contains([]string{"/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/usr/local/ssl/openssl.cnf",
		"/System/Library/OpenSSL/openssl.cnf", "/usr/local/etc/openssl/openssl.cnf"}, p)
}

func fileOf(conf *input.Conf, at input.Text) string {
	if strings.Contains(conf.Name, "#") {
		return "the configuration"
	}
	return path.Base(at.Value)
}

func extSetNamed(conf *input.Conf, name string) *input.ExtSet {
	for _, x := range conf.ExtSets() {
		if x.Section.Name.Value == name {
			return x
		}
	}
	return nil
}

// fromExtfile: x509 -extfile reads the section that -extensions names, else
// the one that "extensions" names, else the part above the first section.
func (l *linter) fromExtfile(o *outcome, ext input.Text) {
	sec, hasSec := o.c.Flag("extensions")
	o.at = ext
	conf := l.confFor(o.f, o.c, ext)
	if conf == nil {
		o.defaults = systemConf(ext.Value) && sec.Value == "v3_ca"
		o.known = o.defaults
		return
	}
	def := conf.Sections[0]
	name := ""
	if e := def.Get("extensions"); e != nil {
		name = e.Value.Value
	} else if len(def.Entries) == 0 && conf.Section("default") != nil {
		name = "default"
	}
	if hasSec {
		o.at, name = sec, sec.Value
	}
	o.set = extSetNamed(conf, name)
	if o.set != nil {
		return
	}
	switch {
	case hasSec && sec.Fixed() && conf.Section(sec.Value) == nil && len(conf.Includes) == 0:
		l.add(o.f, MissingSection, sec, fmt.Sprintf("%s has no section [ %s ]; openssl refuses it", fileOf(conf, ext), sec.Value))
		o.known = false
	case !hasSec && len(conf.Sections) > 1 && len(def.Entries) == 0:
		var named []string
		for _, x := range conf.ExtSets() {
			named = append(named, x.Section.Name.Value)
		}
		is := l.add(o.f, DroppedExtensions, ext, fmt.Sprintf("-extfile without -extensions reads only what stands above the first section of %s, which is nothing", fileOf(conf, ext)))
		if len(named) == 1 {
			is.remedy("add -extensions " + named[0])
		} else {
			is.remedy("add -extensions SECTION")
		}
		o.known = false
	default:
		o.known = false
	}
}

// has says whether the certificate gets an extension.
func (o *outcome) has(ext string) bool {
	if _, ok := o.inline[ext]; ok {
		return true
	}
	if o.defaults {
		return slices.Contains([]string{"basicConstraints", "subjectKeyIdentifier", "authorityKeyIdentifier"}, ext)
	}
	return o.set != nil && o.set.Section.Get(ext) != nil
}

// isCA says whether the certificate says CA:TRUE.
func (o *outcome) isCA() bool {
	if bc, ok := o.inline["basicConstraints"]; ok {
		return strings.Contains(strings.ToUpper(strings.ReplaceAll(bc.Value, " ", "")), "CA:TRUE")
	}
	return o.defaults || o.set != nil && o.set.CA()
}

// openssl's certificates, judged as a whole.
func (l *linter) opensslOutcome(f *input.File, c *input.Command) {
	o, ok := l.outcomeOf(f, c)
	if !ok {
		return
	}
	isCA := l.usedAsCA(f, o.out) || (!o.has("subjectAltName") && looksLikeCA(c, o.out))
	switch {
	case isCA:
		l.bareCAKey(&o)
		l.caOutcome(&o)
	case o.self:
		l.selfSignedOutcome(&o)
	default:
		l.leafOutcome(&o)
	}
	if !isCA {
		l.longDays(&o)
		if o.known && !o.copied && o.set != nil && o.set.SAN != nil && !o.has("extendedKeyUsage") && !o.isCA() {
			l.noServerAuth(f, o.at, "the certificate")
		}
	}
	l.noDays(&o, isCA)
}

// signs is the key usage of a CA in a form that no POSIX shell, YAML or string
// around a command has to quote.
const signs = "keyUsage=critical,keyCertSign,cRLSign"

// caOutcome: a certificate with which the script signs others.
func (l *linter) caOutcome(o *outcome) {
	if !o.known || o.copied {
		return
	}
	switch {
	case !o.self && o.c.Sub() == "x509" && !o.c.Has("extfile") && l.usedAsCA(o.f, o.out):
		l.add(o.f, BCNotCritical, o.c.Args[0], "certificates are signed with this one, and without -extfile it has no basicConstraints: it is no CA to anybody").
			remedy("add -extfile with basicConstraints = critical, CA:TRUE and keyUsage = critical, keyCertSign, cRLSign")
	case !o.self:
		return
	case o.c.Sub() == "x509" && o.set == nil && len(o.inline) == 0:
		l.add(o.f, CANoKeyUsage, o.c.Args[0], "without -extfile this CA has no extensions at all, neither basic constraints nor a key usage: Python 3.13, pyca and Java reject it").
			remedy(`make it by: openssl req -x509 -new -key ca.key -addext "keyUsage = critical, keyCertSign, cRLSign"`)
	case !o.has("basicConstraints"):
		l.add(o.f, BCNotCritical, o.at, "this CA has no basicConstraints: it is no CA to anybody").remedy("give it basicConstraints = critical, CA:TRUE")
	case !o.isCA():
		l.add(o.f, BCNotCritical, o.at, "certificates are signed with this one, and it says CA:FALSE: every client rejects them").remedy("give it basicConstraints = critical, CA:TRUE")
	case !o.has("keyUsage") && (o.set == nil || !o.set.CA()):
		l.add(o.f, CANoKeyUsage, o.c.Args[0], "this CA gets openssl's defaults, which have no keyUsage: Python 3.13 and pyca reject it").
			remedy("add -addext "+signs).addOption(o, " -addext "+quoteIn(o.f, signs))
	}
	if ku, ok := o.inline["keyUsage"]; ok && o.isCA() && ku.Fixed() && !strings.Contains(ku.Value, "keyCertSign") {
		l.add(o.f, NoCertSign, ku, "this CA may not sign certificates: keyCertSign is missing")
	}
	if bc, ok := o.inline["basicConstraints"]; ok && o.isCA() && !strings.Contains(bc.Value, "critical") {
		l.add(o.f, BCNotCritical, bc, "basicConstraints of this CA are not critical: OpenSSL's strict mode, and so Python 3.13, rejects every chain to it").remedy("basicConstraints = critical, CA:TRUE")
	}
}

// addOption writes an option behind -x509.
func (i *Issue) addOption(o *outcome, text string) *Issue {
	for _, a := range o.c.Args {
		if strings.TrimLeft(a.Value, "-") == "x509" && string(o.f.Data[a.Start:a.End]) == a.Value && a.End > a.Start {
			return i.fix(input.Text{Start: a.End, End: a.End}, text)
		}
	}
	return i
}

// selfSignedOutcome: a server's certificate that signs itself.
func (l *linter) selfSignedOutcome(o *outcome) {
	san := o.has("subjectAltName")
	if !o.known || o.copied {
		return
	}
	if !san {
		name := path.Base(o.out.Value)
		if o.set != nil || rootWord.MatchString(name) || len(o.inline) > 0 && !o.has("subjectAltName") && o.c.Has("CA") {
			return
		}
		whose := name
		if subj, ok := o.c.Flag("subj"); ok {
			if rootWord.MatchString(subj.Value) {
				return
			}
			if cn := subjOf(subj).Get("CN"); len(cn) > 0 {
				whose = cn[len(cn)-1].Value
			}
		}
		if _, ku := o.inline["keyUsage"]; ku && o.isCA() {
			return
		}
		l.add(o.f, NoNames, o.c.Args[0], fmt.Sprintf("a certificate that signs itself, for %s, without subjectAltName: clients ignore the common name", whose)).
			as(finding.Warning).guess().remedy(`add -addext "subjectAltName = DNS:NAME"`)
		return
	}
	if o.isCA() && (o.set == nil || !o.set.CA()) {
		l.add(o.f, LeafIsCA, o.c.Args[0], "this leaf is a CA (openssl's default): who trusts it trusts everything that its key signs, and rustls and pyca reject it").
			remedy(`add -addext "basicConstraints = critical, CA:FALSE"`)
	} else if o.isCA() && !looksLikeCA(o.c, o.out) && !rootWord.MatchString(path.Base(o.out.Value)) && !leafByMistake(o.set) {
		l.add(o.f, LeafIsCA, o.at, fmt.Sprintf("a server's certificate that %s makes a CA: who trusts it trusts everything that its key signs, and rustls and pyca reject it", sectionName(o.set))).
			guess().remedy("a CA of its own, or basicConstraints = critical, CA:FALSE")
	}
}

// leafOutcome: a certificate that a CA signs.
func (l *linter) leafOutcome(o *outcome) {
	c := o.c
	if o.copied {
		l.copiedRequest(o)
		return
	}
	if ca, ok := c.Flag("CAkey"); ok && c.Sub() == "x509" && !c.Has("CAcreateserial", "CAserial", "set_serial") {
		is := l.add(o.f, Refused, c.Args[0], "only OpenSSL 3 chooses a serial number by itself: older ones and LibreSSL (macOS) stop without -CAcreateserial").as(finding.Info).
			remedy("add -CAcreateserial")
		if ca.End > ca.Start && string(o.f.Data[ca.Start:ca.End]) == ca.Value && (ca.End == len(o.f.Data) || strings.IndexByte(" \t\r\n", o.f.Data[ca.End]) >= 0) {
			is.fix(input.Text{Start: ca.End, End: ca.End}, " -CAcreateserial")
		}
	}
	why, asked := l.requestAsksNames(o.f, c)
	if _, hasExt := c.Flag("extfile"); !hasExt && c.Sub() == "x509" {
		if asked {
			l.add(o.f, DroppedExtensions, c.Args[0], fmt.Sprintf("openssl x509 drops the names that the request asks for (%s): neither -extfile nor -copy_extensions is given", why)).
				remedy("add -copy_extensions copy (OpenSSL 3), or -extfile FILE -extensions SECTION")
			return
		}
		l.add(o.f, DroppedExtensions, c.Args[0], "neither -extfile nor -copy_extensions is given: the certificate has no extensions at all, no names and no usages").
			as(finding.Warning).remedy("add -extfile FILE -extensions SECTION, or -copy_extensions copy (OpenSSL 3)")
		return
	}
	if !o.known || o.set == nil {
		return
	}
	switch {
	case o.isCA() && (rootWord.MatchString(path.Base(o.out.Value)) || looksLikeCA(o.c, o.out) || caWord.MatchString(strings.ReplaceAll(o.set.Section.Name.Value, "_", "-"))):
		return // an intermediate
	case o.isCA():
		l.add(o.f, LeafIsCA, o.at, fmt.Sprintf("the certificate is signed with %s, which is a CA's: its key can sign certificates for every name", sectionName(o.set))).
			remedy("use a section with basicConstraints = critical, CA:FALSE")
	case !o.has("subjectAltName") && asked:
		l.add(o.f, DroppedExtensions, o.at, fmt.Sprintf("the names that the request asks for (%s) are dropped: %s has no subjectAltName", why, sectionName(o.set))).
			remedy("put subjectAltName into the section, or add -copy_extensions copy (OpenSSL 3)")
	case !o.has("subjectAltName") && o.set.Server() && len(o.set.Conf.Includes) == 0 && l.requestKnown(o.f, c):
		l.add(o.f, NoNames, o.at, fmt.Sprintf("a server's certificate without subjectAltName: neither the request nor %s has names, and clients ignore the common name", sectionName(o.set))).
			as(finding.Warning).guess().remedy("put subjectAltName into the section")
	}
	l.purposeOf(o)
}

var (
	clientWord = lazyregexp.New(`(?i)(^|[-_./])(client|admin|user)([-_.]|$)`)
	serverWord = lazyregexp.New(`(?i)(^|[-_./])(server|apiserver|kube-apiserver|tls|webhook)([-_.]|$)`)
	rootWord   = lazyregexp.New(`(?i)root|authority|issuer|intermediate|signer|^$|^\.$`)
	peerWord   = lazyregexp.New(`(?i)(^|[-_. ])peer([-_. ]|$)`)
)

// purposeOf compares the usages with what the output is called.
func (l *linter) purposeOf(o *outcome) {
	if o.set.EKU == nil || anyDynamic(o.set.EKU) || o.set.EKU.Has("anyExtendedKeyUsage") {
		return
	}
	name := path.Base(o.out.Value)
	client, server := clientWord.MatchString(name), serverWord.MatchString(name)
	switch {
	case peerWord.MatchString(name) && !(o.set.Client() && o.set.Server()):
		l.add(o.f, WrongUsage, o.at, fmt.Sprintf("%s by its name is a peer's, which is server and client, and %s has only one of serverAuth and clientAuth", name, sectionName(o.set))).as(finding.Warning).guess()
	case client && !server && !o.set.Client():
		l.add(o.f, WrongUsage, o.at, fmt.Sprintf("%s by its name is a client's, and %s has no clientAuth: servers refuse it", name, sectionName(o.set))).as(finding.Warning).guess()
	case server && !client && !o.set.Server():
		l.add(o.f, WrongUsage, o.at, fmt.Sprintf("%s by its name is a server's, and %s has no serverAuth: clients refuse it", name, sectionName(o.set))).as(finding.Warning).guess()
	}
}

// copiedRequest: -copy_extensions takes over what the request asks for; is
// there anything?
func (l *linter) copiedRequest(o *outcome) {
	if _, hasExt := o.c.Flag("extfile"); hasExt {
		return
	}
	for _, r := range requestsFor(o.f, o.c) {
		if r.Has("addext", "reqexts", "extensions", "section") {
			continue
		}
		if cfg, ok := r.Flag("config"); ok {
			conf := l.confFor(o.f, r, cfg)
			if conf == nil || len(conf.Includes) > 0 || conf.Section("req").Get("req_extensions") != nil {
				continue
			}
		}
		what := "the request"
		if csr, ok := r.Out(); ok {
			what = path.Base(csr.Value)
		}
		l.add(o.f, DroppedExtensions, o.c.Args[0], fmt.Sprintf("-copy_extensions has nothing to copy: %s asks for no extensions", what)).
			as(finding.Warning).remedy("name them when the request is made, by -addext or req_extensions")
		return
	}
}

// longDays: Apple's clients refuse server certificates of more than 825 days.
func (l *linter) longDays(o *outcome) {
	t, ok := o.c.Flag("days")
	if !ok || !o.known || !o.has("subjectAltName") || o.set != nil && o.set.EKU != nil && !o.set.Server() {
		return
	}
	if n, _, ok := days(o.c, 0); ok && n > 825 {
		l.add(o.f, LongValidity, t, fmt.Sprintf("a server certificate for %d days: Apple's clients refuse more than 825", n))
	}
}

var caWord = lazyregexp.New(`(?i)(^|[^a-z])(root)?-?_?ca([^a-z]|$)|rootca|cacert`)

func looksLikeCA(c *input.Command, out input.Text) bool {
	if caWord.MatchString(path.Base(out.Value)) {
		return true
	}
	s, _ := c.Flag("subj")
	return caWord.MatchString(s.Value)
}

// usedAsCA says whether a command of the file signs with this certificate.
func (l *linter) usedAsCA(f *input.File, cert input.Text) bool {
	if cert.Value == "" {
		return false
	}
	return slices.ContainsFunc(f.Commands, func(o *input.Command) bool {
		ca, ok := o.Flag("CA", "cert")
		return ok && o.Tool == "openssl" && path.Base(ca.Value) == path.Base(cert.Value)
	})
}
