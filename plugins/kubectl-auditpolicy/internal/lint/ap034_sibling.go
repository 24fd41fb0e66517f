package lint

import (
	"slices"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap034 = Rule{finding.Rule{
	ID: "AP034", Title: "sibling resource left out", Severity: finding.Warning, Docs: auditing, Heuristic: true,
	Rationale: `Some resources do the same in two forms, and a policy that records one in full and forgets the other is blind on that side: roles beside
clusterroles, rolebindings beside clusterrolebindings (a rolebinding can grant a clusterrole), validating beside mutating webhooks, attach
beside exec. Reported where the sibling really gets a lower level; that somebody wants it is a guess.`,
	Remedy: "Add the sibling to the rule.",
	Source: "falcosecurity/plugins, plugins/k8saudit/configs: clusterroles without roles",
	Bad:    "- level: RequestResponse\n  resources:\n  - group: rbac.authorization.k8s.io\n    resources: [clusterroles, clusterrolebindings]\n- level: Metadata",
	Good:   "- level: RequestResponse\n  resources:\n  - group: rbac.authorization.k8s.io\n    resources: [clusterroles, clusterrolebindings, roles, rolebindings]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		if rule.Level == audit.LevelNone || !c.live(i) || len(rule.Users)+len(rule.UserGroups) > 0 {
			continue
		}
		for j, gr := range rule.Resources {
			var missing []string
			at, to := -1, policy.NoRule
			var show string
			for k, res := range gr.Resources {
				sibling, ok := siblings[gr.Group+" "+res]
				if !ok || slices.Contains(gr.Resources, sibling) || len(gr.ResourceNames) > 0 {
					continue
				}
				q := ask(gr.Group, []string{sibling}, []string{"create", "patch"})
				lower, w, ans := c.First(c.Ask(&q, c.Space.Anybody()), func(d policy.Decision) bool {
					return policy.Rank(d.Level) < policy.Rank(rule.Level)
				})
				if len(rule.Verbs) > 0 && !slices.Contains(rule.Verbs, "create") && !slices.Contains(rule.Verbs, "patch") {
					continue
				}
				if ans != space.Found || streams(&audit.PolicyRule{Resources: []audit.GroupResources{{Resources: []string{sibling}}}}) && c.levelOf(lower) != audit.LevelNone {
					continue // a stream has no body: Metadata is as good
				}
				missing = append(missing, sibling)
				if at < 0 {
					at, to, show = k, lower, c.try(w)
				}
			}
			if at < 0 {
				continue
			}
			path := policy.RulePath(i) + ".resources[" + itoa(j) + "].resources[" + itoa(at) + "]"
			verb := "gets"
			if len(missing) > 1 {
				verb = "get"
			}
			res := c.report(r, path, nil, "%s left out: %s %s", list(missing), verb, c.levelBy(to))
			res.Evidence = append(res.Evidence, show)
		}
	}
}}

// siblings are resources that do the same in another form.
var siblings = map[string]string{
	"rbac.authorization.k8s.io clusterroles":                       "roles",
	"rbac.authorization.k8s.io clusterrolebindings":                "rolebindings",
	"rbac.authorization.k8s.io roles":                              "clusterroles",
	"rbac.authorization.k8s.io rolebindings":                       "clusterrolebindings",
	"admissionregistration.k8s.io mutatingwebhookconfigurations":   "validatingwebhookconfigurations",
	"admissionregistration.k8s.io validatingwebhookconfigurations": "mutatingwebhookconfigurations",
	" pods/exec": "pods/attach",
}

// siblingQuestions are the siblings as questions to the request space.
func siblingQuestions() []audit.PolicyRule {
	return []audit.PolicyRule{
		ask("rbac.authorization.k8s.io", []string{"roles", "rolebindings", "clusterroles", "clusterrolebindings"}, nil),
		ask("admissionregistration.k8s.io", []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}, nil),
		ask("", []string{"pods/attach"}, nil),
	}
}
