package collect

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

const (
	// MaxSuspects is how many kubelets of a whole cluster are asked for
	// everything: those that something makes suspicious.
	MaxSuspects = 20
	// maxSwept is how large a cluster may be for one short question to each
	// kubelet: whether it answers at all, which no list shows.
	maxSwept = 500
	// sweepers ask at the same time, each for at most sweepDeadline.
	sweepers      = 64
	sweepDeadline = 1500 * time.Millisecond
	// sweepTime bounds the whole sweep; who was not asked by then is not, and
	// counted.
	sweepTime = 3 * time.Second
)

// notAsked is said where the API server does not let us ask.
const notAsked = "no kubelet was asked whether it answers: that needs the right to get nodes/proxy"

// askSuspects asks the kubelets of the nodes that look bad, the first
// MaxSuspects of them, all at once: what the lists make suspicious first, then
// who does not answer, then who has no figures while others have.
func (c *Client) askSuspects(ctx context.Context, s *snapshot.Snapshot, o FleetOptions) {
	if o.Suspect == nil {
		return
	}
	var suspects []*snapshot.Node
	switch n := len(s.Nodes); {
	case n <= MaxSuspects:
		// Few are all asked: that is quick, and finds what no list shows.
		suspects = s.Nodes
	default:
		var rest []*snapshot.Node
		for _, n := range s.Nodes {
			if o.Suspect(s, n) {
				suspects = append(suspects, n)
			} else {
				rest = append(rest, n)
			}
		}
		if n <= maxSwept || o.AskAll {
			silent, note := c.sweep(ctx, rest, o.AskAll)
			suspects = append(suspects, silent...)
			s.Notes = append(s.Notes, note...)
		} else {
			odd := withoutFigures(s, rest)
			suspects = append(suspects, odd...)
			if left := len(rest) - len(odd); left > 0 {
				s.Notes = append(s.Notes, fmt.Sprintf("%s were not asked whether they answer, as there are more than %d (--ask-all asks them)", plural(left), maxSwept))
			}
		}
	}
	asked := suspects[:min(len(suspects), MaxSuspects)]
	var wg sync.WaitGroup
	for _, n := range asked {
		wg.Go(func() { c.askKubelet(ctx, n, ProbeDeadline) })
	}
	wg.Wait()
	if slices.ContainsFunc(asked, unheard) && !c.answers(ctx) {
		for _, n := range asked {
			saysNothing(n)
		}
	}
	if !slices.Contains(s.Notes, notAsked) && slices.ContainsFunc(asked, func(n *snapshot.Node) bool {
		p, _ := snapshot.Find(n.Probes, snapshot.SourceHealthz)
		return p.Status == snapshot.Denied && p.Reason == snapshot.ReasonAPIServer
	}) {
		s.Notes = append(s.Notes, notAsked)
	}
	if skipped := len(suspects) - len(asked); skipped > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s more would be worth asking; only the first %d were (name a node to ask it)", plural(skipped), MaxSuspects))
	}
}

// sweep returns the nodes whose kubelet does not answer, and a note where some
// could not be asked. It ends at the first refusal of the API server's: what is
// denied for one is denied for all. patient takes the time that it takes.
func (c *Client) sweep(ctx context.Context, nodes []*snapshot.Node, patient bool) (out []*snapshot.Node, note []string) {
	if !patient {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, sweepTime)
		defer cancel()
	}
	silent, asked := make([]bool, len(nodes)), make([]bool, len(nodes))
	var denied atomic.Bool
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(sweepers, len(nodes)) {
		wg.Go(func() {
			for i := range next {
				if !denied.Load() && ctx.Err() == nil {
					silent[i], asked[i] = c.isSilent(ctx, nodes[i].Name, &denied)
				}
			}
		})
	}
	for i := range nodes {
		next <- i
	}
	close(next)
	wg.Wait()
	if denied.Load() {
		return nil, []string{notAsked}
	}
	left := 0
	for i, n := range nodes {
		if silent[i] {
			out = append(out, n)
		}
		if !asked[i] {
			left++
		}
	}
	if left > 0 {
		note = []string{fmt.Sprintf("%s were not asked whether they answer: the API server took too long to ask them (--ask-all waits)", plural(left))}
	}
	return out, note
}

// isSilent asks one kubelet for its health. Whatever it says itself is an
// answer; only the API server says that it could not be reached. asked is false
// where there was no time left, which is nobody's silence.
func (c *Client) isSilent(ctx context.Context, node string, denied *atomic.Bool) (silent, asked bool) {
	call, cancel := context.WithTimeout(ctx, sweepDeadline)
	defer cancel()
	r, err := c.get(call, "/api/v1/nodes/"+node+"/proxy/healthz", nil, "")
	if err != nil {
		return ctx.Err() == nil, ctx.Err() == nil
	}
	if _, _, own := r.FromAPIServer(); own && (r.Code == http.StatusForbidden || r.Code == http.StatusUnauthorized) {
		denied.Store(true)
		return false, false
	}
	return r.Code >= http.StatusInternalServerError || r.Code == http.StatusForbidden && !r.RefusedByKubelet(), true
}

// withoutFigures are the nodes that the metrics API does not know, where it
// knows most others: metrics-server asks every kubelet on the port that matters.
func withoutFigures(s *snapshot.Snapshot, nodes []*snapshot.Node) []*snapshot.Node {
	var out []*snapshot.Node
	for _, n := range nodes {
		if p, ok := s.Probe(n, snapshot.SourceMetrics); ok && p.Status == snapshot.Absent && p.Detail == snapshot.NoNodeMetrics {
			out = append(out, n)
		}
	}
	if len(out)*2 > len(s.Nodes) {
		return nil
	}
	return out
}
