package npd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

func ids(fs []finding.Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%s@%d", f.ID, f.Subject.Line))
	}
	return strings.Join(out, " ")
}

// The detector's own configurations have what their users trip over, and no
// error.
func TestLintOfTheStockConfigurations(t *testing.T) {
	for name, want := range map[string]string{
		"kernel-monitor.json":   "NH810@9 NH810@14 NH810@19 NH807@97",
		"readonly-monitor.json": "NH810@9",
		"docker-monitor.json":   "NH810@12",
		"systemd-monitor.json":  "",
	} {
		if got := ids(Lint(load(t, name))); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestLint(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"look-behind":       {config(`{"type":"temporary","reason":"X","pattern":"(?<=a)b"}`), "NH806@2 NH801@2"},
		"misspelt":          {config(`{"type":"permanent","conditon":"C","reason":"X","pattern":"b"}`), "NH806@2 NH803@2 NH802@2"},
		"case is ignored":   {config(`{"Type":"permanent","Condition":"C","Reason":"X","Pattern":"b"}`), "NH810@2"},
		"capital type":      {config(`{"type":"Temporary","reason":"X","pattern":"b"}`), "NH806@2 NH804@2"},
		"longer than three": {config(`{"type":"permanent","condition":"C","reason":"X","pattern":"a\nb\nc\nd"}`), "NH810@2 NH805@2"},
		"as long as three":  {config(`{"type":"permanent","condition":"C","reason":"X","pattern":"a\nb\nc"}`), "NH810@2"},
		"optional lines":    {config(`{"type":"permanent","condition":"C","reason":"X","pattern":"(a\n)*b"}`), "NH810@2"},
		"twice":             {config(`{"type":"permanent","condition":"C","reason":"X","pattern":"b"},{"type":"permanent","condition":"C","reason":"X","pattern":"b"}`), "NH810@2 NH809@2"},
		"no pattern":        {config(`{"type":"permanent","condition":"C","reason":"X"}`), "NH810@2 NH801@2"},
		"filelog, bare":     {`{"plugin":"filelog","rules":[]}`, "NH808@1 NH808@1 NH808@1 NH808@1"},
		"filelog, layout":   {`{"plugin":"filelog","logPath":"/x","pluginConfig":{"timestamp":"a","message":"b","timestampFormat":"%Y"}}`, "NH808@1"},
		"journald, bare":    {`{"plugin":"journald"}`, "NH808@1 NH808@1"},
		"unknown plugin":    {`{"plugin":"syslog"}`, "NH801@1"},
		"duration":          {`{"plugin":"kmsg","lookback":"5 minutes"}`, "NH801@1"},
		"custom":            {`{"plugin":"custom","pluginConfig":{"timeout":"3m"},"conditions":[{"type":"C"}],"rules":[{"type":"permanent","condition":"C","reason":"R","path":"/x"}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Load("x.json", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			fs := Lint(f)
			if got := ids(fs); got != c.want {
				t.Errorf("%q, want %q\n%+v", got, c.want, fs)
			}
		})
	}
}

func TestNewRuleGeneralizesTheSample(t *testing.T) {
	for sample, want := range map[string]string{
		"EXT4-fs error (device sda1): inode #42: comm nginx":  `EXT\d+-fs error \(device sda\d+\): inode #\d+: comm nginx.*`,
		"BUG: unable to handle page fault at 0xffff8801a8f2b": `BUG: unable to handle page fault at 0x[0-9a-fA-F]+.*`,
		"a+b [c] $":         `a\+b \[c\] \$.*`,
		"task deadbeef12 x": `task [0-9a-f]+ x.*`,
	} {
		r, err := NewRule(sample, "R", "")
		if err != nil || r.Pattern != want || r.Type != Temporary {
			t.Errorf("%q: %+v %v, want %q", sample, r, err, want)
		}
	}
	if r, err := NewRule("disk 7 failed", "DiskFailed", "DiskBad"); err != nil || r.Type != Permanent || r.Condition != "DiskBad" {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := NewRule("  ", "R", ""); err == nil {
		t.Error("an empty sample made a rule")
	}
}

// The examples in the reference pages are about what the page says.
func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules {
		if r.ID == "" || seen[r.ID] || r.Title == "" || r.Rationale == "" || r.Source == "" || r.Remedy == "" || r.Bad == "" || r.Good == "" {
			t.Errorf("incomplete or twice: %+v", r)
		}
		seen[r.ID] = true
	}
}
