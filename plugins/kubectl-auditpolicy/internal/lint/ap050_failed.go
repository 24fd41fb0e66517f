package lint

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap050 = Rule{finding.Rule{
	ID: "AP050", Title: "failed logins are lost", Severity: finding.Error, Docs: auditing,
	Rationale: `A request whose authentication fails (401) makes one event only, at stage ResponseStarted; it has neither RequestReceived nor
ResponseComplete. Where that stage is omitted, every failed login, every try with a stolen or expired token, leaves no trace. The same
goes for requests with a bad timeout parameter. Decided exactly, for requests without a user.`,
	Remedy: "Do not omit ResponseStarted for the rule that takes requests without a user.",
	Source: "k8s.io/apiserver pkg/endpoints/filters/authn_audit.go; observed on kube-apiserver 1.36",
	Bad:    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived, ResponseStarted]\nrules:\n- level: Metadata",
	Good:   "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	rule, w, ans := c.First(space.Boxes{c.Space.Unauthenticated()}, func(d policy.Decision) bool {
		return recorded(d) && d.Omits(audit.StageResponseStarted) && !deaf(d)
	})
	if ans != space.Found {
		return
	}
	path := c.stagePath(rule, audit.StageResponseStarted)
	by := ruleName(rule)
	if !strings.HasPrefix(path, "rules[") {
		by = "the policy"
	}
	res := c.report(r, path, nil, "failed logins (401) leave no trace: their only event is ResponseStarted, and %s omits it", by)
	c.explain(path)
	c.show(res, w)
}}

// deaf says that nothing but a panic is recorded.
func deaf(d policy.Decision) bool {
	return d.Omits(audit.StageResponseComplete) && d.Omits(audit.StageRequestReceived) && d.Omits(audit.StageResponseStarted)
}

// stagePath is where a stage is omitted for a rule: the policy's list before
// the rule's own.
func (c *Context) stagePath(rule int, s audit.Stage) string {
	if k := slices.Index(c.P.Internal.OmitStages, s); k >= 0 {
		return "omitStages[" + itoa(k) + "]"
	}
	if rule != policy.NoRule {
		if k := slices.Index(c.rules()[rule].OmitStages, s); k >= 0 {
			return policy.RulePath(rule) + ".omitStages[" + itoa(k) + "]"
		}
		return policy.RulePath(rule)
	}
	return "omitStages"
}
