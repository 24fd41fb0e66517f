package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap024 = Rule{finding.Rule{
	ID: "AP024", Title: "resource is in another group", Severity: finding.Error, Docs: auditing,
	Rationale: `deployments are in the group apps, tokenreviews in authentication.k8s.io. Under another group the entry loads and matches nothing,
and the requests it was written for get whatever a later rule says. Published policies that mean to record Deployments in full never
have, for this reason.

Decided against the API of the target version; --live asks the cluster itself.`,
	Remedy: "Write the entry under the group named.",
	Source: "falcosecurity/plugins and kubescape/regolibrary have had it; api/discovery of k8s.io/kubernetes",
	Bad:    "- level: Request\n  resources:\n  - group: \"\"\n    resources: [pods, deployments]\n- level: Metadata",
	Good:   "- level: Request\n  resources:\n  - group: \"\"\n    resources: [pods]\n  - group: apps\n    resources: [deployments]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	c.eachResource(func(path, group, res string) {
		if c.explained[path] || coreAlias(group) || !c.Table.HasGroup(group) || group == "*" {
			return
		}
		name := strings.TrimSuffix(res, "/*")
		if strings.HasPrefix(name, "*") || c.serves(group, name) {
			return
		}
		if _, once := apitable.Ever(group, name); once {
			return // AP025 says since when it is gone
		}
		var groups []string
		for _, e := range c.Table.Named(name) {
			if !slices.Contains(groups, e.Group) {
				groups = append(groups, e.Group)
			}
		}
		if len(groups) == 0 {
			return
		}
		c.explain(path)
		out := c.report(r, path, nil, "%s is in %s, not in %s: this entry matches nothing", name, groupNames(groups), groupName(group))
		i, j := indexes(path)
		gr := c.rules()[i].Resources[j]
		if len(gr.Resources) == 1 && len(groups) == 1 {
			entry := fmt.Sprintf("rules[%d].resources[%d]", i, j)
			if c.P.Has(entry + ".group") {
				c.fixValue(out, entry+".group", groups[0])
			}
		} else {
			c.fixMove(out, path, groups)
		}
	})
}}

// serves says whether a group has a resource or subresource. A resource that a
// later or earlier version has is another check's business.
func (c *Context) serves(group, name string) bool {
	_, ok := c.Table.Lookup(group, name)
	return ok
}

func groupNames(groups []string) string {
	var out []string
	for _, g := range groups {
		out = append(out, groupName(g))
	}
	if len(out) == 1 {
		return out[0]
	}
	return strings.Join(out, " and ")
}
