package lint

import (
	"slices"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
)

// Concern is something that must be recorded, as the requests that it is about.
type Concern struct {
	Name string
	Rule audit.PolicyRule
}

// gap is a rule, or policy.NoRule, that leaves concerns unrecorded.
type gap struct {
	rule  int
	names []string
	// show is the command line of a request that is lost.
	show string
}

// gaps are the concerns of which something is not recorded, by the rule that
// loses it. A concern of which a part is lost is named with that part: the
// verbs, and the namespaces that the rule is for.
func (c *Context) gaps(concerns []Concern, undecided func(Concern)) []gap {
	var out []gap
	for _, q := range concerns {
		_, _, ans := c.First(c.Ask(&q.Rule, c.Space.Anybody()), unrecorded)
		if ans == space.Undecided {
			undecided(q)
		}
		if ans != space.Found {
			continue
		}
		lost := map[int][]string{}
		var order []int
		show := map[int]string{}
		for _, verb := range q.Rule.Verbs {
			one := q.Rule
			one.Verbs = []string{verb}
			rule, w, ans := c.First(c.Ask(&one, c.Space.Anybody()), unrecorded)
			if ans != space.Found {
				continue
			}
			if lost[rule] == nil {
				order = append(order, rule)
				show[rule] = c.try(w)
			}
			lost[rule] = append(lost[rule], verb)
		}
		for _, rule := range order {
			name := q.Name
			if len(lost[rule]) < len(q.Rule.Verbs) {
				name += " by " + list(lost[rule])
			}
			k := slices.IndexFunc(out, func(g gap) bool { return g.rule == rule })
			if k < 0 {
				k = len(out)
				out = append(out, gap{rule: rule, show: show[rule]})
			}
			out[k].names = append(out[k].names, name+c.onlyIn(rule, q, lost[rule]))
		}
	}
	return out
}

// onlyIn says in which namespaces a rule loses a concern, "" if in all that no
// rule names.
func (c *Context) onlyIn(rule int, q Concern, verbs []string) string {
	if rule == policy.NoRule || len(c.rules()[rule].Namespaces) == 0 {
		return ""
	}
	q.Rule.Verbs = verbs
	if _, ans := c.Reaches(rule, c.Ask(&q.Rule, c.Space.Anybody(), c.Space.UnnamedNamespace())); ans != space.Empty {
		return ""
	}
	names := c.rules()[rule].Namespaces
	return " in " + plural(len(names), "namespace") + " " + list(names)
}
