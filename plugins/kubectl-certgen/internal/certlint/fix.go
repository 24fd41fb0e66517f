package certlint

import (
	"path"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// entryLine is the place of an entry's line with its newline; alone says that nothing
// else stands there. Of one that echo or printf writes, the shell's words do.
func entryLine(f *input.File, e *input.Entry) (at input.Text, alone bool) {
	s, end := e.Key.Start, max(e.Value.End, e.Key.End)
	for s > 0 && f.Data[s-1] != '\n' {
		s--
	}
	rest := end
	for rest < len(f.Data) && f.Data[rest] != '\n' {
		rest++
	}
	behind := strings.TrimSpace(string(f.Data[end:rest]))
	alone = strings.TrimSpace(string(f.Data[s:e.Key.Start])) == "" && (behind == "" || behind[0] == '#')
	return input.Text{Start: s, End: min(rest+1, len(f.Data))}, alone
}

// fixBelow writes a line below an entry's, indented alike, where the entry has
// its line for itself.
func (i *Issue) fixBelow(f *input.File, e *input.Entry, text string) *Issue {
	at, alone := entryLine(f, e)
	if !alone {
		return i
	}
	return i.fix(input.Text{Start: e.Value.End, End: e.Value.End}, "\n"+string(f.Data[at.Start:e.Key.Start])+text)
}

// fixLine takes an entry's line out, where nothing else stands in it.
func (i *Issue) fixLine(f *input.File, e *input.Entry) *Issue {
	at, alone := entryLine(f, e)
	if !alone {
		return i
	}
	return i.fix(at, "")
}

// quoteIn quotes a word with commas for PowerShell, to which they make a list.
func quoteIn(f *input.File, word string) string {
	if strings.EqualFold(path.Ext(f.Name), ".ps1") {
		return `"` + word + `"`
	}
	return word
}
