package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap044 = Rule{finding.Rule{
	ID: "AP044", Title: "CIS 3.2.2: a key concern is not recorded", Severity: finding.Warning, Docs: auditing,
	Rationale: `The CIS Kubernetes Benchmark (3.2.2) asks for records of: access to Secrets; changes of Pods and Deployments; use of pods/exec,
pods/portforward, pods/proxy and services/proxy. (That Secrets, ConfigMaps and TokenReviews are recorded at Metadata only is AP040 and AP041.)

Scanners look for the words in the policy. This asks what such a request really gets, in rule order, from a user and for an object that no
rule names; exceptions for named system users are not held against the policy. Decided exactly.`,
	Remedy: "Record the request shown at Metadata or more.",
	Source: "CIS Kubernetes Benchmark v1.10, 3.2.2",
	Bad:    "- level: None\n  verbs: [get, list, watch]\n- level: Metadata",
	Good:   "- level: Metadata",
}, func(c *Context, r finding.Rule) {
	if c.recordsNothing() {
		return // AP014 says so
	}
	undecided := func(q Concern) { c.undecide(r, "CIS 3.2.2: whether all of "+q.Name+" is recorded") }
	for _, g := range c.gaps(CIS, undecided) {
		path, node := "rules", c.P.Key("rules")
		by := "no rule takes it"
		if g.rule != policy.NoRule {
			path, node, by = policy.RulePath(g.rule), c.levelNode(g.rule), "rule "+itoa(g.rule+1)+" drops it"
		}
		res := c.report(r, path, node, "CIS 3.2.2: not recorded: %s (%s)", semicolons(g.names), by)
		res.Evidence = append(res.Evidence, g.show)
	}
}}

var changes = []string{"create", "update", "patch", "delete", "deletecollection"}

// CIS are the key security concerns of CIS 3.2.2.
var CIS = []Concern{
	{"access to Secrets", ask("", []string{"secrets"}, []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"})},
	{"changes of Pods", ask("", []string{"pods"}, changes)},
	{"changes of Deployments", ask("apps", []string{"deployments"}, changes)},
	{"exec into Pods", ask("", []string{"pods/exec"}, []string{"create", "get"})},
	{"port forwarding", ask("", []string{"pods/portforward"}, []string{"create", "get"})},
	{"proxying to Pods and Services", ask("", []string{"pods/proxy", "services/proxy"}, []string{"create", "get", "update", "patch", "delete"})},
}
