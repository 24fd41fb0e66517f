package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap003 = Rule{finding.Rule{
	ID: "AP003", Title: "key stands twice", Severity: finding.Error, Docs: auditing,
	Rationale: `Of equal keys in one mapping kube-apiserver takes the last and drops the others, with one warning line in its log. A rule
with two lists of verbs has the second one only.`,
	Remedy: "Join the values under one key.",
	Source: "pkg/audit/policy/reader.go: strict decoding, then lenient decoding, in which the last key wins",
	Bad:    "- level: Metadata\n  verbs: [get]\n  verbs: [create]",
	Good:   "- level: Metadata\n  verbs: [get, create]",
}, func(c *Context, r finding.Rule) {
	for _, p := range c.P.Dropped {
		if p.Kind == policy.DuplicateKey {
			c.report(r, p.Path, p.Node, "%s", p.Message)
		}
	}
}}
