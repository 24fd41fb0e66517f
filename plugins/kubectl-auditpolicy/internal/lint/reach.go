package lint

import (
	"fmt"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// reached says whether a rule decides any request, and shows one.
type reached struct {
	answer  space.Answer
	request authorizer.AttributesRecord
}

func (c *Context) findReach() {
	for i := range c.rules() {
		w, a := authorizer.AttributesRecord{}, space.Undecided
		if c.Budget.Left > 0 {
			w, a = c.Reaches(i, space.Boxes{{}})
		}
		if a == space.Found {
			// The evaluator has the last word on every witness.
			if d := c.Evaluator.Match(w); d.Rule != i {
				panic(fmt.Sprintf("the witness %q of rule %d goes to rule %d", space.Flags(w), i+1, d.Rule+1))
			}
		}
		if a == space.Undecided {
			c.undecide(ap010Rule(), "whether a request reaches "+ruleName(i)+" and later ones")
		}
		c.reach = append(c.reach, reached{a, w})
	}
}

// undecide notes a question that the budget did not reach, once a check.
func (c *Context) undecide(r finding.Rule, what string) {
	for _, o := range c.undecided {
		if o.ID == r.ID {
			return
		}
	}
	c.undecided = append(c.undecided, Open{r.ID, r.Severity, what})
}

func ap010Rule() finding.Rule {
	r, _ := Find("AP010")
	return r
}

// live says whether a rule can decide a request; one that was not decided
// counts as live.
func (c *Context) live(i int) bool { return c.reach[i].answer != space.Empty }

// try is the command line that shows what happens to a request.
func (c *Context) try(w authorizer.Attributes) string {
	d := c.Evaluator.Match(w)
	what := "no rule, level None"
	if d.Rule != policy.NoRule {
		what = fmt.Sprintf("rule %d, level %s", d.Rule+1, d.Level)
	}
	name := c.P.Name
	if strings.HasPrefix(name, "<") {
		name = "policy.yaml"
	}
	return fmt.Sprintf("try: kubectl auditpolicy match %s %s\n-> %s", space.Quote(name), space.Flags(w), what)
}

// show adds the request that shows a finding.
func (c *Context) show(r *Result, w authorizer.Attributes) {
	r.Evidence = append(r.Evidence, c.try(w))
}

// ask is a rule that asks a question: verbs on resources of a group.
func ask(group string, resources, verbs []string) audit.PolicyRule {
	return audit.PolicyRule{Verbs: verbs, Resources: []audit.GroupResources{{Group: group, Resources: resources}}}
}

// recorded says that a decision makes events.
func recorded(d policy.Decision) bool { return d.Level != audit.LevelNone }

func unrecorded(d policy.Decision) bool { return d.Level == audit.LevelNone }

// severity is a finding of a rule with another severity.
func severity(r finding.Rule, s finding.Severity) finding.Rule {
	r.Severity = s
	return r
}
