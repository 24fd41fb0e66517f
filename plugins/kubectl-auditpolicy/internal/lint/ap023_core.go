package lint

import (
	"fmt"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap023 = Rule{finding.Rule{
	ID: "AP023", Title: "the core group is written \"\"", Severity: finding.Error, Docs: auditing,
	Rationale: `The group of pods, secrets, configmaps and the like is the empty string. "core", "v1" and "api" are valid names of groups, so
the policy loads; but no API has such a group, and the entry matches nothing.`,
	Remedy: `Write group: "".`,
	Source: "pkg/apis/audit/validation/validation.go takes any DNS subdomain",
	Bad:    "- level: Metadata\n  resources:\n  - group: core\n    resources: [secrets]\n- level: None",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets]\n- level: None",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		for j, gr := range rule.Resources {
			if !coreAlias(gr.Group) {
				continue
			}
			entry := fmt.Sprintf("rules[%d].resources[%d]", i, j)
			c.explain(entry)
			res := c.report(r, entry+".group", nil, "group %q matches nothing: the core group is the empty string", gr.Group)
			res.Note = `write ""`
			c.fixValue(res, entry+".group", "")
		}
	}
}}

func coreAlias(g string) bool {
	switch g {
	case "core", "v1", "api", "legacy":
		return true
	}
	return false
}
