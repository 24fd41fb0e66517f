package certlint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

var (
	keyFile   = lazyregexp.New(`(?i)(\.key|[-_.]key\.pem|^key\.pem|^private\.pem|^id_(rsa|ecdsa|ed25519))(\.insecure)?$`)
	publicKey = lazyregexp.New(`(?i)pub`)
	pkiFolder = lazyregexp.New(`(?i)^(easy-?rsa\d?|pki|ssl|tls|certs?|certificates|private|keys|ca)$`)
	octal     = lazyregexp.New(`^[0-7]{3,4}$`)
	openToAll = lazyregexp.New(`^(a|o|go|ugo|uo)?\+[wx]*r[wx]*$|(^|,)o=[wx]*r`)
)

// chmod: a key that everybody on the machine may read. A later chmod that
// closes it again counts.
func (l *linter) chmod(f *input.File, c *input.Command) {
	open := func(c *input.Command) (mode input.Text, files []input.Text) {
		for _, a := range c.Args {
			switch {
			case strings.HasPrefix(a.Value, "-"):
			case mode.Value == "":
				mode = a
			default:
				files = append(files, a)
			}
		}
		return mode, files
	}
	readable := func(m string) bool {
		return octal.MatchString(m) && (m[len(m)-1]-'0')&4 != 0 || openToAll.MatchString(m)
	}
	mode, files := open(c)
	for _, d := range files {
		if octal.MatchString(mode.Value) && (mode.Value[len(mode.Value)-1]-'0')&2 != 0 && pkiFolder.MatchString(path.Base(d.Value)) {
			l.add(f, LooseMode, mode, fmt.Sprintf("chmod %s lets everybody on the machine replace what lies in %s, the CA's key included", mode.Value, path.Base(d.Value))).remedy("chmod 700")
		}
	}
	if !readable(mode.Value) {
		return
	}
	for _, k := range files {
		base := path.Base(k.Value)
		if !keyFile.MatchString(base) || publicKey.MatchString(base) {
			continue
		}
		closed := slices.ContainsFunc(f.Commands, func(o *input.Command) bool {
			if o.Tool != "chmod" || o.At.Start <= c.At.Start {
				return false
			}
			m, fs := open(o)
			return !readable(m.Value) && slices.ContainsFunc(fs, func(t input.Text) bool { return t.Value == k.Value })
		})
		if !closed {
			l.add(f, LooseMode, mode, fmt.Sprintf("%s gives %s, a private key, to everybody on the machine", "chmod "+mode.Value, base)).
				remedy("chmod 600, and chown to the user that the server runs as").
				fixIf(octal.MatchString(mode.Value) && len(files) == 1 && string(f.Data[mode.Start:mode.End]) == mode.Value, mode, "600")
		}
	}
}

// forgottenDollar: -subj /CN=HOSTNAME where the script has a variable HOSTNAME.
func (l *linter) forgottenDollar(f *input.File, dn input.DN) {
	for _, cn := range dn.Get("CN") {
		v := cn.Value
		if len(v) < 3 || v != strings.ToUpper(v) || !f.Variables[v] || string(f.Data[cn.Start:cn.End]) != v {
			continue
		}
		l.add(f, Placeholder, cn, fmt.Sprintf("the common name is the word %s; the script has a variable of this name", v)).
			note("did you mean $" + v + "?")
	}
}

// bareCAKey: the key of a CA that lies on disk as it is.
func (l *linter) bareCAKey(o *outcome) {
	if nodes, ok := option(o.c, "nodes", "noenc"); ok && o.self && o.c.Has("newkey", "keyout") {
		l.add(o.f, BareCAKey, nodes, fmt.Sprintf("%s leaves the CA's key without a passphrase: who reads the file can sign for every name", nodes.Value))
	}
}

// option finds an option itself, not its value.
func option(c *input.Command, names ...string) (input.Text, bool) {
	for _, a := range c.Args {
		if strings.HasPrefix(a.Value, "-") && slices.Contains(names, strings.TrimLeft(a.Value, "-")) {
			return a, true
		}
	}
	return input.Text{}, false
}

// noDays: a certificate for openssl's thirty days.
func (l *linter) noDays(o *outcome, ca bool) {
	c := o.c
	for i, a := range c.Args {
		value := i > 0 && strings.HasPrefix(c.Args[i-1].Value, "-") && c.Args[i-1].Value != "-req" && c.Args[i-1].Value != "-x509"
		if a.Dynamic() && !value && !strings.HasPrefix(a.Value, "-") {
			return // a variable that may hold options
		}
	}
	if c.Has("days", "not_after", "enddate") {
		return
	}
	at, enough := c.Args[0], " -days 365"
	if ca {
		enough = " -days 3650"
	}
	is := l.add(o.f, NoDays, at, "without -days openssl makes it for 30 days").remedy("add" + enough)
	if string(o.f.Data[at.Start:at.End]) == at.Value {
		is.fix(input.Text{Start: at.End, End: at.End}, enough)
	}
}

// unusedProfiles: profiles of a config that none of the calls with this config
// names.
func (l *linter) unusedProfiles() {
	for _, f := range l.files {
		for _, conf := range f.Configs {
			used := map[*input.Profile]bool{}
			calls := 0
			for _, o := range l.files {
				for _, c := range o.Commands {
					if c.Tool != "cfssl" || c.Has("initca") {
						continue
					}
					cfg, ok := c.Flag("config")
					if c.Sub() == "serve" || ok && !cfg.Fixed() && path.Base(cfg.Value) != path.Base(conf.Name) {
						calls = -1 << 20 // it may be any of them
					}
					if !ok || l.configNamed(o, cfg.Value) != conf {
						continue
					}
					prof, _ := c.Flag("profile")
					if !prof.Fixed() {
						calls = -1 << 20
					}
					calls++
					p, exact := conf.Find(prof.Value)
					if used[p] = true; !exact {
						calls = -1 << 20 // a profile that it does not have: NoProfile speaks of it
					}
				}
			}
			if calls <= 0 {
				continue
			}
			for _, p := range conf.Profiles {
				if !used[p] {
					l.add(f, UnusedProfile, p.At, fmt.Sprintf("no call signs with profile %q", p.Name))
				}
			}
		}
	}
}
