package lint

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap033 = Rule{finding.Rule{
	ID: "AP033", Title: "API group is obsolete or not known", Severity: finding.Info, Docs: auditing,
	Rationale: `Some groups are gone from Kubernetes (extensions since 1.22, settings.k8s.io since 1.20) and entries for them do nothing. Others
are not part of Kubernetes: they come from custom resources and aggregated APIs, and only a cluster can tell whether it has them (--live).
A name that is a slip of the pen away from a group of Kubernetes is a warning.`,
	Remedy: "Drop obsolete groups; check the others with --live.",
	Source: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/; api/discovery of k8s.io/kubernetes",
	Bad:    "- level: Request\n  resources:\n  - group: extensions\n- level: Metadata",
	Good:   "- level: Request\n  resources:\n  - group: apps\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	var unknown []string
	first := ""
	seen := map[string]bool{}
	for i, rule := range c.rules() {
		for j, gr := range rule.Resources {
			g := gr.Group
			path := fmt.Sprintf("rules[%d].resources[%d].group", i, j)
			if c.Table.HasGroup(g) || g == "*" || coreAlias(g) || seen[g] || c.explained[path] {
				continue
			}
			seen[g] = true
			if v, ok := goneGroups[g]; ok {
				c.report(r, path, nil, "group %s is gone since Kubernetes 1.%d: entries for it match nothing", g, v)
				continue
			}
			if near := nearest(g, c.Table.Groups()); near != "" && !addOns[g] && len(g) > 4 {
				res := c.report(severity(r, finding.Warning), path, nil, "group %s is not one of Kubernetes", g)
				res.Note = "did you mean " + near + "?"
				c.explain(fmt.Sprintf("rules[%d].resources[%d]", i, j))
				continue
			}
			if near := prefixGroup(c.Table.Groups(), g); near != "" {
				res := c.report(severity(r, finding.Warning), path, nil, "group %s is not one of Kubernetes", g)
				res.Note = "did you mean " + near + "?"
				c.explain(fmt.Sprintf("rules[%d].resources[%d]", i, j))
				continue
			}
			if addOns[g] && c.Opt.Cluster == nil {
				continue
			}
			unknown = append(unknown, g)
			if first == "" {
				first = path
			}
		}
	}
	if len(unknown) == 0 {
		return
	}
	if c.Opt.Cluster != nil {
		c.report(r, first, nil, "this cluster does not serve %s %s", plural(len(unknown), "group"), list(unknown))
		return
	}
	verb := "is"
	if len(unknown) > 1 {
		verb = "are"
	}
	c.report(r, first, nil, "%s %s %s not part of Kubernetes: --live checks custom resources", plural(len(unknown), "group"), list(unknown), verb)
}}

// prefixGroup is the group that a name without its domain means ("rbac",
// "networking").
func prefixGroup(groups []string, g string) string {
	if strings.Contains(g, ".") {
		return ""
	}
	for _, k := range groups {
		if strings.HasPrefix(k, g+".") {
			return k
		}
	}
	return ""
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// goneGroups are groups that Kubernetes once had, with the minor version that
// no longer has them.
// Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/ and the changelogs.
var goneGroups = map[string]int{"extensions": 22, "settings.k8s.io": 20, "auditregistration.k8s.io": 19, "componentconfig": 10, "federation": 11}

// addOns are groups of components that most clusters have beside Kubernetes.
var addOns = map[string]bool{"metrics.k8s.io": true, "custom.metrics.k8s.io": true, "external.metrics.k8s.io": true,
	"snapshot.storage.k8s.io": true, "gateway.networking.k8s.io": true, "policy.networking.k8s.io": true, "autoscaling.k8s.io": true}
