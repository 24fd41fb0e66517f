package input

import (
	"slices"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Functions and loops of a script. Their bodies are read once for every call
// and every value, with the arguments and the variable put in, so that
// "openssl req -section $1" is judged by the sections that it is called with.
// What is not known (a list that a command prints) is read once, as written.

const (
	// maxRuns bounds how many bodies are read in one file.
	maxRuns = 300
	// maxTurns bounds how many values of one loop are read.
	maxTurns = 24
	// maxCalls bounds functions that call functions.
	maxCalls = 6
	// maxCommands bounds what is read again: a body is left alone above it.
	maxCommands = 2000
	// maxLooked bounds the lines that are searched for the ends of bodies.
	maxLooked = 200_000
)

var (
	functionLine = lazyregexp.New(`^\s*(?:function\s+([A-Za-z_][A-Za-z0-9_:.\-]*)\s*(?:\(\s*\))?|([A-Za-z_][A-Za-z0-9_:.\-]*)\s*\(\s*\))\s*(\{.*)?$`)
	forLine      = lazyregexp.New(`^\s*for\s+([A-Za-z_][A-Za-z0-9_]*)\s+in\s+(.*)$`)
	arrayLine    = lazyregexp.New(`^\s*(?:(?:declare|local|readonly|export|typeset)\s+(?:-\w+\s+)?)?([A-Za-z_][A-Za-z0-9_]*)=\(`)
	nestingLine  = lazyregexp.New(`^\s*(for|while|until|select)\s`)
	doneLine     = lazyregexp.New(`(^\s*|;\s*)done\b`)
	doneInLine   = lazyregexp.New(`;\s*done\b`)
	seqCall      = lazyregexp.New("^[$`]\\(?\\s*seq\\s+(\\d+)(?:\\s+(\\d+))?\\s*\\)?`?$")
	braceRange   = lazyregexp.New(`^(.*)\{(\d+)\.\.(\d+)\}(.*)$`)
	braceList    = lazyregexp.New(`^([^{}$]*)\{([^{}$]*,[^{}$]*)\}([^{}$]*)$`)
	arrayRef     = lazyregexp.New(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\[[@*]\]\}$`)
)

// function is a shell function: where its body stands, and how often it was read.
type function struct {
	name   string
	body   block
	called bool
	runs   int
}

// flow is what the scanner knows of functions and loops.
type flow struct {
	funcs  map[string]*function
	order  []*function
	arrays map[string][]string
	runs   int
	calls  int
	looked int
}

// compound reads a function, a loop or an array that begins at the reader's
// line, and moves the reader to its last line.
func (s *scanner) compound(r *lineReader) bool {
	if s.makef {
		return false
	}
	i, j := r.lineAt(r.n)
	if i >= j {
		return false
	}
	text := string(s.f.Data[i:j])
	switch {
	case strings.Contains(text, "="):
		if m := arrayLine.FindStringSubmatchIndex(text); m != nil {
			return s.array(r, text[m[2]:m[3]], i+m[1])
		}
	case strings.Contains(text, "for"):
	case !strings.ContainsAny(text, "({") && !strings.Contains(text, "function"):
		return false
	}
	if m := forLine.FindStringSubmatchIndex(text); m != nil {
		return s.loop(r, text[m[2]:m[3]], i+m[4], j)
	}
	if m := functionLine.FindStringSubmatch(text); m != nil {
		return s.function(r, m[1]+m[2], text)
	}
	return false
}

// function notes a function; it is read when it is called.
func (s *scanner) function(r *lineReader, name, text string) bool {
	n := r.n
	i, j := r.lineAt(n)
	open := strings.IndexByte(text, '{')
	if open < 0 {
		if n >= r.last {
			return false
		}
		n++
		var next string
		i, j = r.lineAt(n)
		next = string(s.f.Data[i:j])
		if !strings.HasPrefix(strings.TrimSpace(next), "{") {
			return false
		}
		open, text = strings.IndexByte(next, '{'), next
	}
	body := block{start: i + open + 1, indent: r.b.indent}
	if rest := strings.TrimRight(text[open+1:], " \t\r"); strings.HasSuffix(rest, "}") {
		body.end = i + open + 1 + strings.LastIndexByte(rest, '}')
		s.define(name, body)
		r.n = n
		return true
	}
	def, _ := r.lineAt(r.n)
	indent := s.indentAt(def, j)
	end, ok := s.until(r, n, func(line string, at int) bool {
		return strings.HasPrefix(strings.TrimSpace(line), "}") && s.indentAt(at, at+len(line)) <= indent
	})
	if !ok {
		return false
	}
	body.end, _ = r.lineAt(end)
	body.end = max(body.start, body.end-1)
	s.define(name, body)
	r.n = end
	return true
}

func (s *scanner) define(name string, body block) {
	f := &function{name: name, body: body}
	s.funcs[name] = f
	s.order = append(s.order, f)
}

// indentAt counts the blanks in front of a line.
func (s *scanner) indentAt(i, j int) int {
	n := 0
	for ; i < j && (s.f.Data[i] == ' ' || s.f.Data[i] == '\t'); i++ {
		n++
	}
	return n
}

// until finds the first line below n for which stop holds, and steps over
// here-documents on the way.
func (s *scanner) until(r *lineReader, n int, stop func(line string, at int) bool) (int, bool) {
	for k := n + 1; k <= r.last; k++ {
		if s.looked++; s.looked > maxLooked {
			return 0, false
		}
		i, j := r.lineAt(k)
		if i > j {
			continue
		}
		line := string(s.f.Data[i:j])
		if stop(line, i) {
			return k, true
		}
		for _, m := range heredocMark.FindAllStringSubmatchIndex(line, -1) {
			if m[0] > 0 && line[m[0]-1] == '<' || strings.HasPrefix(line[m[0]:], "<<<") {
				continue
			}
			delim := line[m[4]:m[5]]
			for e := k + 1; e <= r.last; e++ {
				a, b := r.lineAt(e)
				if a <= b && strings.TrimSpace(string(s.f.Data[a:b])) == delim {
					k = e
					break
				}
			}
		}
	}
	return 0, false
}

// loop reads the body of "for name in LIST; do ... done" once for every value.
func (s *scanner) loop(r *lineReader, name string, from, to int) bool {
	list := string(s.f.Data[from:to])
	n := r.n
	for strings.HasSuffix(strings.TrimRight(list, "\r"), "\\") && n < r.last {
		n++
		_, to = r.lineAt(n)
		list = string(s.f.Data[from:to])
	}
	body := block{indent: r.b.indent}
	cut := strings.IndexByte(list, ';')
	switch {
	case cut < 0: // "do" stands on the next line
		n++
		if n > r.last {
			return false
		}
		i, j := r.lineAt(n)
		line := string(s.f.Data[i:j])
		k := strings.Index(line, "do")
		if k < 0 || strings.TrimSpace(line[:k]) != "" {
			return false
		}
		body.start = i + k + 2
	default:
		k := strings.Index(list[cut:], "do")
		if k < 0 || strings.TrimSpace(list[cut+1:cut+k]) != "" {
			return false
		}
		body.start = from + cut + k + 2
		list = list[:cut]
	}
	_, lineEnd := r.lineAt(n)
	if m := doneInLine.FindAllStringSubmatchIndex(string(s.f.Data[body.start:max(body.start, lineEnd)]), -1); len(m) > 0 {
		body.end = body.start + m[len(m)-1][0]
	} else {
		depth := 0
		end, ok := s.until(r, n, func(line string, _ int) bool {
			opens, closes := nestingLine.MatchString(line), doneLine.MatchString(line)
			switch {
			case opens && !closes:
				depth++
			case closes && !opens && depth == 0:
				return true
			case closes && !opens:
				depth--
			}
			return false
		})
		if !ok {
			return false
		}
		body.end, _ = r.lineAt(end)
		body.end = max(body.start, body.end-1)
		n = end
	}
	values, known := s.values(from, list)
	before, had := s.vars[name]
	if !known || len(values) == 0 {
		delete(s.vars, name)
		s.body(body)
	}
	for i, v := range values[:min(len(values), maxTurns)] {
		if i == 1 {
			s.f.repeated = append(s.f.repeated, [2]int{body.start, body.end})
		}
		s.vars[name] = Text{Value: v}
		s.body(body)
	}
	if delete(s.vars, name); had {
		s.vars[name] = before
	}
	r.n = n
	return true
}

// body reads a block inside of another one.
func (s *scanner) body(b block) {
	if s.runs++; s.runs > maxRuns || b.start >= b.end || len(s.f.Commands) > maxCommands {
		return
	}
	pending, open := s.pending, s.open
	s.block(b)
	s.pending, s.open = pending, open
}

// values are the words of a loop's list; known says that all of them are.
func (s *scanner) values(from int, list string) (out []string, known bool) {
	index := make([]int, len(list))
	for i := range index {
		index[i] = from + i
	}
	for _, w := range s.words(logicalLine{text: strings.ReplaceAll(list, "\\\n", " \n"), index: index}) {
		raw := append(s.f.Data[w.Start:w.End:w.End], ' ')
		v := w.Value
		if m := arrayRef.FindStringSubmatch(v); m != nil {
			a, ok := s.arrays[m[1]]
			if !ok {
				return nil, false
			}
			out = append(out, a...)
			continue
		}
		more, ok := expand(v)
		switch {
		case w.op:
			return nil, false
		case ok:
			out = append(out, more...)
		case !w.Fixed() || strings.ContainsAny(v, "*?") || v == "":
			return nil, false
		case raw[0] == '$' && s.f.Data[w.Start-1] != '"': // split at its blanks
			out = append(out, strings.Fields(v)...)
		default:
			out = append(out, v)
		}
	}
	return out, true
}

// expand reads {1..3}, {a,b} and $(seq 3).
func expand(v string) ([]string, bool) {
	var out []string
	count := func(from, to int, pre, post string) ([]string, bool) {
		for i := from; i <= to && i < from+maxTurns; i++ {
			out = append(out, pre+strconv.Itoa(i)+post)
		}
		return out, len(out) > 0
	}
	if m := braceRange.FindStringSubmatch(v); m != nil {
		a, _ := strconv.Atoi(m[2])
		b, _ := strconv.Atoi(m[3])
		return count(a, b, m[1], m[4])
	}
	if m := seqCall.FindStringSubmatch(v); m != nil {
		a, _ := strconv.Atoi(m[1])
		if m[2] == "" {
			return count(1, a, "", "")
		}
		b, _ := strconv.Atoi(m[2])
		return count(a, b, "", "")
	}
	if m := braceList.FindStringSubmatch(v); m != nil {
		for p := range strings.SplitSeq(m[2], ",") {
			out = append(out, m[1]+p+m[3])
		}
		return out, true
	}
	return nil, false
}

// array reads NAME=(a b c), on one line or several.
func (s *scanner) array(r *lineReader, name string, from int) bool {
	n := r.n
	for ; n <= min(r.last, r.n+60); n++ {
		_, j := r.lineAt(n)
		if from > j {
			continue
		}
		text := string(s.f.Data[from:j])
		k := closeParen("("+text, 0)
		if k > len(text) {
			continue
		}
		values, known := s.values(from, strings.ReplaceAll(text[:k-1], "\n", " "))
		delete(s.arrays, name)
		if known {
			s.arrays[name] = values
		}
		r.n = n
		return true
	}
	return false
}

// call reads a function's body with its arguments.
func (s *scanner) call(fn *function, args []word) {
	fn.called = true
	if s.calls >= maxCalls {
		return
	}
	s.calls++
	before := map[string]Text{}
	for i := range 10 {
		k := strconv.Itoa(i)
		if v, ok := s.vars[k]; ok {
			before[k] = v
			delete(s.vars, k)
		}
	}
	args = slices.DeleteFunc(slices.Clone(args), func(w word) bool { return w.op })
	for i, a := range args[:min(len(args), 9)] {
		if a.Value != "" && a.Value != "$"+strconv.Itoa(i+1) {
			s.vars[strconv.Itoa(i+1)] = Text{Value: a.Value}
		}
	}
	if fn.runs++; fn.runs == 2 {
		s.f.repeated = append(s.f.repeated, [2]int{fn.body.start, fn.body.end})
	}
	groups := s.groups
	s.groups = nil
	s.body(fn.body)
	for i := range 10 {
		delete(s.vars, strconv.Itoa(i))
	}
	for k, v := range before {
		s.vars[k] = v
	}
	s.groups, s.calls = groups, s.calls-1
}

// uncalled reads the functions that nothing in the file calls: a library's, or
// those that are called by their name in a variable.
func (s *scanner) uncalled() {
	for i := 0; i < len(s.order); i++ {
		if fn := s.order[i]; !fn.called {
			s.call(fn, nil)
		}
	}
}

// calling says whether a line calls a function of the script.
func (s *scanner) calling(line string) bool {
	if len(s.funcs) == 0 {
		return false
	}
	for _, w := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t;&|()!", r) }) {
		if s.funcs[w] != nil {
			return true
		}
	}
	return false
}
