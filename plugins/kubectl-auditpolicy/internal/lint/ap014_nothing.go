package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

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
	if len(c.rules()) > 0 && c.recordsNothing() {
		c.report(r, "rules", c.P.Key("rules"), "this policy records nothing: every request gets level None")
	}
}}

// recordsNothing says whether no request at all is recorded.
func (c *Context) recordsNothing() bool {
	for i, d := range c.Decisions {
		if d.Level != audit.LevelNone && c.live(i) {
			return false
		}
	}
	return true
}
