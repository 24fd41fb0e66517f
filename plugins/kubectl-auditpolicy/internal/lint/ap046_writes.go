package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap046 = Rule{finding.Rule{
	ID: "AP046", Title: "changes of privileges are not recorded", Severity: finding.Warning, Docs: auditing,
	Rationale: `Changes of RBAC, of admission webhooks and policies, of certificate requests and of API services are how somebody who got in stays in.
Most published detections need them. Reported if such a write, by a user whom no rule names, is not recorded at all. Decided exactly.`,
	Remedy: "Record writes of these groups at Metadata or more.",
	Source: "Falco's k8s_audit rules; MITRE ATT&CK for containers",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n- level: None",
	Good:   "- level: Metadata",
}, func(c *Context, r finding.Rule) {
	if c.recordsNothing() {
		return // AP014 says so
	}
	undecided := func(q Concern) { c.undecide(r, "whether all writes of "+q.Name+" are recorded") }
	for _, g := range c.gaps(privilegeWrites, undecided) {
		path, node, by := "rules", c.P.Key("rules"), "no rule takes them"
		if g.rule != policy.NoRule {
			path, node, by = policy.RulePath(g.rule), c.levelNode(g.rule), "rule "+itoa(g.rule+1)+" drops them"
		}
		res := c.report(r, path, node, "writes are not recorded: %s (%s)", semicolons(g.names), by)
		res.Evidence = append(res.Evidence, g.show)
	}
}}

var privilegeWrites = []Concern{
	{"RBAC", ask("rbac.authorization.k8s.io", []string{"roles", "rolebindings", "clusterroles", "clusterrolebindings"}, changes)},
	{"admission webhooks and policies", ask("admissionregistration.k8s.io", []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"}, changes)},
	{"certificate signing requests", ask("certificates.k8s.io", []string{"certificatesigningrequests", "certificatesigningrequests/approval"}, []string{"create", "update", "patch"})},
	{"API services", ask("apiregistration.k8s.io", []string{"apiservices"}, changes)},
}

var writes = ask("*", nil, changes)
