package check

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// change is what a test does to a node that is well.
type change = func(*snapshot.Snapshot, *snapshot.Node)

func addressed(kind corev1.NodeAddressType, address string) change {
	return set(func(n *snapshot.Node) {
		n.Object.Status.Addresses = []corev1.NodeAddress{{Type: kind, Address: address}}
	})
}

func neighbour(p snapshot.Peer) change {
	return func(s *snapshot.Snapshot, _ *snapshot.Node) { s.Cluster.Peers = append(s.Cluster.Peers, p) }
}

// Machines behind VirtualBox's NAT all have 10.0.2.15; a machine that is gone
// has left its address to a new one.
func TestWrongAddress(t *testing.T) {
	twin := snapshot.Peer{Name: "n2", Address: "10.0.2.15", Ready: corev1.ConditionTrue}
	gone := twin
	gone.Ready = corev1.ConditionUnknown
	for name, c := range map[string]struct {
		changes []change
		want    finding.Severity
	}{
		"alone":          {[]change{addressed(corev1.NodeInternalIP, "10.0.2.15")}, ""},
		"twins":          {[]change{addressed(corev1.NodeInternalIP, "10.0.2.15"), neighbour(twin)}, finding.Error},
		"an old machine": {[]change{addressed(corev1.NodeInternalIP, "10.0.2.15"), neighbour(gone)}, ""},
		"replaced": {[]change{addressed(corev1.NodeInternalIP, "10.0.2.15"), neighbour(twin), set(func(n *snapshot.Node) {
			n.Object.Status.Conditions[0].Status = corev1.ConditionUnknown
		})}, finding.Info},
		"KWOK": {[]change{addressed(corev1.NodeInternalIP, "10.0.2.15"), neighbour(twin), set(func(n *snapshot.Node) {
			n.Object.Annotations = map[string]string{"kwok.x-k8s.io/node": "fake"}
		})}, ""},
		"a name only":            {[]change{addressed(corev1.NodeHostName, "w1")}, finding.Info},
		"nothing is known of it": {nil, ""},
	} {
		f := find(view(c.changes...), "NH028")
		if f == nil {
			f = &finding.Finding{}
		}
		if f.Severity != c.want {
			t.Errorf("%s: %q %s, want %q", name, f.Severity, f.Message, c.want)
		}
	}
}
