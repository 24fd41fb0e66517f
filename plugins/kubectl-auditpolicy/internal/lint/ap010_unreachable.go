package lint

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap010 = Rule{finding.Rule{
	ID: "AP010", Title: "unreachable rule", Severity: finding.Error, Docs: auditing,
	Rationale: `The first rule that matches a request decides. A rule whose requests are all taken by earlier ones, by a single one or by several
together, never decides anything, so what it says about its requests is not true.

This is decided exactly, over all requests that kube-apiserver can receive; the groups that it puts users in are taken into account.`,
	Remedy: "Move the rule above those that take its requests, or delete it.",
	Source: "k8s.io/apiserver pkg/audit/policy/checker.go: the first match wins; website#12975",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n- level: None\n  resources:\n  - group: \"\"\n    resources: [events]\n- level: Metadata",
	Good:   "- level: None\n  resources:\n  - group: \"\"\n    resources: [events]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i := range c.rules() {
		if c.reach[i].answer != space.Empty {
			continue
		}
		takers := c.Takers(i)
		if len(takers) == 0 && c.told(i) {
			continue // it matches nothing, and some entry of it said why
		}
		if len(takers) == 0 {
			c.report(r, policy.RulePath(i), c.levelNode(i), "rule %d can never match: no request has what it asks for", i+1)
			continue
		}
		verb := "takes"
		if len(takers) > 1 {
			verb = "together take"
		}
		res := c.report(r, policy.RulePath(i), c.levelNode(i), "rule %d can never match: %s %s all of it", i+1, ruleNames(takers), verb)
		same := true
		for _, t := range takers {
			same = same && c.Decisions[t].SameOutcome(c.Decisions[i])
		}
		if same {
			res.Message += ", with the same result"
		}
		if same && len(c.P.Refused) == 0 {
			c.fixDeleteRule(res, i)
		}
		// A request that goes to the first rule that is named, if there is one.
		if w, ans := c.Reaches(takers[0], c.Analysis.Rules[i]); ans == space.Found {
			c.show(res, w)
		} else if w, ok := c.Possible(i); ok {
			c.show(res, w)
		}
	}
}}
