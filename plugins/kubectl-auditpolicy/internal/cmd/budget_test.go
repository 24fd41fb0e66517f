package cmd

import (
	"errors"
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
