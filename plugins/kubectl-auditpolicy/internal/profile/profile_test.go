package profile

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

func TestProfilesLoad(t *testing.T) {
	entries, err := files.ReadDir("policies")
	if err != nil || len(entries) != len(All) {
		t.Fatalf("%d files, %d profiles, %v", len(entries), len(All), err)
	}
	for _, p := range All {
		_, text, ok := Find(p.Name)
		if !ok {
			t.Fatalf("%s: no file", p.Name)
		}
		ps, err := policy.Load(p.Name, text)
		if err != nil || len(ps) != 1 || len(ps[0].Refused)+len(ps[0].Dropped) > 0 {
			t.Errorf("%s: %v %+v", p.Name, err, ps)
		}
		if !strings.HasPrefix(string(text), "# "+p.Name+": ") {
			t.Errorf("%s: its first line does not say what it is", p.Name)
		}
		for i, l := range strings.Split(string(text), "\n") {
			if len(l) > 160 {
				t.Errorf("%s:%d: %d characters", p.Name, i+1, len(l))
			}
		}
	}
	if _, _, ok := Find("none"); ok {
		t.Error("found a profile that is none")
	}
}
