package explain

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

// Where the budget ends is said, and nothing is said to be taken or never
// reached that was not decided.
func TestBudget(t *testing.T) {
	ps, err := policy.Load("p", []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  users: [a]\n- level: Request\n  resources:\n  - group: ''\n    resources: [pods]\n- level: None\n  verbs: [get]\n- level: Metadata\n- level: None\n  users: [b]\n"))
	if err != nil {
		t.Fatal(err)
	}
	whole := Policy(ps[0], nil)
	if whole.Undecided != 0 || whole.Rules[4].Reached || len(whole.Rules[0].TakesFrom) == 0 {
		t.Fatalf("%+v", whole)
	}
	for work := range 120 {
		r := within(ps[0], nil, work)
		if work == 0 && r.Undecided != 1 {
			t.Errorf("without a budget all was decided: %+v", r)
		}
		for i, x := range r.Rules {
			w := whole.Rules[i]
			if w.Reached && !x.Reached || w.Possible && !x.Possible || len(x.TakesFrom) > len(w.TakesFrom) {
				t.Errorf("with %d, rule %d: %+v, in truth %+v", work, i+1, x, w)
			}
			if r.Undecided == 0 && (x.Reached != w.Reached || len(x.TakesFrom) != len(w.TakesFrom)) {
				t.Errorf("with %d, rule %d: %+v differs and nothing is said to be open", work, i+1, x)
			}
		}
	}
}
