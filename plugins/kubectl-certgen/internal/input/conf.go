package input

import (
	"fmt"
	"strings"
)

// Conf is an openssl configuration (the syntax of config(5)), or a file of
// extensions, which is the same without sections.
type Conf struct {
	Name     string
	Embedded bool
	// Shell says that a shell expands the text before openssl reads it, so
	// that $NAME is the shell's.
	Shell bool
	// Start is where its last piece begins in the file.
	Start int
	// Sections in order; the first is the nameless default section.
	Sections []*Section
	Problems []Problem
	// Includes are the .include lines: what they hold is not known.
	Includes []Text
	// Unset are values with a variable in capitals that has no value here: a
	// shell's or a template's, or forgotten.
	Unset []Text
	// Shadowed are keys that stand twice in a section; openssl keeps the last.
	Shadowed []Shadowed
}

// Section is a [ name ] and its lines.
type Section struct {
	Name    Text
	Entries []*Entry
}

// Entry is a line key = value. Value has quotes, escapes and variables
// resolved; its place is that of the raw text.
type Entry struct {
	Key, Value Text
	// Raw is the text of the value as it stands in the file.
	Raw string
}

// Shadowed is a key that a later one of the same name replaces.
type Shadowed struct {
	Section   string
	Old, Last *Entry
}

// Section returns a section by name.
func (c *Conf) Section(name string) *Section {
	for _, s := range c.Sections {
		if s.Name.Value == name {
			return s
		}
	}
	return nil
}

// Get returns the last entry of a key.
func (s *Section) Get(key string) *Entry {
	if s == nil {
		return nil
	}
	for i := len(s.Entries) - 1; i >= 0; i-- {
		if s.Entries[i].Key.Value == key {
			return s.Entries[i]
		}
	}
	return nil
}

// value is the value of a key, "" where there is none.
func (s *Section) value(key string) string {
	if e := s.Get(key); e != nil {
		return e.Value.Value
	}
	return ""
}

type logicalLine struct {
	text  string // continuation joined, comment not yet cut
	index []int  // offset in the file of each byte
}

// logicalLines joins lines that end in a backslash.
func logicalLines(data []byte) []logicalLine {
	var out []logicalLine
	var cur logicalLine
	var b strings.Builder
	flush := func() {
		cur.text = b.String()
		out = append(out, cur)
		cur = logicalLine{}
		b.Reset()
	}
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case c == '\\' && i+1 < len(data) && data[i+1] == '\n':
			i++
		case c == '\\' && i+2 < len(data) && data[i+1] == '\r' && data[i+2] == '\n':
			i += 2
		case c == '\n':
			flush()
		case c == '\r' && i+1 < len(data) && data[i+1] == '\n':
		default:
			b.WriteByte(c)
			cur.index = append(cur.index, i)
		}
	}
	flush()
	return out
}

// place is the place of text[i:j] in the file.
func (l logicalLine) place(i, j int) (start, end int) {
	if len(l.index) == 0 {
		return 0, 0
	}
	if i >= len(l.index) {
		last := l.index[len(l.index)-1] + 1
		return last, last
	}
	start = l.index[i]
	if j <= i {
		return start, start
	}
	return start, l.index[min(j, len(l.index))-1] + 1
}

func parseConf(data []byte, name string, shell bool) *Conf {
	c := &Conf{Name: name, Shell: shell, Sections: []*Section{{}}}
	cur := c.Sections[0]
	for _, l := range logicalLines(data) {
		text := cutComment(l.text)
		trim := strings.TrimSpace(text)
		if trim == "" {
			continue
		}
		lead := strings.Index(text, trim)
		at := func(i, j int) (int, int) { return l.place(lead+i, lead+j) }
		switch {
		case isTemplateLine(trim):
		case strings.HasPrefix(trim, ".include"), strings.HasPrefix(trim, ".pragma"):
			s, e := at(0, len(trim))
			if strings.HasPrefix(trim, ".include") {
				c.Includes = append(c.Includes, Text{strings.TrimSpace(strings.TrimLeft(trim[len(".include"):], " \t=")), s, e})
			}
		case trim[0] == '[':
			i := strings.IndexByte(trim, ']')
			if i < 0 {
				s, e := at(0, len(trim))
				c.Problems = append(c.Problems, Problem{Text{trim, s, e}, "the section's name has no closing bracket"})
				continue
			}
			inner := strings.TrimSpace(trim[1:i])
			off := 1 + strings.Index(trim[1:], inner)
			s, e := at(off, off+len(inner))
			if cur = c.Section(inner); cur == nil {
				cur = &Section{Name: Text{inner, s, e}}
				c.Sections = append(c.Sections, cur)
			}
		default:
			eq := strings.IndexByte(trim, '=')
			if eq < 0 {
				if isTemplate(c.Name) {
					continue
				}
				s, e := at(0, len(trim))
				c.Problems = append(c.Problems, Problem{Text{trim, s, e}, "a line without an equals sign"})
				continue
			}
			key := strings.TrimSpace(trim[:eq])
			raw := strings.TrimSpace(trim[eq+1:])
			vOff := eq + 1 + (len(trim[eq+1:]) - len(strings.TrimLeft(trim[eq+1:], " \t")))
			section := cur
			if sec, k, ok := strings.Cut(key, "::"); ok {
				if section = c.Section(sec); section == nil {
					section = &Section{Name: Text{Value: sec}}
					c.Sections = append(c.Sections, section)
				}
				key = k
			}
			ks, ke := at(0, len(strings.TrimSpace(trim[:eq])))
			vs, ve := at(vOff, vOff+len(raw))
			en := &Entry{Key: Text{key, ks, ke}, Raw: raw, Value: Text{Start: vs, End: ve}}
			en.Value.Value = c.expand(raw, section, en)
			if old := section.Get(key); old != nil {
				c.Shadowed = append(c.Shadowed, Shadowed{section.Name.Value, old, en})
			}
			section.Entries = append(section.Entries, en)
		}
	}
	return c
}

func isTemplateLine(s string) bool {
	return strings.HasPrefix(s, "{%") || strings.HasPrefix(s, "{#") || strings.HasPrefix(s, "<%") || strings.HasPrefix(s, "%{") ||
		strings.HasPrefix(s, "{{") || (strings.HasPrefix(s, "${") && !strings.Contains(s, "=")) || (strings.HasPrefix(s, "$") && !strings.Contains(s, "="))
}

// cutComment cuts an unquoted, unescaped # and what follows.
func cutComment(s string) string {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '#':
			return s[:i]
		}
	}
	return s
}

// expand resolves quotes, escapes and $variables as openssl does: the section
// of the line first, then the default section.
func (c *Conf) expand(raw string, section *Section, en *Entry) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		switch ch := raw[i]; {
		case ch == '\\' && i+1 < len(raw):
			i++
			switch raw[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			default:
				b.WriteByte(raw[i])
			}
		case ch == '"' || ch == '\'' || ch == '`':
			j := strings.IndexByte(raw[i+1:], ch)
			if j < 0 {
				b.WriteString(raw[i+1:])
				return b.String()
			}
			b.WriteString(raw[i+1 : i+1+j])
			i += j + 1
		case ch == '$' && !c.Shell:
			name, n := variable(raw[i:])
			if n == 0 {
				b.WriteByte(ch)
				continue
			}
			v, ok := c.lookup(name, section)
			if !ok {
				// Unknown here: the environment's, or the file is a template.
				if !strings.Contains(name, "ENV::") && !isTemplateName(raw[i:i+n]) && !isTemplate(c.Name) {
					c.Problems = append(c.Problems, Problem{Text{raw, en.Value.Start, en.Value.End},
						fmt.Sprintf("the variable %s has no value", raw[i:i+n])})
				}
				if !strings.Contains(name, "ENV::") && isTemplateName(raw[i:i+n]) {
					c.Unset = append(c.Unset, Text{raw[i : i+n], en.Value.Start, en.Value.End})
				}
				v = raw[i : i+n]
			}
			b.WriteString(v)
			i += n - 1
		default:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// isTemplateName says whether a $variable looks like one that a shell or
// envsubst fills in before openssl reads the file: capitals.
func isTemplateName(s string) bool {
	s = strings.Trim(s, "${}()")
	return s != "" && s == strings.ToUpper(s)
}

// variable reads $name, ${name}, $(name), each with section::; n is the length
// in the text, 0 where it is none.
func variable(s string) (name string, n int) {
	if len(s) < 2 {
		return "", 0
	}
	if end, ok := map[byte]byte{'{': '}', '(': ')'}[s[1]]; ok {
		j := strings.IndexByte(s, end)
		if j < 0 {
			return "", 0
		}
		return s[2:j], j + 1
	}
	j := 1
	for j < len(s) {
		switch ch := s[j]; {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9', ch == '_':
			j++
			continue
		case ch == ':' && j+1 < len(s) && s[j+1] == ':':
			j += 2
			continue
		}
		break
	}
	if j == 1 {
		return "", 0
	}
	return s[1:j], j
}

func (c *Conf) lookup(name string, section *Section) (string, bool) {
	if sec, k, ok := strings.Cut(name, "::"); ok {
		if e := c.Section(sec).Get(k); e != nil {
			return e.Value.Value, true
		}
		return "", false
	}
	for _, s := range []*Section{section, c.Sections[0]} {
		if e := s.Get(name); e != nil {
			return e.Value.Value, true
		}
	}
	return "", false
}
