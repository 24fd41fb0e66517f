package lint

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap060 = Rule{finding.Rule{
	ID: "AP060", Title: "level records no more than a lower one", Severity: finding.Info, Docs: auditing,
	Rationale: `Request adds the request's body, and get, list and watch have none: for them it equals Metadata. A watch that succeeds, an exec, attach,
port-forward, log or proxy is a stream and has no body at any level. Bodies are in the event at ResponseComplete: where that is omitted,
there are none, which is a warning. Else the rule does no harm; it only promises what it does not keep.`,
	Remedy: "Write Metadata, or RequestResponse if the answers are wanted.",
	Source: "k8s.io/apiserver pkg/endpoints/handlers and pkg/audit/request.go",
	Bad:    "- level: Request\n  verbs: [get, list, watch]\n- level: Metadata",
	Good:   "- level: Metadata\n  verbs: [get, list, watch]\n- level: Request",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		if policy.Rank(rule.Level) < policy.Rank(audit.LevelRequest) || !c.live(i) {
			continue
		}
		only := func(verbs ...string) bool {
			return len(rule.Verbs) > 0 && !slices.ContainsFunc(rule.Verbs, func(v string) bool { return !slices.Contains(verbs, v) })
		}
		switch {
		case c.Decisions[i].Omits(audit.StageResponseComplete):
			if !c.Decisions[i].Omits(audit.StageRequestReceived) { // else AP051 says that there is no event at all
				c.report(severity(r, finding.Warning), policy.RulePath(i), c.levelNode(i), "level %s records no more than Metadata here: bodies are in the event at ResponseComplete, which is omitted", rule.Level)
			}
		case only("watch"), streams(&rule):
			c.report(r, policy.RulePath(i), c.levelNode(i), "level %s records no more than Metadata here: streams have no body", rule.Level)
		case rule.Level == audit.LevelRequest && only("get", "list", "watch", "head"):
			c.report(r, policy.RulePath(i), c.levelNode(i), "level Request records no more than Metadata here: get, list and watch have no request body")
		}
	}
}}

// streams says whether a rule names nothing but subresources that are streams.
func streams(r *audit.PolicyRule) bool {
	if len(r.Resources) == 0 {
		return false
	}
	for _, gr := range r.Resources {
		if gr.Group != "" || len(gr.Resources) == 0 {
			return false
		}
		for _, res := range gr.Resources {
			_, sub, _ := strings.Cut(res, "/")
			if !slices.Contains([]string{"exec", "attach", "portforward", "proxy", "log"}, sub) {
				return false
			}
		}
	}
	return true
}
