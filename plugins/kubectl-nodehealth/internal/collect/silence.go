package collect

import (
	"context"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Kubelets are asked through the API server. Where one does not answer, it may be
// the API server who has fallen silent in the meantime, whatever it said before.

// confirmDeadline is for the question whether the API server still answers. A
// healthy one takes milliseconds.
const confirmDeadline = 700 * time.Millisecond

// unheard says whether the kubelet's health check was waited for in vain.
func unheard(n *snapshot.Node) bool {
	p, _ := snapshot.Find(n.Probes, snapshot.SourceHealthz)
	return p.Status == snapshot.Timeout
}

// answers says whether the API server answers at all; a refusal is an answer.
func (c *Client) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, confirmDeadline)
	defer cancel()
	_, err := c.get(ctx, "/version", nil, acceptJSON)
	return err == nil
}

// saysNothing takes back what a node's silence would mean.
func saysNothing(n *snapshot.Node) {
	for _, p := range n.Probes {
		if p.Reason == snapshot.ReasonSilent {
			p.Reason = ""
			p.Detail = "the API server did not answer in time, so the node's silence says nothing"
			n.Set(p)
		}
	}
	if n.Kubelet.Host != nil && !n.Kubelet.Host.Up {
		n.Kubelet.Host = nil
	}
}
