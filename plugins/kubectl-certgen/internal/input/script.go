package input

import (
	"path"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// block is a part of the file that is code: the whole of a script, a fenced or
// indented block of a page, a here-document that another shell reads.
type block struct {
	start, end, indent int
	// folded says that its lines are one until an empty one comes (YAML's >).
	folded bool
}

type scanner struct {
	f     *File
	vars  map[string]Text
	makef bool
	anon  int
	// open are the here-documents whose end is nowhere below.
	open map[string]bool
	docs int
	// pending are the here-documents of the line at hand, in order.
	pending []chunk
	// written are the texts that the script makes, and groups what the
	// { ... } around the line at hand print.
	written []*text
	groups  []chunk
	depth   int
	// subshells are the ( that stay open; what they print is a group too.
	subshells int
	// texts are the documents that variables hold: CONF=$(cat <<EOF ...).
	texts map[string]chunk
	flow
}

// maxDocuments bounds the documents that are read from one script; a file with
// more is not one that people wrote.
const maxDocuments = 400

var (
	heredocMark = lazyregexp.New(`<<-?\s*\\?(["']?)([A-Za-z_][A-Za-z0-9_]*)(["']?)`)
	declared    = lazyregexp.New(`^(export|local|readonly|declare|typeset)\s+(-\w+\s+)?[A-Za-z_][A-Za-z0-9_]*=`)
	assignment  = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*\+?=`)
	toolLine    = lazyregexp.New(`\b(openssl|cfssl|easyrsa)\b|\bchmod\s|(OPENSSL|CFSSL|EASYRSA|EASY_RSA)(_BIN|_CMD|_PATH)?\b|\b(openssl|cfssl|easyrsa)_(bin|cmd|path|binary|command)\b`)
	writerLine  = lazyregexp.New(`<<|\becho\b|\bprintf\b|\bcat\b|\btee\b|^\s*[(){}]|\{\s*$`)
	references  = lazyregexp.New("^(?:[^$`{}%()<>]|\\$\\w+|\\$\\{\\w+\\})+$")
	makeRule    = lazyregexp.New(`^([^\s#=:][^#=:]*):([^=:]|$)`)
	opensslVerb = []string{"req", "x509", "ca", "genrsa", "genpkey", "ecparam", "pkcs12", "verify", "gendsa", "dsaparam", "rsa", "ec"}
)

// parseScript reads the commands and the documents of a script or a page.
func (f *File) parseScript(blocks []block, makefile bool) {
	s := newScanner(f)
	s.makef = makefile
	for _, b := range blocks {
		s.block(b)
	}
	s.finish()
}

func newScanner(f *File) *scanner {
	return &scanner{f: f, vars: map[string]Text{}, texts: map[string]chunk{}, flow: flow{funcs: map[string]*function{}, arrays: map[string][]string{}}}
}

// block reads the lines of a part of the file.
func (s *scanner) block(b block) {
	f := s.f
	s.open = nil
	r := &lineReader{s: s, b: b}
	r.n, _ = f.Position(b.start)
	r.last, _ = f.Position(max(b.start, b.end-1))
	for ; r.n <= r.last; r.n++ {
		if s.compound(r) {
			continue
		}
		l, ok := r.next()
		if !ok {
			continue
		}
		if out := s.line(l); len(s.groups) > 0 {
			s.groups[len(s.groups)-1].add(out)
		}
	}
}

// lineReader joins what the shell reads as one line.
type lineReader struct {
	s       *scanner
	b       block
	n, last int
	sb      strings.Builder
	index   []int
}

// lineAt is the place of line n without its newline.
func (r *lineReader) lineAt(n int) (int, int) {
	f := r.s.f
	start := max(f.lines[n-1], r.b.start)
	end := len(f.Data)
	if n < len(f.lines) {
		end = f.lines[n] - 1
	}
	return start, min(end, r.b.end)
}

func (r *lineReader) add(n int) {
	f := r.s.f
	i, j := r.lineAt(n)
	skip := r.b.indent
	if r.s.makef && i < j && f.Data[i] == '\t' {
		skip = 1
	}
	for k := 0; k < skip && i < j && (f.Data[i] == ' ' || f.Data[i] == '\t'); k++ {
		i++
	}
	for ; i < j; i++ {
		if f.Data[i] == '\r' && i+1 == j {
			break
		}
		r.sb.WriteByte(f.Data[i])
		r.index = append(r.index, i)
	}
}

// join appends the next line behind a newline.
func (r *lineReader) join() {
	i, _ := r.lineAt(r.n + 1)
	r.sb.WriteByte('\n')
	r.index = append(r.index, max(0, i-1))
	r.n++
	r.add(r.n)
}

// continued says whether the line goes on in the next, and drops the mark: a
// backslash, in Windows' shells a caret or a backtick.
func (r *lineReader) continued() bool {
	if i, j := r.lineAt(min(r.n+1, r.last)); r.b.folded && r.n < r.last && strings.TrimSpace(string(r.s.f.Data[i:max(i, j)])) != "" {
		r.sb.WriteByte(' ')
		r.index = append(r.index, i-1)
		return true
	}
	marks := "\\"
	switch strings.ToLower(path.Ext(r.s.f.Name)) {
	case ".bat", ".cmd":
		marks = "^"
	case ".ps1":
		marks = "`"
	}
	t := r.sb.String()
	if t == "" || strings.IndexByte(marks, t[len(t)-1]) < 0 {
		return false
	}
	t = t[:len(t)-1]
	r.sb.Reset()
	r.sb.WriteString(t)
	r.index = r.index[:len(t)]
	return true
}

// next reads the line at n with its continuations; the here-documents in it
// are left in the scanner's pending.
func (r *lineReader) next() (logicalLine, bool) {
	s := r.s
	r.sb.Reset()
	r.index = nil
	s.pending = nil
	r.add(r.n)
	for r.continued() && r.n < r.last {
		r.n++
		r.add(r.n)
	}
	text := r.sb.String()
	trim := strings.TrimSpace(text)
	if trim == "" || (trim[0] == '#' && !strings.HasPrefix(trim, "# openssl") && !strings.HasPrefix(trim, "# cfssl")) {
		return logicalLine{}, false
	}
	if s.makef {
		s.rule(text)
	}
	if !(s.makef && strings.Contains(text, "=")) && !toolLine.MatchString(text) && !writerLine.MatchString(text) && !assignment.MatchString(trim) && !declared.MatchString(trim) && !s.calling(trim) {
		return logicalLine{}, false
	}
	// A quote that stays open goes on in the next lines.
	for k := 0; k < 120 && openQuote(r.sb.String()) && r.n < r.last; k++ {
		r.join()
	}
	// So does a substitution, and a pipe at the end of a line.
	seen := 0
	for k := 0; k < 60; k++ {
		t := r.sb.String()
		r.hereDocuments(t, seen)
		seen = len(t)
		if !openParen(t) && !openPipe(t) || r.n >= r.last {
			break
		}
		r.join()
		for r.continued() && r.n < r.last {
			r.n++
			r.add(r.n)
		}
	}
	return logicalLine{text: r.sb.String(), index: r.index}, true
}

// rule sets make's automatic variables of a rule line.
func (s *scanner) rule(text string) {
	if m := makeRule.FindStringSubmatch(text); m != nil {
		target, deps, _ := strings.Cut(text, ":")
		s.vars["@"] = Text{Value: strings.TrimSpace(target)}
		s.vars["<"] = Text{}
		if fs := strings.Fields(deps); len(fs) > 0 {
			s.vars["<"] = Text{Value: fs[0]}
		}
	}
}

// hereDocuments finds the here-documents that begin in text[from:] and moves
// the reader behind them.
func (r *lineReader) hereDocuments(text string, from int) {
	s := r.s
	for _, m := range heredocMark.FindAllStringSubmatchIndex(text[from:], -1) {
		for i := range m {
			m[i] += from
		}
		if m[0] > 0 && text[m[0]-1] == '<' || text[m[0]:min(m[0]+3, len(text))] == "<<<" {
			continue
		}
		delim := text[m[4]:m[5]]
		quoted := text[m[2]:m[3]] != "" || strings.Contains(text[m[0]:m[4]], "\\")
		start, end := 0, -1
		k := r.n + 1
		for ; k <= r.last && !s.open[delim]; k++ {
			i, j := r.lineAt(k)
			if start == 0 {
				start = i
			}
			if strings.TrimSpace(string(s.f.Data[i:j])) == delim {
				end = i
				break
			}
		}
		if end < 0 {
			if s.open == nil {
				s.open = map[string]bool{}
			}
			s.open[delim] = true
			s.pending = append(s.pending, chunk{})
			continue
		}
		r.n = k
		s.pending = append(s.pending, chunk{segs: [][2]int{{start, end}}, shell: !quoted})
	}
}

// line takes one line apart: assignments, texts that are written, and the
// calls of the tools. What it prints is returned.
func (s *scanner) line(l logicalLine) chunk {
	var cmd []word
	var piped, out chunk
	flush := func(op string) {
		c := s.simple(cmd, piped)
		cmd, piped = nil, chunk{}
		switch {
		case op == "|":
			piped = c
		case len(s.groups) > 0:
			s.groups[len(s.groups)-1].add(c)
		default:
			out.add(c)
		}
	}
	for _, w := range s.words(l) {
		if !w.op {
			cmd = append(cmd, w)
			continue
		}
		switch w.Value {
		case ">", ">>", "<", "<<", "<<<":
			cmd = append(cmd, w)
		case "(":
			flush("")
			s.groups = append(s.groups, chunk{})
			s.subshells++
		case ")":
			flush("")
			if n := len(s.groups); n > 0 && s.subshells > 0 {
				piped, s.groups = s.groups[n-1], s.groups[:n-1]
				s.subshells--
			}
		default:
			flush(w.Value)
		}
	}
	flush("")
	return out
}

// inside reads the commands of a substitution and returns what they print.
func (s *scanner) inside(l logicalLine) chunk {
	if s.depth > 4 {
		return chunk{}
	}
	s.depth++
	groups := s.groups
	s.groups = nil
	out := s.line(l)
	for _, g := range s.groups {
		out.add(g)
	}
	s.groups, s.depth = groups, s.depth-1
	return out
}

// simple reads one simple command and returns what it writes to its standard
// output, where that is text of the file.
func (s *scanner) simple(ws []word, in chunk) chunk {
	for len(ws) > 0 && !ws[0].op && ws[0].Value == "{" {
		s.groups = append(s.groups, chunk{})
		ws = ws[1:]
	}
	if len(ws) == 0 {
		return in
	}
	s.assign(ws)
	plain, target, app, in := s.redirects(ws, in)
	var out chunk
	switch {
	case len(plain) == 0:
		out = in
	case plain[0].Value == "}":
		if n := len(s.groups); n > 0 {
			out, s.groups = s.groups[n-1], s.groups[:n-1]
		}
	default:
		out = s.run(plain, in)
	}
	if target.Value == "" {
		return out
	}
	if out.by != nil {
		out.by.writes = target
	}
	if out.empty() {
		return out
	}
	s.write(target.Value, app, out)
	return chunk{}
}

// redirects takes the redirections out of a command. A here-document and a
// here-string become its input.
func (s *scanner) redirects(ws []word, in chunk) (plain []word, target Text, app bool, input chunk) {
	input = in
	for i := 0; i < len(ws); i++ {
		w := ws[i]
		if !w.op {
			plain = append(plain, w)
			continue
		}
		// "2>file": the number belongs to the redirection.
		if n := len(plain); n > 0 && i > 0 && !ws[i-1].op && ws[i-1].End == w.Start && strings.Trim(plain[n-1].Value, "0123456789") == "" && w.Value[0] == '>' {
			plain = plain[:n-1]
			i++
			continue
		}
		i++
		switch {
		case w.Value == "<<":
			if len(s.pending) > 0 {
				input, s.pending = s.pending[0], s.pending[1:]
			}
		case i >= len(ws):
		case w.Value == "<<<":
			input = chunk{segs: [][2]int{{ws[i].Start, ws[i].End}}, shell: true}
			if held, ok := s.held(ws[i]); ok {
				input = held
			}
		case w.Value == "<":
			input = chunk{file: ws[i].Text}
		case w.Value[0] == '>':
			target, app = ws[i].Text, w.Value == ">>"
		}
	}
	return plain, target, app, input
}

// run reads a command without its redirections.
func (s *scanner) run(plain []word, in chunk) chunk {
	head := path.Base(strings.TrimLeft(plain[0].Value, "@-"))
	if fn := s.funcs[plain[0].Value]; fn != nil {
		s.call(fn, plain[1:])
		return chunk{}
	}
	if head == "echo" || head == "printf" {
		return s.echo(plain)
	}
	if head == "chmod" || len(plain) > 1 && head == "sudo" && plain[1].Value == "chmod" {
		s.chmod(plain)
		return chunk{}
	}
	for i, w := range plain {
		tool := toolOf(w.Value)
		if tool == "" {
			continue
		}
		c := &Command{Tool: tool, At: w.Text, data: s.f.Data}
		c.From, c.reads = in.by, in.file
		for _, a := range plain[i+1:] {
			c.Args = append(c.Args, a.Text)
			c.At.End = a.End
			if a.sub != nil && a.sub.by != nil {
				c.From = a.sub.by
			}
		}
		if !isCall(c) {
			continue
		}
		c.Stdin = s.unnamed(in)
		s.f.Commands = append(s.f.Commands, c)
		return chunk{by: c}
	}
	if i := slices.IndexFunc(plain, func(w word) bool { return path.Base(w.Value) == "tee" }); i >= 0 {
		app := false
		for _, a := range plain[i+1:] {
			if strings.HasPrefix(a.Value, "-") {
				app = app || a.Value == "-a" || a.Value == "--append"
				continue
			}
			s.write(a.Value, app, in)
		}
		return in
	}
	if head == "sudo" && len(plain) > 1 {
		head = path.Base(plain[1].Value)
		plain = plain[1:]
	}
	switch head {
	case "cat":
		var out chunk
		read := false
		for _, a := range plain[1:] {
			switch {
			case a.sub != nil:
				out.add(*a.sub)
				read = true
			case strings.HasPrefix(a.Value, "-"):
			default:
				out.more = append(out.more, a.Text)
				read = true
			}
		}
		if !read {
			return in
		}
		return out
	case "envsubst", "sed", "tr", "grep", "base64":
		return in
	}
	// ssh host <<EOF, bash <<EOF, docker exec -i x sh <<EOF: a script.
	if len(in.segs) == 1 && len(plain) > 0 {
		if manifestLine.Match(s.f.Data[in.segs[0][0]:in.segs[0][1]]) {
			s.unnamed(in) // kubectl apply -f - <<EOF
		} else {
			s.nested(in)
		}
	}
	return chunk{}
}
