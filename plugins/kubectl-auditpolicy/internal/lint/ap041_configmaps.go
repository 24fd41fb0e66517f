package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap041 = Rule{finding.Rule{
	ID: "AP041", Title: "ConfigMap contents are written to the log", Severity: finding.Warning, Docs: auditing,
	Rationale: `ConfigMaps should hold no secrets and often do: kubeconfigs, connection strings, tokens of tools. They can also be large and
binary, and are rewritten all the time. The CIS benchmark asks for Metadata. Decided exactly, in rule order.`,
	Remedy: "Record configmaps at Metadata, above the rules that take them.",
	Source: "CIS Kubernetes Benchmark 3.2.2; the GCE policy",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets]\n- level: Request\n  resources:\n  - group: \"\"\n- level: Metadata",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets, configmaps]\n- level: Request\n  resources:\n  - group: \"\"\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	var rules []int
	show := ""
	for i := range c.rules() {
		for _, b := range configMapBodies {
			if policy.Rank(c.Decisions[i].Level) < policy.Rank(b.level) {
				continue
			}
			if w, ans := c.Reaches(i, c.Ask(&b.rule, c.Space.Authenticated())); ans == space.Found {
				rules = append(rules, i)
				if show == "" {
					show = c.try(w)
				}
				break
			}
		}
	}
	if len(rules) == 0 {
		return
	}
	verb := "writes"
	if len(rules) > 1 {
		verb = "write"
	}
	res := c.report(r, policy.RulePath(rules[0]), c.levelNode(rules[0]), "%s %s ConfigMap contents to the log", ruleNames(rules), verb)
	res.Evidence = append(res.Evidence, show)
}}
