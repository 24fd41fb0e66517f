package input

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Vars is a vars file of easyrsa 3 (set_var NAME VALUE) or 2 (export
// KEY_SIZE=...).
type Vars struct {
	Entries []*Entry
}

var varsLine = lazyregexp.New(`^(\s*(?:set_var\s+|export\s+)?)((?:EASYRSA|KEY|CA)_[A-Z0-9_]+|EASYRSA)(\s+|=)(.*)$`)

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
		// "set_var NAME VALUE" separates by space, everything else by "=".
		isSet := strings.Contains(text[m[2]:m[3]], "set_var")
		if isSet == (text[m[6]:m[7]] == "=") {
			continue
		}
		raw := strings.TrimSpace(text[m[8]:m[9]])
		ks, ke := l.place(m[4], m[5])
		vs, ve := l.place(m[8], m[8]+len(raw))
		v.Entries = append(v.Entries, &Entry{
			Key: Text{text[m[4]:m[5]], ks, ke}, Raw: raw, Value: Text{strings.Trim(raw, `"'`), vs, ve},
		})
	}
	return v
}
