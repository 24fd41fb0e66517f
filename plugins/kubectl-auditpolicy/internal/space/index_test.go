package space

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"
)

// The index visits, in their order, just the boxes that a comparison with each
// one finds.
func TestIndexAgreesWithComparingAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	p := &audit.Policy{}
	for range 700 {
		r := audit.PolicyRule{}
		if rnd.IntN(2) == 0 {
			for range 1 + rnd.IntN(40)*rnd.IntN(2) {
				r.Users = append(r.Users, fmt.Sprint("user-", rnd.IntN(300)))
			}
		}
		if rnd.IntN(3) == 0 {
			r.UserGroups = []string{fmt.Sprint("group-", rnd.IntN(90)), "system:nodes"}
		}
		if rnd.IntN(2) == 0 {
			r.Namespaces = []string{fmt.Sprint("team-", rnd.IntN(200))}
		}
		if rnd.IntN(4) > 0 {
			r.Verbs = []string{ResourceVerbs[rnd.IntN(8)]}
		}
		if rnd.IntN(3) > 0 {
			r.Resources = []audit.GroupResources{{Resources: []string{[]string{"pods", "pods/*", "*/scale", "secrets"}[rnd.IntN(4)]}}}
		}
		p.Rules = append(p.Rules, r)
	}
	sp := New(Hints{}, nil, p)
	var boxes []*Box
	for i := range p.Rules {
		b := sp.Rule(&p.Rules[i])
		for k := range b {
			boxes = append(boxes, &b[k])
		}
	}
	ix := sp.NewIndex(boxes)
	met := 0
	for range 3000 {
		b, first := boxes[rnd.IntN(len(boxes))], rnd.IntN(len(boxes)+1)
		if both, ok := b.And(*boxes[rnd.IntN(len(boxes))]); ok {
			b = &both
		}
		var want, got []int
		for i, o := range boxes[:first] {
			if b.Meets(o) {
				want = append(want, i)
			}
		}
		ix.Meeting(b, first, func(i int) { got = append(got, i) })
		if !slices.Equal(got, want) {
			t.Fatalf("among the first %d of %d: the index says %v, comparing says %v", first, len(boxes), got, want)
		}
		met += len(got)
	}
	if met < 10_000 {
		t.Errorf("only %d boxes met: nothing was tested", met)
	}
}

// Rules that leave one way out each are gone round in one pass over them: a long
// policy of rules for one group each takes work of its length, not its square.
func TestForcedWays(t *testing.T) {
	const n = 2000
	p := &audit.Policy{}
	for i := range n {
		p.Rules = append(p.Rules, audit.PolicyRule{UserGroups: []string{fmt.Sprint("group-", i)}, Verbs: []string{"get"}})
	}
	p.Rules = append(p.Rules, audit.PolicyRule{Verbs: []string{"get"}})
	sp := New(Hints{}, nil, p)
	var before []*Box
	for i := range n {
		for _, b := range sp.Rule(&p.Rules[i]) {
			before = append(before, &b)
		}
	}
	budget := &Budget{Left: 6 * len(before)}
	if _, ans := sp.Witness(sp.Rule(&p.Rules[n]), before, budget); ans != Found {
		t.Errorf("answer %v, %d left", ans, budget.Left)
	}
}
