// Package decide answers exact questions about one policy: which requests
// reach a rule, which rules take what another would, and what an undecided
// request gets. It joins a policy's request space with kube-apiserver's
// evaluator, which confirms every witness.
package decide

import (
	"slices"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
)

// Work is the default budget of one policy, in comparisons of boxes: some
// seconds of work, and far more than a policy of some hundred rules needs.
const Work = 40_000_000

// Analysis is a policy and its request space.
type Analysis struct {
	Policy    *audit.Policy
	Space     *space.Space
	Evaluator *policy.Evaluator
	// Rules are the requests that each rule matches by itself.
	Rules     []space.Boxes
	Decisions []policy.Decision
	Budget    *space.Budget
	// Undecided counts the questions that the budget did not reach.
	Undecided int

	flat  []*space.Box // the boxes of all rules in their order
	owner []int        // the rule of each
	upTo  []int        // the number of boxes before each rule
	index *space.Index
}

// New analyses a policy. Questions are rules that will be asked about with
// Ask; the table makes witnesses read well and may be nil.
func New(p *audit.Policy, table *apitable.Table, questions []audit.PolicyRule) *Analysis {
	return In(space.New(Hints(table), questions, p), p)
}

// Hints are those of an API table, none of nil.
func Hints(table *apitable.Table) space.Hints {
	if table == nil {
		return space.Hints{}
	}
	return space.Hints{Known: table.Known, Sample: table.Sample}
}

// In analyses a policy in a space that was made with it.
func In(sp *space.Space, p *audit.Policy) *Analysis {
	a := &Analysis{Policy: p, Space: sp, Evaluator: policy.NewEvaluator(p), Budget: &space.Budget{Left: Work}}
	for i := range p.Rules {
		b := sp.Rule(&p.Rules[i])
		a.Rules = append(a.Rules, b)
		a.Decisions = append(a.Decisions, policy.RuleDecision(p, i))
		a.upTo = append(a.upTo, len(a.flat))
		for j := range b {
			a.flat = append(a.flat, &b[j])
			a.owner = append(a.owner, i)
		}
	}
	a.upTo = append(a.upTo, len(a.flat))
	a.index = sp.NewIndex(a.flat)
	return a
}

// Before are the boxes of the rules before one; policy.NoRule gives those of
// all rules.
func (a *Analysis) Before(rule int) []*space.Box {
	if rule == policy.NoRule {
		return a.flat
	}
	return a.flat[:a.upTo[rule]]
}

// All is the set of all requests.
var All = space.Boxes{{}}

// matches are the requests that a rule matches by itself, all for NoRule.
func (a *Analysis) matches(rule int) space.Boxes {
	if rule == policy.NoRule {
		return All
	}
	return a.Rules[rule]
}

// Ask is the set of requests that a rule matches, restricted to some others.
func (a *Analysis) Ask(q *audit.PolicyRule, within ...space.Box) space.Boxes {
	b := a.Space.Rule(q)
	for _, w := range within {
		b = b.And(space.Boxes{w})
	}
	return b
}

// Reaches finds a request among some that the given rule decides.
func (a *Analysis) Reaches(rule int, among space.Boxes) (authorizer.AttributesRecord, space.Answer) {
	w, ans := a.reaches(rule, among)
	return w, a.count(ans)
}

// count counts an answer that is none.
func (a *Analysis) count(ans space.Answer) space.Answer {
	if ans == space.Undecided {
		a.Undecided++
	}
	return ans
}

func (a *Analysis) reaches(rule int, among space.Boxes) (authorizer.AttributesRecord, space.Answer) {
	undecided := false
	for _, b := range a.matches(rule).And(among) {
		switch p, ans := a.Space.Witness(space.Boxes{b}, a.Near(&b, rule), a.Budget); ans {
		case space.Found:
			return a.Space.Request(p), ans
		case space.Undecided:
			undecided = true
		}
	}
	if undecided {
		return authorizer.AttributesRecord{}, space.Undecided
	}
	return authorizer.AttributesRecord{}, space.Empty
}

// Near are the boxes of the rules before one that can meet a box.
func (a *Analysis) Near(b *space.Box, rule int) []*space.Box {
	first := len(a.flat)
	if rule != policy.NoRule {
		first = a.upTo[rule]
	}
	out := a.index.Near(b, first)
	a.Budget.Left -= len(out)
	return out
}

// Left says whether anything of some requests is left by the rules before one.
func (a *Analysis) Left(in space.Boxes, rule int, also ...*space.Box) space.Answer {
	undecided := false
	for _, b := range in {
		out := a.Near(&b, rule)
		if len(also) > 0 {
			out = append(slices.Clone(out), also...)
		}
		switch _, ans := a.Space.Outside(space.Boxes{b}, out, a.Budget); ans {
		case space.Found:
			return ans
		case space.Undecided:
			undecided = true
		}
	}
	if undecided {
		return a.count(space.Undecided)
	}
	return space.Empty
}

// First finds the first rule, NoRule last, that decides some of the requests
// and whose decision is of interest.
func (a *Analysis) First(among space.Boxes, interesting func(policy.Decision) bool) (rule int, w authorizer.AttributesRecord, ans space.Answer) {
	return a.FirstAfter(-1, among, interesting)
}

// FirstAfter is First among the rules behind one: what that rule and those
// before it decide does not count.
func (a *Analysis) FirstAfter(after int, among space.Boxes, interesting func(policy.Decision) bool) (rule int, w authorizer.AttributesRecord, ans space.Answer) {
	undecided := false
	for _, rule := range append(a.Meeting(after+1, among), policy.NoRule) {
		if !interesting(policy.RuleDecision(a.Policy, rule)) {
			continue
		}
		switch w, ans := a.reaches(rule, among); ans {
		case space.Found:
			return rule, w, ans
		case space.Undecided:
			undecided = true
		}
	}
	if undecided {
		return policy.NoRule, w, a.count(space.Undecided)
	}
	return policy.NoRule, w, space.Empty
}

// Meeting are the rules from one on that match some of the requests by
// themselves, if those can be made.
func (a *Analysis) Meeting(from int, among space.Boxes) []int {
	meets := make([]bool, len(a.Rules))
	for i := range among {
		a.index.Meeting(&among[i], len(a.flat), func(k int) { meets[a.owner[k]] = true })
	}
	var out []int
	for i := from; i < len(meets); i++ {
		if meets[i] {
			out = append(out, i)
		}
	}
	return out
}

// Covers says whether some rules together match all of some requests; no rules
// match all where none of the requests can be made.
func (a *Analysis) Covers(part space.Boxes, rules ...int) bool {
	var out []*space.Box
	for _, i := range rules {
		for j := range a.Rules[i] {
			out = append(out, &a.Rules[i][j])
		}
	}
	_, ans := a.Space.Outside(part, out, a.Budget)
	return ans == space.Empty
}

// Takers are the earlier rules that together take all that a rule that is
// never reached would match: a set from which none can be left out. It is
// empty for a rule that matches nothing by itself.
func (a *Analysis) Takers(rule int) []int {
	var near []int
	for i := range rule {
		if len(a.Rules[i].And(a.Rules[rule])) > 0 {
			near = append(near, i)
		}
	}
	covers := func(rules []int) bool { return a.Covers(a.Rules[rule], rules...) }
	if covers(nil) {
		return nil
	}
	for _, i := range near {
		if covers([]int{i}) {
			return []int{i}
		}
	}
	// Leave out what can be left out, the last first: the earliest rules are
	// the ones that decide.
	keep := slices.Clone(near)
	for i := len(keep) - 1; i >= 0 && len(keep) <= 64; i-- {
		less := slices.Delete(slices.Clone(keep), i, i+1)
		if covers(less) {
			keep = less
		}
	}
	return keep
}

// Possible finds a request that a rule matches by itself, whichever rule
// decides it.
func (a *Analysis) Possible(rule int) (authorizer.AttributesRecord, bool) {
	p, ans := a.Space.Witness(a.Rules[rule], nil, a.Budget)
	return a.Space.Request(p), ans == space.Found
}
