package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap005 = Rule{finding.Rule{
	ID: "AP005", Title: "apiVersion was removed", Severity: finding.Error, Docs: auditing, Since: "1.24 and later",
	Rationale: `audit.k8s.io/v1alpha1 and v1beta1 were removed in Kubernetes 1.24. A kube-apiserver of that version or a later one does not
start with such a policy. The fields are the same in v1.`,
	Remedy: "Write apiVersion: audit.k8s.io/v1.",
	Source: "Kubernetes 1.24 changelog; rke2#3813",
	Bad:    "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules:\n- level: Metadata",
	Good:   "- level: Metadata",
}, func(c *Context, r finding.Rule) {
	if !removedVersion(c.P.Version) {
		return
	}
	msg := "apiVersion %s was removed in Kubernetes 1.24: kube-apiserver does not start"
	if c.Opt.Minor > 0 && c.Opt.Minor < 24 {
		r, msg = severity(r, finding.Warning), "apiVersion %s is removed in Kubernetes 1.24: kube-apiserver will not start with it"
	}
	res := c.report(r, "apiVersion", nil, msg, c.P.Version)
	res.Note = "write " + policy.GroupVersion
	c.fixValue(res, "apiVersion", policy.GroupVersion)
}}

func removedVersion(v string) bool {
	return v == "audit.k8s.io/v1beta1" || v == "audit.k8s.io/v1alpha1"
}
