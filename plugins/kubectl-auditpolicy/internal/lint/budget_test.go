package lint

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// A budget that ends early leaves questions open and says so; it never makes a
// finding of what was not looked at, and an error that it hides is among the
// open questions.
func TestBudget(t *testing.T) {
	files, err := filepath.Glob("../../testdata/policies/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	open := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		ps, err := policy.Load(f, data)
		if err != nil {
			t.Fatal(err)
		}
		full := Run(ps[0], Options{})
		if len(full.Undecided) > 0 {
			t.Errorf("%s: the whole budget leaves %v open", f, full.Undecided)
		}
		type what struct{ id, path string }
		whole := map[what]finding.Severity{}
		for _, r := range full.Results {
			whole[what{r.ID, r.Subject.Path}] = r.Severity
		}
		for _, work := range []int{1, 50, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000} {
			part := Run(ps[0], Options{Work: work})
			got := map[what]bool{}
			for _, r := range part.Results {
				k := what{r.ID, r.Subject.Path}
				got[k] = true
				if _, ok := whole[k]; !ok {
					t.Errorf("%s with %d: %s at %s is not so: %s", f, work, r.ID, r.Subject.Path, r.Message)
				}
			}
			for k, s := range whole {
				if !got[k] && s == finding.Error && len(part.Undecided) == 0 {
					t.Errorf("%s with %d: %s at %s is missed, and nothing is said to be open", f, work, k.id, k.path)
				}
			}
			said := map[string]bool{}
			for _, o := range part.Undecided {
				said[o.ID] = true
			}
			for k := range whole {
				if !got[k] && !said[k.id] && !said["AP010"] {
					t.Errorf("%s with %d: %s at %s is missed, and not said to be open", f, work, k.id, k.path)
				}
			}
			open += len(part.Undecided)
		}
	}
	if open == 0 {
		t.Error("no budget ended early: nothing was tested")
	}
}

// Whether a rule changes anything is asked of the rules that meet it, not of all
// that follow: a long policy is decided whole.
func TestLongPolicyIsDecided(t *testing.T) {
	ps, err := policy.Load("many", []byte(manyRules(1500)))
	if err != nil {
		t.Fatal(err)
	}
	if r := Run(ps[0], Options{Work: 3_000_000}); len(r.Undecided) > 0 {
		t.Errorf("%v", r.Undecided)
	}
}
