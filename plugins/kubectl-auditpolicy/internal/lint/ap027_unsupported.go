package lint

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap027 = Rule{finding.Rule{
	ID: "AP027", Title: "resource supports none of the verbs", Severity: finding.Warning, Docs: auditing,
	Rationale: `The resource exists, but it has none of the verbs that the rule lists: tokenreviews can only be created, pods/log can only be got.
The entry matches nothing but requests that fail with "method not allowed" (in a None rule an info: nothing is lost). Decided against the API of the target version.`,
	Remedy: "Add the verb that the resource has, or drop the entry.",
	Source: "api/discovery of k8s.io/kubernetes",
	Bad:    "- level: Metadata\n  verbs: [create]\n  resources:\n  - group: \"\"\n    resources: [pods/log]\n- level: None",
	Good:   "- level: Metadata\n  verbs: [get]\n  resources:\n  - group: \"\"\n    resources: [pods/log]\n- level: None",
}, func(c *Context, r finding.Rule) {
	c.eachResource(func(path, group, res string) {
		i, _ := indexes(path)
		verbs := c.rules()[i].Verbs
		if len(verbs) == 0 || c.explained[path] || slices.ContainsFunc(verbs, func(v string) bool { return strings.Contains(v, "*") }) {
			return
		}
		e, ok := c.Table.Lookup(group, res)
		if !ok || slices.ContainsFunc(e.Verbs, func(v string) bool { return slices.Contains(verbs, v) }) {
			return
		}
		for k := range verbs {
			if c.explained[fmt.Sprintf("rules[%d].verbs[%d]", i, k)] {
				return
			}
		}
		if c.rules()[i].Level == audit.LevelNone {
			r = severity(r, finding.Info) // what it was to drop does not come
		}
		c.report(r, path, nil, "%s has no %s, only %s: this entry matches only requests that fail", res, orList(verbs), list(e.Verbs))
	})
}}

func orList(words []string) string { return strings.ReplaceAll(list(words), " and ", " or ") }
