package input

import (
	"path"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Command is a call of openssl, cfssl or easyrsa in a script or on a page.
type Command struct {
	Tool string
	Args []Text
	At   Text
	// Stdin is the document that is piped into it, "" for none; it is the Name
	// of a request or config of the same file.
	Stdin string
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
			return Text{val, min(a.Start+len(opt)+1, a.End), a.End}, true
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

// Sub is the subcommand: req, x509, gencert, build-ca, ...
func (c *Command) Sub() string {
	for _, a := range c.Args {
		if !strings.HasPrefix(a.Value, "-") {
			return a.Value
		}
	}
	return ""
}

// block is a part of the file that is code: the whole of a script, a fenced or
// indented block of a page.
type block struct{ start, end, indent int }

type scanner struct {
	f     *File
	vars  map[string]Text
	makef bool
	anon  int
	// open are the here-documents whose end is nowhere below.
	open map[string]bool
	docs int
}

// maxDocuments bounds the documents that are read from one script; a file with
// more is not one that people wrote.
const maxDocuments = 400

var (
	heredocMark = lazyregexp.New(`<<-?\s*\\?(["']?)([A-Za-z_][A-Za-z0-9_]*)(["']?)`)
	assignment  = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*\+?=`)
	toolLine    = lazyregexp.New(`\b(openssl|cfssl|easyrsa)\b`)
	opensslVerb = []string{"req", "x509", "ca", "genrsa", "genpkey", "ecparam", "pkcs12", "verify", "gendsa", "dsaparam", "rsa", "ec"}
)

// parseScript reads the commands and the documents of a script or a page.
func (f *File) parseScript(blocks []block, makefile bool) {
	s := &scanner{f: f, vars: map[string]Text{}, makef: makefile}
	for _, b := range blocks {
		s.block(b)
	}
}

func (s *scanner) block(b block) {
	f := s.f
	s.open = nil
	first, _ := f.Position(b.start)
	last, _ := f.Position(max(b.start, b.end-1))
	lineAt := func(n int) (int, int) { // content of line n without its newline
		start := max(f.lines[n-1], b.start)
		end := len(f.Data)
		if n < len(f.lines) {
			end = f.lines[n] - 1
		}
		return start, min(end, b.end)
	}
	for n := first; n <= last; n++ {
		var l logicalLine
		var sb strings.Builder
		add := func(n int) {
			i, j := lineAt(n)
			skip := b.indent
			if s.makef && i < j && f.Data[i] == '\t' {
				skip = 1
			}
			for k := 0; k < skip && i < j && (f.Data[i] == ' ' || f.Data[i] == '\t'); k++ {
				i++
			}
			for ; i < j; i++ {
				if f.Data[i] == '\r' && i+1 == j {
					break
				}
				sb.WriteByte(f.Data[i])
				l.index = append(l.index, i)
			}
		}
		add(n)
		for strings.HasSuffix(sb.String(), "\\") && n < last {
			cut := sb.String()[:sb.Len()-1]
			sb.Reset()
			sb.WriteString(cut)
			l.index = l.index[:len(cut)]
			n++
			add(n)
		}
		text := sb.String()
		trim := strings.TrimSpace(text)
		if trim == "" || (trim[0] == '#' && !strings.HasPrefix(trim, "# openssl") && !strings.HasPrefix(trim, "# cfssl")) {
			continue
		}
		relevant := toolLine.MatchString(text) || strings.Contains(text, "<<") || strings.Contains(text, "echo") || strings.Contains(text, "printf") || assignment.MatchString(strings.TrimPrefix(trim, "export "))
		if !relevant {
			continue
		}
		// A quote that stays open goes on in the next lines.
		for k := 0; k < 120 && openQuote(sb.String()) && n < last; k++ {
			i, _ := lineAt(n + 1)
			sb.WriteByte('\n')
			l.index = append(l.index, max(0, i-1))
			n++
			add(n)
		}
		l.text = sb.String()
		var docs []string
		if marks := heredocMark.FindAllStringSubmatchIndex(l.text, -1); marks != nil {
			for _, m := range marks {
				if m[0] > 0 && l.text[m[0]-1] == '<' || m[1] < len(l.text) && l.text[m[0]:min(m[0]+3, len(l.text))] == "<<<" {
					continue
				}
				delim := l.text[m[4]:m[5]]
				quoted := l.text[m[2]:m[3]] != "" || strings.Contains(l.text[m[0]:m[4]], "\\")
				start, end := 0, 0
				k := n + 1
				for ; k <= last && !s.open[delim]; k++ {
					i, j := lineAt(k)
					if start == 0 {
						start = i
					}
					if strings.TrimSpace(string(f.Data[i:j])) == delim {
						end = i
						break
					}
				}
				if end == 0 {
					if s.open == nil {
						s.open = map[string]bool{}
					}
					s.open[delim] = true
					continue
				}
				n = k
				target := redirectTarget(l.text, s.expandWord)
				docs = append(docs, s.document(start, end, target, !quoted))
			}
		}
		s.line(l, docs)
	}
}

// openQuote says whether a shell line ends inside a quoted string.
func openQuote(s string) bool {
	var q byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && q != '\'':
			i++
		case q != 0:
			if c == q {
				q = 0
			}
		case c == '\'' || c == '"':
			q = c
		case c == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t'):
			return false
		}
	}
	return q != 0
}

var redirect = lazyregexp.New(`>{1,2}\s*("[^"]*"|'[^']*'|[^\s|;&<>]+)|\btee\s+(?:-a\s+)?("[^"]*"|'[^']*'|[^\s|;&<>]+)`)

func redirectTarget(line string, expand func(string) string) string {
	m := redirect.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	t := m[1]
	if t == "" {
		t = m[2]
	}
	return expand(strings.Trim(t, `"'`))
}

func (s *scanner) expandWord(w string) string {
	for k, v := range s.vars {
		w = strings.ReplaceAll(w, "${"+k+"}", v.Value)
	}
	return w
}

// document reads the text of a here-document or a quoted argument, where it is
// JSON or a configuration, and returns the name by which commands find it.
func (s *scanner) document(start, end int, target string, shell bool) string {
	body := strings.TrimSpace(string(s.f.Data[start:end]))
	if s.docs++; body == "" || s.docs > maxDocuments {
		return ""
	}
	name := target
	if name == "" {
		s.anon++
		name = "stdin#" + string(rune('0'+s.anon%10))
	}
	if body[0] == '{' {
		root, err := parseJSON(s.f.only(start, end))
		if err != nil {
			return name
		}
		if v, _ := root.get("signing"); v != nil {
			c := parseCFSSLConfig(root, name)
			c.Embedded = true
			s.f.Configs = append(s.f.Configs, c)
		} else if isRequest(root) {
			r := parseCFSSLRequest(root, name)
			r.Embedded = true
			s.f.Requests = append(s.f.Requests, r)
		}
		return name
	}
	if looksLikeConf(body) {
		c := parseConf(s.f.only(start, end), name, shell)
		c.Embedded = true
		c.Problems = nil // a page's excerpt, or a template
		s.f.Confs = append(s.f.Confs, c)
	}
	return name
}

// line takes one line apart: assignments, documents that echo writes, and the
// calls of the tools.
func (s *scanner) line(l logicalLine, docs []string) {
	var cmd []word
	piped := ""
	flush := func(op string) {
		out := s.simple(cmd, docs, piped)
		cmd = nil
		piped = ""
		if op == "|" {
			piped = out
		}
	}
	ws := s.words(l)
	for i := 0; i < len(ws); i++ {
		w := ws[i]
		if !w.op {
			cmd = append(cmd, w)
			continue
		}
		switch w.Value {
		case ">", ">>", "<", "<<", "<<<":
			cmd = append(cmd, w)
		default:
			flush(w.Value)
		}
	}
	flush("")
}

// simple reads one simple command and returns the name of the document that it
// writes to its standard output.
func (s *scanner) simple(ws []word, docs []string, piped string) string {
	if len(ws) == 0 {
		return piped
	}
	s.assign(ws)
	var plain []word
	for i := 0; i < len(ws); i++ {
		if ws[i].op {
			i++
			continue
		}
		plain = append(plain, ws[i])
	}
	if len(plain) == 0 {
		return piped
	}
	head := path.Base(strings.TrimLeft(plain[0].Value, "@-"))
	switch head {
	case "echo", "printf":
		return s.echo(ws, plain)
	case "cat", "tee", "sudo":
		if len(docs) > 0 && !hasTool(plain) {
			return docs[0]
		}
	}
	for i, w := range plain {
		tool := strings.TrimSuffix(path.Base(strings.TrimLeft(w.Value, "@-\"'")), ".exe")
		if tool != "openssl" && tool != "cfssl" && tool != "easyrsa" {
			continue
		}
		if strings.Contains(w.Value, " ") {
			continue
		}
		c := &Command{Tool: tool, At: w.Text, Stdin: piped}
		for _, a := range plain[i+1:] {
			c.Args = append(c.Args, a.Text)
			c.At.End = a.End
		}
		if !isCall(c) {
			continue
		}
		if c.Stdin == "" && len(docs) > 0 {
			c.Stdin = docs[0]
		}
		s.f.Commands = append(s.f.Commands, c)
		break
	}
	return ""
}

func hasTool(ws []word) bool {
	return slices.ContainsFunc(ws, func(w word) bool {
		b := path.Base(w.Value)
		return b == "openssl" || b == "cfssl" || b == "easyrsa"
	})
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
	return slices.ContainsFunc(c.Args, func(a Text) bool { return slices.Contains(EasyRSACommands, a.Value) })
}

// EasyRSACommands are the commands of easyrsa 3.
var EasyRSACommands = []string{
	"init-pki", "build-ca", "gen-dh", "gen-req", "sign-req", "sign", "build-client-full", "build-server-full", "build-serverClient-full",
	"inline", "gen-crl", "update-db", "revoke", "renew", "expire", "show-req", "show-cert", "show-ca", "import-req", "export-p12",
	"export-p7", "export-p8", "export-p1", "set-pass", "upgrade", "help", "self-sign-server", "self-sign-client", "show-expire",
	"show-revoke", "show-renew", "verify-cert", "rewind-renew", "rebuild", "renew-ca",
}

func (s *scanner) assign(ws []word) {
	for i, w := range ws {
		v := w.Value
		if i == 0 && (v == "export" || v == "local" || v == "readonly" || v == "declare" || v == "typeset" || v == "$" || v == "#" || v == "ARG" || v == "ENV") {
			continue
		}
		if w.op || !assignment.MatchString(v) {
			// A make variable: NAME = value, NAME := value, NAME ?= value.
			if s.makef && i == 0 && len(ws) >= 3 && slices.Contains([]string{"=", ":=", "?="}, ws[1].Value) {
				s.vars[v] = ws[2].Text
			}
			return
		}
		name, val, _ := strings.Cut(v, "=")
		name = strings.TrimSuffix(name, "+")
		t := Text{val, w.Start, w.End}
		if t.Fixed() && val != "" {
			s.vars[name] = t
		} else {
			delete(s.vars, name)
		}
	}
}

// echo reads a document that is written by echo or printf.
func (s *scanner) echo(ws, plain []word) string {
	target := ""
	for i, w := range ws {
		if w.op && strings.HasPrefix(w.Value, ">") && i+1 < len(ws) {
			target = ws[i+1].Value
		}
	}
	for _, w := range plain[1:] {
		v := strings.TrimSpace(w.Value)
		if !strings.HasPrefix(v, "{") && !looksLikeConf(v) {
			continue
		}
		// Only what stands in the file letter by letter has places.
		if w.End-w.Start != len(w.Value) {
			continue
		}
		return s.document(w.Start, w.End, target, true)
	}
	return target
}
