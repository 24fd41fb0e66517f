package snapshot

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// zoned is a snapshot of n nodes in three zones and one in a zone of its own;
// of the first of each ten the lease is stale, of the second it was not read,
// and the third is Unknown over a young lease.
func zoned(n int, now time.Time) *Snapshot {
	s := &Snapshot{ObservedAt: now}
	for i := range n {
		zone := fmt.Sprint(i % 3)
		if i == n-1 {
			zone = "alone"
		}
		ready, renewed := corev1.ConditionTrue, &Lease{Renewed: now.Add(-time.Second)}
		switch i % 10 {
		case 0:
			renewed.Renewed = now.Add(-time.Hour)
		case 1:
			renewed = nil
		case 2:
			ready = corev1.ConditionUnknown
		}
		name := fmt.Sprintf("w%d", i)
		s.Nodes = append(s.Nodes, &Node{Name: name, Lease: renewed, Object: &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: zone}},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}}}})
	}
	return s
}

// What is counted for all nodes at once is what counting for each would give.
func TestPeersAreTheOthersOfTheZone(t *testing.T) {
	now := time.Now()
	s := zoned(31, now)
	for i, n := range s.Nodes {
		// One was looked at later than the rest.
		if i == 7 {
			n.ObservedAt = now.Add(time.Minute)
		}
		v := s.View(n)
		var want, all Tally
		for k, p := range s.AllPeers() {
			if k == i {
				continue
			}
			all.add(p, v.Now, 1)
			if p.Zone == Zone(n.Object) {
				want.add(p, v.Now, 1)
			}
		}
		inZone := want.Nodes > 0
		if !inZone {
			want = all
		}
		if got, in := v.Peers(); got != want || in != inZone || in == (i == 30) {
			t.Errorf("%s: %+v %v, want %+v %v", n.Name, got, in, want, inZone)
		}
	}
	late, _ := s.View(s.Nodes[7]).Peers()
	if late.Fresh != 0 || late.Stale == 0 {
		t.Errorf("a minute later the leases are stale: %+v", late)
	}
}

// Each node of a large cluster asks for its peers: that must not list all
// nodes again.
func TestPeersOfALargeClusterCostNothing(t *testing.T) {
	s := zoned(5000, time.Now())
	s.View(s.Nodes[0]).Peers()
	if n := testing.AllocsPerRun(1000, func() { s.View(s.Nodes[17]).Peers() }); n > 5 {
		t.Errorf("%.0f allocations", n)
	}
}
