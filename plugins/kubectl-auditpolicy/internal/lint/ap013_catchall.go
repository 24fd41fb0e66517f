package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap013 = Rule{finding.Rule{
	ID: "AP013", Title: "no catch-all rule", Severity: finding.Warning, Docs: auditing,
	Rationale: `A request that no rule matches is not recorded: the default level is None. A policy without a last rule for everything else
therefore forgets whatever its author did not think of, and whatever Kubernetes adds later. A last rule with level None says the same
and shows that it is meant. Decided exactly: the finding shows a request that falls through.`,
	Remedy: "End the policy with '- level: Metadata', or with '- level: None' if the rest is not wanted.",
	Source: "pkg/audit/policy/checker.go: DefaultAuditLevel = None; rke2 PR#511",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets]",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets]\n- level: None",
}, func(c *Context, r finding.Rule) {
	if c.recordsNothing() {
		return // AP014 says so
	}
	if len(c.rules()) == 0 {
		return
	}
	w, ans := c.Reaches(policy.NoRule, space.Boxes{{}})
	switch ans {
	case space.Undecided:
		c.undecide(r, "whether every request meets a rule")
	case space.Found:
		last := len(c.rules()) - 1
		res := c.report(r, policy.RulePath(last), c.levelNode(last), "no catch-all rule: requests that no rule matches are not recorded")
		res.Remedy = "end the policy with '- level: Metadata', or '- level: None' if that is meant"
		c.show(res, w)
	}
}}
