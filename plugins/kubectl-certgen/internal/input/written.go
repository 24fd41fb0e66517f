package input

import (
	"fmt"
	"slices"
	"strings"
)

// chunk is a text that a script makes of pieces of itself: here-documents and
// the arguments of echo and printf.
type chunk struct {
	segs [][2]int
	// shell says that a shell expands variables in it.
	shell bool
	// more are files that are put before or behind it (cat openssl.cnf -).
	more []Text
	// by is the call that prints it, where that is no text of the file, and file
	// the one that it is read from.
	by   *Command
	file Text
}

func (c *chunk) add(o chunk) {
	for _, g := range o.segs {
		if !slices.Contains(c.segs, g) { // a loop prints its lines again
			c.segs = append(c.segs, g)
		}
	}
	c.more = append(c.more, o.more...)
	c.shell = c.shell || o.shell
	if o.by != nil {
		c.by = o.by
	}
}

func (c chunk) empty() bool { return len(c.segs) == 0 }

// text is a file that a script writes.
type text struct {
	name string
	chunk
	// commands is how many there were when it was first written.
	commands int
}

// write notes that the script writes a text into a file.
func (s *scanner) write(name string, app bool, c chunk) {
	if c.empty() || name == "/dev/null" || name == "/dev/stderr" || name == "&2" {
		return
	}
	for _, t := range s.written { // the same text by the next turn of a loop
		if t.name == name && slices.Equal(t.segs, c.segs) {
			return
		}
	}
	if app {
		for _, t := range slices.Backward(s.written) {
			if t.name != name {
				continue
			}
			if !s.usedSince(t) {
				t.add(c)
				return
			}
			// Commands above used the file as it was.
			c = chunk{segs: append(slices.Clone(t.segs), c.segs...), shell: t.shell || c.shell, more: append(slices.Clone(t.more), c.more...)}
			break
		}
	}
	s.written = append(s.written, &text{name, c, len(s.f.Commands)})
}

// usedSince says whether a command names the file since it was written.
func (s *scanner) usedSince(t *text) bool {
	for _, c := range s.f.Commands[min(t.commands, len(s.f.Commands)):] {
		if slices.ContainsFunc(c.Args, func(a Text) bool { return a.Value == t.name }) {
			return true
		}
	}
	return false
}

// unnamed notes a text that has no file and returns the name by which commands
// find it.
func (s *scanner) unnamed(c chunk) string {
	if c.empty() {
		return ""
	}
	s.anon++
	name := fmt.Sprintf("stdin#%d", s.anon)
	s.write(name, false, c)
	return name
}

// finish reads the texts that were written, now that they are whole.
func (s *scanner) finish() {
	s.uncalled()
	for _, g := range s.groups {
		s.unnamed(g)
	}
	s.groups = nil
	for i := 0; i < len(s.written); i++ { // scripts inside may write more
		s.document(*s.written[i])
	}
	s.written = nil
}

// nested reads a here-document that another shell runs.
func (s *scanner) nested(c chunk) {
	start, end := c.segs[0][0], c.segs[0][1]
	if s.depth > 4 || !anyCall.Match(s.f.Data[start:end]) {
		return
	}
	s.depth++
	pending, groups, open := s.pending, s.groups, s.open
	s.groups = nil
	s.block(block{start: start, end: end})
	s.pending, s.groups, s.open, s.depth = pending, groups, open, s.depth-1
}

// pieces returns the file's bytes with everything outside of the segments
// blanked, so that offsets are the file's own. Each segment ends in a newline,
// and \n is one, as printf writes it.
func (f *File) pieces(segs [][2]int) []byte {
	end := 0
	for _, s := range segs {
		end = max(end, s[1])
	}
	out := make([]byte, min(end+1, len(f.Data)))
	for i := range out {
		out[i] = ' '
		if f.Data[i] == '\n' {
			out[i] = '\n'
		}
	}
	for _, s := range segs {
		copy(out[s[0]:s[1]], f.Data[s[0]:s[1]])
		if s[1] < len(out) {
			out[s[1]] = '\n'
		}
		if len(segs) > 1 || s[0] > 0 && f.Data[s[0]-1] != '\n' { // of echo or printf
			for i := s[0]; i+1 < s[1]; i++ {
				if out[i] == '\\' && out[i+1] == 'n' {
					out[i], out[i+1] = ' ', '\n'
				}
			}
		}
	}
	return out
}

// document reads a text that a script writes, where it is JSON, a
// configuration, vars, or a script itself.
func (s *scanner) document(t text) {
	segs := slices.DeleteFunc(slices.Clone(t.segs), func(g [2]int) bool { return g[0] >= g[1] })
	slices.SortFunc(segs, func(a, b [2]int) int { return a[0] - b[0] })
	if s.docs++; len(segs) == 0 || s.docs > maxDocuments {
		return
	}
	data := s.f.pieces(segs)
	body := strings.TrimSpace(string(data))
	switch {
	case body == "":
	case body[0] == '{':
		s.jsonDocument(data, t.name)
	case manifestLine.MatchString(body):
		s.f.Manifests = append(s.f.Manifests, Manifest{string(data)})
	case looksLikeConf(body) && (!anyCall.MatchString(body) || startsWithConf(body)):
		c := parseConf(data, t.name, t.shell)
		c.Embedded, c.Start = true, segs[len(segs)-1][0]
		c.Problems = nil // a page's excerpt, or a template
		c.Includes = append(c.Includes, t.more...)
		s.f.Confs = append(s.f.Confs, c)
	case varLine.MatchString(body) && !anyCall.MatchString(body):
		s.f.addVars(parseVars(data))
	case len(segs) == 1:
		s.nested(t.chunk)
	}
}

func (s *scanner) jsonDocument(data []byte, name string) {
	root, err := parseJSON(data)
	if err != nil {
		s.brokenJSON(data, name, err)
		return
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
}

// brokenJSON notes a document for cfssl that is none; one with variables may
// become one.
func (s *scanner) brokenJSON(data []byte, name string, err error) {
	body := string(data)
	if strings.ContainsAny(body, "$`<%") || strings.Contains(body, "{{") || strings.Contains(body, "...") ||
		!(strings.Contains(body, `"CN"`) || strings.Contains(body, `"signing"`)) || s.f.Kind == KindPage || s.f.Kind == KindYAML {
		return
	}
	at := Text{}
	if se, ok := err.(*syntaxError); ok { //nolint:errorlint // parseJSON wraps nothing
		at = Text{Start: min(se.offset, len(data)), End: min(se.offset+1, len(data))}
	}
	s.f.Problems = append(s.f.Problems, Problem{at, fmt.Sprintf("%s is not JSON: %v", name, err)})
}

// echo returns what echo or printf prints.
func (s *scanner) echo(plain []word) chunk {
	c := chunk{shell: true}
	args := plain[1:]
	for len(args) > 0 && strings.HasPrefix(args[0].Value, "-") && len(args[0].Value) <= 3 {
		args = args[1:]
	}
	quoted := func(w word) bool {
		return w.Start > 0 && w.End < len(s.f.Data) && s.f.Data[w.Start-1] == s.f.Data[w.End] && (s.f.Data[w.End] == '"' || s.f.Data[w.End] == '\'')
	}
	bare := len(args) > 0 && !slices.ContainsFunc(args, quoted)
	if _, ok := s.held(append(args, word{})[0]); bare && !ok {
		c.segs = [][2]int{{args[0].Start, args[len(args)-1].End}}
		return c
	}
	for _, w := range args {
		if held, ok := s.held(w); ok {
			c.add(held)
			continue
		}
		if w.Value == `%s\n` || w.Value == "%s" || w.Start >= w.End {
			continue
		}
		c.segs = append(c.segs, [2]int{w.Start, w.End})
	}
	return c
}

// text notes a document that a variable holds: a here-document, or a quoted
// text of several lines.
func (s *scanner) text(name string, w word) {
	delete(s.texts, name)
	switch {
	case w.sub != nil && !w.sub.empty():
		s.texts[name] = *w.sub
	case strings.Contains(w.Value, "\n"):
		raw := string(s.f.Data[w.Start:w.End])
		if i, j := strings.IndexAny(raw, `"'`), strings.LastIndexAny(raw, `"'`); i >= 0 && i < j {
			s.texts[name] = chunk{segs: [][2]int{{w.Start + i + 1, w.Start + j}}, shell: raw[i] == '"'}
		}
	}
}

// held is the document that a word names: "$CONF" or ${CONF}.
func (s *scanner) held(w word) (chunk, bool) {
	if len(s.texts) == 0 || w.Start >= w.End {
		return chunk{}, false
	}
	name, ok := strings.CutPrefix(string(s.f.Data[w.Start:w.End]), "$")
	c, known := s.texts[strings.Trim(name, "{}")]
	return c, ok && known
}

// environment notes a setting of easyrsa that a script makes.
func (s *scanner) environment(name, val string, w word) {
	if !strings.HasPrefix(name, "EASYRSA_") || w.End-w.Start < len(name)+1 {
		return
	}
	at := Text{val, w.Start + len(name) + 1, w.End}
	if s.f.Environment == nil {
		s.f.Environment = &Vars{}
	}
	s.f.Environment.Entries = append(s.f.Environment.Entries, &Entry{Key: Text{name, w.Start, w.Start + len(name)}, Value: at, Raw: string(s.f.Data[at.Start:at.End])})
}
