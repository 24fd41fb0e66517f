package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ForTest starts a cluster for a test and stops it when the test ends. Where
// the machine cannot run it, the test fails if CI=true and otherwise is skipped
// with a line that says loudly what was not tested. The logs of a failed test's
// cluster are named. It is stopped too when the run is interrupted or is about
// to exceed its -timeout: neither leaves time for a test's own cleaning up, and
// a cluster's processes outlive the test that started them.
func ForTest(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	Require(t, cfg.Nodes > 0)
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()
	ctx, unwatch := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer unwatch()
	begin := time.Now()
	c, err := Start(ctx, cfg)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		fmt.Fprintf(os.Stderr, "cluster %s: interrupted while it started; stopped\n", cfg.Name)
		forTests.Wait()
		os.Exit(130)
	}
	if err != nil {
		t.Fatalf("start the test cluster: %v", err)
	}
	t.Logf("cluster %s is up after %s: export KUBECONFIG=%s", c.Name, time.Since(begin).Round(100*time.Millisecond), c.Kubeconfig)
	// Whoever comes second waits for the first.
	stop := sync.OnceValue(c.Stop)
	disarm := stopWithTheRun(t, c.Name, stop)
	t.Cleanup(func() {
		defer disarm()
		if t.Failed() {
			t.Logf("the cluster's logs are in %s", keptLogs(c))
			if os.Getenv("CLUSTERWRIGHT_KEEP") != "" {
				t.Logf("left running: %s", c.Kubeconfig)
				return
			}
		}
		if err := stop(); err != nil {
			t.Errorf("stop the test cluster: %v", err)
		}
	})
	return c
}

// keptLogs copies a cluster's logs out of its folder, which often is the test's
// own and goes away with it.
func keptLogs(c *Cluster) string {
	kept, err := os.MkdirTemp("", "clusterwright-"+c.Name+"-logs-")
	if err == nil {
		err = os.CopyFS(kept, os.DirFS(c.LogsDir()))
	}
	if err != nil {
		return fmt.Sprintf("%s (%v)", c.LogsDir(), err)
	}
	return kept
}

// forTests counts the clusters of this process that ForTest has to stop.
var forTests sync.WaitGroup

// stopWithTheRun stops the cluster when the run ends without its tests; the
// result ends the watch.
func stopWithTheRun(t testing.TB, name string, stop func() error) (disarm func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over := make(chan struct{})
	forTests.Add(1)
	stopped := sync.OnceFunc(forTests.Done)
	var late <-chan time.Time
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, ok := d.Deadline(); ok {
			late = time.After(time.Until(end.Add(-20 * time.Second)))
		}
	}
	go func() {
		select {
		case <-over:
		case <-late:
			// The test goes on, fails for the want of its cluster, or hangs and
			// is ended with the stacks of all that waits.
			fmt.Fprintf(os.Stderr, "cluster %s: the run is about to time out; stopping it (%v)\n", name, stop())
		case s := <-signals:
			fmt.Fprintf(os.Stderr, "cluster %s: %s; stopping it (%v)\n", name, s, stop())
			stopped()
			forTests.Wait()
			os.Exit(130)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(over)
		stopped()
	}
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

// Kubectl runs the cluster's own kubectl as the administrator and returns what it
// printed. It must succeed, within three minutes.
func (c *Cluster) Kubectl(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	k := exec.CommandContext(ctx, c.Binary, append([]string{"kubectl", "--kubeconfig", c.Kubeconfig}, args...)...)
	k.Stdin = strings.NewReader(stdin)
	out, err := k.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
