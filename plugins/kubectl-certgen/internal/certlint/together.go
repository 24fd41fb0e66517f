package certlint

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// cfsslCAYears: without ca.expiry a CA of cfssl lives five years.
const cfsslCAExpiry = 5 * 365 * 24 * time.Hour

var caFile = lazyregexp.New(`(?i)(^|[-_.])(root-?|root_)?ca([-_.]|$)|^root[-_.]`)

type request struct {
	f  *input.File
	r  *input.CFSSLRequest
	ca bool
}

// together judges what only the whole set shows.
func (l *linter) together() {
	reqs := l.requests()
	l.sameNames(reqs)
	l.outliveCFSSL(reqs)
	l.unusedProfiles()
	for _, f := range l.files {
		l.outliveCommands(f)
	}
}

// requests lists the CSRs of the set and says which are for a CA: used with
// -initca, with a ca member, or by the name of their file and no hosts.
func (l *linter) requests() []request {
	var out []request
	for _, f := range l.files {
		for _, r := range f.Requests {
			ca := r.CA != nil
			for _, o := range l.files {
				for _, c := range o.Commands {
					if c.Tool != "cfssl" || !c.Has("initca") {
						continue
					}
					for _, a := range c.Args {
						if path.Base(a.Value) == path.Base(r.Name) {
							ca = true
						}
					}
					if c.Stdin != "" && c.Stdin == r.Name && o == f {
						ca = true
					}
				}
			}
			if !r.HasHosts && caFile.MatchString(path.Base(r.Name)) {
				ca = true
			}
			out = append(out, request{f, r, ca})
		}
	}
	// A page shows requests without names: the first of two equal subjects that
	// has no hosts is the CA's.
	for i := range out {
		if r := out[i].r; r.Embedded && strings.HasPrefix(r.Name, "stdin#") && !r.HasHosts {
			for _, o := range out {
				if o.f == out[i].f && o.r != r && o.r.HasHosts && o.r.Subject().Key() == r.Subject().Key() {
					out[i].ca = true
				}
			}
		}
	}
	return out
}

// sameNames: a leaf with its CA's subject looks self-signed.
func (l *linter) sameNames(reqs []request) {
	for _, leaf := range reqs {
		if leaf.ca || len(leaf.r.Subject()) == 0 {
			continue
		}
		for _, ca := range reqs {
			if !ca.ca || ca.r.Subject().Key() != leaf.r.Subject().Key() || ca.f != leaf.f && ca.r.Embedded && leaf.r.Embedded {
				continue // two scripts are two PKIs
			}
			at := leaf.r.CN
			if at.End == 0 {
				at = leaf.r.At
			}
			line, _ := ca.f.Position(ca.r.At.Start)
			where := path.Base(ca.r.Name)
			if strings.HasPrefix(where, "stdin#") {
				where = fmt.Sprintf("line %d", line)
			}
			l.add(leaf.f, SameName, at, fmt.Sprintf("it has the subject of its CA (%s): cfssl leaves out the authority key, and OpenSSL, Python and NSS take the certificate for a self-signed one", where)).
				remedy("give the CA a name of its own, such as CN=kubernetes-ca")
			break
		}
	}
	for _, f := range l.files {
		l.sameSubj(f)
	}
}

// subjectOf is the subject that a req command gives: -subj, or its
// configuration's where nothing is asked. at is where it stands.
func (l *linter) subjectOf(f *input.File, c *input.Command) (key string, at input.Text, in *input.File) {
	if s, ok := c.Flag("subj"); ok {
		return subjOf(s).Key(), s, f
	}
	cfg, ok := c.Flag("config")
	if !ok {
		return "", cfg, nil
	}
	conf := l.confFor(f, c, cfg)
	if conf == nil {
		return "", cfg, nil
	}
	name := "req"
	if s, ok := c.Flag("section"); ok {
		name = s.Value
	}
	for _, r := range conf.Requests() {
		if r.Section.Name.Value == name && !r.Asked && len(r.Subject) > 0 {
			for _, o := range l.files {
				if slices.Contains(o.Confs, conf) {
					in = o
				}
			}
			at = r.Subject[len(r.Subject)-1].Value
			if cn := r.Subject.Get("CN"); len(cn) > 0 {
				at = cn[0]
			}
			return r.Subject.Key(), at, in
		}
	}
	return "", cfg, nil
}

// sameSubj is sameNames for openssl commands.
func (l *linter) sameSubj(f *input.File) {
	for _, ca := range f.Commands {
		if ca.Tool != "openssl" || ca.Sub() != "req" || !ca.Has("x509") {
			continue
		}
		out, _ := ca.Out()
		subj, _, _ := l.subjectOf(f, ca)
		if subj == "" || !l.usedAsCA(f, out) {
			continue
		}
		for _, leaf := range f.Commands {
			if leaf == ca || leaf.Tool != "openssl" || leaf.Sub() != "req" || leaf.Has("x509") {
				continue
			}
			s, at, in := l.subjectOf(f, leaf)
			if s != subj || in == nil {
				continue
			}
			l.add(in, SameName, at, "the request has the subject of its CA: OpenSSL, Python and NSS take the certificate for a self-signed one").
				remedy("give the CA a name of its own")
		}
	}
}

// outliveCFSSL compares the profiles with the CA that signs.
func (l *linter) outliveCFSSL(reqs []request) {
	for _, f := range l.files {
		for _, c := range f.Configs {
			ca, ok := l.caFor(f, reqs)
			if !ok {
				continue
			}
			life, said := cfsslCAExpiry, "says nothing, which is 5 years"
			if ca.r.CA != nil && ca.r.CA.Expiry.Value != "" {
				d, err := input.Duration(ca.r.CA.Expiry)
				if err != nil {
					continue
				}
				life, said = d, "says "+ca.r.CA.Expiry.Value
			}
			ps := c.Profiles
			if c.Default != nil {
				ps = append([]*input.Profile{c.Default}, ps...)
			}
			for _, p := range ps {
				if p.Expiry.Value == "" || p.IsCA || (p == c.Default && len(p.Usages) == 0) {
					continue
				}
				d, err := input.Duration(p.Expiry)
				if err != nil || d <= life {
					continue
				}
				l.add(f, Outlives, p.Expiry, fmt.Sprintf("profile %q signs for %s and %s %s: its certificates end with their CA, and cfssl does not warn", p.Name, p.Expiry.Value, path.Base(ca.r.Name), said)).
					remedy(fmt.Sprintf("set ca.expiry in %s to more than %s", path.Base(ca.r.Name), p.Expiry.Value))
			}
		}
	}
}

// caFor is the CA's request that goes with a config: of the same file, else
// the only one of the set.
func (l *linter) caFor(f *input.File, reqs []request) (request, bool) {
	var all []request
	for _, r := range reqs {
		if r.ca {
			all = append(all, r)
		}
	}
	var own []request
	for _, r := range all {
		if r.f == f || path.Dir(r.f.Name) == path.Dir(f.Name) {
			own = append(own, r)
		}
	}
	if len(own) == 1 {
		return own[0], true
	}
	if len(own) == 0 && len(all) == 1 {
		return all[0], true
	}
	return request{}, false
}

// opensslDays is how long openssl's certificates live without -days.
const opensslDays = 30

func days(c *input.Command, otherwise int) (int, input.Text, bool) {
	t, ok := c.Flag("days")
	if !ok {
		return otherwise, c.Args[0], true
	}
	n, err := strconv.Atoi(t.Value)
	return n, t, err == nil
}

// outliveCommands compares -days of the CA and of what it signs, in one
// script.
func (l *linter) outliveCommands(f *input.File) {
	for _, ca := range f.Commands {
		out, _ := ca.Out()
		if ca.Tool != "openssl" || ca.Sub() != "req" || !ca.Has("x509") || out.Value == "" {
			continue
		}
		caDays, _, ok := days(ca, opensslDays)
		if !ok {
			continue
		}
		for _, c := range f.Commands {
			signer, isSigner := c.Flag("CA")
			if c.Tool != "openssl" || c.Sub() != "x509" || !isSigner || path.Base(signer.Value) != path.Base(out.Value) {
				continue
			}
			if n, at, ok := days(c, opensslDays); ok && n > caDays {
				l.add(f, Outlives, at, fmt.Sprintf("%d days by a CA for %d: the certificate ends with its CA, and openssl does not warn", n, caDays))
			}
		}
	}
	caDays := 0
	for _, c := range f.Commands {
		if c.Tool != "easyrsa" {
			continue
		}
		sub := func(names ...string) bool {
			return slices.ContainsFunc(c.Args, func(a input.Text) bool { return slices.Contains(names, a.Value) })
		}
		switch {
		case sub("build-ca"):
			if n, _, ok := days(c, easyRSADays); ok {
				caDays = n
			}
		case caDays > 0 && sub("build-server-full", "build-client-full", "sign-req", "build-serverClient-full"):
			if n, at, ok := days(c, 0); ok && n > caDays {
				l.add(f, Outlives, at, fmt.Sprintf("%d days by a CA for %d: the certificate ends with its CA, and easyrsa does not warn", n, caDays))
			}
		}
	}
}
