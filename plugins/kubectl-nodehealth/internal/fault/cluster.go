package fault

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// ClusterHealth is the verdict on what concerns all nodes.
type ClusterHealth struct {
	Verdict  Verdict
	Fault    *Fault
	Findings []finding.Finding
}

// DiagnoseCluster judges what no single node shows: whether the one who judges
// nodes works, and whether a whole zone is gone.
func DiagnoseCluster(s *snapshot.Snapshot) ClusterHealth {
	h := ClusterHealth{Verdict: Healthy, Findings: []finding.Finding{}}
	if f := staleController(s); f != nil {
		h.set(f, check.ControlPlaneFinding(f.Phrase+": "+f.Summary, f.Evidence))
	}
	zones := s.Zones()
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		if text := slowedEviction(s, zone, zones[zone]); text != "" {
			h.Findings = append(h.Findings, check.EvictionFinding(text))
		}
	}
	if f := deadZone(s); f != nil {
		h.set(f, check.ZoneFinding(f.Phrase+": "+f.Summary, f.Evidence))
	} else if n := len(s.AllPeers()); n >= 2 && s.Cluster.Whole && !slices.ContainsFunc(s.AllPeers(), func(p snapshot.Peer) bool { return p.Ready == corev1.ConditionTrue }) {
		h.Findings = append(h.Findings, check.EvictionFinding(fmt.Sprintf("no node is ready, of %d: eviction is paused, as the control plane takes itself to be cut off", n)))
	}
	if h.Fault == nil && len(s.Nodes) == 0 {
		h.Verdict = Unknown
	}
	return h
}

// set takes a fault; the first one found is the more fundamental.
func (h *ClusterHealth) set(f *Fault, found finding.Finding) {
	h.Findings = append(h.Findings, found)
	if h.Fault == nil {
		h.Fault, h.Verdict = f, f.Verdict
	}
}

// down says whether a node is not heard of. One that says itself that it is not
// ready is no sign of a zone without power or network: a new cluster without a
// network plugin consists of such nodes.
func down(s *snapshot.Snapshot, p snapshot.Peer) bool {
	return p.Ready == corev1.ConditionUnknown || expired(s, p)
}

func expired(s *snapshot.Snapshot, p snapshot.Peer) bool {
	if p.LeaseRenewed.IsZero() {
		return false
	}
	limit := snapshot.GraceNew + 15*time.Second
	if s.Clock != snapshot.ClockLive {
		limit += time.Minute
	}
	now := s.ObservedAt
	if !p.ObservedAt.IsZero() {
		now = p.ObservedAt
	}
	age := now.Sub(p.LeaseRenewed)
	if hb := now.Sub(p.Heartbeat); !p.Heartbeat.IsZero() && hb < age {
		age = hb
	}
	return age > limit
}

// unseen are the nodes that say Ready over a lease that expired long ago.
func unseen(s *snapshot.Snapshot) []string {
	var out []string
	for _, p := range s.AllPeers() {
		if p.Ready == corev1.ConditionTrue && expired(s, p) {
			out = append(out, p.Name)
		}
	}
	return out
}

// leftover is the age from which a controller manager's lease is taken for one
// of an earlier life of the cluster (leader election switched off, k3s).
const leftover = 24 * time.Hour

func staleController(s *snapshot.Snapshot) *Fault {
	missed := unseen(s)
	l := s.Cluster.ControllerManager
	known := l != nil && !l.Renewed.IsZero()
	var age time.Duration
	if known {
		age = s.ObservedAt.Sub(l.Renewed)
		if l.Seconds > 0 && l.Holder == "" {
			// Released on purpose: a successor is being elected.
			known = false
		}
	}
	limit := controllerStale
	if s.Clock != snapshot.ClockLive {
		limit += time.Minute
	}
	stale := known && age > limit
	f := &Fault{Name: ControlPlaneStale, Next: append(controllerNext(), Command{Run: "kubectl nodehealth faults " + ControlPlaneStale, Note: "what it means and what helps"})}
	switch {
	case stale && len(missed) > 0:
		f.Confidence = High
		f.Summary = fmt.Sprintf("kube-controller-manager has not worked for %s: dead nodes still say Ready, nothing is evicted or replaced.", phrase.Duration(age))
	case stale && age < leftover:
		f.Confidence = Medium
		f.Summary = fmt.Sprintf("kube-controller-manager has not worked for %s: nodes are no longer judged, and nothing that fails is replaced.", phrase.Duration(age))
	case len(missed) > 0 && !known:
		f.Confidence = Medium
		f.Summary = fmt.Sprintf("%s Ready over an expired lease: the controller that judges nodes does not work.", says(missed))
		f.Rivals = []Rival{{KubeletDown, "the kubelets are silent as well; both need looking at"}}
	default:
		return nil
	}
	if known {
		f.Why = append(f.Why, Evidence{"lease", fmt.Sprintf("kube-system/kube-controller-manager renewed %s ago by %s; due every 2s", phrase.Duration(age), l.Holder), "coordination.k8s.io"})
	}
	if len(missed) > 0 {
		f.Why = append(f.Why, Evidence{"nodes", phrase.List(missed, 3) + ": Ready=True over a lease past its grace period", "nodes and leases"})
	}
	return finish(f)
}

func says(names []string) string {
	if len(names) == 1 {
		return names[0] + " says"
	}
	return phrase.Count(len(names), "node") + " say"
}

// finish fills in what the catalogue says.
func finish(f *Fault) *Fault {
	e := Lookup(f.Name)
	f.Phrase, f.Verdict, f.Remedies = e.Phrase, e.Verdict, e.Mitigations
	f.Evidence = []string{}
	for _, w := range f.Why {
		f.Evidence = append(f.Evidence, w.Label+": "+w.Text)
	}
	for _, c := range e.Consequences {
		f.Consequences = append(f.Consequences, Line{"means", c})
	}
	return f
}

// deadZone is the fault of a zone of at least two nodes that are all down, or
// of all nodes of all zones.
func deadZone(s *snapshot.Snapshot) *Fault {
	zones := s.Zones()
	var dead []string
	deadNodes, nodes := 0, 0
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		n := 0
		for _, p := range zones[zone] {
			if down(s, p) {
				n++
			}
		}
		nodes += len(zones[zone])
		deadNodes += n
		if n == len(zones[zone]) && n >= 2 {
			dead = append(dead, zone)
		}
	}
	all := deadNodes == nodes && nodes >= 2
	if len(dead) == 0 && !all {
		return nil
	}
	f := &Fault{Name: ZoneDown, Confidence: High, Next: []Command{
		{Run: "kubectl get nodes -L topology.kubernetes.io/zone"},
		{Run: "kubectl nodehealth faults " + ZoneDown, Note: "what it means and what helps"},
	}}
	if all {
		where := "every zone"
		if len(zones) == 1 {
			where = "the cluster"
			if z := dead[0]; z != "" {
				where = "zone " + z + ", the only one,"
			}
		}
		f.Summary = fmt.Sprintf("All %d nodes of %s are down. The control plane then takes itself to be cut off: it withdraws the NoExecute taints and evicts nothing.", nodes, where)
		if !s.Cluster.Whole {
			f.Confidence = Medium
			f.Summary = fmt.Sprintf("All %d nodes that were read are down; nodes elsewhere were not read.", nodes)
		}
	} else {
		count := 0
		for _, z := range dead {
			count += len(zones[z])
		}
		f.Summary = fmt.Sprintf("All %d nodes of %s are down while other zones work: what they share (power, network, the zone) is down. Their pods are evicted at the normal rate.", count, zoneNames(dead))
	}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		n, noExec := 0, 0
		for _, p := range zones[zone] {
			if down(s, p) {
				n++
			}
			if p.NoExecute {
				noExec++
			}
		}
		if n > 0 {
			f.Why = append(f.Why, Evidence{"nodes", fmt.Sprintf("%d of %d down in %s", n, len(zones[zone]), zoneName(zone)), "nodes"},
				Evidence{"taints", fmt.Sprintf("%d of %d carry NoExecute%s", noExec, n, paused(noExec, n)), "nodes"})
		}
	}
	f = finish(f)
	if all {
		// What all nodes share is the way to the API server as well.
		f.Phrase = "all nodes down"
		f.Next = append([]Command{{Run: "kubectl nodehealth controlplane", Note: "do its address, certificate and authority still fit what the kubelets know?"}}, f.Next...)
	}
	return f
}

// paused says what the taints mean in a dead zone. The controller withdraws them
// from the nodes as it saw them when its round began, and so misses one that it
// has set in that round itself: that node's pods are evicted nevertheless.
func paused(noExec, down int) string {
	switch {
	case noExec == 0:
		return ": eviction is paused"
	case noExec < down:
		return ": pods are evicted from those only"
	}
	return ""
}

func zoneName(z string) string {
	if z == "" {
		return "the nodes without a zone"
	}
	return "zone " + z
}

func zoneNames(zones []string) string {
	var out []string
	for _, z := range zones {
		out = append(out, zoneName(z))
	}
	return phrase.List(out, 3)
}

// slowedEviction says where the node lifecycle controller evicts slower than
// usual: when more than two nodes and at least 55% of a zone are not ready.
func slowedEviction(s *snapshot.Snapshot, zone string, peers []snapshot.Peer) string {
	if !s.Cluster.Whole {
		return ""
	}
	bad := 0
	for _, p := range peers {
		if p.Ready != corev1.ConditionTrue {
			bad++
		}
	}
	if bad <= 2 || bad == len(peers) || float64(bad) < 0.55*float64(len(peers)) {
		return ""
	}
	if len(peers) > 50 {
		return fmt.Sprintf("%d of %d nodes of %s are not ready: eviction is slowed to one node in 100s", bad, len(peers), zoneName(zone))
	}
	return fmt.Sprintf("%d of %d nodes of %s are not ready: eviction is stopped (the zone has at most 50 nodes)", bad, len(peers), zoneName(zone))
}

// Suspicious says whether a node's kubelet is worth asking, from what the lists
// say.
func Suspicious(s *snapshot.Snapshot, n *snapshot.Node) bool {
	v := s.View(n)
	if v.Ready() != corev1.ConditionTrue || check.LeaseExpired(v) || pendingServing(v) != nil || Diagnose(v) != nil {
		return true
	}
	age, ok := v.LeaseAge()
	return ok && age > check.LeaseLate
}
