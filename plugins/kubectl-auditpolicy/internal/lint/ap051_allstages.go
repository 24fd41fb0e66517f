package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap051 = Rule{finding.Rule{
	ID: "AP051", Title: "no stage is left", Severity: finding.Error, Docs: auditing,
	Rationale: `An event is made at a stage. A rule for which RequestReceived and ResponseComplete are omitted makes none for ordinary requests,
whatever its level, and one that omits ResponseStarted too makes none at all but for panics. The stages of the policy and of the rule add up.`,
	Remedy: "Leave ResponseComplete in.",
	Source: "unionStages in k8s.io/apiserver pkg/audit/policy/checker.go",
	Bad:    "- level: Metadata\n  omitStages: [RequestReceived, ResponseStarted, ResponseComplete]",
	Good:   "- level: Metadata\n  omitStages: [RequestReceived]",
}, func(c *Context, r finding.Rule) {
	var rules []int
	for i := range c.rules() {
		d := c.Decisions[i]
		if recorded(d) && c.reach[i].answer == space.Found && d.Omits(audit.StageRequestReceived) && d.Omits(audit.StageResponseComplete) {
			rules = append(rules, i)
		}
	}
	if len(rules) == 0 {
		return
	}
	what := "ordinary requests leave no trace: RequestReceived and ResponseComplete are omitted"
	if c.Decisions[rules[0]].Omits(audit.StageResponseStarted) {
		what = "no event is made: all stages of a request are omitted"
	}
	path := c.stagePath(rules[0], audit.StageResponseComplete)
	res := c.report(r, path, nil, "%s: %s", ruleNames(rules), what)
	c.explain(path)
	c.show(res, c.reach[rules[0]].request)
}}
