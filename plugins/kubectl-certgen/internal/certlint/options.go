package certlint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// The options of openssl req, x509 and ca (OpenSSL 3.0, openssl CMD -help)
// without the names of digests, which are options too.
var opensslOptions = map[string][]string{
	"req": {"help", "engine", "keygen_engine", "in", "inform", "verify", "new", "config", "section", "utf8", "nameopt", "reqopt", "text", "x509",
		"CA", "CAkey", "subj", "subject", "multivalue-rdn", "days", "set_serial", "copy_extensions", "addext", "extensions", "reqexts", "precert",
		"newkey", "key", "keyform", "pubkey", "passin", "passout", "keyout", "nodes", "noenc", "out", "outform", "batch", "verbose", "noout",
		"newhdr", "modulus", "sigopt", "vfyopt", "pkeyopt", "sigalg", "rand", "writerand", "provider", "provider-path", "propquery", "asn1-kludge", "no-asn1-kludge", "not_before", "not_after", "x509_extensions"},
	"x509": {"help", "in", "passin", "new", "x509toreq", "req", "copy_extensions", "inform", "vfyopt", "key", "signkey", "keyform", "out", "outform",
		"nocert", "noout", "text", "dateopt", "certopt", "fingerprint", "alias", "serial", "startdate", "enddate", "dates", "subject", "issuer",
		"nameopt", "email", "hash", "subject_hash", "subject_hash_old", "issuer_hash", "issuer_hash_old", "ext", "ocspid", "ocsp_uri", "purpose",
		"pubkey", "modulus", "checkend", "checkhost", "checkemail", "checkip", "set_serial", "next_serial", "not_before", "not_after", "days",
		"preserve_dates", "subj", "force_pubkey", "clrext", "extfile", "extensions", "sigopt", "badsig", "CA", "CAform", "CAkey", "CAkeyform",
		"CAserial", "CAcreateserial", "trustout", "setalias", "clrtrust", "addtrust", "clrreject", "addreject", "rand", "writerand", "engine",
		"provider", "provider-path", "propquery", "C", "nameopt", "newcert", "multi", "set_issuer", "set_subject"},
}

// opensslOptions finds misspelt options: openssl stops at them.
func (l *linter) opensslOptions(f *input.File, c *input.Command) {
	if s, ok := c.Flag("subj"); ok && s.Fixed() && s.Value != "" && s.Value[0] != '/' {
		at := s
		l.add(f, Refused, s, fmt.Sprintf("-subj %q does not begin with a slash; openssl refuses it", s.Value)).
			remedy("write /TYPE=VALUE/TYPE=VALUE").fixIf(string(f.Data[at.Start:at.End]) == s.Value && strings.Contains(s.Value, "="), input.Text{Start: at.Start, End: at.Start}, "/")
	}
	if sk, ok := option(c, "signkey", "key"); ok && c.Sub() == "x509" && c.Has("req") && c.Has("CA") {
		l.add(f, Refused, sk, fmt.Sprintf("%s and -CA exclude each other: OpenSSL 3 refuses the call, and older ones sign with one of them", sk.Value)).
			remedy("take " + sk.Value + " out: -CA and -CAkey sign")
	}
	if d, ok := option(c, "days"); ok && c.Sub() == "req" && !c.Has("x509", "CA") {
		l.add(f, Ignored, d, "-days has no effect without -x509: a request has no validity, the signer chooses it").as(finding.Info).remedy("give -days to the command that signs")
	}
	seen := map[string]bool{}
	for _, a := range addExts(c) {
		k, _, ok := strings.Cut(a.Value, "=")
		if k = strings.TrimSpace(k); ok && seen[k] {
			l.add(f, Refused, a, fmt.Sprintf("-addext names %s twice; openssl refuses it (duplicate extension)", k)).remedy("put all of it into one -addext")
		}
		seen[k] = true
	}
	l.curve(f, c)
	known := opensslOptions[c.Sub()]
	if known == nil {
		return
	}
	for _, a := range c.Args {
		name := strings.TrimLeft(a.Value, "-")
		if !strings.HasPrefix(a.Value, "-") || len(name) < 4 || !a.Fixed() || strings.ContainsAny(name, "= /.:,") || slices.Contains(known, name) {
			continue
		}
		near := input.Nearest(name, known)
		if near == "" || len(near)-len(name) > 1 || len(name)-len(near) > 1 || near[0] != name[0] || name == "sha256" || strings.HasPrefix(name, "sha") || strings.HasPrefix(name, "md") {
			continue
		}
		dashes := a.Value[:len(a.Value)-len(name)]
		l.add(f, Refused, a, fmt.Sprintf("openssl %s has no option %s, and stops", c.Sub(), a.Value)).
			note(fmt.Sprintf("did you mean %s%s?", dashes, near)).fixIf(string(f.Data[a.Start:a.End]) == a.Value, a, dashes+near)
	}
}

// opensslCA: "openssl ca" takes nothing over from the request either unless
// its configuration says copy_extensions.
func (l *linter) opensslCA(f *input.File, c *input.Command) {
	if c.Sub() != "ca" || !c.Has("in", "infiles") {
		return
	}
	why, asked := l.requestAsksNames(f, c)
	cfg, hasCfg := c.Flag("config")
	if !hasCfg || c.Has("extfile") {
		return
	}
	conf := l.confFor(f, c, cfg)
	if conf == nil || len(conf.Includes) > 0 || copiesExtensions(conf) {
		return
	}
	none := func() {
		if asked {
			l.add(f, DroppedExtensions, c.Args[0], fmt.Sprintf("openssl ca drops the names that the request asks for (%s): %s sets neither copy_extensions nor x509_extensions", why, fileOf(conf, cfg)))
			return
		}
		l.add(f, DroppedExtensions, c.Args[0], fmt.Sprintf("%s sets neither copy_extensions nor x509_extensions: the certificate has no extensions at all, no names and no usages", fileOf(conf, cfg))).as(finding.Warning)
	}
	sec, ok := c.Flag("extensions")
	if !ok {
		def := conf.Section("ca").Get("default_ca")
		if n, has := c.Flag("name"); has {
			sec.Value = n.Value
		} else if def != nil {
			sec.Value = def.Value.Value
		}
		e := conf.Section(sec.Value).Get("x509_extensions")
		if e == nil {
			if conf.Section(sec.Value) != nil {
				none()
			}
			return
		}
		sec = input.Text{Value: e.Value.Value, Start: c.Args[0].Start, End: c.Args[0].End}
	}
	if x := extSetNamed(conf, sec.Value); x != nil && x.SAN == nil && asked {
		l.add(f, DroppedExtensions, sec, fmt.Sprintf("openssl ca drops the names that the request asks for (%s): copy_extensions is not set, and [ %s ] has no subjectAltName", why, sec.Value)).
			remedy("set copy_extensions = copy in the CA's section, or put subjectAltName into [ " + sec.Value + " ]")
	}
}

// droppedByCA is the same for a configuration that holds both halves: the
// request's section asks for names, and the CA's neither copies nor has them.
func (l *linter) droppedByCA(f *input.File, c *input.Conf) {
	ca := c.Section("ca")
	if ca == nil || ca.Get("default_ca") == nil || copiesExtensions(c) || len(c.Includes) > 0 {
		return
	}
	sec := c.Section(ca.Get("default_ca").Value.Value)
	e := sec.Get("x509_extensions")
	if e == nil {
		return
	}
	x := extSetNamed(c, e.Value.Value)
	if x == nil || x.CA() || x.SAN != nil {
		return
	}
	for _, r := range c.Requests() {
		if r.ReqExts != nil && r.ReqExts.SAN != nil {
			l.add(f, DroppedExtensions, e.Value, fmt.Sprintf("openssl ca drops the names that [ %s ] asks for: [ %s ] does not say copy_extensions, and [ %s ] has no subjectAltName", r.ReqExts.Section.Name.Value, sec.Name.Value, e.Value.Value)).
				as(finding.Warning).remedy(fmt.Sprintf("add copy_extensions = copy to [ %s ]", sec.Name.Value)).
				fixBelow(f, e, "copy_extensions = copy")
			return
		}
	}
}

// curve: TLS knows few curves.
func (l *linter) curve(f *input.File, c *input.Command) {
	for i, a := range c.Args {
		name := ""
		if strings.TrimLeft(a.Value, "-") == "name" && c.Sub() == "ecparam" && i+1 < len(c.Args) {
			a = c.Args[i+1]
			name = a.Value
		} else if n, ok := strings.CutPrefix(a.Value, "ec_paramgen_curve:"); ok {
			name = n
		}
		if name == "" || !a.Fixed() {
			continue
		}
		switch strings.ToLower(name) {
		case "prime256v1", "p-256", "secp256r1", "secp384r1", "p-384", "ed25519", "x25519":
		case "secp521r1", "p-521":
			l.add(f, RareKey, a, "P-521 is not offered by Chrome and BoringSSL, and rare elsewhere").remedy("use prime256v1 or secp384r1")
		default:
			l.add(f, RareKey, a, fmt.Sprintf("browsers, Go and most TLS libraries take no certificate with a key on the curve %s", name)).as(finding.Error).remedy("use prime256v1 or secp384r1").
				fixIf(name == "secp256k1" && strings.HasSuffix(string(f.Data[a.Start:a.End]), name), input.Text{Start: a.End - len(name), End: a.End}, "prime256v1")
		}
	}
}
