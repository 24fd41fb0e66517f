package auditpolicy

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// took runs a command and returns how long it took; an exit status of 1 is
// findings.
func took(t *testing.T, args ...string) time.Duration {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program.Plugin(t, "auditpolicy"), args...)
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	d := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	return d
}

// best is the quickest of some runs of two commands that take turns, so that
// both meet the same machine.
func best(t *testing.T, n int, a, b []string) (x, y time.Duration) {
	x, y = time.Hour, time.Hour
	for range n {
		x, y = min(x, took(t, a...)), min(y, took(t, b...))
	}
	return x, y
}

func TestBenchLint17Rules(t *testing.T) {
	file := "../../../plugins/kubectl-auditpolicy/testdata/policies/kubernetes-gce-v1.36.yaml"
	start, lint := best(t, 40, []string{"version"}, []string{"lint", file})
	ratio := float64(lint) / float64(start)
	t.Logf("start-up %v, lint of 17 rules %v: %.2f x (at most 1.5)", start, lint, ratio)
	if ratio > 1.5 {
		t.Errorf("%.2f x the start-up time; at most 1.5", ratio)
	}
}

func TestBenchLint200Rules(t *testing.T) {
	file := write(t, rules(200, 1))
	start, lint := best(t, 5, []string{"version"}, []string{"lint", file})
	t.Logf("lint of 200 rules %v (at most 200 ms), %.1f x start-up", lint, float64(lint)/float64(start))
	if lint > 200*time.Millisecond {
		t.Errorf("%v; at most 200 ms", lint)
	}
}

func TestBenchDiff200Rules(t *testing.T) {
	a := rules(200, 1)
	b := slices.Clone(a)
	for i := range 5 {
		b[10+30*i] = strings.Replace(b[10+30*i], "level: ", "level: None # was ", 1)
	}
	start, diff := best(t, 3, []string{"version"}, []string{"diff", "--fail-on", "never", write(t, a), write(t, b)})
	t.Logf("diff of two policies of 200 rules that differ in 5: %v (at most 2 s), %.1f x start-up", diff, float64(diff)/float64(start))
	if diff > 2*time.Second {
		t.Errorf("%v; at most 2 s", diff)
	}
	_, other := best(t, 2, []string{"version"}, []string{"diff", "--fail-on", "never", write(t, a), write(t, rules(200, 2))})
	t.Logf("diff of two unrelated policies of 200 rules: %v (at most 2 s)", other)
	if other > 2*time.Second {
		t.Errorf("%v; at most 2 s", other)
	}
}

func TestBenchLint10000Rules(t *testing.T) {
	small, large := write(t, rules(1000, 3)), write(t, rules(10000, 3))
	a, b := best(t, 1, []string{"lint", "--fail-on", "never", small}, []string{"lint", "--fail-on", "never", large})
	t.Logf("1,000 rules %v, 10,000 rules %v: %.1f x for ten times the rules", a, b, float64(b)/float64(a))
	if b > time.Minute {
		t.Errorf("%v for 10,000 rules; at most a minute", b)
	}
}

func write(t *testing.T, rules []string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	text := "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n" + strings.Join(rules, "")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// rules are rules as large organisations write them: for their teams' users,
// namespaces and service accounts, on the resources of Kubernetes.
func rules(n int, seed uint64) []string {
	rnd := rand.New(rand.NewPCG(seed, 7))
	groups := []string{"", "apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io"}
	resources := [][]string{{"pods", "services", "configmaps", "secrets", "pods/exec"}, {"deployments", "replicasets", "daemonsets"}, {"jobs", "cronjobs"}, {"roles", "rolebindings"}, {"ingresses", "networkpolicies"}}
	verbs := []string{"get, list, watch", "create, update, patch", "delete, deletecollection"}
	levels := []string{"None", "Metadata", "Request", "RequestResponse"}
	var out []string
	for i := range n - 1 {
		var b strings.Builder
		g := rnd.IntN(len(groups))
		fmt.Fprintf(&b, "- level: %s\n", levels[rnd.IntN(4)])
		switch rnd.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "  users: [user-%d, user-%d]\n", i, rnd.IntN(n))
		case 1:
			fmt.Fprintf(&b, "  namespaces: [team-%d]\n", rnd.IntN(n/2))
		case 2:
			fmt.Fprintf(&b, "  userGroups: [group-%d]\n", rnd.IntN(n/4))
		case 3:
			fmt.Fprintf(&b, "  users: [\"system:serviceaccount:team-%d:app\"]\n  namespaces: [team-%d]\n", i, rnd.IntN(n/2))
		}
		fmt.Fprintf(&b, "  verbs: [%s]\n  resources:\n  - group: %q\n    resources: [%s]\n", verbs[rnd.IntN(3)], groups[g], strings.Join(resources[g], ", "))
		out = append(out, b.String())
	}
	return append(out, "- level: Metadata\n")
}
