package lint

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

func BenchmarkLint17Rules(b *testing.B) {
	data, err := os.ReadFile("../../testdata/policies/kubernetes-gce-v1.36.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		ps, err := policy.Load("gce", data)
		if err != nil {
			b.Fatal(err)
		}
		Run(ps[0], Options{})
	}
}

func BenchmarkLoad17Rules(b *testing.B) {
	data, err := os.ReadFile("../../testdata/policies/kubernetes-gce-v1.36.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := policy.Load("gce", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLint200Rules(b *testing.B)   { benchMany(b, 200) }
func BenchmarkLint2000Rules(b *testing.B)  { benchMany(b, 2000) }
func BenchmarkLint10000Rules(b *testing.B) { benchMany(b, 10000) }

func benchMany(b *testing.B, n int) {
	data := []byte(manyRules(n))
	for b.Loop() {
		ps, err := policy.Load("many", data)
		if err != nil {
			b.Fatal(err)
		}
		Run(ps[0], Options{})
	}
}

// manyRules is a policy as a generator would write it: rules for users,
// namespaces, resources and groups, in no order that makes it easy.
func manyRules(n int) string {
	var s strings.Builder
	s.WriteString("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n")
	levels := []string{"None", "Metadata", "Request", "RequestResponse"}
	groups := []string{"", "apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io"}
	resources := [][]string{{"pods", "services", "configmaps"}, {"deployments", "replicasets", "daemonsets"}, {"jobs", "cronjobs"}, {"roles", "clusterroles"}, {"ingresses", "networkpolicies"}}
	verbs := []string{"[get, list, watch]", "[create, update, patch]", "[delete, deletecollection]"}
	for i := range n - 1 {
		g := (i / 3) % len(groups)
		fmt.Fprintf(&s, "- level: %s\n", levels[(i*7)%4])
		switch i % 3 {
		case 0:
			fmt.Fprintf(&s, "  users: [user-%d, user-%d]\n", i, i/2)
		case 1:
			fmt.Fprintf(&s, "  namespaces: [team-%d]\n", i/4)
		case 2:
			fmt.Fprintf(&s, "  userGroups: [group-%d]\n", i/5)
		}
		fmt.Fprintf(&s, "  verbs: %s\n  resources:\n  - group: %q\n    resources: [%s]\n", verbs[i%3], groups[g], strings.Join(resources[g], ", "))
	}
	s.WriteString("- level: Metadata\n")
	return s.String()
}
