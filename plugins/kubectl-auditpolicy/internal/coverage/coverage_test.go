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
