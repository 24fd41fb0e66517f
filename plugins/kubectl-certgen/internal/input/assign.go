package input

import (
	"slices"
	"strings"
)

// assign notes the variables that a command sets.
func (s *scanner) assign(ws []word) {
	for i, w := range ws {
		v := w.Value
		if i == 0 && (v == "export" || v == "local" || v == "readonly" || v == "declare" || v == "typeset" || v == "$" || v == "#" || v == "ARG" || v == "ENV" || v == "set") {
			continue
		}
		if i == 1 && strings.HasPrefix(v, "-") { // declare -r
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
		if s.f.Variables == nil {
			s.f.Variables = map[string]bool{}
		}
		s.f.Variables[name] = true
		s.text(name, w)
		if usable(name, val) {
			s.vars[name] = Text{val, w.Start, w.End}
		} else {
			delete(s.vars, name)
		}
		s.environment(name, val, w)
	}
}

// usable says whether a variable's value can stand in its place: it is fixed,
// or made of variables whose values are not known.
func usable(name, val string) bool {
	if val == "" || (Text{Value: val}).Fixed() {
		return val != ""
	}
	return references.MatchString(val) && !strings.Contains(val, "$"+name) && !strings.Contains(val, "${"+name)
}
