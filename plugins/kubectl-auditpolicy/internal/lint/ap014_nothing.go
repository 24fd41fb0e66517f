package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap014 = Rule{finding.Rule{
	ID: "AP014", Title: "nothing is recorded", Severity: finding.Error, Docs: auditing,
	Rationale: `No request at all gets a level above None from this policy, so the audit log stays empty. Decided exactly.`,
	Remedy:    "Give some rule a level above None, above the rules that take its requests.",
	Source:    "k8s.io/apiserver pkg/audit/policy/checker.go",
	Bad:       "- level: None\n- level: Metadata",
	Good:      "- level: Metadata",
}, func(c *Context, r finding.Rule) {
	if len(c.rules()) == 0 || len(c.P.Refused) > 0 {
		return
	}
	_, _, ans := c.First(space.Boxes{{}}, func(d policy.Decision) bool { return d.Level != audit.LevelNone })
	if ans == space.Empty {
		c.report(r, "rules", c.P.Key("rules"), "this policy records nothing: every request gets level None")
	}
}}
