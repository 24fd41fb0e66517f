package certlint

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// command judges one call of a tool.
func (l *linter) command(f *input.File, c *input.Command) {
	switch c.Tool {
	case "openssl":
		l.openssl(f, c)
	case "cfssl":
		l.cfssl(f, c)
	case "easyrsa":
		l.easyrsa(f, c)
	}
}

var keyBits = lazyregexp.New(`^(?:rsa:)?(\d+)$`)

func (l *linter) openssl(f *input.File, c *input.Command) {
	for i, a := range c.Args {
		switch strings.ToLower(strings.TrimLeft(a.Value, "-")) {
		case "sha1", "md5", "md4":
			if strings.HasPrefix(a.Value, "-") && (c.Sub() != "x509" || c.Has("req") || c.Has("signkey")) {
				l.digest(f, a, a.Value)
			}
		}
		if c.Sub() == "genrsa" && i == len(c.Args)-1 || c.Sub() == "req" && i > 0 && strings.TrimLeft(c.Args[i-1].Value, "-") == "newkey" {
			if m := keyBits.FindStringSubmatch(a.Value); m != nil {
				if n, _ := strconv.Atoi(m[1]); n < 2048 {
					l.add(f, WeakKey, a, fmt.Sprintf("an RSA key of %d bits: clients refuse less than 2048", n)).
						fixIf(string(f.Data[a.Start:a.End]) == a.Value, a, strings.TrimSuffix(a.Value, m[1])+"2048")
				}
			}
		}
	}
	if s, ok := c.Flag("set_serial"); ok && s.Fixed() && s.Value != "" && c.Sub() == "x509" {
		l.add(f, FixedSerial, s, fmt.Sprintf("every certificate gets the serial number %s: NSS refuses the second one of the same issuer, and none can be revoked", s.Value)).
			remedy("use -CAcreateserial, or leave it out with OpenSSL 3")
	}
	if s, ok := c.Flag("subj"); ok {
		l.subject(f, subjOf(s))
	}
	for _, a := range addExts(c) {
		l.inlineExt(f, a)
	}
	switch c.Sub() {
	case "req":
		l.opensslReq(f, c)
	case "x509":
		l.opensslX509(f, c)
	}
}

// subjOf takes a -subj apart.
func subjOf(t input.Text) input.DN {
	var dn input.DN
	for _, p := range strings.Split(strings.TrimPrefix(t.Value, "/"), "/") {
		k, v, ok := strings.Cut(p, "=")
		if !ok || v == "" {
			// A slash inside a value, or a variable: nothing to judge.
			continue
		}
		at := input.Text{Value: v, Start: t.Start, End: t.End}
		if i := strings.Index(t.Value, p); i >= 0 && t.End-t.Start == len(t.Value) {
			at.Start = t.Start + i + len(k) + 1
			at.End = at.Start + len(v)
		}
		dn = append(dn, input.Attribute{Type: k, Value: at})
	}
	return dn
}

// addExts are the extensions that a command names by -addext.
func addExts(c *input.Command) []input.Text {
	var out []input.Text
	for i, a := range c.Args {
		if strings.TrimLeft(a.Value, "-") == "addext" && i+1 < len(c.Args) {
			out = append(out, c.Args[i+1])
		}
	}
	return out
}

// inlineExt judges one extension on the command line: NAME=VALUE.
func (l *linter) inlineExt(f *input.File, t input.Text) {
	k, v, ok := strings.Cut(t.Value, "=")
	if !ok {
		return
	}
	val := input.Text{Value: strings.TrimSpace(v), Start: t.Start, End: t.End}
	if t.End-t.Start == len(t.Value) {
		val.Start = t.End - len(strings.TrimLeft(v, " "))
	}
	if strings.TrimSpace(k) == "subjectAltName" {
		l.names(f, val, inlineNames(val))
	}
}

// inlineNames reads DNS:a,IP:b.
func inlineNames(t input.Text) []name {
	var out []name
	off := 0
	for _, p := range strings.Split(t.Value, ",") {
		trim := strings.TrimSpace(p)
		typ, val, ok := strings.Cut(trim, ":")
		n := name{typ: typ, typAt: input.Text{Value: typ, Start: t.Start, End: t.End}, val: input.Text{Value: val, Start: t.Start, End: t.End}}
		if t.End-t.Start == len(t.Value) {
			s := t.Start + off + strings.Index(p, trim)
			n.typAt.Start, n.typAt.End = s, s+len(typ)
			n.val.Start, n.val.End = s+len(typ)+1, s+len(trim)
		}
		if !ok {
			n.typ, n.val.Value = "DNS", trim
			if trim == "" || strings.Contains(trim, "$") || trim == "critical" {
				off += len(p) + 1
				continue
			}
		}
		out = append(out, n)
		off += len(p) + 1
	}
	return out
}

// opensslReq: "req -x509" makes a certificate that signs itself, a CA where
// nothing else is said.
func (l *linter) opensslReq(f *input.File, c *input.Command) {
	if !c.Has("x509") {
		return
	}
	if c.Has("config", "extensions", "x509_extensions", "CA") {
		return
	}
	var san, ku, notCA bool
	for _, a := range addExts(c) {
		k, v, _ := strings.Cut(a.Value, "=")
		switch strings.TrimSpace(k) {
		case "subjectAltName":
			san = true
		case "keyUsage":
			ku = true
		case "basicConstraints":
			notCA = strings.Contains(strings.ToUpper(v), "CA:FALSE")
		}
	}
	if ku || notCA {
		return
	}
	out, _ := c.Flag("out")
	if !san && !l.usedAsCA(f, out) && !looksLikeCA(c, out) {
		if subj, ok := c.Flag("subj"); ok {
			for _, cn := range subjOf(subj).Get("CN") {
				if strings.Contains(cn.Value, ".") || cn.Value == "localhost" || cn.Dynamic() {
					l.add(f, NoNames, c.Args[0], fmt.Sprintf("a certificate that signs itself, for %s, without subjectAltName: clients ignore the common name", cn.Value)).
						as(finding.Warning).guess().remedy(`add -addext "subjectAltName = DNS:NAME"`)
				}
			}
		}
		return
	}
	if l.usedAsCA(f, out) || (!san && looksLikeCA(c, out)) {
		l.add(f, CANoKeyUsage, c.Args[0], "without -config or -addext this CA gets openssl's defaults, which have no keyUsage: Python 3.13 and pyca reject it").
			remedy(`add -addext "keyUsage = critical, keyCertSign, cRLSign"`)
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

// opensslX509: "x509 -req" drops what the request asks for unless it is told
// to take it over.
func (l *linter) opensslX509(f *input.File, c *input.Command) {
	if !c.Has("req") || !c.Has("CA", "signkey", "key") {
		return
	}
	ext, hasExt := c.Flag("extfile")
	if cp, ok := c.Flag("copy_extensions"); ok && strings.HasPrefix(cp.Value, "copy") {
		return
	}
	if out, _ := c.Flag("out"); !hasExt && c.Has("signkey") && (l.usedAsCA(f, out) || looksLikeCA(c, out)) {
		l.add(f, CANoKeyUsage, c.Args[0], "without -extfile this CA has no extensions at all, neither basic constraints nor a key usage: Python 3.13, pyca and Java reject it").
			remedy(`make it by: openssl req -x509 -new -key ca.key -addext "keyUsage = critical, keyCertSign, cRLSign"`)
		return
	}
	if !hasExt {
		in, _ := c.Flag("in")
		why, asked := l.requestAsksNames(f, in)
		if asked {
			l.add(f, DroppedExtensions, c.Args[0], fmt.Sprintf("openssl x509 drops the names that the request asks for (%s): neither -extfile nor -copy_extensions is given", why)).
				remedy("add -copy_extensions copy (OpenSSL 3), or -extfile FILE -extensions SECTION")
			return
		}
		l.add(f, DroppedExtensions, c.Args[0], "neither -extfile nor -copy_extensions is given: the certificate has no extensions at all, no names and no usages").
			as(finding.Warning).remedy("add -extfile FILE -extensions SECTION, or -copy_extensions copy (OpenSSL 3)")
		return
	}
	conf := l.confNamed(f, ext.Value)
	if conf == nil {
		return
	}
	sec, hasSec := c.Flag("extensions")
	def := conf.Sections[0]
	switch {
	case !hasSec && len(conf.Sections) > 1 && len(def.Entries) == 0:
		var named []string
		for _, x := range conf.ExtSets() {
			named = append(named, x.Section.Name.Value)
		}
		is := l.add(f, DroppedExtensions, ext, fmt.Sprintf("-extfile without -extensions reads only what stands above the first section of %s, which is nothing", path.Base(ext.Value)))
		if len(named) == 1 {
			is.remedy("add -extensions " + named[0])
		} else {
			is.remedy("add -extensions SECTION")
		}
	case hasSec && sec.Fixed() && conf.Section(sec.Value) == nil && len(conf.Includes) == 0:
		l.add(f, MissingSection, sec, fmt.Sprintf("%s has no section [ %s ]", path.Base(ext.Value), sec.Value))
	}
}

// requestAsksNames says whether the request that is signed was made with names:
// by -addext, or by a configuration that the script writes.
func (l *linter) requestAsksNames(f *input.File, in input.Text) (string, bool) {
	for _, o := range f.Commands {
		if o.Tool != "openssl" || o.Sub() != "req" || o.Has("x509") {
			continue
		}
		out, ok := o.Flag("out")
		if !ok || in.Value == "" || path.Base(out.Value) != path.Base(in.Value) {
			continue
		}
		for _, a := range addExts(o) {
			if strings.HasPrefix(strings.TrimSpace(a.Value), "subjectAltName") {
				return "-addext", true
			}
		}
		cfg, ok := o.Flag("config")
		if !ok {
			continue
		}
		conf := l.confNamed(f, cfg.Value)
		if conf == nil {
			continue
		}
		for _, r := range conf.Requests() {
			if r.ReqExts != nil && r.ReqExts.SAN != nil {
				return "req_extensions of " + path.Base(cfg.Value), true
			}
		}
		if e, ok := o.Flag("reqexts", "extensions"); ok {
			if s := conf.Section(e.Value); s != nil && s.Get("subjectAltName") != nil {
				return "-reqexts " + e.Value, true
			}
		}
	}
	return "", false
}

// confNamed finds a configuration by the name that a command gives it: written
// by the same script, or another file of the set.
func (l *linter) confNamed(f *input.File, name string) *input.Conf {
	base := path.Base(name)
	if base == "" || base == "." {
		return nil
	}
	for _, c := range f.Confs {
		if path.Base(c.Name) == base {
			return c
		}
	}
	for _, o := range l.files {
		for _, c := range o.Confs {
			if path.Base(c.Name) == base {
				return c
			}
		}
	}
	return nil
}

func (l *linter) configNamed(f *input.File, name string) *input.CFSSLConfig {
	base := path.Base(name)
	var found *input.CFSSLConfig
	for _, o := range append([]*input.File{f}, l.files...) {
		for _, c := range o.Configs {
			if path.Base(c.Name) == base {
				return c
			}
			if c.Embedded && o == f && strings.HasPrefix(c.Name, "stdin#") && len(o.Configs) == 1 {
				found = c // a page shows it without saying its name
			}
		}
	}
	return found
}

func (l *linter) requestNamed(f *input.File, name string) *input.CFSSLRequest {
	base := path.Base(name)
	for _, o := range append([]*input.File{f}, l.files...) {
		for _, r := range o.Requests {
			if path.Base(r.Name) == base {
				return r
			}
		}
	}
	return nil
}

// requestOf is the request that a cfssl gencert reads: its last argument, or
// what is piped into it.
func (l *linter) requestOf(f *input.File, c *input.Command) *input.CFSSLRequest {
	if c.Stdin != "" {
		return l.requestNamed(f, c.Stdin)
	}
	for _, a := range slices.Backward(c.Args) {
		if !strings.HasPrefix(a.Value, "-") && strings.HasSuffix(a.Value, ".json") {
			return l.requestNamed(f, a.Value)
		}
	}
	return nil
}

func (l *linter) cfssl(f *input.File, c *input.Command) {
	if sub := c.Sub(); sub != "gencert" && sub != "sign" {
		return
	}
	initca := c.Has("initca")
	prof, hasProf := c.Flag("profile")
	cfg, hasCfg := c.Flag("config")
	if initca {
		for _, p := range []struct {
			t  input.Text
			ok bool
			n  string
		}{{prof, hasProf, "-profile"}, {cfg, hasCfg, "-config"}} {
			if p.ok && !c.Has("ca") {
				l.add(f, Ignored, p.t, fmt.Sprintf("cfssl ignores %s with -initca: the CA's validity is ca.expiry of its request, 5 years where it says nothing", p.n))
			}
		}
		return
	}
	if h, ok := c.Flag("hostname"); ok && h.Value != "" {
		var ns []name
		off := 0
		for _, p := range strings.Split(h.Value, ",") {
			t := input.Text{Value: p, Start: h.Start, End: h.End}
			if h.End-h.Start == len(h.Value) {
				t.Start = h.Start + off
				t.End = t.Start + len(p)
			}
			ns = append(ns, name{val: t})
			off += len(p) + 1
		}
		l.names(f, h, ns)
	}
	if !hasCfg || !cfg.Fixed() {
		return
	}
	conf := l.configNamed(f, cfg.Value)
	if conf == nil {
		return
	}
	p, exact := conf.Find(prof.Value)
	if hasProf && prof.Fixed() && !exact {
		is := l.add(f, NoProfile, prof, fmt.Sprintf("%s has no profile %q: cfssl signs with its default profile without a word", path.Base(conf.Name), prof.Value))
		var names []string
		for _, q := range conf.Profiles {
			names = append(names, q.Name)
		}
		if near := input.Nearest(prof.Value, names); near != "" {
			is.note(fmt.Sprintf("did you mean %q?", near))
		} else if len(names) > 0 {
			is.remedy("it has: " + strings.Join(names, ", "))
		}
	}
	r := l.requestOf(f, c)
	if p == nil || r == nil {
		return
	}
	if h, ok := c.Flag("hostname"); hasServer(p) && !hasClient(p) && len(r.Hosts) == 0 && (!ok || h.Value == "") {
		l.add(f, NoNames, c.Args[0], fmt.Sprintf("a server certificate without a name: %s has no hosts and -hostname is not given", path.Base(r.Name)))
	}
}

func hasClient(p *input.Profile) bool {
	return slices.ContainsFunc(p.Usages, func(u input.Text) bool { return u.Value == "client auth" })
}

var easyRSAOptions = []string{
	"days", "req-cn", "subject-alt-name", "san", "batch", "keysize", "use-algo", "curve", "digest", "dn-mode", "pki-dir", "pki", "vars",
	"copy-ext", "req-c", "req-st", "req-city", "req-org", "req-email", "req-ou", "subca-len", "passin", "passout", "silent", "sbatch", "silent-batch",
	"fix-offset", "renew-days", "tmp-dir", "ssl-conf", "ns-cert", "ns-comment", "nopass", "notext", "no-text", "auto-san", "ext-x", "eku-crit", "ku-crit",
	"bc-crit", "san-crit", "raw-ca", "startdate", "enddate", "force-safe-ssl", "no-safe-ssl", "verbose", "quiet", "version", "umask", "no-umask",
}

func (l *linter) easyrsa(f *input.File, c *input.Command) {
	cmdAt := slices.IndexFunc(c.Args, func(a input.Text) bool { return slices.Contains(input.EasyRSACommands, a.Value) })
	if cmdAt < 0 {
		return
	}
	cmd := c.Args[cmdAt].Value
	for _, a := range c.Args[cmdAt+1:] {
		opt, _, _ := strings.Cut(strings.TrimLeft(a.Value, "-"), "=")
		if strings.HasPrefix(a.Value, "--") && slices.Contains(easyRSAOptions, opt) {
			l.add(f, Ignored, a, fmt.Sprintf("easyrsa takes options before the command only: behind %s, %s is ignored or an error", cmd, a.Value)).
				as(finding.Error).remedy(fmt.Sprintf("move it in front of %s", cmd))
		}
	}
	for _, opt := range []string{"subject-alt-name", "san"} {
		if s, ok := c.Flag(opt); ok && s.Value != "" {
			l.names(f, s, inlineNames(s))
		}
	}
	batch := c.Has("batch", "sbatch", "silent-batch")
	switch {
	case cmd == "init-pki" && batch:
		l.add(f, Wipes, c.Args[cmdAt], "init-pki in batch mode deletes an existing pki folder, CA key included, without asking").
			remedy("test for the folder first: [ -d pki ] || ./easyrsa --batch init-pki")
	case cmd == "gen-req" && batch && !c.Has("req-cn"):
		l.add(f, Placeholder, c.Args[cmdAt], "gen-req in batch mode without --req-cn names the certificate by the file in easyrsa 3.1 and later, and ChangeMe before").
			as(finding.Warning)
	}
	if n, ok := c.Flag("keysize"); ok {
		if v, err := strconv.Atoi(n.Value); err == nil && v < 2048 && !c.Has("use-algo") {
			l.add(f, WeakKey, n, fmt.Sprintf("RSA keys of %d bits: clients refuse less than 2048", v))
		}
	}
	if d, ok := c.Flag("digest"); ok {
		l.digest(f, d, d.Value)
	}
	if d, ok := c.Flag("req-cn"); ok && d.Fixed() && len(d.Value) > 64 {
		l.add(f, LongCN, d, fmt.Sprintf("the common name has %d characters, 64 are allowed: openssl refuses it", len(d.Value)))
	}
}
