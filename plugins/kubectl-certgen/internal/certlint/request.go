package certlint

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// confRequest judges what a [ req ] section makes of its parts.
func (l *linter) confRequest(f *input.File, c *input.Conf, r *input.ConfRequest) {
	if x := r.ReqExts; x != nil && x.AKI != nil && x.AKI.Value.Value != "none" {
		is := l.add(f, Refused, x.AKI.Key, fmt.Sprintf("%s is for the request (req_extensions), which has no issuer yet: openssl req refuses authorityKeyIdentifier there", sectionName(x)))
		is.remedy("take the line out; the section for signing has its place")
		if len(x.Used) == 1 {
			is.fixLine(f, x.AKI)
		}
	}
	d := r.DN
	if d == nil {
		return
	}
	if r.Asked {
		if !l.subjectGiven(f, c) {
			l.prompts(f, r)
		}
		return
	}
	if cn := r.Subject.Get("CN"); len(cn) > 0 {
		for _, x := range []*input.ExtSet{r.ReqExts, r.X509Exts} {
			if x != nil && !x.CA() && len(x.Names) > 0 {
				l.commonName(f, cn[len(cn)-1], extNames(x))
				break
			}
		}
	}
	for _, e := range d.Entries {
		key := e.Key.Value
		if i := strings.IndexAny(key, ".,:"); i >= 0 && strings.Trim(key[:i], "0123456789") == "" {
			key = key[i+1:]
		}
		switch {
		case e.Value.Value == "" && e.Raw == "":
			l.add(f, Refused, e.Key, fmt.Sprintf("%s is empty; openssl refuses it (string too short)", e.Key.Value)).remedy("take the line out").fixLine(f, e)
		case !input.KnownNameType(key) && !strings.HasSuffix(key, "_default") && !strings.HasSuffix(key, "_min") && !strings.HasSuffix(key, "_max"):
			is := l.add(f, Refused, e.Key, fmt.Sprintf("%q is no part of a subject that openssl knows; it refuses the file", e.Key.Value))
			if near := input.NearestNameType(key); near != "" {
				is.note(fmt.Sprintf("did you mean %q?", near)).fixIf(key == e.Key.Value, e.Key, near)
			}
		}
	}
	for _, s := range c.Shadowed {
		if s.Section != d.Name.Value || s.Old.Value.Value == s.Last.Value.Value || strings.Contains(s.Last.Key.Value, ".") {
			continue
		}
		l.add(f, LostName, s.Last.Key, fmt.Sprintf("%s stands twice in [ %s ]: openssl keeps the last, and %q is not in the subject", s.Old.Key.Value, s.Section, s.Old.Value.Value)).
			as(finding.Warning).remedy(fmt.Sprintf("number them: 0.%s and 1.%s", s.Old.Key.Value, s.Old.Key.Value)).
			fix(input.Text{Start: s.Last.Key.Start, End: s.Last.Key.Start}, "1.")
	}
}

// subjectGiven says whether all calls that use the configuration bring the
// subject along by -subj.
func (l *linter) subjectGiven(f *input.File, c *input.Conf) bool {
	given := false
	for _, o := range f.Commands {
		if cfg, ok := o.Flag("config"); ok && o.Tool == "openssl" && o.Sub() == "req" && l.confFor(f, o, cfg) == c {
			if !o.Has("subj") {
				return false
			}
			given = true
		}
	}
	return given
}

// prompts: without "prompt = no" the values of the subject's section are what
// openssl asks with, and none of them is used.
func (l *linter) prompts(f *input.File, r *input.ConfRequest) {
	values, first := 0, (*input.Entry)(nil)
	for _, e := range r.DN.Entries {
		k := e.Key.Value
		for _, suffix := range []string{"_default", "_min", "_max", "_value"} {
			if strings.HasSuffix(k, suffix) {
				return
			}
		}
		typ := k[strings.LastIndexAny(k, ".")+1:]
		// A country of two letters, or a name that is no sentence, is a value.
		if (typ == "C" || typ == "countryName") && len(e.Value.Value) == 2 || (typ == "CN" || typ == "commonName") && !strings.ContainsAny(e.Value.Value, " ()") {
			values++
		}
		if first == nil {
			first = e
		}
	}
	if values == 0 || values < 2 && len(r.DN.Entries) > 1 {
		return
	}
	p := r.Section.Get("prompt")
	if p == nil {
		is := l.add(f, Prompts, first.Key, fmt.Sprintf("without prompt = no the values in [ %s ] are only questions: openssl asks for the subject, and in a script ends without one", r.DN.Name.Value)).guess()
		e := r.Section.Get("distinguished_name")
		is.fixBelow(f, e, "prompt = no")
		return
	}
	if strings.EqualFold(p.Value.Value, "no") {
		l.add(f, Prompts, p.Value, fmt.Sprintf("openssl compares letter by letter: prompt = %s is not \"no\", and it asks for the subject", p.Value.Value)).as(finding.Error).fix(p.Value, "no")
	}
}

// emptyNames: openssl refuses a list of names that has none.
func (l *linter) emptyNames(f *input.File, c *input.Conf, x *input.ExtSet) {
	if x.SAN == nil {
		return
	}
	for _, it := range x.SAN.Items {
		ref, ok := strings.CutPrefix(it.Value, "@")
		if !ok || c.Embedded && c.Shell || f.Template() {
			continue
		}
		if s := c.Section(ref); s != nil && len(s.Entries) == 0 && len(c.Includes) == 0 {
			l.add(f, MissingSection, s.Name, fmt.Sprintf("[ %s ] has no names, and subjectAltName refers to it; openssl refuses it", ref)).remedy("name the hosts, or take subjectAltName out")
		}
	}
	if len(x.SAN.Items) == 0 && x.SAN.Entry.Raw == "" {
		l.add(f, Refused, x.SAN.Entry.Key, "subjectAltName is empty; openssl refuses it").remedy("name the hosts, or take the line out")
	}
}

// purposeOfSection compares the usages with what the section is called.
func (l *linter) purposeOfSection(f *input.File, x *input.ExtSet) {
	n := x.Section.Name
	if x.EKU == nil || anyDynamic(x.EKU) || x.EKU.Has("anyExtendedKeyUsage") || n.Value == "" {
		return
	}
	client := strings.Contains(strings.ToLower(n.Value), "client")
	server := strings.Contains(strings.ToLower(n.Value), "server")
	v := x.EKU.Entry.Value
	switch {
	case peerWord.MatchString(strings.ReplaceAll(n.Value, "_", "-")) && x.Server() != x.Client():
		miss := map[bool]string{true: "clientAuth", false: "serverAuth"}[x.Server()]
		l.add(f, WrongUsage, v, fmt.Sprintf("[ %s ] by its name is for peers, which are server and client, and %s is missing: they refuse each other", n.Value, miss)).as(finding.Warning).guess().
			fixIf(x.EKU.Entry.Raw == v.Value, input.Text{Start: v.End, End: v.End}, ", "+miss)
	case client && !server && !x.Client() && x.Server():
		l.add(f, WrongUsage, v, fmt.Sprintf("[ %s ] by its name is for clients, and has serverAuth only: servers refuse them", n.Value)).as(finding.Warning).guess()
	case server && !client && !x.Server() && x.Client():
		l.add(f, WrongUsage, v, fmt.Sprintf("[ %s ] by its name is for servers, and has clientAuth only: clients refuse them", n.Value)).as(finding.Warning).guess()
	}
}
