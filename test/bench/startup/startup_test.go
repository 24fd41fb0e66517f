// Package startup holds the plugins' start-up and size against their limits.
package startup

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	limitRatio = 1.6              // --help against an empty cli-runtime program
	limitSize  = 32 * 1000 * 1000 // bytes, stripped
	runs       = 40
)

// best is the least user and system time of a program's --help over some runs:
// what it costs when nothing else disturbs it.
func best(t *testing.T, program string) time.Duration {
	t.Helper()
	least := time.Hour
	for range runs {
		c := exec.Command(program, "--help")
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		if d := c.ProcessState.UserTime() + c.ProcessState.SystemTime(); d < least {
			least = d
		}
	}
	return least
}

func TestBenchStartupAndSize(t *testing.T) {
	floor := filepath.Join(t.TempDir(), "floor")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", floor, "./floor")
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := os.Getenv("CLUSTERWRIGHT_BIN")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "bin")
	}
	base := best(t, floor)
	for _, name := range []string{"nodehealth", "auditpolicy", "certgen", "logarch"} {
		path := filepath.Join(dir, "kubectl-"+name)
		st, err := os.Stat(path)
		if err != nil {
			t.Fatalf("%v: run 'make build' first", err)
		}
		took := best(t, path)
		ratio := float64(took) / float64(base)
		t.Logf("%-12s --help %s of CPU, %.2f x the floor (%s); limit %.1f; %.1f MB, limit %.0f", name, took, ratio, base, limitRatio, float64(st.Size())/1e6, limitSize/1e6)
		if ratio > limitRatio {
			t.Errorf("%s: --help takes %.2f x the start-up of an empty cli-runtime program, limit %.1f", name, ratio, limitRatio)
		}
		if st.Size() > limitSize {
			t.Errorf("%s: %d bytes, limit %d", name, st.Size(), int64(limitSize))
		}
	}
}
