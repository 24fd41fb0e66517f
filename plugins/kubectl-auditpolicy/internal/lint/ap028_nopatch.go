package lint

import (
	"fmt"
	"slices"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap028 = Rule{finding.Rule{
	ID: "AP028", Title: "update without patch", Severity: finding.Warning, Docs: auditing, Heuristic: true,
	Rationale: `kubectl apply, edit, scale, label and annotate, and most controllers, change objects by patch, not by update. A rule that records
create and update but not patch misses most changes. It is reported only where a patch then gets a lower level. In the same way delete
without deletecollection misses kubectl delete --all; that is an info.`,
	Remedy: "Add patch (and deletecollection) to the verbs.",
	Source: "kubectl's use of the API; Fairwinds' policy has it",
	Bad:    "- level: Request\n  verbs: [create, update, delete, deletecollection]\n  resources:\n  - group: apps\n- level: Metadata",
	Good:   "- level: Request\n  verbs: [create, update, patch, delete, deletecollection]\n  resources:\n  - group: apps\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		if rule.Level == audit.LevelNone || !c.live(i) || c.told(i) || len(rule.NonResourceURLs) > 0 {
			continue
		}
		for _, m := range []struct {
			has, lacks string
			severity   finding.Severity
		}{{"update", "patch", r.Severity}, {"delete", "deletecollection", finding.Info}} {
			k := slices.Index(rule.Verbs, m.has)
			if k < 0 || slices.Contains(rule.Verbs, m.lacks) {
				continue
			}
			// Where the same requests with the other verb go.
			other := rule
			other.Verbs = []string{m.lacks}
			if m.lacks == "deletecollection" {
				other.Resources = slices.Clone(rule.Resources)
				for j := range other.Resources {
					other.Resources[j].ResourceNames = nil
				}
			}
			// What an earlier rule takes, it takes with either verb.
			lower, w, ans := c.FirstAfter(i, c.Ask(&other, c.Space.Authenticated()), func(d policy.Decision) bool {
				return effective(d.Level, m.lacks) < effective(rule.Level, m.lacks)
			})
			if ans != space.Found {
				continue
			}
			res := c.report(severity(r, m.severity), fmt.Sprintf("%s.verbs[%d]", policy.RulePath(i), k), nil,
				"%s without %s: a %s gets %s", m.has, m.lacks, m.lacks, c.levelBy(lower))
			c.show(res, w)
		}
	}
}}

// levelBy says what a rule, or that there is none, gives a request.
func (c *Context) levelBy(rule int) string {
	if rule == policy.NoRule {
		return fmt.Sprintf("level %s: no rule takes it", c.levelOf(rule))
	}
	return fmt.Sprintf("level %s from %s", c.levelOf(rule), ruleName(rule))
}

func (c *Context) levelOf(rule int) audit.Level {
	return policy.RuleDecision(c.P.Internal, rule).Level
}

// effective is the rank of what a level really records for a verb: Request
// adds nothing to Metadata where requests have no body, RequestResponse adds
// nothing to a watch.
func effective(l audit.Level, verb string) int {
	switch verb {
	case "get", "list":
		if l == audit.LevelRequest {
			l = audit.LevelMetadata
		}
	case "watch":
		if policy.Rank(l) > 1 {
			l = audit.LevelMetadata
		}
	}
	return policy.Rank(l)
}
