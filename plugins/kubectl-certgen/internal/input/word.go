package input

import (
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// product is arithmetic as scripts do it for days: $((10 * 365)).
var product = lazyregexp.New(`^\$\(\(\s*(\d{1,6}(?:\s*\*\s*\d{1,6})*)\s*\)\)`)

// word is a shell word or an operator.
type word struct {
	Text
	op bool
	// sub is what a substitution, <(...) or $(...), prints.
	sub *chunk
}

// words splits a line as a shell does. Variables that the script sets to a
// fixed text are put in; all others stay as they are written.
func (s *scanner) words(l logicalLine) []word {
	var out []word
	t := l.text
	for i := 0; i < len(t); {
		c := t[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			i++
		case c == '#' && (i == 0 || t[i-1] == ' ' || t[i-1] == '\t'):
			if i == 0 && toolLine.MatchString(t) {
				i++ // the prompt of a root shell on a page
				continue
			}
			return out
		case (c == '<' || c == '>') && i+1 < len(t) && t[i+1] == '(':
			j := closeParen(t, i+1)
			sub := s.inside(l.part(i+2, j))
			a, b := l.place(i, min(j+1, len(t)))
			w := word{Text: Text{t[i:min(j+1, len(t))], a, b}, sub: &sub}
			if name := s.unnamed(sub); name != "" {
				w.Value = name
			}
			out = append(out, w)
			i = j + 1
		case strings.IndexByte("|;&()<>", c) >= 0:
			j := i + 1
			for j < len(t) && t[j] == c && c != '(' && c != ')' {
				j++
			}
			a, b := l.place(i, j)
			out = append(out, word{Text: Text{t[i:j], a, b}, op: true})
			i = j
		default:
			w, j := s.word(t, i)
			a, b := l.place(i, j)
			sub := s.substitutions(l, i, j)
			// A wholly quoted word points at what stands inside the quotes.
			if j-i >= 2 && (c == '"' || c == '\'') && t[j-1] == c && strings.IndexByte(t[i+1:j-1], c) < 0 {
				a, b = l.place(i+1, j-1)
			}
			out = append(out, word{Text: Text{w, a, b}, sub: sub})
			i = j
		}
	}
	return out
}

// part is text[i:j] with its places.
func (l logicalLine) part(i, j int) logicalLine {
	return logicalLine{text: l.text[i:j], index: l.index[i:j]}
}

// substitutions reads the calls and here-documents inside of $(...) in
// text[i:j], and returns what they print.
func (s *scanner) substitutions(l logicalLine, i, j int) *chunk {
	var out *chunk
	for k := i; k+1 < j; k++ {
		if l.text[k] == '$' && l.text[k+1] == '(' {
			end := min(closeParen(l.text, k+1), j)
			if in := l.text[k+2 : end]; strings.ContainsAny(in, " \t\n") && toolLine.MatchString(in) || strings.Contains(in, "<<") {
				c := s.inside(l.part(k+2, end))
				out = &c
			}
			k = end
		}
	}
	return out
}

func (s *scanner) word(t string, i int) (string, int) {
	var b strings.Builder
	for i < len(t) {
		c := t[i]
		switch {
		case strings.HasPrefix(t[i:], "{{"):
			j := strings.Index(t[i:], "}}")
			if j < 0 {
				j = 0
			}
			b.WriteString(t[i : i+j+2])
			i += j + 2
		case c == ' ' || c == '\t' || c == '\n' || strings.IndexByte("|;&()<>", c) >= 0:
			return b.String(), i
		case c == '\\' && i+1 < len(t):
			b.WriteByte(t[i+1])
			i += 2
		case c == '\'':
			j := strings.IndexByte(t[i+1:], '\'')
			if j < 0 {
				return b.String() + t[i+1:], len(t)
			}
			b.WriteString(t[i+1 : i+1+j])
			i += j + 2
		case c == '"':
			i++
			for i < len(t) && t[i] != '"' {
				if t[i] == '\\' && i+1 < len(t) && strings.IndexByte("\"\\$`", t[i+1]) >= 0 {
					b.WriteByte(t[i+1])
					i += 2
					continue
				}
				if t[i] == '$' {
					v, n := s.variable(t[i:])
					b.WriteString(v)
					i += n
					continue
				}
				b.WriteByte(t[i])
				i++
			}
			i++
		case c == '$':
			v, n := s.variable(t[i:])
			b.WriteString(v)
			i += n
		case c == '`':
			j := strings.IndexByte(t[i+1:], '`')
			if j < 0 {
				j = len(t) - i - 2
			}
			b.WriteString(t[i:min(len(t), i+j+2)])
			i += j + 2
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), min(i, len(t))
}

// variable reads what follows a dollar sign; the text is the variable's where
// the script set it, and as it is written otherwise.
func (s *scanner) variable(t string) (string, int) {
	if strings.HasPrefix(t, "$$") {
		return "$$", 2
	}
	if s.makef && len(t) > 1 && (t[1] == '@' || t[1] == '<' || t[1] == '^') {
		if v := s.vars[strings.Replace(t[1:2], "^", "<", 1)].Value; v != "" {
			return v, 2
		}
	}
	if m := product.FindStringSubmatch(t); m != nil {
		n := 1
		for f := range strings.SplitSeq(m[1], "*") {
			v, _ := strconv.Atoi(strings.TrimSpace(f))
			n *= v
		}
		return strconv.Itoa(n), len(m[0])
	}
	if strings.HasPrefix(t, "$(") {
		depth := 0
		for i := 1; i < len(t); i++ {
			switch t[i] {
			case '(':
				depth++
			case ')':
				if depth--; depth == 0 {
					if v, ok := s.vars[t[2:i]]; ok && s.makef {
						return v.Value, i + 1
					}
					return t[:i+1], i + 1
				}
			}
		}
		return t, len(t)
	}
	name, n := variable(t)
	if n == 0 {
		return "$", 1
	}
	if t[1] != '{' && name[0] >= '0' && name[0] <= '9' {
		name, n = name[:1], 2 // "$12" is the first argument and a 2
	}
	name, otherwise, hasDefault := strings.Cut(name, ":-")
	if v, ok := s.vars[name]; ok {
		return v.Value, n
	}
	if hasDefault && otherwise != "" && !strings.ContainsAny(otherwise, "$`\"'") {
		return otherwise, n
	}
	return t[:n], n
}
