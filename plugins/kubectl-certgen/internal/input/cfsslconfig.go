package input

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// CFSSLConfig is a config JSON of cfssl: the signing policy.
type CFSSLConfig struct {
	Name     string
	Embedded bool
	At       Text
	Default  *Profile
	Profiles []*Profile
	AuthKeys []Text
	Remotes  []Text
	Unknown  []Unknown
	Problems []Problem
	// Twice are members that come again in their object: the last one counts.
	Twice []Text
}

// Profile is signing.default or one of signing.profiles.
type Profile struct {
	// Name is "default" for signing.default.
	Name    string
	At      Text
	KeyAt   Text
	Usages  []Text
	UsageAt Text

	Expiry, Backdate    Text
	NotBefore, NotAfter Text
	IsCA                bool
	IsCAAt              Text
	MaxPathLen          int
	MaxPathLenZero      bool
	CopyExtensions      bool
	NameWhitelist       Text
	AuthKey             Text
	Remote              Text
	LintLevel           Text
	// Broken says that usages is no list: what is missing in it is no news.
	Broken bool
}

var (
	configFields  = []string{"signing", "ocsp", "auth_keys", "remotes"}
	signingFields = []string{"profiles", "default"}
	profileFields = []string{
		"usages", "issuer_urls", "ocsp_url", "crl_url", "ca_constraint", "ocsp_no_check", "expiry", "backdate", "auth_key",
		"copy_extensions", "prev_auth_key", "remote", "not_before", "not_after", "name_whitelist", "auth_remote", "ct_log_servers",
		"allowed_extensions", "cert_store", "lint_error_level", "ignored_lints", "ignored_lint_sources",
		// Without a json tag in cfssl's own type, so their Go names count.
		"Policies", "CSRWhitelist", "ClientProvidesSerialNumbers",
	}
	constraintFields = []string{"is_ca", "max_path_len", "max_path_len_zero"}
)

func parseCFSSLConfig(root *node, name string) *CFSSLConfig {
	c := &CFSSLConfig{Name: name, At: root.text, Twice: root.twice}
	c.Unknown = unknownMembers(root, "the config", configFields)
	signing, at := root.get("signing")
	if signing.kind != '{' {
		c.Problems = append(c.Problems, Problem{at, fmt.Sprintf("signing is %s, not an object", signing.describe())})
		return c
	}
	c.Unknown = append(c.Unknown, unknownMembers(signing, "signing", signingFields)...)
	if d, k := signing.get("default"); d != nil && d.kind != 'n' {
		c.Default = c.profile("default", k, d)
	}
	if p, _ := signing.get("profiles"); p != nil && p.kind != 'n' {
		if p.kind != '{' {
			c.wrong(p, "profiles", "an object of profiles")
		}
		for i, k := range p.keys {
			if q := c.profile(k.Value, k, p.items[i]); q != nil {
				c.Profiles = append(c.Profiles, q)
			}
		}
	}
	if a, _ := root.get("auth_keys"); a != nil {
		c.AuthKeys = a.keys
	}
	if a, _ := root.get("remotes"); a != nil {
		c.Remotes = a.keys
	}
	return c
}

func (c *CFSSLConfig) wrong(n *node, field, want string) {
	c.Problems = append(c.Problems, Problem{n.text, fmt.Sprintf("%s is %s, not %s", field, n.describe(), want)})
}

func (c *CFSSLConfig) profile(name string, key Text, n *node) *Profile {
	p := &Profile{Name: name, KeyAt: key, At: n.text}
	if n.kind != '{' {
		c.wrong(n, "profile "+strconv.Quote(name), "an object")
		return nil
	}
	c.Unknown = append(c.Unknown, unknownMembers(n, "profile "+strconv.Quote(name), profileFields)...)
	str := func(n *node, field string) Text {
		v, _ := n.get(field)
		if v == nil || v.kind == 'n' {
			return Text{}
		}
		if v.kind != '"' {
			c.wrong(v, field, "a string")
			return Text{Start: v.text.Start, End: v.text.End}
		}
		return v.text
	}
	if u, _ := n.get("usages"); u != nil && u.kind != 'n' {
		p.UsageAt = u.text
		if u.kind != '[' {
			c.wrong(u, "usages", "a list of strings")
			p.Broken = true
		} else {
			for _, e := range u.items {
				if e.kind != '"' {
					c.wrong(e, "usages", "strings")
					continue
				}
				p.Usages = append(p.Usages, e.text)
			}
		}
	}
	p.Expiry, p.Backdate = str(n, "expiry"), str(n, "backdate")
	p.NotBefore, p.NotAfter = str(n, "not_before"), str(n, "not_after")
	p.NameWhitelist, p.AuthKey, p.Remote = str(n, "name_whitelist"), str(n, "auth_key"), str(n, "remote")
	p.CopyExtensions = boolean(n, "copy_extensions", c.wrong)
	if v, _ := n.get("lint_error_level"); v != nil {
		p.LintLevel = v.text
	}
	if a, _ := n.get("auth_remote"); a != nil && a.kind == '{' {
		p.Remote = str(a, "remote")
	}
	if ca, k := n.get("ca_constraint"); ca != nil && ca.kind != 'n' {
		if ca.kind != '{' {
			c.wrong(ca, "ca_constraint", "an object")
		} else {
			c.Unknown = append(c.Unknown, unknownMembers(ca, "ca_constraint", constraintFields)...)
			p.IsCA, p.IsCAAt = boolean(ca, "is_ca", c.wrong), k
			p.MaxPathLenZero = boolean(ca, "max_path_len_zero", c.wrong)
			if v, _ := ca.get("max_path_len"); v != nil {
				n, err := strconv.Atoi(v.text.Value)
				if v.kind != '0' || err != nil {
					c.wrong(v, "max_path_len", "a whole number")
				}
				p.MaxPathLen = n
			}
		}
	}
	return p
}

// Find returns the profile that cfssl signs with for -profile NAME: the one of
// that name, else the default; exact says whether it was found by name.
func (c *CFSSLConfig) Find(name string) (p *Profile, exact bool) {
	if name != "" {
		if i := slices.IndexFunc(c.Profiles, func(p *Profile) bool { return p.Name == name }); i >= 0 {
			return c.Profiles[i], true
		}
	}
	return c.Default, name == "" || name == "default"
}

// Duration reads a duration as cfssl does (Go's syntax: there are no days).
func Duration(t Text) (time.Duration, error) { return time.ParseDuration(t.Value) }
