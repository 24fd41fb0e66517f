// Package recipe takes what a certificate is to be from the files that people
// have for cfssl, openssl and easyrsa: subject, names, key, validity, purpose.
// How it is written (extensions, criticality) stays the profile's. What those
// tools drop without a word, an unknown usage or a host that is no host, is an
// error here.
package recipe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
)

// Recipe is what a file says. Empty fields were not said.
type Recipe struct {
	Subject pki.Name
	Names   []pki.GeneralName
	Key     pki.KeySpec
	// Validity is a leaf's, CAValidity a CA's.
	Validity, CAValidity time.Duration
	// PathLen is -1 where the file sets no limit.
	PathLen int
	// Purpose is "" where the file does not say.
	Purpose profile.Purpose
	// CA says that the file is for a CA.
	CA bool
}

// Read takes a recipe from a cfssl CSR, an openssl configuration or easyrsa
// vars. section is the one of an openssl configuration that describes the
// request, "" for [ req ] or the only one.
func Read(name string, data []byte, section string) (*Recipe, error) {
	f, err := input.Parse(name, data)
	if err != nil {
		return nil, err
	}
	r := &Recipe{PathLen: -1}
	at := func(t input.Text) string {
		line, col := f.Position(t.Start)
		return fmt.Sprintf("%s:%d:%d", name, line, col)
	}
	if section != "" && f.Kind != input.KindOpenSSLConf {
		return nil, fmt.Errorf("%s: a %s has no sections", name, f.Kind)
	}
	switch f.Kind {
	case input.KindCFSSLRequest:
		err = r.cfssl(f.Requests[0], at)
	case input.KindOpenSSLConf, input.KindExtensions:
		err = r.openssl(name, f.Confs[0], section, at)
	case input.KindVars:
		err = r.vars(f.Vars, at)
	case input.KindCFSSLConfig:
		return nil, fmt.Errorf("%s: a cfssl config; give it with --config, and the request (CN, hosts, names, key) with -f", name)
	default:
		return nil, fmt.Errorf("%s: a %s; give the csr.conf, CSR JSON or vars file that it uses ('lint' reads it)", name, f.Kind)
	}
	return r, err
}

type placer func(input.Text) string

func problem(list []input.Problem, at placer) error {
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", at(list[0].At), list[0].Msg)
}

func fixed(t input.Text, at placer) error {
	if t.Fixed() {
		return nil
	}
	return fmt.Errorf("%s: %q is still to be filled in", at(t), t.Value)
}

func (r *Recipe) subject(dn input.DN, at placer) error {
	for _, a := range dn {
		if err := fixed(a.Value, at); err != nil {
			return err
		}
		one := pki.Name{{Type: a.Type, Value: a.Value.Value}}
		if a.Value.Value == "" {
			continue
		}
		if err := one.Check(); err != nil {
			return fmt.Errorf("%s: %w", at(a.Value), err)
		}
		r.Subject = append(r.Subject, one...)
	}
	return nil
}

func (r *Recipe) cfssl(q *input.CFSSLRequest, at placer) error {
	if err := problem(q.Problems, at); err != nil {
		return err
	}
	if len(q.Unknown) > 0 {
		u := q.Unknown[0]
		return fmt.Errorf("%s: %q is not a member of %s; cfssl would drop it without a word", at(u.Key), u.Key.Value, u.In)
	}
	if err := r.subject(q.Subject(), at); err != nil {
		return err
	}
	if q.SerialNumber.Value != "" {
		r.Subject = append(r.Subject, pki.Attribute{Type: "serialNumber", Value: q.SerialNumber.Value})
	}
	for _, h := range q.Hosts {
		if err := fixed(h, at); err != nil {
			return err
		}
		g, err := parseHost(h.Value)
		if err != nil {
			return fmt.Errorf("%s: hosts: %w", at(h), err)
		}
		r.Names = san.Add(r.Names, g)
	}
	if q.Key != nil {
		spec, err := pki.ParseKeySpec(strings.TrimSuffix(q.Key.Algo.Value+":"+strconv.Itoa(q.Key.Bits), ":0"))
		if err != nil {
			return fmt.Errorf("%s: key: %w", at(q.Key.At), err)
		}
		r.Key = spec
	}
	if q.CA != nil {
		r.CA = true
		if q.CA.PathLen > 0 || q.CA.Zero {
			r.PathLen = q.CA.PathLen
		}
		if e := q.CA.Expiry; e.Value != "" {
			d, err := input.Duration(e)
			if err != nil || d <= 0 {
				return fmt.Errorf("%s: expiry %q: not a time such as 43800h (cfssl knows no days)", at(e), e.Value)
			}
			r.CAValidity = d
		}
	}
	return nil
}

// parseHost sorts a host as cfssl does: address, e-mail address, URI, and the
// rest are names; but the rest has to be one.
func parseHost(h string) (pki.GeneralName, error) {
	switch {
	case strings.Contains(h, "://"):
		return pki.GeneralName{Kind: pki.URI, Value: h}, nil
	case strings.Contains(h, "@"):
		return pki.GeneralName{Kind: pki.Email, Value: h}, nil
	}
	return san.Parse(h)
}

func (r *Recipe) openssl(name string, c *input.Conf, section string, at placer) error {
	if err := problem(c.Problems, at); err != nil {
		return err
	}
	if len(c.Includes) > 0 {
		return fmt.Errorf("%s: .include: put the file's text in its place", at(c.Includes[0]))
	}
	reqs := c.Requests()
	q, err := chosen(name, reqs, section)
	if err != nil {
		return err
	}
	var exts *input.ExtSet
	if q != nil {
		if err := r.subject(q.Subject, at); err != nil {
			return err
		}
		if q.Bits != nil {
			spec, err := pki.ParseKeySpec("rsa:" + q.Bits.Value.Value)
			if err != nil {
				return fmt.Errorf("%s: default_bits: %w", at(q.Bits.Value), err)
			}
			r.Key = spec
		}
		if exts = q.ReqExts; exts == nil {
			exts = q.X509Exts
		}
		r.CA = q.X509Exts != nil && q.X509Exts.CA() && q.ReqExts == nil
	}
	// The signer's section (-extensions v3_ext) says what it may be used for.
	for _, x := range c.ExtSets() {
		if ofAnother(x, q, reqs) {
			continue
		}
		if exts == nil || x.SAN != nil && exts.SAN == nil {
			exts = x
		}
		if x.EKU != nil && !x.CA() {
			r.use(x.Server(), x.Client())
		}
	}
	if exts == nil && q == nil {
		return fmt.Errorf("%s: neither a request ([req]) nor a section of extensions in it", name)
	}
	if exts == nil {
		return nil
	}
	if len(exts.Unknown) > 0 {
		e := exts.Unknown[0]
		return fmt.Errorf("%s: %q is not an extension that openssl knows", at(e.Key), e.Key.Value)
	}
	for _, n := range exts.Names {
		if err := fixed(n.Value, at); err != nil {
			return err
		}
		g, err := parseSAN(n)
		if err != nil {
			return fmt.Errorf("%s: subjectAltName: %w", at(n.Value), err)
		}
		r.Names = san.Add(r.Names, g)
	}
	return nil
}

// chosen is the request that is meant: as openssl req takes it, the section that
// is named, else [ req ]; where there is no such one, the only one.
func chosen(name string, reqs []*input.ConfRequest, section string) (*input.ConfRequest, error) {
	want := section
	if want == "" {
		want = "req"
	}
	var names []string
	for _, q := range reqs {
		if q.Section.Name.Value == want {
			return q, nil
		}
		names = append(names, q.Section.Name.Value)
	}
	switch {
	case section != "" && len(reqs) == 0:
		return nil, fmt.Errorf("%s: no section in it describes a request (distinguished_name)", name)
	case section != "":
		return nil, fmt.Errorf("%s: section %q describes no request; these do: %s", name, section, strings.Join(names, ", "))
	case len(reqs) > 1:
		return nil, fmt.Errorf("%s: it describes several requests; name the --section: %s", name, strings.Join(names, ", "))
	case len(reqs) == 1:
		return reqs[0], nil
	}
	return nil, nil
}

// ofAnother says whether a section of extensions belongs to another request than
// the one that is meant.
func ofAnother(x *input.ExtSet, q *input.ConfRequest, reqs []*input.ConfRequest) bool {
	uses := func(o *input.ConfRequest) bool {
		return o.ReqExts != nil && o.ReqExts.Section == x.Section || o.X509Exts != nil && o.X509Exts.Section == x.Section
	}
	return q != nil && !uses(q) && slices.ContainsFunc(reqs, uses)
}

func (r *Recipe) use(server, client bool) {
	switch {
	case server && client:
		r.Purpose = profile.Peer
	case server:
		r.Purpose = profile.Server
	case client:
		r.Purpose = profile.Client
	}
}

func parseSAN(n input.SANEntry) (pki.GeneralName, error) {
	v := n.Value.Value
	switch strings.ToLower(strings.TrimRight(n.Type.Value, ".0123456789")) {
	case "dns":
		d, err := san.ParseDNS(v)
		return pki.GeneralName{Kind: pki.DNS, Value: d}, err
	case "ip":
		a, err := san.ParseIP(v)
		return pki.GeneralName{Kind: pki.IP, Value: a.String()}, err
	case "email":
		return pki.GeneralName{Kind: pki.Email, Value: v}, nil
	case "uri":
		return pki.GeneralName{Kind: pki.URI, Value: v}, nil
	}
	return pki.GeneralName{}, fmt.Errorf("%q: not DNS, IP, email or URI", n.Type.Value)
}

func (r *Recipe) vars(v *input.Vars, at placer) error {
	value := func(name string) (string, input.Text) {
		if e := v.Get(name); e != nil {
			return e.Value.Value, e.Value
		}
		return "", input.Text{}
	}
	if mode, _ := value("EASYRSA_DN"); mode == "org" {
		for _, p := range [][2]string{{"C", "COUNTRY"}, {"ST", "PROVINCE"}, {"L", "CITY"}, {"O", "ORG"}, {"OU", "OU"}} {
			if s, t := value("EASYRSA_REQ_" + p[1]); s != "" {
				if err := r.subject(input.DN{{Type: p[0], Value: t}}, at); err != nil {
					return err
				}
			}
		}
	}
	if s, t := value("EASYRSA_REQ_CN"); s != "" {
		if err := r.subject(input.DN{{Type: "CN", Value: t}}, at); err != nil {
			return err
		}
	}
	algo, algoAt := value("EASYRSA_ALGO")
	size, sizeAt := value("EASYRSA_KEY_SIZE")
	curve, curveAt := value("EASYRSA_CURVE")
	spec, where := "", algoAt
	switch algo {
	case "ec":
		spec = "ecdsa:" + strings.TrimSpace(curve)
		if curve == "" {
			spec = "ecdsa:secp384r1" // easyrsa's default
		} else {
			where = curveAt
		}
	case "ed":
		spec = "ed25519"
	case "rsa", "":
		if size != "" {
			spec, where = "rsa:"+size, sizeAt
		}
	default:
		return fmt.Errorf("%s: EASYRSA_ALGO %q: not rsa, ec or ed", at(algoAt), algo)
	}
	if spec != "" {
		k, err := pki.ParseKeySpec(spec)
		if err != nil {
			return fmt.Errorf("%s: %w", at(where), err)
		}
		r.Key = k
	}
	for _, p := range []struct {
		name string
		to   *time.Duration
	}{{"EASYRSA_CERT_EXPIRE", &r.Validity}, {"EASYRSA_CA_EXPIRE", &r.CAValidity}} {
		if s, t := value(p.name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > profile.MaxDays {
				return fmt.Errorf("%s: %s %q: not a number of days from 1 to %d", at(t), p.name, s, profile.MaxDays)
			}
			*p.to = profile.Days(n)
		}
	}
	return nil
}

// Config takes validity and purpose from a profile of a cfssl config.
func (r *Recipe) Config(name string, data []byte, wanted string) error {
	f, err := input.Parse(name, data)
	if err != nil {
		return err
	}
	if f.Kind != input.KindCFSSLConfig {
		return fmt.Errorf("%s: not a cfssl config (it has no signing)", name)
	}
	at := func(t input.Text) string {
		line, col := f.Position(t.Start)
		return fmt.Sprintf("%s:%d:%d", name, line, col)
	}
	c := f.Configs[0]
	if err := problem(c.Problems, at); err != nil {
		return err
	}
	// cfssl reads all profiles before it uses one.
	for _, p := range append(c.Profiles[:len(c.Profiles):len(c.Profiles)], nonNil(c.Default)...) {
		if err := checkProfile(p, at); err != nil {
			return err
		}
	}
	p, exact := c.Find(wanted)
	if p == nil || !exact {
		var have []string
		for _, q := range c.Profiles {
			have = append(have, q.Name)
		}
		if c.Default != nil {
			have = append(have, "default")
		}
		if wanted == "" {
			return fmt.Errorf("%s: has no default profile; --profile names one of %s", name, strings.Join(have, ", "))
		}
		return fmt.Errorf("%s: no profile %q; it has %s", name, wanted, strings.Join(have, ", "))
	}
	if p.NotBefore.Value+p.NotAfter.Value != "" {
		return fmt.Errorf("%s: profile %q: not_before and not_after fix the dates; certgen makes certificates that are good from now on (--days)", at(p.At), p.Name)
	}
	if p.Expiry.Value != "" {
		if r.Validity, err = input.Duration(p.Expiry); err != nil {
			return err
		}
	}
	has := func(u string) bool {
		return slices.ContainsFunc(p.Usages, func(t input.Text) bool { return t.Value == u })
	}
	if p.IsCA {
		return fmt.Errorf("%s: profile %q makes CAs; make a request with 'csr --for ca' and sign it with 'sign --for ca'", at(p.IsCAAt), p.Name)
	}
	r.use(has("server auth"), has("client auth"))
	return nil
}

func nonNil(p *input.Profile) []*input.Profile {
	if p == nil {
		return nil
	}
	return []*input.Profile{p}
}

func checkProfile(p *input.Profile, at placer) error {
	for _, u := range p.Usages {
		if _, ok := input.CFSSLKeyUsages[u.Value]; ok {
			continue
		}
		if _, ok := input.CFSSLExtKeyUsages[u.Value]; ok {
			continue
		}
		hint := ""
		if near := input.Nearest(u.Value, input.CFSSLUsageNames()); near != "" {
			hint = fmt.Sprintf("; is %q meant?", near)
		}
		return fmt.Errorf("%s: profile %q: unknown usage %q, which cfssl drops without a word%s", at(u), p.Name, u.Value, hint)
	}
	if e := p.Expiry; e.Value != "" {
		if d, err := input.Duration(e); err != nil || d <= 0 {
			return fmt.Errorf("%s: profile %q: expiry %q: not a time such as 8760h (cfssl knows no days)", at(e), p.Name, e.Value)
		}
	}
	return nil
}
