package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/profile"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// corpus are the defects that real policies are known to have: check, and the
// path at which it must be found. Nothing else may be an error.
var corpus = map[string][]string{
	"kubernetes-website-example.yaml":              {"AP033 rules[7].resources[1].group"},
	"kubernetes-gce-v1.36.yaml":                    {"AP061 rules", "AP045 rules[14]"},
	"kubespray-default-rendered.yaml":              {"AP033 rules[10].resources[10].group", "AP033 rules[10].resources[15].group", "AP061 rules", "AP045 rules[10]"},
	"openshift-library-go-default.yaml":            nil,
	"openshift-library-go-writerequestbodies.yaml": {"!AP002 rules[2].resources[4].resource", "!AP025 rules[2].resources[2].resources[1]"},
	"falco-k8saudit.yaml":                          {"!AP024 rules[0].resources[0].resources[1]", "AP034 rules[1].resources[0].resources[0]"},
	"audit2rbac-demo.yaml":                         {"AP013 rules[0]", "AP052 rules[0].omitStages[1]"},
	"kubescape-regolibrary-pass.yaml":              {"!AP024 rules[0].resources[0].resources[1]", "!AP024 rules[0].resources[0].resources[2]"},
	"gardener-example-configmap.yaml":              {"AP061 rules"},
	"hkerma-event-dataset.yaml":                    {"AP061 rules"},
	"issue-k8s-110116-verbs-under-resources.yaml":  {"!AP002 rules[0].resources[0].verbs", "!AP002 rules[1].resources[0].verbs", "AP044 rules[0]"},
	"issue-gardener-12126-verb-singular.yaml":      {"!AP002 rules[0].verb", "!AP014 rules"},
}

// Every known defect is found, and what is an error is one of them: a "!"
// marks the defects that are.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("../../testdata/policies/*.yaml")
	if err != nil || len(files) != len(corpus) {
		t.Fatalf("%d files, %d expectations: %v", len(files), len(corpus), err)
	}
	for _, f := range files {
		want, ok := corpus[filepath.Base(f)]
		if !ok {
			t.Errorf("%s: nothing is expected of it", f)
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		ps, err := policy.Load(f, data)
		if err != nil {
			t.Fatal(err)
		}
		var got, errs []string
		for _, p := range ps {
			for _, r := range Run(p, Options{}).Results {
				got = append(got, r.ID+" "+r.Subject.Path)
				if r.Severity == finding.Error {
					errs = append(errs, r.ID+" "+r.Subject.Path)
				}
				if r.Subject.Line == 0 && r.Subject.Path != "" {
					t.Errorf("%s: %s at %s has no line", f, r.ID, r.Subject.Path)
				}
			}
		}
		for _, w := range want {
			if !slices.Contains(got, strings.TrimPrefix(w, "!")) {
				t.Errorf("%s: missed %s\nfound %v", f, w, got)
			}
		}
		for _, e := range errs {
			if !slices.Contains(want, "!"+e) {
				t.Errorf("%s: false alarm %s", f, e)
			}
		}
	}
}

// Our own profiles have no error and no warning that their comments do not
// answer.
func TestProfilesAreClean(t *testing.T) {
	for _, p := range profile.All {
		_, text, ok := profile.Find(p.Name)
		if !ok {
			t.Fatal(p.Name)
		}
		rep := run(t, string(text), Options{})
		for _, r := range rep.Results {
			if r.Severity == finding.Error {
				t.Errorf("%s: %s", p.Name, r.Message)
			} else if r.Severity == finding.Warning {
				t.Logf("%s: %s %s", p.Name, r.ID, r.Message)
			}
		}
	}
}
