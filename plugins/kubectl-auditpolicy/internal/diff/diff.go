// Package diff compares what two policies record: not their texts but their
// decisions, over all requests that kube-apiserver can receive.
package diff

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/decide"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
)

// Outcome is what is recorded of a request.
type Outcome struct {
	Level audit.Level `json:"level"`
	// Stages are those at which an event is made.
	Stages []audit.Stage `json:"stages,omitempty"`
	// OmitManagedFields matters for levels with bodies only.
	OmitManagedFields bool `json:"omitManagedFields,omitempty"`
}

func outcome(d policy.Decision) Outcome {
	o := Outcome{Level: d.Level, Stages: d.Stages()}
	if policy.Rank(d.Level) > policy.Rank(audit.LevelMetadata) {
		o.OmitManagedFields = d.OmitManagedFields
	}
	return o
}

// String is the level, with what is particular about it.
func (o Outcome) String() string { return string(o.Level) }

// Change is a class of requests whose outcome differs.
type Change struct {
	// Class says which requests, in words.
	Class string
	From  Outcome
	To    Outcome
	// OldRule and NewRule decide the witness, policy.NoRule for the default.
	OldRule, NewRule int
	Witness          authorizer.AttributesRecord
	// Loss says that less is recorded: a lower level, or a stage less.
	Loss bool
}

// What says what differs: level, stages or managedFields.
func (c Change) What() string {
	switch {
	case c.From.Level != c.To.Level:
		return "level"
	case !slices.Equal(c.From.Stages, c.To.Stages):
		return "stages"
	}
	return "managedFields"
}

// Report is the difference of two policies.
type Report struct {
	Changes []Change
	// More says that some changes are not listed: their number is bounded.
	More bool
	// Undecided says that the budget ran out: there may be further changes.
	Undecided bool
}

// Work is the default budget, in comparisons of boxes.
const Work = 60_000_000

// maxClasses bounds the classes that are listed; beyond it nobody reads on.
const maxClasses = 60

// small is the number of rules up to which classes are made as large as the
// outcomes allow; beyond it they end where the rules that decide do.
const small = 80

// Compare finds the classes of requests that two policies record differently.
// The table makes witnesses read well.
func Compare(before, after *audit.Policy, table *apitable.Table) *Report {
	return compare(before, after, table, Work)
}

type comparison struct {
	sp     *space.Space
	a, b   *decide.Analysis
	budget *space.Budget
	report *Report
	// listed are the classes found so far, by what changes.
	listed map[string]*kind
	order  []string
	found  int
}

// kind is all changes with the same outcomes.
type kind struct {
	from, to Outcome
	boxes    space.Boxes
}

func compare(before, after *audit.Policy, table *apitable.Table, work int) *Report {
	sp := space.New(decide.Hints(table), nil, before, after)
	c := &comparison{sp: sp, a: decide.In(sp, before), b: decide.In(sp, after), budget: &space.Budget{Left: work},
		report: &Report{}, listed: map[string]*kind{}}
	c.a.Budget, c.b.Budget = c.budget, c.budget
	from, to := decisions(before), decisions(after)
	old, young := partners(before.Rules, after.Rules)
	// What loses comes first, so that a bounded list still tells whether
	// anything is lost.
	for _, losing := range []bool{true, false} {
		for i := 0; i < len(from) && !c.report.Undecided; i++ {
			for _, j := range c.candidates(i, old, young) {
				if !from[i].SameOutcome(to[j]) && loses(outcome(from[i]), outcome(to[j])) == losing {
					c.pair(from[i], to[j])
				}
			}
		}
	}
	c.finish()
	return c.report
}

// candidates are the rules of the new policy that can decide what a rule of the
// old one decides, len(young)-1 for the default.
func (c *comparison) candidates(i int, old, young []int) []int {
	last := len(young) - 1
	rule := i
	if i == len(old)-1 {
		rule = policy.NoRule
	}
	meeting := append(c.b.Meeting(0, boxesOf(c.a, rule)), last)
	c.budget.Left -= len(meeting)
	var out []int
	for _, j := range meeting {
		switch {
		case j == old[i], young[j] < 0 && (old[i] < 0 || j < old[i]), old[i] < 0 && i < young[j]:
			out = append(out, j)
		}
	}
	return out
}

// decisions are those of all rules, and at the end the default.
func decisions(p *audit.Policy) []policy.Decision {
	var out []policy.Decision
	for i := range p.Rules {
		out = append(out, policy.RuleDecision(p, i))
	}
	return append(out, policy.RuleDecision(p, policy.NoRule))
}

func boxesOf(a *decide.Analysis, rule int) space.Boxes {
	if rule == policy.NoRule {
		return decide.All
	}
	return a.Rules[rule]
}

// pair finds the requests that one rule of the old policy and one of the new
// decide differently.
func (c *comparison) pair(from, to policy.Decision) {
	i, j := from.Rule, to.Rule
	if k := c.listed[key(outcome(from))+"->"+key(outcome(to))]; c.found >= maxClasses && k != nil && len(k.boxes) > 0 {
		// The list is full; what is still looked for are kinds of change that
		// it has no example of.
		c.report.More = true
		return
	}
	if c.budget.Left < 0 {
		c.report.Undecided = true
		return
	}
	both := boxesOf(c.a, i).And(boxesOf(c.b, j))
	k := c.kind(outcome(from), outcome(to))
	for n := range both {
		if !c.part(both, n, k, from, to) {
			return
		}
	}
}

// part finds them in one of the boxes of what both rules match; false ends the
// search in the pair.
func (c *comparison) part(both space.Boxes, n int, k *kind, from, to policy.Decision) bool {
	i, j := from.Rule, to.Rule
	out := slices.Concat(c.a.Near(&both[n], i), c.b.Near(&both[n], j))
	for b := range k.boxes {
		out = append(out, &k.boxes[b])
	}
	for {
		p, ans := c.sp.Witness(both[n:n+1], out, c.budget)
		switch ans {
		case space.Undecided:
			c.report.Undecided = true
			return false
		case space.Empty:
			return true
		}
		if c.found++; c.found > maxClasses && len(k.boxes) > 0 {
			c.report.More = true
			return false
		}
		inside := func(b space.Box) bool { return c.pairHolds(b, both, i, j) }
		if len(c.a.Rules)+len(c.b.Rules) <= small {
			inside = func(b space.Box) bool { return c.allHave(b, c.a, from) && c.allHave(b, c.b, to) }
		}
		box := c.sp.Expand(p, inside)
		k.boxes = append(k.boxes, box)
		out = append(out, &box)
	}
}

func (c *comparison) kind(from, to Outcome) *kind {
	name := key(from) + "->" + key(to)
	if c.listed[name] == nil {
		c.listed[name] = &kind{from: from, to: to}
		c.order = append(c.order, name)
	}
	return c.listed[name]
}

func key(o Outcome) string {
	s := string(o.Level)
	for _, st := range o.Stages {
		s += "," + string(st)
	}
	if o.OmitManagedFields {
		s += ",omit"
	}
	return s
}

// pairHolds says whether all requests of a box are decided by the pair of
// rules: by no earlier one, and by both.
func (c *comparison) pairHolds(b space.Box, both space.Boxes, i, j int) bool {
	if !c.sp.Within(b, both, c.budget) {
		return false
	}
	for _, near := range [][]*space.Box{c.a.Near(&b, i), c.b.Near(&b, j)} {
		for _, o := range near {
			if _, ans := c.sp.Outside(space.Boxes{b}.And(space.Boxes{*o}), nil, c.budget); ans != space.Empty {
				return false
			}
		}
	}
	return true
}

// allHave says whether all requests of a box get an outcome from a policy.
func (c *comparison) allHave(b space.Box, a *decide.Analysis, want policy.Decision) bool {
	in := space.Boxes{b}
	for _, d := range decisions(a.Policy) {
		if d.SameOutcome(want) {
			continue
		}
		part := boxesOf(a, d.Rule).And(in)
		if len(part) == 0 {
			continue
		}
		if _, ans := c.sp.Outside(part, a.Before(d.Rule), c.budget); ans != space.Empty {
			return false
		}
	}
	return true
}

// finish turns the boxes into changes, those that lose coverage first.
func (c *comparison) finish() {
	for _, name := range c.order {
		k := c.listed[name]
		for _, b := range c.sp.Merge(k.boxes) {
			p, ans := c.sp.Witness(space.Boxes{b}, nil, &space.Budget{Left: Work})
			if ans != space.Found {
				continue
			}
			w := c.sp.Request(p)
			from, to := c.a.Evaluator.Match(w), c.b.Evaluator.Match(w)
			if from.SameOutcome(to) {
				panic("diff: the evaluator contradicts the request space on " + space.Flags(w))
			}
			c.report.Changes = append(c.report.Changes, Change{Class: c.sp.Describe(b), From: k.from, To: k.to,
				OldRule: from.Rule, NewRule: to.Rule, Witness: w, Loss: loses(k.from, k.to)})
		}
	}
	slices.SortStableFunc(c.report.Changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(order(x), order(y)), cmp.Compare(policy.Rank(y.From.Level), policy.Rank(x.From.Level)), strings.Compare(x.Class, y.Class))
	})
}

func order(c Change) int {
	if c.Loss {
		return 0
	}
	return 1
}

// loses says whether an outcome records less than another.
func loses(from, to Outcome) bool {
	if policy.Rank(to.Level) != policy.Rank(from.Level) {
		return policy.Rank(to.Level) < policy.Rank(from.Level)
	}
	return slices.ContainsFunc(from.Stages, func(s audit.Stage) bool { return !slices.Contains(to.Stages, s) })
}
