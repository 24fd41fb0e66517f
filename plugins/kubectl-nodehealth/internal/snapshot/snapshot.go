// Package snapshot holds what is known of a cluster's nodes at one moment, as
// typed facts. A snapshot comes from a live cluster (package collect) or from
// files (package capture), can be written as JSON and read back, and is all
// that the judges (packages check and fault) ever see.
package snapshot

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// APIVersion and Kind mark a snapshot written as JSON.
const (
	APIVersion = "nodehealth.clusterwright.dev/v1alpha1"
	Kind       = "NodeSnapshot"
)

// Clock says where a snapshot's "now" comes from.
type Clock string

// The clocks, from the most to the least certain.
const (
	// ClockLive is this machine's clock, corrected by the API server's Date
	// header where that was seen.
	ClockLive Clock = "live"
	// ClockGiven is a time that the user gave (--now).
	ClockGiven Clock = "given"
	// ClockCapture is the capture's own record of when it was taken.
	ClockCapture Clock = "capture"
	// ClockNewest is the newest believable timestamp in the capture: every
	// duration counted from it is "at least".
	ClockNewest Clock = "newest"
	// ClockNone says that there is no timestamp at all.
	ClockNone Clock = "none"
)

// AtLeast says whether durations up to this clock's now are lower bounds.
func (c Clock) AtLeast() bool { return c == ClockNewest || c == ClockNone }

// Snapshot is everything known at one moment.
type Snapshot struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	ObservedAt time.Time `json:"observedAt"`
	Clock      Clock     `json:"clock"`
	// Source says where it comes from, for people: "live", or a path.
	Source string `json:"source"`
	// Notes are what the reader of a capture must tell its user: skipped
	// parts, and why.
	Notes   []string `json:"notes,omitempty"`
	Cluster Cluster  `json:"cluster"`
	Nodes   []*Node  `json:"nodes"`

	zonesOnce sync.Once
	zones     map[string][]Peer
	named     map[string]Peer

	talliesMu sync.Mutex
	tallies   map[tallyKey]Tally

	addressesOnce sync.Once
	addresses     map[string][]Peer
}

// Cluster is what concerns all nodes.
type Cluster struct {
	// ServerVersion is the API server's, such as "v1.37.1".
	ServerVersion string `json:"serverVersion,omitempty"`
	// ControllerManager is the leader lease of kube-controller-manager in
	// kube-system.
	ControllerManager *Lease `json:"controllerManager,omitempty"`
	// Peers are the nodes seen besides the ones asked for, briefly.
	Peers []Peer `json:"peers,omitempty"`
	// Whole says that every node of the cluster is in Nodes or Peers.
	Whole bool `json:"whole,omitempty"`
	// Probes are the sources that concern the whole cluster.
	Probes []Probe `json:"probes,omitempty"`
}

// Peer is the little that one node's story needs to know of another.
type Peer struct {
	Name string `json:"name"`
	// Zone is region and zone, as the node lifecycle controller groups nodes.
	Zone         string                 `json:"zone,omitempty"`
	Ready        corev1.ConditionStatus `json:"ready,omitempty"`
	ReadyReason  string                 `json:"readyReason,omitempty"`
	Heartbeat    time.Time              `json:"heartbeat,omitzero"`
	LeaseRenewed time.Time              `json:"leaseRenewed,omitzero"`
	// ObservedAt is that of the node, where it has one of its own.
	ObservedAt time.Time `json:"observedAt,omitzero"`
	NoExecute  bool      `json:"noExecute,omitempty"`
	// Address is the internal one, "" for a node that is no machine.
	Address        string `json:"address,omitempty"`
	KubeletVersion string `json:"kubeletVersion,omitempty"`
}

// Node is everything known of one node. A nil or zero field was not read:
// Probes says why.
type Node struct {
	Name string `json:"name"`
	// Object is the node without its images and managed fields, which are
	// folded into Images and Writers. It is nil for a node that other objects
	// name and that has never registered.
	Object *corev1.Node `json:"object,omitempty"`
	// ObservedAt is set where the node was looked at at another time than the
	// rest: descriptions that were pasted one after the other.
	ObservedAt time.Time `json:"observedAt,omitzero"`
	// NoTaints says that the capture does not show the node's taints: it was
	// cut off, which is not the same as having none.
	NoTaints bool      `json:"noTaints,omitempty"`
	Images   Images    `json:"images,omitzero"`
	Writers  []Writer  `json:"writers,omitempty"`
	Lease    *Lease    `json:"lease,omitempty"`
	Pods     *Pods     `json:"pods,omitempty"`
	Events   []Event   `json:"events,omitempty"`
	CSRs     []CSR     `json:"csrs,omitempty"`
	Usage    *Usage    `json:"usage,omitempty"`
	Devices  []Devices `json:"devices,omitempty"`
	Kubelet  Kubelet   `json:"kubelet,omitzero"`
	Probes   []Probe   `json:"probes,omitempty"`
}

// Images sums up the images that the node reports (at most 50 by default).
type Images struct {
	Count int   `json:"count,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
}

// Writer is one entry of an object's managed fields: who wrote what, by the
// API server's clock, in whole seconds.
type Writer struct {
	Manager     string    `json:"manager"`
	Operation   string    `json:"operation,omitempty"`
	Subresource string    `json:"subresource,omitempty"`
	Time        time.Time `json:"time,omitzero"`
	// Conditions are the condition types that it owns.
	Conditions []string `json:"conditions,omitempty"`
}

// Lease is a coordination.k8s.io lease.
type Lease struct {
	Holder   string    `json:"holder,omitempty"`
	Renewed  time.Time `json:"renewed,omitzero"`
	Acquired time.Time `json:"acquired,omitzero"`
	// Seconds is how long a renewal holds.
	Seconds int32 `json:"seconds,omitempty"`
	// Stamped is when the API server took the last write of the renewal, by
	// its own clock, and By who wrote it.
	Stamped time.Time `json:"stamped,omitzero"`
	By      string    `json:"by,omitempty"`
	// Seen says that a renewal was seen to happen while the node was asked.
	Seen bool `json:"seen,omitempty"`
}

// Event is an event about the node, or of a pod on it where it concerns the
// node.
type Event struct {
	Type      string    `json:"type,omitempty"`
	Reason    string    `json:"reason"`
	Message   string    `json:"message,omitempty"`
	Count     int32     `json:"count,omitempty"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Component string    `json:"component,omitempty"`
	// About is "Node/name" or "Pod/namespace/name".
	About string `json:"about,omitempty"`
}

// CSR is a certificate signing request of this node's kubelet.
type CSR struct {
	Name    string    `json:"name"`
	Signer  string    `json:"signer"`
	Created time.Time `json:"created,omitzero"`
	// State is Pending, Approved, Denied, Failed or Issued.
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// Usage is what metrics.k8s.io says of the node.
type Usage struct {
	// CPUMilli is thousandths of a core, averaged over Window.
	CPUMilli int64 `json:"cpuMilli"`
	// MemoryBytes is the working set.
	MemoryBytes int64         `json:"memoryBytes"`
	Time        time.Time     `json:"time,omitzero"`
	Window      time.Duration `json:"window,omitempty"`
}
