package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"time"

	certsv1 "k8s.io/api/certificates/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
)

// NodeLeases and SystemNamespace are the namespaces of the leases that count.
const (
	NodeLeases      = "kube-node-lease"
	SystemNamespace = "kube-system"
	// ControllerManagerLease is the leader lease of the controller that
	// judges nodes.
	ControllerManagerLease = "kube-controller-manager"
)

// Builder puts a snapshot together from objects that come in any order, each
// folded as it comes. Its zero value is ready. It is not for concurrent use.
type Builder struct {
	// Detail keeps the pods themselves.
	Detail bool

	nodes  map[string]*Node
	order  []string
	leases map[string]*Lease
	pods   map[string]*Pods
	events map[string][]Event
	// homeless are events of pods that name no node: the pod tells it.
	homeless []Event
	// devices are folded ResourceSlices.
	devices map[string][]Devices
	csrs    map[string][]CSR
	usage   map[string]*Usage
	seen    map[string]bool
	read    map[string]bool
	times   map[string]time.Time
	kcm     *Lease

	// ServerVersion and Notes go into the snapshot as they are.
	ServerVersion string
	Notes         []string
	// Captured is when the capture says that it was taken; Began is when, where
	// that took its time.
	Captured, Began time.Time
}

func (b *Builder) init() {
	if b.nodes != nil {
		return
	}
	b.nodes, b.leases, b.pods = map[string]*Node{}, map[string]*Lease{}, map[string]*Pods{}
	b.events, b.csrs, b.usage = map[string][]Event{}, map[string][]CSR{}, map[string]*Usage{}
	b.seen, b.read, b.times = map[string]bool{}, map[string]bool{}, map[string]time.Time{}
}

// first says whether an object is seen for the first time: captures hold the
// same object in several files.
func (b *Builder) first(kind, namespace, name string) bool {
	key := kind + "/" + namespace + "/" + name
	if b.seen[key] {
		return false
	}
	b.seen[key] = true
	return true
}

// Read marks a source as one that the capture holds, even if it is empty.
func (b *Builder) Read(source string) {
	b.init()
	b.read[source] = true
}

// Has says whether a source was seen.
func (b *Builder) Has(source string) bool { return b.read[source] }

// stamp takes times into account for the capture's now; who names the clock
// that wrote them: a node's, or "" for the API server's and the controllers'.
func (b *Builder) stamp(who string, times ...time.Time) {
	for _, t := range times {
		if t.Year() >= 2014 && t.After(b.times[who]) {
			b.times[who] = t
		}
	}
}

// Stamp takes a time into account that the capture gives in another way.
func (b *Builder) Stamp(t time.Time) {
	b.init()
	b.stamp("", t)
}

// AddNode takes a node.
func (b *Builder) AddNode(o *corev1.Node) *Node {
	b.Read(SourceNode)
	if !b.first("Node", "", o.Name) {
		return b.nodes[o.Name]
	}
	for _, c := range o.Status.Conditions {
		who := o.Name
		if c.Status == corev1.ConditionUnknown && strings.HasPrefix(c.Reason, "NodeStatus") {
			who = ""
			b.stamp(o.Name, c.LastHeartbeatTime.Time)
			b.stamp(who, c.LastTransitionTime.Time)
			continue
		}
		b.stamp(who, c.LastHeartbeatTime.Time, c.LastTransitionTime.Time)
	}
	for _, t := range o.Spec.Taints {
		if t.TimeAdded != nil {
			b.stamp("", t.TimeAdded.Time)
		}
	}
	b.stamp("", o.CreationTimestamp.Time)
	n := NewNode(o)
	for _, w := range n.Writers {
		b.stamp("", w.Time)
	}
	b.nodes[o.Name] = n
	b.order = append(b.order, o.Name)
	return n
}

// AddLease takes a lease: a node's, the controller manager's, or one that does
// not matter.
func (b *Builder) AddLease(o *coordv1.Lease) {
	b.init()
	if !b.first("Lease", o.Namespace, o.Name) {
		return
	}
	l := NewLease(o)
	switch o.Namespace {
	case NodeLeases, "":
		b.read[SourceLease] = true
		b.stamp(o.Name, l.Renewed)
		b.stamp("", l.Stamped)
		b.leases[o.Name] = l
	case SystemNamespace:
		if o.Name == ControllerManagerLease {
			b.read[SourceKCM] = true
			b.kcm = l
			b.stamp("", l.Renewed, l.Stamped)
		}
	}
}

// SetLease takes a node's lease that is known from elsewhere.
func (b *Builder) SetLease(node string, l *Lease) {
	b.init()
	b.read[SourceLease] = true
	b.stamp(node, l.Renewed)
	b.leases[node] = l
}

// AddPod folds a pod.
func (b *Builder) AddPod(o *corev1.Pod) {
	b.Read(SourcePods)
	if !b.first("Pod", o.Namespace, o.Name) {
		return
	}
	b.stamp("", o.CreationTimestamp.Time)
	if o.Status.StartTime != nil && o.Spec.NodeName != "" {
		b.stamp(o.Spec.NodeName, o.Status.StartTime.Time)
	}
	if o.Spec.NodeName == "" {
		return
	}
	b.PodsOf(o.Spec.NodeName).Add(o, b.Detail)
}

// PodsOf returns the sums of a node's pods, to add to.
func (b *Builder) PodsOf(node string) *Pods {
	b.init()
	p := b.pods[node]
	if p == nil {
		p = &Pods{}
		b.pods[node] = p
	}
	return p
}

// AddEvent takes an event; one that concerns no node is dropped.
func (b *Builder) AddEvent(o *corev1.Event) {
	b.Read(SourceEvents)
	if !b.first("Event", o.Namespace, o.Name) {
		return
	}
	e := NewEvent(o)
	b.stamp("", e.Last)
	switch node := EventNode(o); {
	case node == "" && PodEventMatters(e.Reason):
		b.homeless = append(b.homeless, e)
	case node != "" && (o.InvolvedObject.Kind == "Node" || PodEventMatters(e.Reason)):
		b.events[node] = append(b.events[node], e)
	}
}

// PodEventMatters says whether an event of a pod tells something about the
// node that reported it.
func PodEventMatters(reason string) bool {
	switch reason {
	case "FailedCreatePodSandBox", "FailedKillPod", "NetworkNotReady", "FailedPodSandBoxStatus", "FailedMountOnFilesystemMismatch",
		"FailedCreatePodContainer", "FailedPrepareDynamicResources", "Evicted", "NodeShutdown", "TaintManagerEviction":
		return true
	}
	return false
}

// AddCSR takes a certificate signing request.
func (b *Builder) AddCSR(o *certsv1.CertificateSigningRequest) {
	b.Read(SourceCSRs)
	if !b.first("CSR", "", o.Name) {
		return
	}
	b.stamp("", o.CreationTimestamp.Time)
	if c, node := NewCSR(o); node != "" {
		b.csrs[node] = append(b.csrs[node], c)
	}
}

// AddSlice takes a ResourceSlice.
func (b *Builder) AddSlice(raw []byte) error {
	if b.devices == nil {
		b.devices = map[string][]Devices{}
	}
	_, err := AddSlice(raw, b.devices)
	return err
}

// AddUsage takes a node's metrics.
func (b *Builder) AddUsage(node string, u *Usage) {
	b.Read(SourceMetrics)
	b.usage[node] = u
	b.stamp("", u.Time)
}

// Names are the nodes that were added, in their order.
func (b *Builder) Names() []string { return slices.Clone(b.order) }

// Build makes the snapshot. The clock is the newest believable time unless the
// capture says when it was taken; this machine's own clock plays no part, so
// that a capture always reads the same.
func (b *Builder) Build() *Snapshot {
	b.init()
	s := &Snapshot{APIVersion: APIVersion, Kind: Kind, Notes: b.Notes}
	s.Cluster.ServerVersion = b.ServerVersion
	s.Cluster.ControllerManager = b.kcm
	for _, name := range b.order {
		n := b.nodes[name]
		n.Lease, n.Usage, n.Devices = b.leases[name], b.usage[name], b.devices[name]
		n.Events, n.CSRs = sortEvents(append(b.events[name], b.pods[name].EventsOf(b.homeless)...)), b.csrs[name]
		if n.Pods = b.pods[name]; n.Pods == nil && b.read[SourcePods] {
			n.Pods = &Pods{}
		}
		s.Nodes = append(s.Nodes, n)
	}
	// A lease without a node: it may be one that never registered, or one
	// that was deleted and whose lease is about to be collected.
	s.Clock = ClockNewest
	s.ObservedAt = b.newest(s)
	captured := b.Captured
	if b.Captured.Sub(b.Began) > time.Minute && !b.Began.IsZero() {
		// The nodes were read at some time in between: their own newest time is
		// nearer to it than the end.
		captured = b.Began
	}
	if !captured.IsZero() && !captured.Before(s.ObservedAt.Add(-time.Minute)) {
		s.Clock, s.ObservedAt = ClockCapture, captured
	}
	if s.ObservedAt.IsZero() {
		s.Clock = ClockNone
	}
	return s
}

// newest is the newest believable time: not that of one node's clock running
// ahead of everybody else. All nodes that are Ready have posted
// within the last five minutes, so one that is a quarter of an hour ahead of
// two others that agree, and of everything that the API server has stamped, is
// not believed. Where leases are there, which are renewed every ten seconds, a
// minute is enough: that all others died together is less likely.
func (b *Builder) newest(s *Snapshot) time.Time {
	type clock struct {
		who string
		t   time.Time
	}
	var all, alive []clock
	for who, t := range b.times {
		all = append(all, clock{who, t})
		if n := b.nodes[who]; who != "" && n != nil && NewPeer(n).Ready == corev1.ConditionTrue {
			alive = append(alive, clock{who, t})
		}
	}
	newestFirst := func(x, y clock) int { return y.t.Compare(x.t) }
	slices.SortFunc(all, newestFirst)
	slices.SortFunc(alive, newestFirst)
	ahead, agree := 15*time.Minute, StatusEvery+time.Minute
	if !slices.ContainsFunc(alive, func(c clock) bool { return b.leases[c.who] == nil }) {
		ahead, agree = time.Minute, LeaseDuration
	}
	skewed := map[string]bool{}
	for len(alive) >= 3 && alive[0].t.Sub(alive[1].t) > ahead && alive[1].t.Sub(alive[2].t) < agree &&
		alive[0].t.Sub(b.times[""]) > ahead {
		skewed[alive[0].who] = true
		s.Notes = append(s.Notes, fmt.Sprintf("the clock of %s runs %s ahead of the other nodes': its times are not believed", alive[0].who, alive[0].t.Sub(alive[1].t).Round(time.Second)))
		alive = alive[1:]
	}
	for _, c := range all {
		if !skewed[c.who] {
			return c.t
		}
	}
	return time.Time{}
}

func sortEvents(es []Event) []Event {
	slices.SortStableFunc(es, func(a, b Event) int { return b.Last.Compare(a.Last) })
	return es
}
