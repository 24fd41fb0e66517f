package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"
	upstream "k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/spacetest"
)

// What is said of a request is what kube-apiserver's evaluator decides: level,
// stages omitted by the policy or the rule, and managed fields, over random
// policies and all kinds of requests, those of users without any group among
// them. The rule that is named is the first that matches by itself.
func TestDecisionsAreTheServers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	all := spacetest.Universe(space.ForcedGroups)
	for i := range 500 {
		a := all[i*len(all)/500]
		a.User = &user.DefaultInfo{Name: "ann"}
		all = append(all, a)
	}
	stages := func() (out []audit.Stage) {
		for _, s := range policy.AllStages {
			if rnd.IntN(4) == 0 {
				out = append(out, s)
			}
		}
		return out
	}
	decided := map[int]int{}
	for range 300 {
		p := &audit.Policy{OmitStages: stages(), OmitManagedFields: rnd.IntN(2) == 0}
		for range 1 + rnd.IntN(12) {
			r := *spacetest.Grammar[rnd.IntN(len(spacetest.Grammar))].DeepCopy()
			r.Level, r.OmitStages = policy.AllLevels[rnd.IntN(4)], stages()
			if yes := rnd.IntN(2) == 0; rnd.IntN(3) == 0 {
				r.OmitManagedFields = &yes
			}
			p.Rules = append(p.Rules, r)
		}
		before := p.DeepCopy()
		e, server := policy.NewEvaluator(p), upstream.NewPolicyRuleEvaluator(p.DeepCopy())
		for range 400 {
			a := &all[rnd.IntN(len(all))]
			got, want := e.Match(a), server.EvaluatePolicyRule(a)
			same := got.Level == want.Level && got.OmitManagedFields == want.OmitManagedFields
			for _, s := range policy.AllStages {
				same = same && got.Omits(s) == slices.Contains(want.OmitStages, s)
			}
			first := slices.IndexFunc(p.Rules, func(r audit.PolicyRule) bool {
				one := r.DeepCopy()
				one.Level = "this"
				return upstream.NewPolicyRuleEvaluator(&audit.Policy{Rules: []audit.PolicyRule{*one}}).EvaluatePolicyRule(a).Level == "this"
			})
			if !same || got.Rule != first || e.After(-1, a).Rule != first {
				t.Fatalf("%s of %+v\n%+v\ngot %+v, rule %d is the first\nwant %+v", space.Flags(a), p, a, got, first, want)
			}
			decided[got.Rule]++
		}
		if !slices.EqualFunc(p.Rules, before.Rules, func(a, b audit.PolicyRule) bool { return slices.Equal(a.OmitStages, b.OmitStages) }) {
			t.Fatal("the policy was changed")
		}
	}
	if len(decided) < 8 {
		t.Errorf("only %d rules decide anything: nothing was tested", len(decided))
	}
}
