package finding

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"path/filepath"
	"strings"
	"testing"
)

var sample = []Finding{
	{ID: "AP010", Severity: Error, Title: "unreachable rule", Message: "rule 7 can never match\nat all", Subject: Subject{Kind: "Policy", Name: "a,b.yaml", Line: 31, Column: 3}},
	{ID: "NH001", Severity: Info, Title: "note", Message: "100% fine", Subject: Subject{Kind: "Node", Name: "n1"}},
}

func TestFailOn(t *testing.T) {
	for _, c := range []struct {
		failOn FailOn
		fs     []Finding
		want   bool
	}{
		{"error", sample, true},
		{"error", sample[1:], false},
		{"info", sample[1:], true},
		{"warning", sample[1:], false},
		{"never", sample, false},
		{"info", nil, false},
	} {
		if got := c.failOn.Fails(c.fs); got != c.want {
			t.Errorf("--fail-on %s with %d findings: %v", c.failOn, len(c.fs), got)
		}
	}
}

func TestGitHub(t *testing.T) {
	var b bytes.Buffer
	if err := WriteGitHub(&b, sample); err != nil {
		t.Fatal(err)
	}
	want := "::error file=a%2Cb.yaml,line=31,col=3,title=AP010 unreachable rule::rule 7 can never match%0Aat all\n" +
		"::notice title=NH001 note::n1: 100%25 fine\n"
	if b.String() != want {
		t.Errorf("got %q\nwant %q", b.String(), want)
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	err := WriteJUnit(&b, []Case{
		{Suite: "lint", Name: "a.yaml", Findings: sample, FailOn: "error"},
		{Suite: "lint", Name: "b.yaml", FailOn: "error"},
		{Suite: "nodes", Name: "n1", FailOn: "error", Unknown: "denied"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 3 || got.Failures != 1 || got.Errors != 1 || len(got.Suites) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestSARIFPlacesAndRules(t *testing.T) {
	var b bytes.Buffer
	if err := WriteSARIF(&b, "kubectl-x", "v1", []Rule{{ID: "AP001"}, {ID: "AP010", Title: "unreachable rule", Severity: Error}}, sample); err != nil {
		t.Fatal(err)
	}
	var got sarifLog
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	run := got.Runs[0]
	if len(run.Tool.Driver.Rules) != 2 || run.Tool.Driver.Rules[0].ID != "AP010" {
		t.Errorf("rules: %+v", run.Tool.Driver.Rules)
	}
	if r := run.Results[0]; r.Level != "error" || r.Locations[0].Physical.Region.StartLine != 31 {
		t.Errorf("result: %+v", r)
	}
	if r := run.Results[1]; r.Level != "note" || r.Locations[0].Logical[0].Name != "Node/n1" {
		t.Errorf("result: %+v", r)
	}
}

func TestSARIFNamesFilesByReferences(t *testing.T) {
	for name, want := range map[string]string{"a/b.yaml": "a/b.yaml", "100% my policy.yaml": "100%25%20my%20policy.yaml", "/etc/a#b.yaml": "/etc/a%23b.yaml", "c:d.yaml": "./c:d.yaml"} {
		if filepath.VolumeName(name) != "" {
			continue // a drive on this system
		}
		if got := uri(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// JSON without line breaks is one line of any length.
func TestSnippetCutsALongLine(t *testing.T) {
	line := strings.Repeat("x", 1000) + "HERE" + strings.Repeat("y", 1000)
	for column, want := range map[int]string{1001: "^~~~ note", 1: "^~~~ note", 2004: "^ note"} {
		for _, columns := range []int{40, 80, 200} {
			got := strings.Split(Snippet([]byte(line), 1, column, 4, "note", columns), "\n")
			if len(got[0]) > columns {
				t.Errorf("column %d: %d columns: %s", column, len(got[0]), got[0])
			}
			at := strings.IndexByte(got[1], '^')
			if got[1][at:] != want || got[0][at] != line[column-1] {
				t.Errorf("column %d:\n%s\n%s", column, got[0], got[1])
			}
		}
	}
}

func TestSnippetPutsTheCaretUnderTheWord(t *testing.T) {
	for _, c := range []struct {
		name, source string
		columns      int
		note, want   string
	}{
		{"a tab", "a:\n\tverb: [\"get\"]\n", 80, "did you mean \"verbs\"?", "    2 |     verb: [\"get\"]\n      |     ^~~~ did you mean \"verbs\"?\n"},
		{"a note with some room", "a:\n\tverb: x", 50, "did you mean \"verbs\"? it is dropped with a warning", "    2 |     verb: x\n      |     ^~~~ did you mean \"verbs\"? it is\n      |     dropped with a warning\n"},
		{"a note with none", "a:\n\tverb: x", 40, "did you mean \"verbs\"? it is dropped", "    2 |     verb: x\n      |     ^~~~\n      | did you mean \"verbs\"? it is\n      | dropped\n"},
		{"outside the source", "a", 80, "note", ""},
		{"behind the line's end", "a\nb", 80, "", "    2 | b\n      |  ^\n"},
	} {
		if got := Snippet([]byte(c.source), 2, 2, 4, c.note, c.columns); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, c.want)
		}
	}
}

func TestSortAndSummary(t *testing.T) {
	fs := []Finding{
		{ID: "B", Severity: Info, Subject: Subject{Name: "x", Line: 2}},
		{ID: "C", Severity: Warning, Subject: Subject{Name: "x", Line: 1}},
		{ID: "A", Severity: Error, Subject: Subject{Name: "x", Line: 2}},
	}
	Sort(fs)
	if ids := fs[0].ID + fs[1].ID + fs[2].ID; ids != "CAB" {
		t.Errorf("order %s", ids)
	}
	if s := Summarize(fs).String(); s != "1 error, 1 warning, 1 info" {
		t.Errorf("summary %q", s)
	}
}

func TestMarkdownListsEveryRule(t *testing.T) {
	var b bytes.Buffer
	rules := []Rule{{ID: "XX001", Title: "a|b", Severity: Error, Rationale: "because\n\t\tof it", Remedy: "read /var/*/*.log, write <match>", Source: "a KEP.", Bad: "no", Good: "yes"}}
	if err := WriteMarkdown(&b, "thing", rules); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`| [XX001](#xx001) | error | a\|b |`, "because of it", `read /var/\*/\*.log, write &lt;match>`, "Wrong:\n\n```\nno\n```", "Source: a KEP."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
