package lint

import (
	"fmt"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap011 = Rule{finding.Rule{
	ID: "AP011", Title: "entry that earlier rules take entirely", Severity: finding.Info, Docs: auditing,
	Rationale: `Part of a rule can be as dead as a whole rule: a user, verb, resource, namespace or path in its lists for which earlier rules
take every request. Where the earlier rules record something else, the rule does not do what the entry says (a warning); otherwise the entry is only clutter
(an info).

That a general rule comes after particular ones is how policies are written and is not reported; an entry is reported only if nothing at
all is left of it. Decided exactly.`,
	Remedy: "Delete the entry, or move it to a rule above.",
	Source: "k8s.io/apiserver pkg/audit/policy/checker.go",
	Bad:    "- level: None\n  resources:\n  - group: \"\"\n    resources: [events]\n- level: Request\n  resources:\n  - group: \"\"\n    resources: [pods, events]\n- level: Metadata",
	Good:   "- level: None\n  resources:\n  - group: \"\"\n    resources: [events]\n- level: Request\n  resources:\n  - group: \"\"\n    resources: [pods]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i := range c.rules() {
		if c.reach[i].answer != space.Found {
			continue
		}
		for _, e := range entries(&c.rules()[i]) {
			path := policy.RulePath(i) + "." + e.path
			if c.explained[path] {
				continue
			}
			if c.Budget.Left <= 0 {
				c.undecide(r, "whether every entry of "+ruleName(i)+" and later rules matches anything")
				return
			}
			part := c.Ask(&e.only)
			if part.Empty() {
				continue // of no request at all: another check's business
			}
			if c.Left(part, i) != space.Empty {
				continue
			}
			if _, ans := c.Space.Outside(part, nil, c.Budget); ans == space.Empty {
				continue // of no request that can be made
			}
			c.explain(path)
			takers := c.takersOf(part, i)
			sev := r
			for _, t := range takers {
				if !c.Decisions[t].SameOutcome(c.Decisions[i]) {
					sev = severity(r, finding.Warning)
				}
			}
			// A single rule that is enough says more than all that have part.
			for _, t := range takers {
				if c.Covers(part, t) {
					takers = []int{t}
					break
				}
			}
			verb := "takes"
			if len(takers) > 1 {
				verb = "take"
			}
			c.report(sev, path, nil, "%s never reaches rule %d: %s %s all of it", strings.TrimSpace(e.what+" "+e.value), i+1, ruleNames(takers), verb)
		}
	}
}}

// takersOf are the earlier rules that have part in some requests.
func (c *Context) takersOf(part space.Boxes, rule int) []int {
	var out []int
	for j := range rule {
		if len(c.Analysis.Rules[j].And(part)) == 0 {
			continue
		}
		if _, ans := c.Reaches(j, part); ans != space.Empty {
			out = append(out, j)
		}
	}
	return out
}

// entry is one item of a rule's lists, and the rule with this item alone.
type entry struct {
	what, value, path string
	only              audit.PolicyRule
}

// entries are the items of all lists that have more than one.
func entries(r *audit.PolicyRule) []entry {
	var out []entry
	each := func(what, field string, list []string, only func(*audit.PolicyRule, string)) {
		if len(list) < 2 {
			return
		}
		for k, v := range list {
			n := *r
			only(&n, v)
			out = append(out, entry{what, show(v), fmt.Sprintf("%s[%d]", field, k), n})
		}
	}
	each("user", "users", r.Users, func(n *audit.PolicyRule, v string) { n.Users = []string{v} })
	each("group", "userGroups", r.UserGroups, func(n *audit.PolicyRule, v string) { n.UserGroups = []string{v} })
	each("verb", "verbs", r.Verbs, func(n *audit.PolicyRule, v string) { n.Verbs = []string{v} })
	each("namespace", "namespaces", r.Namespaces, func(n *audit.PolicyRule, v string) { n.Namespaces = []string{v} })
	each("path", "nonResourceURLs", r.NonResourceURLs, func(n *audit.PolicyRule, v string) { n.NonResourceURLs = []string{v} })
	for j, gr := range r.Resources {
		if len(gr.Resources) == 0 && len(r.Resources) > 1 {
			n := *r
			n.Resources = []audit.GroupResources{gr}
			out = append(out, entry{"", groupName(gr.Group), fmt.Sprintf("resources[%d]", j), n})
		}
		for k, res := range gr.Resources {
			if len(gr.Resources) == 1 && len(r.Resources) == 1 {
				break
			}
			n := *r
			one := gr
			one.Resources = []string{res}
			n.Resources = []audit.GroupResources{one}
			out = append(out, entry{"resource", show(res), fmt.Sprintf("resources[%d].resources[%d]", j, k), n})
		}
	}
	return out
}

func show(v string) string {
	if v == "" {
		return `""`
	}
	return v
}
