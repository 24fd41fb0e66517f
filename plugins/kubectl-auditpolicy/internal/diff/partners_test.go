package diff

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/spacetest"
)

// Partners ask the same, stand in the same order in both, and there is no longer
// choice of them.
func TestPartners(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		some := func() []audit.PolicyRule {
			var out []audit.PolicyRule
			for _, k := range rnd.Perm(9)[:rnd.IntN(9)] {
				r := spacetest.Grammar[k]
				r.Level = policy.AllLevels[rnd.IntN(4)]
				out = append(out, r)
			}
			return out
		}
		a, b := some(), some()
		old, young := partners(a, b)
		pairs, last := 0, -1
		for i, j := range old[:len(a)] {
			if j < 0 {
				continue
			}
			pairs++
			if young[j] != i || j <= last || asks(&a[i]) != asks(&b[j]) {
				t.Fatalf("rule %d has the partner %d\n%+v\n%+v\n%v %v", i, j, a, b, old, young)
			}
			last = j
		}
		if old[len(a)] != len(b) || young[len(b)] != len(a) || pairs != longest(a, b) {
			t.Fatalf("%d pairs, of %d that there are\n%+v\n%+v\n%v %v", pairs, longest(a, b), a, b, old, young)
		}
	}
}

// longest is the length of the longest common subsequence.
func longest(a, b []audit.PolicyRule) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case asks(&a[0]) == asks(&b[0]):
		return 1 + longest(a[1:], b[1:])
	}
	return max(longest(a[1:], b), longest(a, b[1:]))
}

// A policy and what edits make of it: rules moved, taken out, put in, doubled,
// with another level.
func TestEditedPolicies(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	j := &judge{all: distinct(spacetest.Universe(space.ForcedGroups), spacetest.Grammar)}
	rule := func() audit.PolicyRule {
		r := spacetest.Grammar[rnd.IntN(len(spacetest.Grammar))]
		r.Level = policy.AllLevels[rnd.IntN(4)]
		return r
	}
	for range 60 {
		a := &audit.Policy{}
		for range 4 + rnd.IntN(7) {
			a.Rules = append(a.Rules, rule())
		}
		j.compare(t, a, edited(rnd, a, rule))
	}
}

// edited is a policy with some rules moved, taken out, put in, doubled, or given
// another level.
func edited(rnd *rand.Rand, p *audit.Policy, rule func() audit.PolicyRule) *audit.Policy {
	b := p.DeepCopy()
	for range 1 + rnd.IntN(3) {
		x, y := rnd.IntN(len(b.Rules)), rnd.IntN(len(b.Rules))
		switch rnd.IntN(5) {
		case 0:
			b.Rules[x], b.Rules[y] = b.Rules[y], b.Rules[x]
		case 1:
			if b.Rules = append(b.Rules[:x:x], b.Rules[x+1:]...); len(b.Rules) == 0 {
				b.Rules = []audit.PolicyRule{rule()}
			}
		case 2:
			b.Rules = append(b.Rules[:x:x], append([]audit.PolicyRule{rule()}, b.Rules[x:]...)...)
		case 3:
			b.Rules[x].Level = policy.AllLevels[rnd.IntN(4)]
		case 4:
			b.Rules = append(b.Rules, b.Rules[x])
		}
	}
	return b
}

// Policies long enough for the index, of rules narrow enough for most to decide
// something: no kind of difference that a request of the universe shows is
// missed. (There are more requests than the universe has: these rules name more
// at once than it was made for.)
func TestLongPolicies(t *testing.T) {
	rnd := rand.New(rand.NewPCG(17, 18))
	j := &judge{all: spacetest.Universe(space.ForcedGroups)}
	of := func() audit.PolicyRule { return spacetest.Grammar[1+rnd.IntN(len(spacetest.Grammar)-1)] }
	narrow := func() audit.PolicyRule {
		for {
			r, o := of(), of()
			if len(r.NonResourceURLs) == 0 && len(o.NonResourceURLs) == 0 {
				if len(r.Namespaces) == 0 {
					r.Namespaces = o.Namespaces
				}
				if len(r.Resources) == 0 {
					r.Resources = o.Resources
				}
			}
			if len(r.Users)+len(r.UserGroups) == 0 {
				r.Users, r.UserGroups = o.Users, o.UserGroups
			}
			if len(r.Verbs) == 0 {
				r.Verbs = o.Verbs
			}
			if r.Level = policy.AllLevels[rnd.IntN(4)]; len(r.Users)+len(r.UserGroups)+len(r.Verbs) > 0 {
				return r
			}
		}
	}
	long := func() *audit.Policy {
		p := &audit.Policy{}
		for range 70 + rnd.IntN(60) {
			p.Rules = append(p.Rules, narrow())
		}
		return p
	}
	found := 0
	for n := range 16 {
		a := long()
		b := edited(rnd, a, narrow)
		if n%4 == 0 {
			b = long()
		}
		r := Compare(a, b, nil)
		got := kinds(r)
		found += len(got)
		for k, w := range j.differs(a, b) {
			if !got[k] {
				t.Fatalf("not found: %s, as %s\n%+v\n%+v", k, space.Flags(w), a.Rules, b.Rules)
			}
		}
		if r.Undecided {
			t.Error("undecided")
		}
	}
	if found < 20 {
		t.Errorf("only %d kinds of difference: nothing was tested", found)
	}
}

// Two long policies that differ in a rule or two are compared in those: in a
// small part of what all pairs of their rules would take.
func TestLongPoliciesOfFewDifferences(t *testing.T) {
	const n = 3000
	verbs := [][]string{{"get", "list", "watch"}, {"create", "update", "patch"}, {"delete", "deletecollection"}}
	long := &audit.Policy{}
	for i := range n {
		r := audit.PolicyRule{Level: policy.AllLevels[i*7%4], Verbs: verbs[i%3], Resources: []audit.GroupResources{{Resources: []string{"pods"}}}}
		switch i % 3 {
		case 0:
			r.Users = []string{fmt.Sprint("user-", i), fmt.Sprint("user-", i/2)}
		case 1:
			r.Namespaces = []string{fmt.Sprint("team-", i)}
		case 2:
			r.UserGroups = []string{fmt.Sprint("group-", i)}
		}
		long.Rules = append(long.Rules, r)
	}
	long.Rules = append(long.Rules, audit.PolicyRule{Level: audit.LevelMetadata})
	level := long.DeepCopy()
	level.Rules[1501].Level = audit.LevelNone
	spelt := long.DeepCopy()
	spelt.Rules[30].Verbs = []string{"watch", "list", "get"}
	swapped := long.DeepCopy()
	swapped.Rules[0], swapped.Rules[n-3] = swapped.Rules[n-3], swapped.Rules[0]
	for _, c := range []struct {
		what string
		p    *audit.Policy
		want int
	}{{"a level", level, 1}, {"another spelling", spelt, 0}, {"two rules swapped", swapped, 0}} {
		if r := compare(long, c.p, nil, 5_000_000); r.Undecided || len(r.Changes) != c.want {
			t.Errorf("%s: %d changes, undecided %v", c.what, len(r.Changes), r.Undecided)
		}
	}
}
