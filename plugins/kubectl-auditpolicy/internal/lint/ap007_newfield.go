package lint

import (
	"fmt"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap007 = Rule{finding.Rule{
	ID: "AP007", Title: "field is newer than the target", Severity: finding.Warning, Docs: auditing, Since: "before 1.23",
	Rationale: `omitManagedFields came with Kubernetes 1.23. An older kube-apiserver drops the field and records managed fields with every
object.`,
	Remedy: "Upgrade, or leave the field out so that nobody relies on it.",
	Source: "kubernetes PR#94986; Kubernetes 1.23 changelog",
	Bad:    "# lint with --target-version 1.22\napiVersion: audit.k8s.io/v1\nkind: Policy\nomitManagedFields: true\nrules:\n- level: Metadata",
	Good:   "- level: Metadata",
}, func(c *Context, r finding.Rule) {
	if c.Opt.Minor == 0 || c.Opt.Minor >= 23 {
		return
	}
	paths := []string{"omitManagedFields"}
	for i := range c.rules() {
		paths = append(paths, fmt.Sprintf("rules[%d].omitManagedFields", i))
	}
	for _, p := range paths {
		if c.P.Has(p) {
			c.report(r, p, c.P.Key(p), "omitManagedFields needs Kubernetes 1.23: kube-apiserver 1.%d drops it", c.Opt.Minor)
		}
	}
}}
