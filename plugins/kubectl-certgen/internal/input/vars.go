package input

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Vars is a vars file of easyrsa 3 (set_var NAME VALUE) or 2 (export
// KEY_SIZE=...).
type Vars struct {
	Entries []*Entry
	// Problems are lines that easyrsa cannot run.
	Problems []Problem
	// SetVar says that the file is one of easyrsa 3.
	SetVar bool
}

var varsLine = lazyregexp.New(`^(\s*(?:set_var\s+|setvar\s+|export\s+|set\s+)?)((?:EASYRSA|KEY|CA)_[A-Z0-9_]+|EASYRSA)(\s+|=)(.*)$`)

// Get returns the last entry of a variable.
func (v *Vars) Get(name string) *Entry {
	for i := len(v.Entries) - 1; i >= 0; i-- {
		if v.Entries[i].Key.Value == name {
			return v.Entries[i]
		}
	}
	return nil
}

func parseVars(data []byte) *Vars {
	v := &Vars{}
	for _, l := range logicalLines(data) {
		text := cutComment(l.text)
		m := varsLine.FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		// "set_var NAME VALUE" separates by space (easyrsa takes "=" too),
		// everything else by "=".
		word := strings.TrimSpace(text[m[2]:m[3]])
		bad := ""
		switch {
		case word == "setvar":
			bad = "it is set_var, with an underscore"
		case word != "set_var" && text[m[6]:m[7]] != "=":
			if word != "" || strings.HasPrefix(text[m[4]:m[5]], "KEY") || strings.HasPrefix(text[m[4]:m[5]], "CA") {
				continue
			}
			bad = "set_var is missing in front"
		}
		if bad != "" {
			s, e := l.place(m[4], m[5])
			v.Problems = append(v.Problems, Problem{Text{text[m[4]:m[5]], s, e}, bad})
			continue
		}
		raw := strings.TrimSpace(text[m[8]:m[9]])
		v.SetVar = v.SetVar || word == "set_var"
		ks, ke := l.place(m[4], m[5])
		vs, ve := l.place(m[8], m[8]+len(raw))
		v.Entries = append(v.Entries, &Entry{
			Key: Text{text[m[4]:m[5]], ks, ke}, Raw: raw, Value: Text{strings.Trim(raw, `"'`), vs, ve},
		})
	}
	return v
}

// addVars adds settings that a script writes.
func (f *File) addVars(v *Vars) {
	if f.Vars == nil {
		f.Vars = v
		return
	}
	f.Vars.Entries = append(f.Vars.Entries, v.Entries...)
	f.Vars.Problems = append(f.Vars.Problems, v.Problems...)
	f.Vars.SetVar = f.Vars.SetVar || v.SetVar
}
