package input

import (
	"path"
	"slices"
	"strings"
)

// Command is a call of openssl, cfssl or easyrsa in a script or on a page, or a
// chmod of what they made.
type Command struct {
	Tool string
	Args []Text
	At   Text
	// Stdin is the document that is piped into it, "" for none; it is the Name
	// of a request or config of the same file.
	Stdin string
	// From is the call whose output it reads: "openssl req ... | openssl x509
	// -req ...", or -in <(openssl req ...).
	From *Command
	// reads and writes are the files that the shell puts in place of its
	// standard input and output.
	reads, writes Text

	data []byte // the file's
}

// Flag returns the value of an option in any of the spellings -name value,
// -name=value, --name=value, --name value.
func (c *Command) Flag(names ...string) (Text, bool) {
	for i, a := range c.Args {
		opt, val, hasVal := strings.Cut(a.Value, "=")
		if !strings.HasPrefix(opt, "-") {
			continue
		}
		if !slices.Contains(names, strings.TrimLeft(opt, "-")) {
			continue
		}
		if hasVal {
			t := Text{val, min(a.Start+len(opt)+1, a.End), a.End}
			// --option="value"
			if raw := c.data[t.Start:t.End]; len(raw) == len(val)+2 && (raw[0] == '"' || raw[0] == '\'') && string(raw[1:len(raw)-1]) == val {
				t.Start, t.End = t.Start+1, t.End-1
			}
			return t, true
		}
		if i+1 < len(c.Args) && !strings.HasPrefix(c.Args[i+1].Value, "-") {
			return c.Args[i+1], true
		}
		return Text{"", a.Start, a.End}, true
	}
	return Text{}, false
}

// Has says whether an option is there.
func (c *Command) Has(names ...string) bool {
	_, ok := c.Flag(names...)
	return ok
}

// In and Out are the files that it reads and writes, named by options or by the
// shell.
func (c *Command) In() (Text, bool) { return c.file(c.reads, "in", "infiles") }

// Out: see In.
func (c *Command) Out() (Text, bool) { return c.file(c.writes, "out") }

func (c *Command) file(shell Text, names ...string) (Text, bool) {
	if t, ok := c.Flag(names...); ok {
		return t, ok
	}
	return shell, shell.Value != ""
}

// Sub is the subcommand: req, x509, gencert, build-ca, ...
func (c *Command) Sub() string {
	for _, a := range c.Args {
		if !strings.HasPrefix(a.Value, "-") {
			return a.Value
		}
	}
	return ""
}

// isCall tells a call from a mention ("install openssl").
func isCall(c *Command) bool {
	if len(c.Args) == 0 {
		return false
	}
	switch c.Tool {
	case "openssl":
		return slices.Contains(opensslVerb, c.Args[0].Value)
	case "cfssl":
		return slices.Contains([]string{"gencert", "genkey", "sign", "selfsign", "serve", "gencsr", "bundle", "print-defaults", "info"}, c.Sub())
	}
	return slices.ContainsFunc(c.Args, func(a Text) bool {
		return slices.Contains(EasyRSACommands, a.Value) || EasyRSA2Commands[a.Value] != ""
	})
}

// EasyRSA2Commands are scripts of easy-rsa 2, and what they are in easyrsa 3.
var EasyRSA2Commands = map[string]string{
	"build-key": "build-client-full NAME nopass", "build-key-server": "build-server-full NAME nopass", "build-key-pass": "build-client-full NAME",
	"build-dh": "gen-dh", "build-req": "gen-req NAME", "sign-key": "sign-req TYPE NAME", "revoke-full": "revoke NAME, then gen-crl", "pkitool": "build-server-full or build-client-full",
}

// EasyRSACommands are the commands of easyrsa 3.
var EasyRSACommands = []string{
	"init-pki", "clean-all", "build-ca", "gen-dh", "gen-req", "sign-req", "sign", "build-client-full", "build-server-full", "build-serverClient-full",
	"inline", "gen-crl", "update-db", "revoke", "renew", "expire", "show-req", "show-cert", "show-ca", "import-req", "export-p12",
	"export-p7", "export-p8", "export-p1", "set-pass", "upgrade", "help", "self-sign-server", "self-sign-client", "show-expire",
	"show-revoke", "show-renew", "verify-cert", "rewind-renew", "rebuild", "renew-ca",
}

// toolOf is the tool that a word of a command runs: its name with any path, or
// a variable that is named after it ("${CFSSL_BIN}").
func toolOf(w string) string {
	if inner, ok := strings.CutPrefix(w, "{{"); ok { // a template's variable: {{ cfssl_bin }}
		w = "$" + strings.ToUpper(strings.TrimSpace(strings.TrimSuffix(inner, "}}")))
	}
	if strings.Contains(w, " ") {
		return ""
	}
	base := strings.TrimSuffix(path.Base(strings.TrimLeft(w, "@-\"'")), ".exe")
	if strings.HasPrefix(base, "$") {
		base = strings.Trim(base, "${}()\"")
		for _, suffix := range []string{"_BIN", "_CMD", "_PATH", "_EXE", "_BINARY", "_COMMAND"} {
			base = strings.TrimSuffix(base, suffix)
		}
		base = strings.ToLower(strings.ReplaceAll(base, "_", ""))
	}
	if base == "openssl" || base == "cfssl" || base == "easyrsa" {
		return base
	}
	return ""
}

// chmod notes who may read the files.
func (s *scanner) chmod(plain []word) {
	i := slices.IndexFunc(plain, func(w word) bool { return path.Base(w.Value) == "chmod" })
	if i < 0 || i+2 >= len(plain) {
		return
	}
	c := &Command{Tool: "chmod", At: plain[i].Text, data: s.f.Data}
	for _, a := range plain[i+1:] {
		c.Args = append(c.Args, a.Text)
	}
	s.f.Commands = append(s.f.Commands, c)
}
