package certlint

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"

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
	case "chmod":
		l.chmod(f, c)
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
		l.forgottenDollar(f, subjOf(s))
	}
	for _, a := range addExts(c) {
		l.inlineExt(f, a)
	}
	l.opensslOptions(f, c)
	l.opensslOutcome(f, c)
	l.opensslCA(f, c)
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
		if strings.ContainsAny(typ, "$`{") {
			ok = false
		}
		if !ok {
			if trim == "" || strings.ContainsAny(trim, "$`{") || trim == "critical" || strings.HasPrefix(trim, "@") {
				off += len(p) + 1
				continue
			}
			n.typ, n.val = noType, input.Text{Value: trim, Start: n.typAt.Start, End: n.typAt.Start + len(trim)}
			if t.End-t.Start != len(t.Value) {
				n.val.Start, n.val.End = t.Start, t.End
			}
		}
		out = append(out, n)
		off += len(p) + 1
	}
	return out
}

// requestsFor are the calls that make the request which another one signs: the
// one whose output it reads, or those that write its file.
func requestsFor(f *input.File, c *input.Command) []*input.Command {
	isReq := func(o *input.Command) bool { return o.Tool == "openssl" && o.Sub() == "req" && !o.Has("x509") }
	if c.From != nil && isReq(c.From) {
		return []*input.Command{c.From}
	}
	var out []*input.Command
	in, _ := c.In()
	for _, o := range f.Commands {
		if csr, ok := o.Out(); ok && isReq(o) && in.Value != "" && path.Base(csr.Value) == path.Base(in.Value) {
			out = append(out, o)
		}
	}
	return out
}

// requestAsksNames says whether the request that is signed was made with names:
// by -addext, or by a configuration that the script writes.
func (l *linter) requestAsksNames(f *input.File, c *input.Command) (string, bool) {
	for _, o := range requestsFor(f, c) {
		for _, a := range addExts(o) {
			if strings.HasPrefix(strings.TrimSpace(a.Value), "subjectAltName") {
				return "-addext", true
			}
		}
		cfg, ok := o.Flag("config")
		if !ok {
			continue
		}
		conf := l.confFor(f, o, cfg)
		if conf == nil {
			continue
		}
		for _, r := range conf.Requests() {
			if r.ReqExts != nil && r.ReqExts.SAN != nil {
				return "req_extensions of " + fileOf(conf, cfg), true
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

// requestKnown says whether it can be seen what the request asks for.
func (l *linter) requestKnown(f *input.File, c *input.Command) bool {
	reqs := requestsFor(f, c)
	return len(reqs) > 0 && !slices.ContainsFunc(reqs, func(r *input.Command) bool {
		cfg, ok := r.Flag("config")
		conf := l.confFor(f, r, cfg)
		return ok && (conf == nil || len(conf.Includes) > 0)
	})
}

// confFor finds the configuration that a command names: written by the same
// script (the last before the command), or another file of the set.
func (l *linter) confFor(f *input.File, c *input.Command, name input.Text) *input.Conf {
	base := path.Base(name.Value)
	if name.Value == "-" || strings.HasPrefix(name.Value, "/dev/") {
		base = c.Stdin
	}
	if base == "" || base == "." {
		return nil
	}
	var found *input.Conf
	for _, x := range f.Confs {
		if path.Base(x.Name) == base && (found == nil || x.Start < c.At.Start) {
			found = x
		}
	}
	if found != nil {
		return found
	}
	var all []candidate[input.Conf]
	for _, o := range l.files {
		for _, x := range o.Confs {
			if path.Base(x.Name) == base {
				all = append(all, candidate[input.Conf]{o, x})
			}
		}
	}
	return only(f, name.Value, all)
}
