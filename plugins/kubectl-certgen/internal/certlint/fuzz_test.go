package certlint

import (
	"os"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// Any text is either refused or judged, places lie inside it, and applying all
// fixes never fails.
func FuzzLint(f *testing.F) {
	for _, r := range Rules() {
		f.Add("x", []byte(r.Bad))
	}
	for _, name := range []string{"kthw/ca.conf", "proxy/Makefile", "website/certificates.md", "microk8s/csr.conf.template", "ok/make.sh"} {
		b, err := os.ReadFile("../../testdata/lint/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, b)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		in, err := input.Parse(name, data)
		if err != nil {
			return
		}
		issues := Lint([]*input.File{in})
		for _, i := range issues {
			if i.At.Start < 0 || i.At.End > len(in.Data) || i.At.Start > i.At.End {
				t.Errorf("%s at [%d,%d) of %d bytes", i.ID, i.At.Start, i.At.End, len(in.Data))
			}
		}
		Fixed(in, issues)
	})
}
