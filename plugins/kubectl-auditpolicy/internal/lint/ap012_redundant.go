package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap012 = Rule{finding.Rule{
	ID: "AP012", Title: "rule changes nothing", Severity: finding.Info, Docs: auditing,
	Rationale: `Without this rule every request would get the same level, stages and managed fields from a later rule or from the default. That
can be meant, as documentation or as a guard against later changes; otherwise the rule is clutter that the next reader has to understand.
Decided exactly.`,
	Remedy: "Delete the rule, or keep it for its comment.",
	Source: "k8s.io/apiserver pkg/audit/policy/checker.go",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets]\n- level: Metadata",
	Good:   "- level: None\n  resources:\n  - group: \"\"\n    resources: [events]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i := range c.rules() {
		if c.reach[i].answer != space.Found || c.told(i) || len(c.rules()) == 1 {
			continue
		}
		if r := c.rules()[i]; i == len(c.rules())-1 && r.Level == audit.LevelNone && takesAll(&r) {
			continue // it says the default in words, as AP013 asks for
		}
		later, same, sure := c.fallThrough(i)
		if !sure {
			c.undecide(r, "whether "+ruleName(i)+" and later ones change anything")
			return
		}
		if !same {
			continue
		}
		to := "the default, level None"
		if later != policy.NoRule {
			to = ruleName(later)
		}
		c.report(r, policy.RulePath(i), c.levelNode(i), "rule %d changes nothing: its requests would get the same from %s", i+1, to)
	}
}}

// takesAll says whether a rule asks for nothing in particular.
func takesAll(r *audit.PolicyRule) bool {
	return len(r.Users)+len(r.UserGroups)+len(r.Verbs)+len(r.Resources)+len(r.Namespaces)+len(r.NonResourceURLs) == 0
}

// fallThrough says whether the requests that a rule decides would get the same
// outcome without it, and which rule would decide the request that shows the
// rule is reached.
func (c *Context) fallThrough(i int) (later int, same, sure bool) {
	mine := c.Decisions[i]
	// The rule's own witness mostly settles it.
	if later = c.Evaluator.After(i, c.reach[i].request).Rule; later == policy.NoRule {
		if !policy.RuleDecision(c.P.Internal, policy.NoRule).SameOutcome(mine) {
			return later, false, true
		}
	} else if !c.Decisions[later].SameOutcome(mine) {
		return later, false, true
	}
	var between []*space.Box
	undecided := false
	// A rule that matches none of its requests neither gets them nor takes them.
	for _, j := range append(c.Meeting(i+1, c.Analysis.Rules[i]), len(c.rules())) {
		d, boxes := policy.RuleDecision(c.P.Internal, policy.NoRule), space.Boxes{{}}
		if j < len(c.rules()) {
			d, boxes = c.Decisions[j], c.Analysis.Rules[j]
		}
		if !d.SameOutcome(mine) {
			c.Budget.Left -= len(c.Analysis.Rules[i]) * len(boxes)
			both := c.Analysis.Rules[i].And(boxes)
			c.Budget.Left -= len(between)
			switch ans := c.Left(both, i, between...); ans {
			case space.Found:
				return j, false, true
			case space.Undecided:
				undecided = true
			}
		}
		for k := range boxes {
			between = append(between, &boxes[k])
		}
	}
	return later, !undecided, !undecided
}
