package certlint

import (
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Issue is a finding with its file, the place to point at, and the edits that
// mend it (none where only the user can know what is meant).
type Issue struct {
	finding.Finding
	File *input.File
	At   input.Text
	// Note stands behind the caret.
	Note string
	Fix  []yamldoc.Edit
}

// linter collects issues of one set of files.
type linter struct {
	files  []*input.File
	issues []Issue
	seen   map[place]bool
}

// place is what is said where; the same rule says the same thing about a place
// once: an alt_names section is often used twice.
type place struct {
	rule, file, said string
	line, column     int
}

// Lint judges a set of input files.
func Lint(files []*input.File) []Issue {
	l := &linter{files: files, seen: map[place]bool{}}
	for _, f := range files {
		if f.BOM && len(f.Requests)+len(f.Configs) > 0 && (f.Kind == input.KindCFSSLRequest || f.Kind == input.KindCFSSLConfig) {
			l.add(f, Refused, input.Text{End: 3}, "the file begins with a byte order mark: cfssl refuses it (invalid character)").remedy("save it as UTF-8 without one").
				fix(input.Text{End: 3}, "")
		}
		for _, p := range f.Problems {
			l.add(f, Refused, p.At, p.Msg)
		}
		for _, r := range f.Requests {
			l.cfsslRequest(f, r)
		}
		for _, c := range f.Configs {
			l.cfsslConfig(f, c)
		}
		for _, c := range f.Confs {
			l.conf(f, c)
		}
		if f.Vars != nil {
			l.vars(f, f.Vars)
		}
		if f.Environment != nil {
			l.vars(f, f.Environment)
		}
		for _, c := range f.Commands {
			l.command(f, c)
		}
		for _, m := range f.Manifests {
			l.manifest(f, m)
		}
	}
	l.together()
	for i := range l.issues {
		l.issues[i].keepFix()
	}
	slices.SortStableFunc(l.issues, func(a, b Issue) int {
		if a.File != b.File {
			return slices.Index(files, a.File) - slices.Index(files, b.File)
		}
		return a.At.Start - b.At.Start
	})
	return l.issues
}

// add records an issue and returns it for more detail.
func (l *linter) add(f *input.File, r finding.Rule, at input.Text, message string) *Issue {
	line, col := f.Position(at.Start)
	is := Issue{File: f, At: at, Finding: r.New(finding.Subject{Kind: "File", Name: f.Name, Line: line, Column: col}, message)}
	said := message
	if f.Repeated(at.Start) {
		said = "" // the first turn of a loop speaks for all of them
	}
	key := place{r.ID, f.Name, said, line, col}
	if l.seen[key] {
		return &Issue{}
	}
	l.seen[key] = true
	l.issues = append(l.issues, is)
	return &l.issues[len(l.issues)-1]
}

func (i *Issue) note(s string) *Issue {
	i.Note = s
	return i
}

func (i *Issue) as(s finding.Severity) *Issue {
	i.Severity = s
	return i
}

func (i *Issue) remedy(s string) *Issue {
	i.Remedy = s
	return i
}

func (i *Issue) guess() *Issue {
	i.Heuristic = true
	return i
}

// fix replaces the place of a text.
func (i *Issue) fix(at input.Text, text string) *Issue {
	i.Fix = append(i.Fix, yamldoc.Edit{Start: at.Start, End: at.End, Text: text})
	return i
}

// Fixed applies the fixes of a file's issues and says how many there were.
// Issues whose edits touch those of an earlier one wait for the next run.
func Fixed(f *input.File, issues []Issue) (data []byte, fixed int) {
	var edits []yamldoc.Edit
	bom := f.BOM
	for _, is := range issues {
		if is.File != f || len(is.Fix) == 0 {
			continue
		}
		if slices.ContainsFunc(is.Fix, func(e yamldoc.Edit) bool { return overlaps(edits, e) }) {
			continue
		}
		for _, e := range is.Fix {
			bom = bom && !(e.Start == 0 && e.End == 3)
		}
		edits = append(edits, is.Fix...)
		fixed++
	}
	data = yamldoc.Apply(f.Data, edits)
	if bom && len(data) >= 3 {
		copy(data, "\xef\xbb\xbf")
	}
	return data, fixed
}

// keepFix drops a fix that would write over a text which only stands for the
// value that is wrong, such as a variable.
func (i *Issue) keepFix() {
	if i.At.Value == "" || len(i.Fix) == 0 {
		return
	}
	raw := strings.Trim(string(i.File.Data[i.At.Start:i.At.End]), `"'`)
	if raw != i.At.Value && slices.ContainsFunc(i.Fix, func(e yamldoc.Edit) bool {
		return e.Start < e.End && overlaps([]yamldoc.Edit{{Start: i.At.Start, End: i.At.End}}, e)
	}) {
		i.Fix = nil
	}
}

func overlaps(edits []yamldoc.Edit, e yamldoc.Edit) bool {
	return slices.ContainsFunc(edits, func(o yamldoc.Edit) bool {
		return e.Start < o.End && o.Start < e.End || e.Start == o.Start && e.End == o.End
	})
}
