// Package startup holds the plugins' start-up and size against their limits.
package startup

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

const (
	limitRatio = 1.6              // --help against an empty cli-runtime program
	limitSize  = 32 * 1000 * 1000 // bytes, stripped
	rounds     = 101
)

// cost is the user and system time of one --help.
func cost(t *testing.T, path string) time.Duration {
	t.Helper()
	c := exec.Command(path, "--help")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// ratios are how many times the first program's --help each of the others
// costs: the median over rounds in which they take turns. A machine that slows
// down or wakes up does it to all of a round, and one lucky run is not the
// measure.
func ratios(t *testing.T, programs []string) []float64 {
	t.Helper()
	all := make([][]float64, len(programs)-1)
	for range rounds {
		base := cost(t, programs[0])
		for i, path := range programs[1:] {
			all[i] = append(all[i], float64(cost(t, path))/float64(base))
		}
	}
	out := make([]float64, len(all))
	for i, r := range all {
		slices.Sort(r)
		out[i] = r[len(r)/2]
	}
	return out
}

func TestBenchStartupAndSize(t *testing.T) {
	floor := program.Build(t, ".", "./floor")
	names := []string{"nodehealth", "auditpolicy", "certgen", "logarch"}
	programs, sizes := []string{floor}, []int64{}
	for _, name := range names {
		path := program.Plugin(t, name)
		st, err := os.Stat(path)
		if err != nil {
			t.Fatalf("%v: run 'make build' first", err)
		}
		programs, sizes = append(programs, path), append(sizes, st.Size())
	}
	for i, ratio := range ratios(t, programs) {
		name, size := names[i], sizes[i]
		t.Logf("%-12s --help %.2f x the floor, limit %.1f; %.1f MB, limit %.0f", name, ratio, limitRatio, float64(size)/1e6, limitSize/1e6)
		if ratio > limitRatio {
			t.Errorf("%s: --help takes %.2f x the start-up of an empty cli-runtime program, limit %.1f", name, ratio, limitRatio)
		}
		if size > limitSize {
			t.Errorf("%s: %d bytes, limit %d", name, size, int64(limitSize))
		}
	}
}
