// Package finding is the one shape in which every plugin says that something
// is wrong, and its renderers. Whoever reads one report (a person, a CI gate,
// a code-scanning service) can read them all.
package finding

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says how much a finding matters.
type Severity string

// The three severities, worst first.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Rank orders severities: 3 error, 2 warning, 1 info, 0 anything else.
func (s Severity) Rank() int {
	switch s {
	case Error:
		return 3
	case Warning:
		return 2
	case Info:
		return 1
	}
	return 0
}

// Subject is what a finding is about: an object or a place in a file.
type Subject struct {
	// Kind is a Kubernetes kind ("Node", "Policy") or "File".
	Kind string `json:"kind,omitempty"`
	// Name is the object's name, or the file as the user named it.
	Name string `json:"name,omitempty"`
	// Namespace is the object's namespace.
	Namespace string `json:"namespace,omitempty"`
	// Path is a place in the object, such as "rules[6].verbs[0]".
	Path string `json:"path,omitempty"`
	// File is the file, where Name is not it.
	File string `json:"file,omitempty"`
	// Line and Column count from 1; 0 says that the place is not known.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Location is FILE:LINE:COLUMN as far as known, and the file's name for a
// subject that is a file.
func (s Subject) Location() string {
	name := s.File
	if name == "" {
		name = s.Name
	}
	if s.Line == 0 {
		return name
	}
	if s.Column == 0 {
		return fmt.Sprintf("%s:%d", name, s.Line)
	}
	return fmt.Sprintf("%s:%d:%d", name, s.Line, s.Column)
}

// Finding is one thing that is wrong or worth knowing.
type Finding struct {
	// ID names the check: a plugin's two letters and three digits (AP010). It
	// is never reused for something else.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Title is the check's name, the same in every finding of this ID.
	Title string `json:"title"`
	// Message is what is wrong here, in one sentence.
	Message string  `json:"message"`
	Subject Subject `json:"subject"`
	// Evidence is what was seen, each item with its source.
	Evidence []string `json:"evidence,omitempty"`
	// Remedy is what to do, in the imperative.
	Remedy string `json:"remedy,omitempty"`
	// Docs is a page that explains more.
	Docs string `json:"docs,omitempty"`
	// Heuristic marks a finding that may be wrong; all others are decided.
	Heuristic bool `json:"heuristic,omitempty"`
}

// Summary counts findings by severity.
type Summary struct {
	Error   int `json:"error"`
	Warning int `json:"warning"`
	Info    int `json:"info"`
}

// Summarize counts.
func Summarize(fs []Finding) Summary {
	var s Summary
	for _, f := range fs {
		switch f.Severity {
		case Error:
			s.Error++
		case Warning:
			s.Warning++
		case Info:
			s.Info++
		}
	}
	return s
}

// Add returns the sum of two summaries.
func (s Summary) Add(o Summary) Summary {
	return Summary{s.Error + o.Error, s.Warning + o.Warning, s.Info + o.Info}
}

// String is "2 errors, 1 warning, 3 infos".
func (s Summary) String() string {
	n := func(k int, word string) string {
		if k == 1 {
			return "1 " + word
		}
		return fmt.Sprintf("%d %ss", k, word)
	}
	return n(s.Error, "error") + ", " + n(s.Warning, "warning") + ", " + n(s.Info, "info")
}

// Worst is the highest severity among the findings, "" for none.
func Worst(fs []Finding) Severity {
	var w Severity
	for _, f := range fs {
		if f.Severity.Rank() > w.Rank() {
			w = f.Severity
		}
	}
	return w
}

// FailOn is the value of --fail-on: the least severity that makes the exit
// status 1. Never is "never".
type FailOn string

// FailOnValues are the values that --fail-on takes, for completion and help.
var FailOnValues = []string{"error", "warning", "info", "never"}

// Fails says whether the findings reach the threshold.
func (f FailOn) Fails(fs []Finding) bool {
	if f == "never" {
		return false
	}
	return len(fs) > 0 && Worst(fs).Rank() >= Severity(f).Rank()
}

// Valid says whether the value is one of FailOnValues.
func (f FailOn) Valid() bool { return slices.Contains(FailOnValues, string(f)) }

// Sort orders findings by file, line and column, then severity (worst first),
// then ID: the order in which a reader mends a file.
func Sort(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Subject.File, b.Subject.File),
			cmp.Compare(a.Subject.Name, b.Subject.Name),
			cmp.Compare(a.Subject.Line, b.Subject.Line),
			cmp.Compare(a.Subject.Column, b.Subject.Column),
			cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			cmp.Compare(a.ID, b.ID),
		)
	})
}

// SortBySeverity orders findings worst first, keeping the order of equals.
func SortBySeverity(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Compare(b.Severity.Rank(), a.Severity.Rank())
	})
}
