package lint

import (
	"fmt"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap006 = Rule{finding.Rule{
	ID: "AP006", Title: `group "*" needs Kubernetes 1.36`, Severity: finding.Error, Docs: auditing, Since: "before 1.36",
	Rationale: `From Kubernetes 1.36 on the group "*" matches all API groups. An older kube-apiserver refuses the policy and does not
start. Without --target-version this is a warning, because versions that are still supported refuse it.`,
	Remedy: "Leave resources out to match all groups, or list the groups.",
	Source: "kubernetes PR#135262; pkg/apis/audit/validation/validation.go of 1.35 and 1.36",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"*\"\n    resources: [secrets]",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets]",
}, func(c *Context, r finding.Rule) {
	if c.Opt.Minor >= 36 {
		return
	}
	msg := fmt.Sprintf(`group "*" is refused before Kubernetes 1.36: kube-apiserver 1.%d does not start`, c.Opt.Minor)
	if c.Opt.Minor == 0 {
		r, msg = severity(r, finding.Warning), `group "*" needs Kubernetes 1.36: an older kube-apiserver does not start with it`
	}
	for i, rule := range c.rules() {
		for j, gr := range rule.Resources {
			if gr.Group == "*" {
				c.report(r, fmt.Sprintf("rules[%d].resources[%d].group", i, j), nil, "%s", msg)
			}
		}
	}
}}
