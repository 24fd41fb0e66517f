package collect

import (
	"context"
	"sync"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// shared gathers what concerns all nodes, from several readers at once.
type shared struct {
	mu      sync.Mutex
	probes  []snapshot.Probe
	version string
	kcm     *snapshot.Lease
	peers   []snapshot.Peer
	whole   bool
	csrs    map[string][]snapshot.CSR
}

// cluster reads the controller manager's lease.
func (c *Client) cluster(ctx context.Context, out *shared) {
	l, p := c.readLease(ctx, snapshot.SystemNamespace, snapshot.ControllerManagerLease, snapshot.SourceKCM)
	if p.Status == snapshot.Absent {
		p.Detail = "no leader lease: a managed control plane, or leader election is off"
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	out.kcm, out.probes = l, append(out.probes, p)
}

// into puts what was gathered into a snapshot.
func (o *shared) into(s *snapshot.Snapshot) {
	s.Cluster.ServerVersion, s.Cluster.ControllerManager, s.Cluster.Peers = o.version, o.kcm, o.peers
	s.Cluster.Whole = o.whole
	s.Cluster.Probes = append(s.Cluster.Probes, o.probes...)
	for _, n := range s.Nodes {
		n.CSRs = append(n.CSRs, o.csrs[n.Name]...)
	}
}
