package lint

import (
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap022 = Rule{finding.Rule{
	ID: "AP022", Title: `"pods/*" also matches "pods"`, Severity: finding.Warning, Docs: auditing,
	Rationale: `The documentation of the type says that "pods/*" matches all subresources of pods. The evaluator also lets it match pods
itself, so a rule meant for pods/log, pods/status and the like takes every request for pods too. Nothing is reported where the plain
resource stands in the same list.`,
	Remedy: "List the subresources, or add the plain resource to show that it is meant.",
	Source: "k8s.io/apiserver pkg/audit/policy/checker.go against the comment in pkg/apis/audit/types.go; observed on kube-apiserver 1.36",
	Bad:    "- level: None\n  resources:\n  - group: \"\"\n    resources: [\"pods/*\"]\n- level: Metadata",
	Good:   "- level: None\n  resources:\n  - group: \"\"\n    resources: [\"pods/log\", \"pods/status\"]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	c.eachResource(func(path, group, res string) {
		name, ok := strings.CutSuffix(res, "/*")
		if !ok || name == "*" || strings.ContainsAny(name, "*/") {
			return
		}
		if c.Table.HasGroup(group) && !c.serves(group, name) {
			return // it matches nothing at all: AP024, AP025
		}
		i, j := indexes(path)
		if slices.Contains(c.rules()[i].Resources[j].Resources, name) {
			return
		}
		c.report(r, path, nil, "%q matches %s itself too, not only its subresources", res, name)
	})
}}
