package snapshot

// Status is how the reading of one source ended.
type Status string

// The statuses. Each but OK lowers the coverage; none is a fault of the node
// by itself.
const (
	// OK: it was read.
	OK Status = "ok"
	// Denied: the API server or the kubelet forbids it.
	Denied Status = "denied"
	// Disabled: it is there and switched off.
	Disabled Status = "disabled"
	// Timeout: it did not answer within the deadline.
	Timeout Status = "timeout"
	// Unreachable: the connection was refused or broke.
	Unreachable Status = "unreachable"
	// Unsupported: this version or platform does not have it.
	Unsupported Status = "unsupported"
	// Absent: it does not exist, or a capture does not hold it.
	Absent Status = "absent"
)

// Probe is the outcome of reading one source.
type Probe struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Detail says why, in the words of who refused.
	Detail string `json:"detail,omitempty"`
	// Reason sorts the failures that mean different things for the node: one
	// of the Reason constants, or empty.
	Reason string `json:"reason,omitempty"`
}

// What a failed probe of the kubelet tells of the node.
const (
	// ReasonRefused: the host answered that nobody listens.
	ReasonRefused = "refused"
	// ReasonNoRoute: the network says that there is no such host.
	ReasonNoRoute = "no-route"
	// ReasonNoName: the API server cannot resolve the node's name.
	ReasonNoName = "no-name"
	// ReasonSilent: no answer at all.
	ReasonSilent = "silent"
	// ReasonTLS: the TLS handshake failed; the process is alive.
	ReasonTLS = "tls"
	// ReasonTunnel: the API server's own way to the nodes (konnectivity) is
	// broken.
	ReasonTunnel = "tunnel"
	// ReasonAPIServer: the API server's authorizer refused.
	ReasonAPIServer = "apiserver"
	// ReasonKubelet: the kubelet's own authorizer refused.
	ReasonKubelet = "kubelet"
)

// The names of the sources, in the order in which reports list them.
const (
	SourceNode     = "node"
	SourceLease    = "lease"
	SourcePods     = "pods"
	SourceEvents   = "events"
	SourceCSRs     = "csrs"
	SourceMetrics  = "metrics"
	SourceHealthz  = "kubelet-healthz"
	SourceConfigz  = "kubelet-configz"
	SourceSummary  = "kubelet-stats"
	SourceKMetrics = "kubelet-metrics"
	SourceStatusz  = "kubelet-statusz"
	SourceHost     = "host"
	SourcePeers    = "peers"
	SourceVersion  = "apiserver-version"
	SourceKCM      = "controller-manager"
)

// Sources are all sources of a node's story, in order.
var Sources = []string{
	SourceNode, SourceLease, SourcePods, SourceEvents, SourceCSRs, SourceMetrics,
	SourceHealthz, SourceConfigz, SourceSummary, SourceKMetrics, SourceStatusz, SourceHost,
	SourcePeers, SourceVersion, SourceKCM,
}

// ListSources are the sources of a node in the table of a whole cluster, where
// kubelets are asked only if something is wrong.
var ListSources = []string{
	SourceNode, SourceLease, SourcePods, SourceEvents, SourceCSRs, SourceMetrics,
	SourcePeers, SourceVersion, SourceKCM,
}

// Find returns the probe of a source, and whether there is one.
func Find(probes []Probe, name string) (Probe, bool) {
	for _, p := range probes {
		if p.Name == name {
			return p, true
		}
	}
	return Probe{}, false
}

// Set adds or replaces the probe of a source.
func (n *Node) Set(p Probe) {
	for i := range n.Probes {
		if n.Probes[i].Name == p.Name {
			n.Probes[i] = p
			return
		}
	}
	n.Probes = append(n.Probes, p)
}

// Read says whether a source was read, for this node or the cluster.
func (s *Snapshot) Read(n *Node, source string) bool {
	p, ok := s.Probe(n, source)
	return ok && p.Status == OK
}

// Probe returns the outcome for a source, of this node or of the cluster.
func (s *Snapshot) Probe(n *Node, source string) (Probe, bool) {
	if p, ok := Find(n.Probes, source); ok {
		return p, true
	}
	return Find(s.Cluster.Probes, source)
}

// Probes returns all outcomes that concern a node, in the order of Sources.
func (s *Snapshot) Probes(n *Node) []Probe {
	var out []Probe
	for _, name := range Sources {
		if p, ok := s.Probe(n, name); ok {
			out = append(out, p)
		}
	}
	return out
}

// Coverage is the part of the sources that could be read, 0 to 1.
func Coverage(probes []Probe) float64 {
	if len(probes) == 0 {
		return 0
	}
	n := 0
	for _, p := range probes {
		if p.Status == OK {
			n++
		}
	}
	return float64(n) / float64(len(probes))
}

// Details that checks recognise.
const (
	// NoMetricsAPI: metrics.k8s.io is not served at all.
	NoMetricsAPI = "no metrics.k8s.io in this cluster"
	// NoNodeMetrics: it is served and does not know the node.
	NoNodeMetrics = "the metrics API has no figures for this node"
)
