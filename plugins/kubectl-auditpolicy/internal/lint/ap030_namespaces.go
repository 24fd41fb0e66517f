package lint

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap030 = Rule{finding.Rule{
	ID: "AP030", Title: "namespaces filter misses requests", Severity: finding.Warning, Docs: auditing,
	Rationale: `A request has the namespace of its URL. kubectl get secrets -A has none, so a rule for some namespaces does not see it although it
reads what is in them; requests for cluster-scoped resources such as nodes have none either. The other way round, namespaces: [""] does
not match a named Namespace: GET /api/v1/namespaces/foo has the namespace foo.

Reported where the rule can only match requests that fail, and where a listing over all namespaces gets a lower level than the rule.`,
	Remedy: `Add "" to namespaces for -A and cluster-scoped resources, or leave namespaces out.`,
	Source: "k8s.io/apiserver pkg/endpoints/request/requestinfo.go; observed on kube-apiserver 1.36",
	Bad:    "- level: Metadata\n  namespaces: [prod]\n  resources:\n  - group: \"\"\n    resources: [secrets]\n- level: None",
	Good:   "- level: Metadata\n  namespaces: [prod, \"\"]\n  resources:\n  - group: \"\"\n    resources: [secrets]\n- level: None",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		if len(rule.Namespaces) == 0 || c.reach[i].answer == space.Empty || c.told(i) {
			continue
		}
		path := policy.RulePath(i) + ".namespaces"
		scope := c.scope(&rule)
		hasNone := slices.Contains(rule.Namespaces, "")
		switch {
		case !hasNone && scope == "cluster":
			c.report(r, path, nil, "rule %d matches no request that succeeds: its resources are not in namespaces", i+1)
			continue
		case hasNone && len(rule.Namespaces) == 1 && scope == "namespaced" && !reads(&rule):
			c.report(r, path, nil, `rule %d matches no request that succeeds: namespaces [""] is for cluster-scoped resources, and these are in namespaces`, i+1)
			continue
		case hasNone || rule.Level == audit.LevelNone || !reads(&rule) || scope == "cluster":
			continue
		}
		all := rule
		all.Namespaces, all.Verbs = []string{""}, []string{"list"}
		lower, w, ans := c.FirstAfter(i, c.Ask(&all, c.Space.Authenticated(), c.Space.Unnamed()), func(d policy.Decision) bool {
			return effective(d.Level, "list") < effective(rule.Level, "list")
		})
		if ans != space.Found {
			continue
		}
		sev := r
		if c.levelOf(lower) != audit.LevelNone {
			sev = severity(r, finding.Info)
		}
		res := c.report(sev, path, nil, "a listing over all namespaces (-A) misses rule %d and gets %s", i+1, c.levelBy(lower))
		c.show(res, w)
	}
}}

func reads(r *audit.PolicyRule) bool { return len(r.Verbs) == 0 || slices.Contains(r.Verbs, "list") }

// scope is "cluster" or "namespaced" where all resources of a rule are so,
// else "".
func (c *Context) scope(r *audit.PolicyRule) string {
	out := ""
	if len(r.Resources) == 0 {
		return ""
	}
	for _, gr := range r.Resources {
		if len(gr.Resources) == 0 {
			return ""
		}
		for _, res := range gr.Resources {
			e, ok := c.Table.Lookup(gr.Group, strings.TrimSuffix(res, "/*"))
			if !ok || strings.HasPrefix(e.Resource, "namespaces") {
				return ""
			}
			s := "cluster"
			if e.Namespaced {
				s = "namespaced"
			}
			if out != "" && out != s {
				return ""
			}
			out = s
		}
	}
	return out
}
