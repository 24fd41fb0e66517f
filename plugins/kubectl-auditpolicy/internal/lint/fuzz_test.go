package lint

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Whatever the text, linting ends without a panic (each witness is put to the
// real evaluator, which panics on a contradiction), fixes can be applied, and
// the fixed text is still YAML.
func FuzzLint(f *testing.F) {
	files, err := filepath.Glob("../../testdata/policies/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, r := range Rules {
		f.Add(full(r.Bad))
		f.Add(full(r.Good))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 20_000 {
			return
		}
		start := time.Now()
		defer func() {
			if d := time.Since(start); d > 10*time.Second {
				t.Fatalf("%v for %d bytes", d, len(text))
			}
		}()
		ps, err := policy.Load("p.yaml", []byte(text))
		if err != nil {
			return
		}
		for _, p := range ps {
			rep := Run(p, Options{})
			edits, _ := rep.Fixes()
			fixed := yamldoc.Apply([]byte(text), edits)
			var broken *yamldoc.SyntaxError
			if _, err := policy.Load("p.yaml", fixed); errors.As(err, &broken) {
				t.Fatalf("the fixed text is no YAML: %v\n%s\n---\n%s", err, text, fixed)
			}
		}
	})
}
