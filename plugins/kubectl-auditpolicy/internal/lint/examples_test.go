package lint

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// full makes a policy of an example that shows rules alone.
func full(example string) string {
	if strings.Contains(example, "apiVersion:") {
		return example
	}
	return "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n" + example + "\n"
}

func run(t *testing.T, text string, opt Options) *Report {
	t.Helper()
	ps, err := policy.Load("policy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return Run(ps[0], opt)
}

func ids(r *Report) map[string]int {
	out := map[string]int{}
	for _, x := range r.Results {
		out[x.ID]++
	}
	return out
}

// Each rule's page shows a wrong and a right policy, and the rule must tell
// them apart.
func TestExamples(t *testing.T) {
	for _, r := range Rules {
		t.Run(r.ID, func(t *testing.T) {
			opt := Options{}
			switch r.ID {
			case "AP006":
				opt.Minor = 35
			case "AP007":
				opt.Minor = 22
			}
			if r.Rationale == "" || r.Remedy == "" || r.Source == "" || r.Bad == "" || r.Good == "" {
				t.Fatal("the page is not complete")
			}
			if got := ids(run(t, full(r.Bad), opt)); got[r.ID] == 0 {
				t.Errorf("not found in its own bad example: %v\n%s", got, r.Bad)
			}
			if got := ids(run(t, full(r.Good), opt)); got[r.ID] != 0 {
				t.Errorf("found in its own good example: %v\n%s", got, r.Good)
			}
		})
	}
}

func TestIDsAreOrderedAndUnique(t *testing.T) {
	last := ""
	for _, r := range Rules {
		if r.ID <= last {
			t.Errorf("%s stands after %s", r.ID, last)
		}
		last = r.ID
	}
}

// What stands behind an alias is told once, JSON keys keep their quotes, and a
// policy in a quoted string is told by its path.
func TestPlaces(t *testing.T) {
	r := run(t, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Request\n  verbs: [create]\n  resources: &x\n  - group: ''\n    resources: [pod]\n- level: Metadata\n  resources: *x\n- level: None\n", Options{Enable: []string{"AP025"}})
	if len(r.Results) != 1 || r.Results[0].Subject.Line != 8 {
		t.Errorf("%+v", r.Results)
	}
	text := `{"apiVersion":"audit.k8s.io/v1","kind":"Policy","rules":[{"level":"None","verb":["get"]}]}`
	r = run(t, text, Options{Enable: []string{"AP002"}})
	edits, _ := r.Fixes()
	if got := string(yamldoc.Apply([]byte(text), edits)); got != strings.Replace(text, `"verb"`, `"verbs"`, 1) {
		t.Error(got)
	}
	r = run(t, "apiVersion: v1\nkind: ConfigMap\ndata:\n  p: \"apiVersion: audit.k8s.io/v1\\nkind: Policy\\nrules:\\n- level: None\\n  verb: [get]\\n\"\n", Options{Enable: []string{"AP002"}})
	if len(r.Results) != 1 || r.Results[0].Subject.Line != 4 || r.Results[0].Width != 0 || !strings.Contains(r.Results[0].Message, "rules[0].verb") {
		t.Errorf("%+v", r.Results)
	}
}
