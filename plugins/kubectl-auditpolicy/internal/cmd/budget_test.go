package cmd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/lint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// What the budget did not reach makes the exit status 3 if it could hide
// something that counts, and 1 outranks it.
func TestExitOfOpenQuestions(t *testing.T) {
	open := func(s finding.Severity) *lint.Report {
		return &lint.Report{Undecided: []lint.Open{{ID: "AP010", Severity: s, Question: "?"}}}
	}
	found := open(finding.Error)
	found.Results = []lint.Result{{Finding: finding.Finding{ID: "AP001", Severity: finding.Error}}}
	for _, c := range []struct {
		failOn string
		report *lint.Report
		want   int
	}{
		{"error", open(finding.Error), cli.ExitUnknown}, {"error", open(finding.Warning), 0}, {"warning", open(finding.Warning), cli.ExitUnknown},
		{"never", open(finding.Error), 0}, {"error", found, cli.ExitFindings}, {"error", &lint.Report{}, 0},
	} {
		err := (&lintOptions{failOn: c.failOn}).exit([]judged{{report: c.report}})
		if got := exitCode(err); got != c.want {
			t.Errorf("--fail-on %s, %+v: exit status %d, want %d", c.failOn, c.report, got, c.want)
		}
	}
}

func TestTooManyRules(t *testing.T) {
	p := &policy.Policy{Name: "p.yaml", Internal: &audit.Policy{Rules: make([]audit.PolicyRule, policy.MaxExact)}}
	if err := few(p); err != nil {
		t.Error(err)
	}
	p.Internal.Rules = append(p.Internal.Rules, audit.PolicyRule{})
	if err := few(p); err == nil || !strings.HasPrefix(err.Error(), "p.yaml: 20,001 rules: exact answers are given for at most 20,000; match") || exitCode(err) != cli.ExitUsage {
		t.Error(err)
	}
}

func exitCode(err error) int {
	var e *cli.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	}
	return -1
}

// A policy of rules that overlap at random is beyond the budget. explain
// says where it ended, and ends with 3.
func TestBudgetEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := func(prefix string) string {
		var out []string
		for i := range 40 {
			if r.IntN(5) > 0 {
				out = append(out, fmt.Sprint(prefix, i))
			}
		}
		return strings.Join(out, ", ")
	}
	var b strings.Builder
	b.WriteString("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n")
	for i := range 600 {
		fmt.Fprintf(&b, "- level: %s\n  users: [%s]\n  namespaces: [%s]\n  resources: [{group: '', resources: [%s], resourceNames: [%s]}]\n", policy.AllLevels[i%3], some("u"), some("n"), some("r"), some("x"))
	}
	b.WriteString("- level: Metadata\n")
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	env, _, out, errOut := cli.TestEnv()
	root := New(env)
	root.SetArgs([]string{"explain", file})
	code := exitCode(root.Execute())
	if text := strings.Join(strings.Fields(out.String()), " "); code != cli.ExitUnknown || !strings.Contains(text, "The budget for exact answers ended at rule") {
		t.Errorf("exit status %d, %.300s ... %.300s %s", code, text, text[max(0, len(text)-300):], errOut)
	}
}
