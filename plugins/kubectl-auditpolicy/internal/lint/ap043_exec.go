package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var execRequests = ask("", []string{"pods/exec"}, []string{"create", "get"})

var ap043 = Rule{finding.Rule{
	ID: "AP043", Title: "commands of exec stand in the log", Severity: finding.Info, Docs: auditing,
	Rationale: `The URL of an exec holds the command line (?command=mysql&command=-psecret) and that of a proxied request its path and query. At every level
above None the event has the URL, so passwords on command lines end up in the log. That is the price of knowing who ran what; this is to
know it.`,
	Remedy: "Keep the log as confidential as what people type, and keep secrets off command lines.",
	Source: "kubernetes#97795",
	Bad:    "- level: Metadata",
	Good:   "- level: None\n  resources:\n  - group: \"\"\n    resources: [pods/exec]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	if _, w, ans := c.First(c.Ask(&execRequests, c.Space.Anybody()), recorded); ans == space.Found {
		rule := c.Evaluator.Match(w).Rule
		if rule == policy.NoRule {
			return
		}
		c.report(r, policy.RulePath(rule), c.levelNode(rule), "rule %d records exec, and so the commands that people run, arguments included", rule+1)
	}
}}
