package certlint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// candidate is a document of another file that has the name that a command
// gives.
type candidate[T any] struct {
	f   *input.File
	doc *T
}

// only is the document that a name in f means: the one beside f, else the only
// one of the set. Scripts that have nothing to do with each other write files of
// the same names.
func only[T any](f *input.File, name string, all []candidate[T]) *T {
	for _, c := range all {
		if path.Clean(c.f.Name) == path.Join(path.Dir(f.Name), name) {
			return c.doc
		}
	}
	if len(all) == 1 {
		return all[0].doc
	}
	return nil
}

func (l *linter) configNamed(f *input.File, name string) *input.CFSSLConfig {
	base := path.Base(name)
	for _, c := range f.Configs {
		if path.Base(c.Name) == base {
			return c
		}
	}
	if len(f.Configs) == 1 && f.Configs[0].Embedded && strings.HasPrefix(f.Configs[0].Name, "stdin#") {
		return f.Configs[0] // a page shows it without saying its name
	}
	var all []candidate[input.CFSSLConfig]
	for _, o := range l.files {
		for _, c := range o.Configs {
			if path.Base(c.Name) == base {
				all = append(all, candidate[input.CFSSLConfig]{o, c})
			}
		}
	}
	return only(f, name, all)
}

func (l *linter) requestNamed(f *input.File, name string) *input.CFSSLRequest {
	base := path.Base(name)
	for _, r := range f.Requests {
		if path.Base(r.Name) == base {
			return r
		}
	}
	var all []candidate[input.CFSSLRequest]
	for _, o := range l.files {
		for _, r := range o.Requests {
			if path.Base(r.Name) == base {
				all = append(all, candidate[input.CFSSLRequest]{o, r})
			}
		}
	}
	return only(f, name, all)
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
	if r := l.requestOf(f, c); r != nil {
		rf := l.fileOf(r)
		switch {
		case initca && len(r.Hosts) > 0 && c.Sub() == "gencert" && !l.signedLater(f, c):
			l.add(rf, Ignored, r.HostsAt, "hosts of a CA have no effect: cfssl leaves them out with -initca").as(finding.Info)
		case !initca && r.CA != nil && c.Sub() == "gencert":
			l.add(rf, Refused, r.CA.At, fmt.Sprintf("line %d makes a certificate of this request without -initca, and cfssl refuses a request with \"ca\" then", lineOf(f, c.At))).
				remedy("take ca out, or add -initca where a CA is meant")
		}
	}
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
		if r := l.requestOf(f, c); r != nil && h.Fixed() {
			var lost []string
			for _, x := range r.Hosts {
				if x.Fixed() && x.Value != "" && !slices.ContainsFunc(ns, func(n name) bool { return strings.TrimSpace(n.val.Value) == x.Value }) {
					lost = append(lost, x.Value)
				}
			}
			if len(lost) > 0 {
				l.add(f, LostName, h, fmt.Sprintf("-hostname replaces the hosts of %s: %s %s not in the certificate", nameOf(f, r.Name, r.At), strings.Join(lost, ", "), plural(len(lost), "is", "are"))).as(finding.Warning).
					remedy("name all of them in one place")
			}
		}
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
		then := "cfssl signs with its default profile without a word"
		if conf.Default == nil || len(conf.Default.Usages) == 0 {
			then = "cfssl takes its default profile, which has no usages, and refuses (no key usage available)"
		}
		is := l.add(f, NoProfile, prof, fmt.Sprintf("%s has no profile %q: %s", nameOf(f, conf.Name, conf.At), prof.Value, then))
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
	if !hasProf && len(conf.Profiles) > 0 && (p == nil || len(p.Usages) == 0) && len(conf.Unknown) == 0 {
		l.add(f, NoUsages, cfg, fmt.Sprintf("without -profile cfssl signs with the default of %s, which has no usages: it refuses (no key usage available)", nameOf(f, conf.Name, conf.At))).
			remedy("add -profile=" + conf.Profiles[0].Name)
	}
	r := l.requestOf(f, c)
	if p == nil || r == nil {
		return
	}
	if h, ok := c.Flag("hostname"); hasServer(p) && !hasClient(p) && len(r.Hosts) == 0 && (!ok || h.Value == "") {
		l.add(f, NoNames, c.Args[0], fmt.Sprintf("a server certificate without a name: %s has no hosts and -hostname is not given", nameOf(f, r.Name, r.At)))
	}
}

func hasClient(p *input.Profile) bool {
	return slices.ContainsFunc(p.Usages, func(u input.Text) bool { return u.Value == "client auth" })
}

// fileOf is the file of the set that a request stands in.
func (l *linter) fileOf(r *input.CFSSLRequest) *input.File {
	for _, f := range l.files {
		if slices.Contains(f.Requests, r) {
			return f
		}
	}
	return nil
}

func lineOf(f *input.File, at input.Text) int {
	line, _ := f.Position(at.Start)
	return line
}

// signedLater says whether the set signs requests by "cfssl sign": then -initca
// is only a way to make the key and the request.
func (l *linter) signedLater(f *input.File, c *input.Command) bool {
	return slices.ContainsFunc(f.Commands, func(o *input.Command) bool { return o != c && o.Tool == "cfssl" && o.Sub() == "sign" })
}

// nameOf is what to call a document: its file, or the line of one without.
func nameOf(f *input.File, name string, at input.Text) string {
	if strings.HasPrefix(name, "stdin#") {
		return fmt.Sprintf("the JSON on line %d", lineOf(f, at))
	}
	return path.Base(name)
}
