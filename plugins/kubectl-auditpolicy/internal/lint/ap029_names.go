package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap029 = Rule{finding.Rule{
	ID: "AP029", Title: "resourceNames with a verb that has no name", Severity: finding.Warning, Docs: auditing,
	Rationale: `A create and a deletecollection have no name in their URL, so a rule with resourceNames never matches them. A list and a watch
have one only if they select by metadata.name. Reported where the rule lists create or deletecollection itself.`,
	Remedy: "Put those verbs into a rule without resourceNames.",
	Source: "k8s.io/apiserver pkg/endpoints/request/requestinfo.go",
	Bad:    "- level: Request\n  verbs: [create, update]\n  resources:\n  - group: \"\"\n    resources: [configmaps]\n    resourceNames: [aws-auth]\n- level: Metadata",
	Good:   "- level: Request\n  verbs: [update, patch]\n  resources:\n  - group: \"\"\n    resources: [configmaps]\n    resourceNames: [aws-auth]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		for j, gr := range rule.Resources {
			if len(gr.ResourceNames) == 0 || slices.Contains(gr.ResourceNames, "") {
				continue
			}
			plain := !slices.ContainsFunc(gr.Resources, func(s string) bool { return strings.Contains(s, "/") })
			var lost []string
			for _, v := range rule.Verbs {
				if v == "deletecollection" || v == "create" && plain {
					lost = append(lost, v)
				}
			}
			if len(lost) > 0 {
				c.report(r, fmt.Sprintf("rules[%d].resources[%d].resourceNames", i, j), nil,
					"%s requests have no name: with resourceNames this rule never matches them", list(lost))
			}
		}
	}
}}
