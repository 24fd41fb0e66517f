package diff

import (
	"math/rand/v2"
	"slices"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/spacetest"
)

// someRules are rules of the grammar with levels and stages, few enough for all
// pairs of policies.
func someRules() []audit.PolicyRule {
	var out []audit.PolicyRule
	yes := true
	for i, k := range []int{0, 2, 4, 7, 10, 11, 16, 20} {
		r := spacetest.Grammar[k]
		r.Level = policy.AllLevels[i%4]
		switch i {
		case 2:
			r.OmitStages = []audit.Stage{audit.StageRequestReceived}
		case 3:
			r.OmitManagedFields = &yes
		}
		out = append(out, r)
	}
	last := spacetest.Grammar[0]
	last.Level = audit.LevelRequestResponse
	return append(out, last)
}

type judge struct {
	all []authorizer.AttributesRecord
}

// differs asks the real evaluator about every request of the universe.
func (j *judge) differs(a, b *audit.Policy) map[string]*authorizer.AttributesRecord {
	ea, eb := policy.NewEvaluator(a), policy.NewEvaluator(b)
	out := map[string]*authorizer.AttributesRecord{}
	for i := range j.all {
		x, y := ea.Match(&j.all[i]), eb.Match(&j.all[i])
		if !x.SameOutcome(y) {
			out[key(outcome(x))+"->"+key(outcome(y))] = &j.all[i]
		}
	}
	return out
}

func kinds(r *Report) map[string]bool {
	out := map[string]bool{}
	for _, c := range r.Changes {
		out[key(c.From)+"->"+key(c.To)] = true
	}
	return out
}

func (j *judge) compare(t *testing.T, a, b *audit.Policy) {
	t.Helper()
	r := Compare(a, b, nil)
	want, got := j.differs(a, b), kinds(r)
	for k, w := range want {
		if !got[k] {
			t.Fatalf("not found: %s, as %s\n%+v\n%+v", k, space.Flags(w), a.Rules, b.Rules)
		}
	}
	for k := range got {
		if want[k] == nil {
			t.Fatalf("found, but no request of the universe shows it: %s\n%+v\n%+v", k, a.Rules, b.Rules)
		}
	}
	for _, c := range r.Changes {
		if c.Class == "" {
			t.Fatal("a class without words")
		}
	}
}

// All pairs of policies of up to two rules. Which outcomes change into which is
// compared with the real evaluator's answers on every request.
func TestDiffAgreesWithBruteForce(t *testing.T) {
	rules := someRules()
	var policies []*audit.Policy
	for i := range rules {
		policies = append(policies, &audit.Policy{Rules: []audit.PolicyRule{rules[i]}})
		for j := range rules {
			policies = append(policies, &audit.Policy{Rules: []audit.PolicyRule{rules[i], rules[j]}})
		}
	}
	// What each policy decides on each request, once.
	all := spacetest.Universe(space.ForcedGroups)
	// Requests that every rule treats alike need to be asked about once.
	all = distinct(all, rules)
	decided := make([][]string, len(policies))
	for p := range policies {
		e := policy.NewEvaluator(policies[p])
		for i := range all {
			decided[p] = append(decided[p], key(outcome(e.Match(&all[i]))))
		}
	}
	pairs := 0
	for x := range policies {
		for y := range policies {
			pairs++
			want := map[string]bool{}
			for i := range all {
				if k, l := decided[x][i], decided[y][i]; k != l {
					want[k+"->"+l] = true
				}
			}
			got := kinds(Compare(policies[x], policies[y], nil))
			if len(got) != len(want) {
				t.Fatalf("%+v\n%+v\nwant %v\ngot %v", policies[x].Rules, policies[y].Rules, want, got)
			}
			for k := range want {
				if !got[k] {
					t.Fatalf("%+v\n%+v\nwant %v\ngot %v", policies[x].Rules, policies[y].Rules, want, got)
				}
			}
		}
	}
	t.Logf("%d pairs of policies, %d classes of requests", pairs, len(all))
}

// distinct keeps one request of each class that the rules tell apart.
func distinct(all []authorizer.AttributesRecord, rules []audit.PolicyRule) []authorizer.AttributesRecord {
	e := policy.NewEvaluator(&audit.Policy{Rules: rules})
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(a authorizer.AttributesRecord) bool {
		k := make([]byte, len(rules))
		for i := range rules {
			k[i] = '0'
			if e.Matches(i, &a) {
				k[i] = '1'
			}
		}
		old := seen[string(k)]
		seen[string(k)] = true
		return old
	})
}

// Random larger policies, against every request of the universe.
func TestRandomDiffs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	j := &judge{all: distinct(spacetest.Universe(space.ForcedGroups), spacetest.Grammar)}
	random := func() *audit.Policy {
		p := &audit.Policy{OmitManagedFields: rnd.IntN(2) == 0}
		for range 3 + rnd.IntN(8) {
			r := spacetest.Grammar[rnd.IntN(len(spacetest.Grammar))]
			r.Level = policy.AllLevels[rnd.IntN(4)]
			if rnd.IntN(4) == 0 {
				r.OmitStages = []audit.Stage{policy.AllStages[rnd.IntN(4)]}
			}
			p.Rules = append(p.Rules, r)
		}
		return p
	}
	for range 60 {
		j.compare(t, random(), random())
	}
	// A policy in another spelling is the same.
	for range 20 {
		p := random()
		q := p.DeepCopy()
		for i := range q.Rules {
			slices.Reverse(q.Rules[i].Verbs)
			slices.Reverse(q.Rules[i].Resources)
		}
		q.Rules = append(q.Rules, audit.PolicyRule{Level: audit.LevelNone})
		if r := Compare(p, q, nil); len(r.Changes) > 0 || r.Undecided {
			t.Fatalf("equal policies differ: %+v\n%+v", p.Rules, r.Changes)
		}
	}
}

// FuzzDiff is the longer run: go test -fuzz FuzzDiff ./internal/diff
func FuzzDiff(f *testing.F) {
	j := &judge{all: distinct(spacetest.Universe(space.ForcedGroups), spacetest.Grammar)}
	f.Add([]byte{1, 2, 3}, []byte{3, 2, 1})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) > 12 || len(b) > 12 || len(a) == 0 || len(b) == 0 {
			return
		}
		build := func(bytes []byte) *audit.Policy {
			p := &audit.Policy{}
			for _, x := range bytes {
				r := spacetest.Grammar[int(x>>2)%len(spacetest.Grammar)]
				r.Level = policy.AllLevels[x&3]
				p.Rules = append(p.Rules, r)
			}
			return p
		}
		j.compare(t, build(a), build(b))
	})
}

// A budget that ends early leaves changes out and says so; it makes none up.
func TestBudget(t *testing.T) {
	rule := func(level audit.Level, users ...string) audit.PolicyRule {
		return audit.PolicyRule{Level: level, Users: users, Verbs: []string{"get", "list"}}
	}
	p := &audit.Policy{Rules: []audit.PolicyRule{rule("None", "a"), rule("Metadata", "b"), rule("Request", "c", "a"), {Level: "Metadata"}}}
	q := &audit.Policy{Rules: []audit.PolicyRule{rule("None", "a"), rule("None", "b"), rule("Request", "c", "b"), {Level: "Request"}}}
	whole := Compare(p, q, nil)
	if whole.Undecided || len(whole.Changes) == 0 {
		t.Fatalf("%+v", whole)
	}
	ended := 0
	for work := range 200 {
		r := compare(p, q, nil, work*100)
		if r.Undecided {
			ended++
		} else if len(r.Changes) != len(whole.Changes) {
			t.Errorf("work %d: %d changes, and %d with all of it", work, len(r.Changes), len(whole.Changes))
		}
		for _, c := range r.Changes {
			if c.From.Level == c.To.Level {
				t.Errorf("work %d: no change: %+v", work, c)
			}
		}
	}
	if ended == 0 || ended == 200 {
		t.Errorf("%d of 200 budgets ended early", ended)
	}
}
