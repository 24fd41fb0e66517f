package certlint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var easyRSAOptions = []string{
	"days", "req-cn", "subject-alt-name", "san", "batch", "keysize", "use-algo", "curve", "digest", "dn-mode", "pki-dir", "pki", "vars",
	"copy-ext", "req-c", "req-st", "req-city", "req-org", "req-email", "req-ou", "subca-len", "passin", "passout", "silent", "sbatch", "silent-batch",
	"fix-offset", "renew-days", "tmp-dir", "ssl-conf", "ns-cert", "ns-comment", "nopass", "notext", "no-text", "auto-san", "ext-x", "eku-crit", "ku-crit",
	"bc-crit", "san-crit", "raw-ca", "startdate", "enddate", "force-safe-ssl", "no-safe-ssl", "verbose", "quiet", "version", "umask", "no-umask",
}

func (l *linter) easyrsa(f *input.File, c *input.Command) {
	cmdAt := slices.IndexFunc(c.Args, func(a input.Text) bool { return slices.Contains(input.EasyRSACommands, a.Value) })
	if at := slices.IndexFunc(c.Args, func(a input.Text) bool { return input.EasyRSA2Commands[a.Value] != "" }); at >= 0 && cmdAt < 0 {
		l.add(f, Refused, c.Args[at], fmt.Sprintf("easyrsa 3 has no command %s: that is a script of easy-rsa 2", c.Args[at].Value)).note("in easyrsa 3: " + input.EasyRSA2Commands[c.Args[at].Value])
		return
	}
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
	if e := f.Environment; e != nil && e.Get("EASYRSA_BATCH") != nil {
		batch = batch || e.Get("EASYRSA_BATCH").Value.Value != ""
	}
	switch {
	case (cmd == "init-pki" || cmd == "clean-all") && batch:
		l.add(f, Wipes, c.Args[cmdAt], cmd+" in batch mode deletes an existing pki folder, CA key included, without asking").
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
	if cmd == "sign-req" || cmd == "sign" {
		l.signReq(f, c, c.Args[cmdAt+1:])
	}
	if a, ok := c.Flag("use-algo"); ok && a.Value == "ed" {
		l.add(f, RareKey, a, "kube-apiserver and Go take Ed25519, but browsers, kubeadm (CA keys) and older Java do not")
	}
	if s, ok := c.Flag("req-org"); ok && s.Fixed() && s.Value != "" {
		l.identity(f, input.DN{{Type: "O", Value: s}})
	}
	if n, at, ok := days(c, 0); ok && n > 825 && strings.HasPrefix(cmd, "build-server") {
		l.add(f, LongValidity, at, fmt.Sprintf("a server certificate for %d days: Apple's clients refuse more than 825", n))
	}
	if d, ok := c.Flag("digest"); ok {
		l.digest(f, d, d.Value)
	}
	if d, ok := c.Flag("req-cn"); ok && d.Fixed() && len(d.Value) > 64 {
		l.add(f, LongCN, d, fmt.Sprintf("the common name has %d characters, 64 are allowed: openssl refuses it", len(d.Value)))
	}
}

// Types of certificates that easyrsa 3 comes with (x509-types).
var easyRSATypes = []string{"ca", "client", "server", "serverClient", "code-signing", "email", "kdc"}

// signReq: sign-req TYPE NAME. easyrsa takes the request's names over for
// servers only.
func (l *linter) signReq(f *input.File, c *input.Command, args []input.Text) {
	var pos []input.Text
	for _, a := range args {
		if !strings.HasPrefix(a.Value, "-") {
			pos = append(pos, a)
		}
	}
	if len(pos) == 0 || !pos[0].Fixed() {
		return
	}
	typ := pos[0]
	if !slices.Contains(easyRSATypes, typ.Value) {
		is := l.add(f, Refused, typ, fmt.Sprintf("easyrsa comes with no certificate type %q (%s)", typ.Value, strings.Join(easyRSATypes[:4], ", "))).as(finding.Warning).guess()
		switch near := input.Nearest(typ.Value, easyRSATypes); {
		case typ.Value == "both":
			is.note("did you mean serverClient?").fixIf(string(f.Data[typ.Start:typ.End]) == typ.Value, typ, "serverClient")
		case near != "":
			is.note(fmt.Sprintf("did you mean %s?", near))
		default:
			is.remedy("without a file x509-types/" + typ.Value + " it refuses")
		}
		return
	}
	if typ.Value != "client" || len(pos) < 2 || c.Has("subject-alt-name", "san", "copy-ext") {
		return
	}
	for _, o := range f.Commands {
		names, ok := o.Flag("subject-alt-name", "san")
		if o.Tool != "easyrsa" || !ok || names.Value == "" || o.At.Start > c.At.Start {
			continue
		}
		if i := slices.IndexFunc(o.Args, func(a input.Text) bool { return a.Value == "gen-req" }); i >= 0 && i+1 < len(o.Args) && o.Args[i+1].Value == pos[1].Value {
			l.add(f, DroppedExtensions, typ, fmt.Sprintf("the names that %s asks for are dropped: easyrsa takes them over for type server only", pos[1].Value)).
				remedy("add --copy-ext, or --subject-alt-name again, in front of sign-req")
			return
		}
	}
}
