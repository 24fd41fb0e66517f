package auditpolicy

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// entry is what the offline table and a server say of a resource.
type entry struct {
	kind, verbs string
	namespaced  bool
}

// offline reads the plugin's table for a minor version of Kubernetes.
func offline(t *testing.T, minor int) map[string]entry {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", "plugins", "kubectl-auditpolicy", "internal", "apitable", "table.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]entry{}
	for l := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		if len(f) != 8 || strings.HasPrefix(l, "#") {
			continue
		}
		for _, span := range strings.Split(f[7], ",") {
			from, to, ok := strings.Cut(span, "-")
			if !ok {
				to = from
			}
			lo, err1 := strconv.Atoi(from)
			hi, err2 := strconv.Atoi(to)
			if err1 != nil || err2 != nil {
				t.Fatalf("table: %q", l)
			}
			if minor >= lo && minor <= hi {
				out[f[0]+" "+f[1]] = entry{f[2], f[6], f[5] == "N"}
			}
		}
	}
	return out
}

// TestDiscovery compares the plugin's offline table for the version of a real
// API server that serves every API it has with that server's discovery, and
// runs lint against it.
func TestDiscovery(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "audit-discovery", NoControllerManager: true, NoScheduler: true, APIServerFlags: []string{"--runtime-config=api/all=true", "--feature-gates=AllAlpha=true,AllBeta=true"}})
	k, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	_, lists, err := k.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]entry{}
	verbs := map[string]map[string]bool{}
	for _, l := range lists {
		group, _, ok := strings.Cut(l.GroupVersion, "/")
		if !ok {
			group = ""
		}
		for _, r := range l.APIResources {
			key := group + " " + r.Name
			if verbs[key] == nil {
				verbs[key] = map[string]bool{}
			}
			for _, v := range r.Verbs {
				verbs[key][v] = true
			}
			live[key] = entry{kind: r.Kind, namespaced: r.Namespaced}
		}
	}
	served, err := k.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	minor, err := strconv.Atoi(strings.TrimSuffix(served.Minor, "+"))
	if err != nil {
		t.Fatalf("the server says it is %s", served)
	}
	table := offline(t, minor)
	if len(live) < 100 || len(table) < 100 {
		t.Fatalf("%d resources served, %d in the table", len(live), len(table))
	}
	for key, want := range live {
		got, ok := table[key]
		if !ok {
			t.Errorf("%s is served and not in the table", key)
			continue
		}
		if got.namespaced != want.namespaced {
			t.Errorf("%s: namespaced %v, the table says %v", key, want.namespaced, got.namespaced)
		}
		var vs []string
		for v := range verbs[key] {
			vs = append(vs, v)
		}
		slices.Sort(vs)
		if v := strings.Join(vs, ","); v != got.verbs {
			t.Errorf("%s: the server takes %s, the table says %s", key, v, got.verbs)
		}
	}
	for key := range table {
		if _, ok := live[key]; !ok {
			t.Errorf("%s is in the table and not served", key)
		}
	}

	env := []string{"KUBECONFIG=" + c.Kubeconfig}
	for _, name := range profiles(t) {
		file := write(t, name+".yaml", must(t, "init", name))
		if out, errOut, code := run(t, env, "lint", "--live", file); code != 0 {
			t.Errorf("lint --live of profile %s: exit status %d\n%s%s", name, code, out, errOut)
		}
		// The profiles hold nothing at error level offline either, for any
		// version of the table.
		for _, version := range []string{"1.37", "1.30", "1.28"} {
			if out, errOut, code := run(t, nil, "lint", "--target-version", version, file); code != 0 {
				t.Errorf("lint of profile %s for %s: exit status %d\n%s%s", name, version, code, out, errOut)
			}
		}
	}
	// A resource that no version has, and that this server has not either.
	bad := write(t, "bad.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  resources:\n  - group: apps\n    resources: [deployment]\n- level: Metadata\n")
	if out, _, code := run(t, env, "lint", "--live", bad); code != 1 || !strings.Contains(out, "AP025") {
		t.Errorf("exit status %d: %s", code, out)
	}
	if _, err := k.CoreV1().Namespaces().Get(context.Background(), "default", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
