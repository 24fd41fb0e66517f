package lint

import "github.com/clusterwright/kubectl-plugins/shared/finding"

var ap004 = Rule{finding.Rule{
	ID: "AP004", Title: "further YAML documents are not read", Severity: finding.Error, Docs: auditing,
	Rationale: `kube-apiserver reads the first YAML document of the policy file and ignores all others, even broken ones, without a word. Rules
behind a line of three dashes do not exist.`,
	Remedy: "Keep one policy in a file: join the rules, or delete the rest.",
	Source: "sigs.k8s.io/yaml, as pkg/audit/policy/reader.go uses it; observed on kube-apiserver 1.36",
	Bad:    "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n---\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Request",
	Good:   "- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for _, line := range c.P.ExtraDocuments {
		res := c.report(r, "", nil, "kube-apiserver reads the first document only: what starts here is ignored")
		res.Subject.Line, res.Subject.Column, res.Width = line, 1, 1
	}
}}
