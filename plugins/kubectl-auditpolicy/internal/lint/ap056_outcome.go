package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap056 = Rule{finding.Rule{
	ID: "AP056", Title: "outcomes are not recorded", Severity: finding.Error, Docs: auditing,
	Rationale: `What became of a request, its status code and the authorizer's decision, stands in the event of stage ResponseComplete, and so do the
bodies that the levels Request and RequestResponse ask for. The event of RequestReceived, made before the request is authorized, says only
that somebody asked: a refused request looks like one that was carried out.`,
	Remedy: "Omit RequestReceived, not ResponseComplete.",
	Source: "k8s.io/apiserver pkg/endpoints/filters/audit.go and pkg/audit/request.go",
	Bad:    "- level: Metadata\n  omitStages: [ResponseComplete]",
	Good:   "- level: Metadata\n  omitStages: [RequestReceived]",
}, func(c *Context, r finding.Rule) {
	var rules []int
	for i := range c.rules() {
		d := c.Decisions[i]
		if recorded(d) && c.reach[i].answer == space.Found && d.Omits(audit.StageResponseComplete) && !d.Omits(audit.StageRequestReceived) {
			rules = append(rules, i)
		}
	}
	if len(rules) == 0 {
		return
	}
	path := c.stagePath(rules[0], audit.StageResponseComplete)
	res := c.report(r, path, nil, "%s: neither the outcome of a request nor its bodies are recorded, only that it came", ruleNames(rules))
	c.explain(path)
	c.show(res, c.reach[rules[0]].request)
}}
