package inject

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
)

// BenchmarkFile injects into a file of 1,000 Deployments: Read, plan, splice and
// proof, as the command does.
func BenchmarkFile(b *testing.B) {
	deployment, err := os.ReadFile("../../testdata/bench/deployment.yaml")
	if err != nil {
		b.Fatal(err)
	}
	var s strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&s, string(deployment), i)
	}
	text := s.String()
	o := Defaults()
	o.Logs = []LogFile{{Path: "/var/log/web/web.log"}}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := manifest.Read("all.yaml", text)
		if err != nil {
			b.Fatal(err)
		}
		out, err := File(f, o)
		if err != nil {
			b.Fatal(err)
		}
		if n := strings.Count(out.Text(), "name: web-log-web"); n != 1000 {
			b.Fatalf("%d of 1000 documents were injected", n)
		}
	}
}
