package certgenlive

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// load is clients that ask all the time while a CA is replaced under them. None
// of their requests may fail.
type load struct {
	asked, failed atomic.Int64
	first         atomic.Value
	done          atomic.Bool
	clients       sync.WaitGroup
}

// run starts a client: round is called again and again, with a number that
// counts from 0.
func (l *load) run(round func(n int)) {
	l.clients.Go(func() {
		for n := 0; !l.done.Load(); n++ {
			round(n)
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// askEach starts a client that asks each API server in turn.
func (l *load) askEach(c *cluster.Cluster, ask func(kubeconfig, server string) error) {
	l.run(func(int) {
		for i := range c.Endpoints.APIServerPorts {
			err := ask(c.Kubeconfig, c.Endpoints.URLOf(i))
			if err != nil {
				err = fmt.Errorf("API server %d: %w", i, err)
			}
			l.count(1, err)
		}
	})
}

func (l *load) count(requests int64, err error) {
	if err != nil {
		l.failed.Add(1)
		l.first.CompareAndSwap(nil, time.Now().Format(time.TimeOnly)+" "+err.Error())
	}
	l.asked.Add(requests)
}

// stop ends the clients and judges them: all requests succeeded, and there were
// at least so many.
func (l *load) stop(t *testing.T, least int64) {
	t.Helper()
	l.done.Store(true)
	l.clients.Wait()
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed, the first: %v", l.failed.Load(), l.asked.Load(), l.first.Load())
	}
	if l.asked.Load() < least {
		t.Errorf("only %d requests were made", l.asked.Load())
	}
	t.Logf("%d requests, %d failed", l.asked.Load(), l.failed.Load())
}

// rotate carries out a stage of a rotation; more are flags besides folder and
// stage.
func (l *load) rotate(t *testing.T, root, stage string, more ...string) {
	t.Helper()
	args := append([]string{"rotate", "ca", "--dir", root, "--stage", stage}, more...)
	if out, errOut, code := certgen(t, "", args...); code != 0 {
		t.Fatalf("stage %s: %d\n%s%s", stage, code, out, errOut)
	}
	t.Logf("%s stage %s; %d requests, %d failed", time.Now().Format(time.TimeOnly), stage, l.asked.Load(), l.failed.Load())
}
