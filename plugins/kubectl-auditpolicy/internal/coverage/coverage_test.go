package coverage

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

// What a policy lacks for a detection, by level and by stage.
func TestStatus(t *testing.T) {
	for text, want := range map[string]map[string]Status{
		"rules:\n- level: RequestResponse\n": {"exec into a pod": Covered, "privileged, hostPath or hostNetwork pod": Covered, "failed authentication (401)": Covered},
		"rules:\n- level: Metadata\n":        {"exec into a pod": Covered, "privileged, hostPath or hostNetwork pod": Blind, "pod created or changed": Covered},
		// Bodies are in the event at ResponseComplete.
		"omitStages: [ResponseComplete]\nrules:\n- level: Request\n":                  {"privileged, hostPath or hostNetwork pod": Blind, "pod created or changed": Covered},
		"omitStages: [RequestReceived, ResponseStarted]\nrules:\n- level: Request\n":  {"exec into a pod": Blind, "port forwarding": Covered, "failed authentication (401)": Blind},
		"rules:\n- level: None\n  verbs: [list]\n- level: Metadata\n":                 {"Secret read": Partial, "Secret changed": Covered},
		"rules:\n- level: None\n  users: [\"system:anonymous\"]\n- level: Metadata\n": {"anonymous access to resources": Blind, "Secret read": Covered},
	} {
		ps, err := policy.Load("p", []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Result{}
		for _, r := range Of(ps[0].Internal, apitable.For(0)) {
			got[r.Name] = r
		}
		for name, status := range want {
			r := got[name]
			if r.Status != status || (status == Covered) != (r.Why == "") || (status == Covered) != (r.Witness == "") {
				t.Errorf("%s: %s: %s (%s), want %s", strings.ReplaceAll(text, "\n", "|"), name, r.Status, r.Why, status)
			}
		}
	}
}

// What the budget does not reach is undecided, never covered or blind by
// mistake.
func TestBudget(t *testing.T) {
	ps, err := policy.Load("p", []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  users: [a]\n  verbs: [get]\n- level: None\n  namespaces: [x]\n- level: Metadata\n"))
	if err != nil {
		t.Fatal(err)
	}
	whole := Of(ps[0].Internal, apitable.For(0))
	undecided := 0
	for _, budget := range []int{0, 5, 50, 500} {
		for i, r := range within(ps[0].Internal, apitable.For(0), budget) {
			switch {
			case r.Status == Undecided:
				undecided++
			case r.Status == Partial && whole[i].Status == Blind:
				// That there is nothing to be seen took more than the budget.
			case r.Status != whole[i].Status:
				t.Errorf("budget %d: %s is %s, and %s with all of it", budget, r.Name, r.Status, whole[i].Status)
			}
		}
	}
	if undecided == 0 {
		t.Error("no budget ended early: nothing was tested")
	}
}
