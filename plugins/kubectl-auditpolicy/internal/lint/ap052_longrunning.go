package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var longRunning = []audit.PolicyRule{
	ask("", []string{"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy", "nodes/proxy", "pods/log"}, []string{"get", "create"}),
	ask("*", nil, []string{"watch"}),
}

var ap052 = Rule{finding.Rule{
	ID: "AP052", Title: "long-running requests are told only at their end", Severity: finding.Warning, Docs: auditing,
	Rationale: `A watch, an exec, an attach, a port-forward, a followed log and a proxied request make their first event at RequestReceived or
ResponseStarted and the last one at ResponseComplete, when the session ends: minutes, hours or days later, or never if the API server
goes down first. With both early stages omitted an exec is not in the log while it goes on. Falco's rules look at ResponseStarted.`,
	Remedy: "Omit RequestReceived only.",
	Source: "k8s.io/apiserver pkg/endpoints/filters/audit.go; Falco's kevt_started macro",
	Bad:    "- level: Metadata\n  users: [alice]\n  omitStages: [RequestReceived, ResponseStarted]\n- level: None",
	Good:   "- level: Metadata\n  omitStages: [RequestReceived]",
}, func(c *Context, r finding.Rule) {
	late := func(d policy.Decision) bool {
		return recorded(d) && d.Omits(audit.StageRequestReceived) && d.Omits(audit.StageResponseStarted) && !d.Omits(audit.StageResponseComplete)
	}
	for _, q := range longRunning {
		rule, w, ans := c.First(c.Ask(&q, c.Space.Authenticated()), late)
		if ans != space.Found {
			continue
		}
		res := c.report(r, c.stagePath(rule, audit.StageResponseStarted), nil, "%s records exec, watch and the like only when they end: both early stages are omitted", ruleName(rule))
		c.show(res, w)
		return
	}
}}
