package cluster

import (
	"context"
	"os"
	"testing"
	"time"
)

// ForTest starts a cluster for a test and stops it when the test ends. Where
// the machine cannot run it, the test fails if CI=true and otherwise is skipped
// with a line that says loudly what was not tested. The logs of a failed test's
// cluster are named.
func ForTest(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	Require(t, cfg.Nodes > 0)
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()
	begin := time.Now()
	c, err := Start(ctx, cfg)
	if err != nil {
		t.Fatalf("start the test cluster: %v", err)
	}
	t.Logf("cluster %s is up after %s: export KUBECONFIG=%s", c.Name, time.Since(begin).Round(100*time.Millisecond), c.Kubeconfig)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the cluster's logs are in %s", c.LogsDir())
			if os.Getenv("CLUSTERWRIGHT_KEEP") != "" {
				t.Logf("left running: %s", c.Kubeconfig)
				return
			}
		}
		if err := c.Stop(); err != nil {
			t.Errorf("stop the test cluster: %v", err)
		}
	})
	return c
}

// Require ends a test that this machine cannot run: failed if CI=true, else
// skipped, saying what was not tested.
func Require(t testing.TB, nodes bool) {
	t.Helper()
	err := CanRun()
	if err == nil && nodes {
		err = CanRunNodes()
	}
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("NOT TESTED, which is a failure in CI: %v", err)
	}
	t.Skipf("NOT TESTED: %v", err)
}
