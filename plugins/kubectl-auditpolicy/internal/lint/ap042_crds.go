package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap042 = Rule{finding.Rule{
	ID: "AP042", Title: "bodies of arbitrary custom resources are recorded", Severity: finding.Warning, Docs: auditing,
	Rationale: `A rule with level RequestResponse for all groups also takes resources that nobody had in mind: custom resources hold credentials
(of databases, clouds, certificates) and can be megabytes. The GCE policy names the groups that it knows and leaves the rest at Metadata, for this
reason. Decided exactly: some request for a group that no rule names gets RequestResponse.`,
	Remedy: "Name the groups whose bodies are wanted; give the rest Metadata.",
	Source: "kubernetes#52265; cluster/gce/gci/configure-helper.sh",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n  - group: authentication.k8s.io\n- level: RequestResponse",
	Good:   "- level: RequestResponse\n  resources:\n  - group: apps\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	anyGroup := audit.PolicyRule{Verbs: []string{"create", "update", "get", "list"}}
	for i := range c.rules() {
		if c.Decisions[i].Level != audit.LevelRequestResponse {
			continue
		}
		if w, ans := c.Reaches(i, c.Ask(&anyGroup, c.Space.UnnamedGroup(), c.Space.Authenticated())); ans == space.Found {
			res := c.report(r, policy.RulePath(i), c.levelNode(i), "rule %d records bodies of custom resources of any group", i+1)
			c.show(res, w)
		}
	}
}}
