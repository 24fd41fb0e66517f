package explain

import (
	"fmt"
	"slices"
	"strings"
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

// The words say what kube-apiserver makes of a rule: what matches nothing, what
// is no wildcard, what omitted stages take away, and what it dropped.
func TestWords(t *testing.T) {
	const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
	for _, c := range []struct{ policy, want string }{
		{"rules:\n- level: Metadata\n  nonResourceURLs: ['/api*', '*']\n", "all requests for all paths that are no resources."},
		{"rules:\n- level: None\n  nonResourceURLs: ['/version', '/healthz*', '/readyz*']\n", "for the path /version and all paths that begin with /healthz or /readyz."},
		{"rules:\n- level: None\n  resources: [{group: '', resources: ['*/*', pods]}]\n", "for */* (which matches nothing) and pods of"},
		{"rules:\n- level: None\n  resources: [{group: '', resources: [po*, pods/log/x, 'pods/*']}]\n", "for po* (which matches nothing), pods/log/x (which matches nothing) and pods and all its subresources of"},
		{"rules:\n- level: None\n  users: ['system:*']\n", "by system:* (taken literally)."},
		{"rules:\n- level: Request\n  omitStages: [ResponseComplete]\n", "Bodies are in the event at ResponseComplete, which is omitted: none is recorded."},
		{"omitStages: [RequestReceived]\nrules:\n- level: Metadata\n  omitStages: [ResponseComplete]\n", "of all others nothing is recorded."},
		{"omitStages: [RequestReceived, ResponseStarted]\nrules:\n- level: Metadata\n  omitStages: [ResponseComplete]\n", "No stage is left: nothing is recorded."},
		{"rules:\n- level: Metadata\n  resources: [{group: '', verbs: [get]}]\n", `in resources[0]: unknown field "verbs", dropped: the rule is read without it`},
		{"rules:\n- level: Metadata\n  verb: [get]\n", `[unknown field "verb", dropped: the rule is read without it]`},
		{"rules:\n- level: Metadata\n  verbs: [get]\n  verbs: [list]\n", "[verbs stands twice here; the one in line 6 wins]"},
		{"omitStage: [RequestReceived]\nrules:\n- level: Metadata\n", `[unknown field "omitStage", dropped: the policy is read without it]`},
		{"rules:\n- level: Metadata\n---\nrules: []\n", "[what starts in line 6 is another YAML document: kube-apiserver does not read it]"},
	} {
		ps, err := policy.Load("p", []byte(head+c.policy))
		if err != nil {
			t.Fatal(err)
		}
		r := Policy(ps[0], nil)
		if got := fmt.Sprint(r.Rules[0].Words, r.Rules[0].Lenient, r.Lenient); !strings.Contains(got, c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.policy, got, c.want)
		}
	}
	for _, p := range []string{"rules:\n- level: Metadata\n  omitStages: [ResponseComplete]\n", "rules:\n- level: None\n  omitStages: [RequestReceived, ResponseComplete]\n"} {
		ps, err := policy.Load("p", []byte(head+p))
		if err != nil {
			t.Fatal(err)
		}
		if got := Policy(ps[0], nil).Rules[0].Words; strings.Contains(got, "nothing is recorded") || strings.Contains(got, "Bodies") {
			t.Errorf("%s: %s", p, got)
		}
	}
}

// What a rule takes from later ones is asked of those that meet it, not of all.
func TestLongPolicy(t *testing.T) {
	const n = 1500
	var b strings.Builder
	b.WriteString("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n")
	for i := range n {
		fmt.Fprintf(&b, "- level: %s\n  users: [user-%d, user-%d]\n", policy.AllLevels[i%4], i, i/2)
	}
	b.WriteString("- level: Metadata\n")
	ps, err := policy.Load("p", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	r := within(ps[0], nil, 200*n)
	if r.Undecided != 0 || !slices.Equal(r.Rules[2].TakesFrom, []int{4, 5, n}) {
		t.Errorf("undecided from rule %d on; rule 3 takes from %v", r.Undecided, r.Rules[2].TakesFrom)
	}
}
