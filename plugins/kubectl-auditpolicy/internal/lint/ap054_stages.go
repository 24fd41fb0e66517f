package lint

import (
	"fmt"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap054 = Rule{finding.Rule{
	ID: "AP054", Title: "omitStages of the rule adds nothing", Severity: finding.Warning, Docs: auditing,
	Rationale: `The stages that a rule omits are added to those that the policy omits; a rule cannot bring a stage back. A rule with an empty list, or with a
list that lacks a stage of the policy's, looks as if it did (a warning); a rule that repeats the policy's list only says it twice (an
info: the handbook's own example does).`,
	Remedy: "Delete the rule's omitStages, or move the policy's to the rules that should have it.",
	Source: "unionStages in k8s.io/apiserver pkg/audit/policy/checker.go",
	Bad:    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n  omitStages: []",
	Good:   "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	global := map[audit.Stage]bool{}
	for _, s := range c.P.Internal.OmitStages {
		global[s] = true
	}
	if len(global) == 0 {
		return
	}
	var repeated []int
	for i, rule := range c.rules() {
		path := policy.RulePath(i) + ".omitStages"
		if !c.P.Has(path) || rule.Level == audit.LevelNone {
			continue
		}
		adds := false
		for _, s := range rule.OmitStages {
			adds = adds || !global[s]
		}
		switch {
		case adds:
		case len(rule.OmitStages) == 0:
			c.report(r, path, c.P.Key(path), "an empty omitStages brings nothing back: the policy omits %s for every rule", list(stageNames(c.P.Internal.OmitStages)))
		default:
			repeated = append(repeated, i)
		}
	}
	if len(repeated) > 0 {
		verb := "repeats"
		if len(repeated) > 1 {
			verb = "repeat"
		}
		path := fmt.Sprintf("%s.omitStages", policy.RulePath(repeated[0]))
		res := c.report(severity(r, finding.Info), path, c.P.Key(path), "%s %s what the policy omits already", ruleNames(repeated), verb)
		for _, i := range repeated {
			c.fixDeleteField(res, policy.RulePath(i)+".omitStages")
		}
	}
}}

func stageNames(stages []audit.Stage) []string {
	var out []string
	for _, s := range stages {
		out = append(out, string(s))
	}
	return out
}
