package lint

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap047 = Rule{finding.Rule{
	ID: "AP047", Title: "a whole group of users is not recorded", Severity: finding.Warning, Docs: auditing,
	Rationale: `A None rule for system:masters, for all service accounts (or all of kube-system) or for all authenticated users makes whoever gets hold of one
such identity invisible: a stolen kubeconfig of an administrator, a pod with a privileged service account. Reported if the rule drops
writes or reads of Secrets for the group. Decided exactly.`,
	Remedy: "Name the users and the requests that are noise, not whole groups.",
	Source: "seen in published policies; MITRE ATT&CK T1078 (valid accounts)",
	Bad:    "- level: None\n  userGroups: [\"system:masters\"]\n- level: Metadata",
	Good:   "- level: None\n  users: [\"system:kube-scheduler\"]\n  verbs: [get, update]\n  resources:\n  - group: coordination.k8s.io\n    resources: [leases]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		if rule.Level != audit.LevelNone || !slices.ContainsFunc(rule.UserGroups, broad) {
			continue
		}
		// Narrow rules are what None is for.
		if len(rule.Resources) > 0 && !slices.ContainsFunc(rule.Resources, func(g audit.GroupResources) bool {
			return len(g.Resources) == 0 || slices.Contains(g.Resources, "*") || slices.Contains(g.Resources, "secrets")
		}) {
			continue
		}
		for _, q := range []Concern{{"writes", writes}, {"reads of Secrets", ask("", []string{"secrets"}, []string{"get", "list", "watch"})}} {
			if w, ans := c.Reaches(i, c.Ask(&q.Rule)); ans == space.Found {
				res := c.report(r, policy.RulePath(i), c.P.Key(policy.RulePath(i)+".userGroups"), "rule %d drops %s of everybody in %s", i+1, q.Name, orList(slices.DeleteFunc(slices.Clone(rule.UserGroups), func(g string) bool { return !broad(g) })))
				c.show(res, w)
				break
			}
		}
	}
}}

func broad(g string) bool {
	switch g {
	case "system:masters", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:nodes", "kubeadm:cluster-admins":
		return true
	}
	return strings.HasPrefix(g, "system:serviceaccounts:kube-system")
}
