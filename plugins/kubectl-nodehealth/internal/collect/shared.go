package collect

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
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

// cluster reads the API server's version and the controller manager's lease.
func (c *Client) cluster(ctx context.Context, out *shared) {
	var wg sync.WaitGroup
	wg.Go(func() {
		p := snapshot.Probe{Name: snapshot.SourceVersion, Status: snapshot.OK}
		version := ""
		r, err := c.get(ctx, "/version", nil, acceptJSON)
		if err != nil {
			p = failure(snapshot.SourceVersion, err, ProbeDeadline)
		} else if p = kubelet.Classify(snapshot.SourceVersion, r); p.Status == snapshot.OK {
			var v struct {
				Git string `json:"gitVersion"`
			}
			if json.Unmarshal(r.Body, &v) == nil {
				version = v.Git
			}
		}
		out.mu.Lock()
		defer out.mu.Unlock()
		out.version, out.probes = version, append(out.probes, p)
	})
	wg.Go(func() {
		l, p := c.readLease(ctx, snapshot.SystemNamespace, snapshot.ControllerManagerLease, snapshot.SourceKCM)
		if p.Status == snapshot.Absent {
			p.Detail = "no leader lease: a managed control plane, or leader election is off"
		}
		out.mu.Lock()
		defer out.mu.Unlock()
		out.kcm, out.probes = l, append(out.probes, p)
	})
	wg.Wait()
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
