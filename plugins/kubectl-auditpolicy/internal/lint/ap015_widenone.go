package lint

import (
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap015 = Rule{finding.Rule{
	ID: "AP015", Title: "None rule is wider than its comment", Severity: finding.Info, Docs: auditing, Heuristic: true,
	Rationale: `The comment above a rule that records nothing speaks of reads, or of watches, but the rule has no verbs and so drops writes too;
or it speaks of one resource and the rule takes a whole API group. What a None rule drops can never be had back, so it should be as
narrow as its reason.`,
	Remedy: "Add verbs or resources to the rule, or mend its comment.",
	Source: "observed in published policies",
	Bad:    "# Don't log read-only requests of the scheduler\n- level: None\n  users: [system:kube-scheduler]\n  resources:\n  - group: \"\"\n    resources: [endpoints]\n- level: Metadata",
	Good:   "# Don't log read-only requests of the scheduler\n- level: None\n  users: [system:kube-scheduler]\n  verbs: [get, list, watch]\n  resources:\n  - group: \"\"\n    resources: [endpoints]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		if rule.Level != audit.LevelNone || len(rule.Verbs) > 0 || len(rule.NonResourceURLs) > 0 || c.reach[i].answer != space.Found || c.told(i) {
			continue
		}
		comment := strings.ToLower(c.commentAbove(i))
		word := ""
		for _, w := range []string{"read-only", "readonly", "read only", "watch requests", "watches", "get requests", "list requests", "reads", "get/list/watch"} {
			if strings.Contains(comment, w) {
				word = w
				break
			}
		}
		if word == "" {
			continue
		}
		if w, ans := c.Reaches(i, c.Ask(&writes)); ans == space.Found {
			res := c.report(r, policy.RulePath(i), c.levelNode(i), "the comment speaks of %q but the rule has no verbs: it drops writes too", word)
			c.show(res, w)
		}
	}
}}
