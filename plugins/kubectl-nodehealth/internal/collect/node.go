package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	certsv1 "k8s.io/api/certificates/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// NotFoundError says that there is no such node, nor any trace of one.
type NotFoundError struct {
	Name string
	// Known are some nodes that there are.
	Known []string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("node %q: not found in the cluster", e.Name)
}

// NoAnswerError says that the API server could not be asked at all.
type NoAnswerError struct {
	What   string
	Reason string
	// Code is the HTTP status of the answer, 0 where there was none.
	Code int
}

func (e *NoAnswerError) Error() string { return e.What + ": " + e.Reason }

// maxPeers bounds the nodes that are read for their zone.
const maxPeers = 1000

// Nodes reads what one node's story needs, for each of a few nodes. It does not
// list the cluster's pods.
func (c *Client) Nodes(ctx context.Context, names []string) (*snapshot.Snapshot, error) {
	s := &snapshot.Snapshot{APIVersion: snapshot.APIVersion, Kind: snapshot.Kind, Clock: snapshot.ClockLive, Source: "live"}
	var cluster shared
	if err := c.open(ctx, &cluster); err != nil {
		return nil, err
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, ProbeDeadline)
	defer cancel()
	var wg sync.WaitGroup
	nodes, errs := make([]*snapshot.Node, len(names)), make([]error, len(names))
	for i, name := range names {
		wg.Go(func() { nodes[i], errs[i] = c.readNode(ctx, name, ProbeDeadline) })
	}
	wg.Wait()
	if outer.Err() != nil {
		return nil, outer.Err()
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	s.Nodes = nodes
	for _, n := range s.Nodes {
		wg.Go(func() { c.story(ctx, n) })
	}
	wg.Go(func() { c.cluster(ctx, &cluster) })
	wg.Go(func() { c.peers(ctx, s.Nodes, &cluster) })
	wg.Go(func() { c.requests(ctx, s.Nodes, &cluster) })
	wg.Wait()
	if outer.Err() != nil {
		return nil, outer.Err()
	}
	cluster.into(s)
	s.ObservedAt = c.Now()
	var events []snapshot.Probe
	for _, n := range s.Nodes {
		c.blameAPIServer(s, n)
		if p, ok := snapshot.Find(n.Probes, snapshot.SourceEvents); ok && !slices.Contains(events, p) {
			events = append(events, p)
		}
	}
	s.Notes = append(s.Notes, cutNotes(s, events...)...)
	return s, c.unregistered(outer, s)
}

// readNode reads the node object; one that is not there leaves an empty node.
func (c *Client) readNode(ctx context.Context, name string, deadline time.Duration) (*snapshot.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	n := &snapshot.Node{Name: name}
	r, err := c.get(ctx, "/api/v1/nodes/"+name, nil, acceptJSON)
	if err != nil {
		if ctx.Err() != nil && !isTimeout(err) {
			return nil, err
		}
		p := failure(ctx, snapshot.SourceNode, err, deadline)
		return nil, &NoAnswerError{What: "node " + name, Reason: p.Detail}
	}
	p := kubelet.Classify(snapshot.SourceNode, r)
	if p.Status == snapshot.OK {
		var o corev1.Node
		if err := json.Unmarshal(r.Body, &o); err != nil || o.Kind != "" && o.Kind != "Node" {
			return nil, &NoAnswerError{What: "node " + name, Reason: "the answer is not a node: is this a Kubernetes API server?", Code: r.Code}
		}
		n = snapshot.NewNode(&o)
	} else if r.Code == 401 {
		return nil, &NoAnswerError{What: "node " + name, Reason: "the API server does not accept the credentials (401)", Code: r.Code}
	}
	n.Set(p)
	return n, nil
}

// story reads everything that concerns one node alone.
func (c *Client) story(ctx context.Context, n *snapshot.Node) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	set := func(p snapshot.Probe, take func()) {
		mu.Lock()
		defer mu.Unlock()
		n.Set(p)
		if take != nil {
			take()
		}
	}
	wg.Go(func() {
		l, p := c.readLease(ctx, snapshot.NodeLeases, n.Name, snapshot.SourceLease)
		set(p, func() { n.Lease = l })
	})
	wg.Go(func() {
		pods := &snapshot.Pods{}
		p := each(ctx, lister{client: c, path: "/api/v1/pods", query: url.Values{"fieldSelector": {"spec.nodeName=" + n.Name}}, deadline: ProbeDeadline},
			snapshot.SourcePods, func(o *corev1.Pod) { pods.Add(o, true) })
		set(p, func() {
			if p.Status == snapshot.OK || pods.Total > 0 {
				pods.Partial = p.Status != snapshot.OK
				n.Pods = pods
			}
		})
	})
	wg.Go(func() {
		es, p := c.nodeEvents(ctx, n.Name)
		set(p, func() { n.Events = append(n.Events, es...) })
	})
	var homeless []snapshot.Event
	cut := ""
	for _, reason := range podReasons {
		wg.Go(func() {
			own, others, p := c.podEvents(ctx, n.Name, reason)
			mu.Lock()
			defer mu.Unlock()
			n.Events, homeless = append(n.Events, own...), append(homeless, others...)
			if p.Status == snapshot.OK && p.Detail != "" {
				cut = "of " + reason + " " + p.Detail
			}
		})
	}
	wg.Go(func() {
		u, p := c.usage(ctx, n.Name)
		set(p, func() { n.Usage = u })
	})
	wg.Go(func() {
		devices := c.devices(ctx, n.Name)
		mu.Lock()
		defer mu.Unlock()
		n.Devices = devices
	})
	kubeletNode := &snapshot.Node{Name: n.Name}
	if n.Object != nil {
		wg.Go(func() { c.askKubelet(ctx, kubeletNode, ProbeDeadline) })
	}
	wg.Wait()
	n.Events = append(n.Events, n.Pods.EventsOf(homeless)...)
	if p, ok := snapshot.Find(n.Probes, snapshot.SourceEvents); ok && p.Status == snapshot.OK && p.Detail == "" {
		p.Detail = cut
		n.Set(p)
	}
	c.watchLease(n, kubeletNode)
	n.Kubelet = kubeletNode.Kubelet
	for _, p := range kubeletNode.Probes {
		n.Set(p)
	}
	slices.SortStableFunc(n.Events, func(a, b snapshot.Event) int { return b.Last.Compare(a.Last) })
}

// watchLease reads the lease once more after a silent kubelet was waited for: a
// renewal in the meantime proves that it lives, and no answer that it was the API
// server who fell silent.
func (c *Client) watchLease(n, asked *snapshot.Node) {
	if !unheard(asked) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), confirmDeadline)
	defer cancel()
	l, p := c.readLease(ctx, snapshot.NodeLeases, n.Name, snapshot.SourceLease)
	switch {
	case p.Status == snapshot.Timeout:
		saysNothing(asked)
	case p.Status == snapshot.OK && n.Lease != nil:
		l.Seen = l.Renewed.After(n.Lease.Renewed)
		n.Lease = l
	}
}

func (c *Client) readLease(ctx context.Context, namespace, name, source string) (*snapshot.Lease, snapshot.Probe) {
	r, err := c.get(ctx, "/apis/coordination.k8s.io/v1/namespaces/"+namespace+"/leases/"+name, nil, acceptJSON)
	if err != nil {
		return nil, failure(ctx, source, err, ProbeDeadline)
	}
	p := kubelet.Classify(source, r)
	if p.Status != snapshot.OK {
		return nil, p
	}
	var o coordv1.Lease
	if json.Unmarshal(r.Body, &o) != nil {
		return nil, snapshot.Probe{Name: source, Status: snapshot.Unreachable, Detail: "the answer is not a lease"}
	}
	return snapshot.NewLease(&o), p
}

// nodeEvents reads the events about a node, by its name: the kubelet used the
// name as the UID until v1.37, everybody else the real UID. They are in the
// namespace default; who may not read all namespaces may read that one.
func (c *Client) nodeEvents(ctx context.Context, name string) ([]snapshot.Event, snapshot.Probe) {
	q := url.Values{"fieldSelector": {"involvedObject.kind=Node,involvedObject.name=" + name}}
	read := func(path string) ([]snapshot.Event, snapshot.Probe) {
		var out []snapshot.Event
		p := each(ctx, lister{client: c, path: path, query: q, deadline: ProbeDeadline}, snapshot.SourceEvents,
			func(o *corev1.Event) { out = append(out, snapshot.NewEvent(o)) })
		return out, p
	}
	es, p := read("/api/v1/events")
	if p.Status == snapshot.Denied {
		if es2, p2 := read("/api/v1/namespaces/default/events"); p2.Status == snapshot.OK {
			p2.Detail = "only those about the node itself may be read, not those of its pods"
			return es2, p2
		}
	}
	return es, p
}

// podReasons are the events of pods that are asked for: this node's kubelet
// cannot start one, evicts one, or its taint does.
var podReasons = []string{"FailedCreatePodSandBox", "Evicted", "TaintManagerEviction"}

// podEvents reads the events of a reason that this node's kubelet has written,
// and those that name no node.
func (c *Client) podEvents(ctx context.Context, node, reason string) (own, homeless []snapshot.Event, p snapshot.Probe) {
	q := url.Values{"fieldSelector": {"reason=" + reason}}
	p = each(ctx, lister{client: c, path: "/api/v1/events", query: q, maxItems: 2000, deadline: ProbeDeadline}, snapshot.SourceEvents,
		func(o *corev1.Event) {
			switch snapshot.EventNode(o) {
			case node:
				own = append(own, snapshot.NewEvent(o))
			case "":
				homeless = append(homeless, snapshot.NewEvent(o))
			}
		})
	return own, homeless, p
}

// metricsVersions are the versions of metrics.k8s.io that are asked for, the
// usual one first.
var metricsVersions = []string{"v1beta1", "v1"}

// usage reads the metrics of a node.
func (c *Client) usage(ctx context.Context, name string) (*snapshot.Usage, snapshot.Probe) {
	p := snapshot.Probe{Name: snapshot.SourceMetrics, Status: snapshot.Absent, Detail: noMetrics}
	for _, version := range metricsVersions {
		r, err := c.get(ctx, "/apis/metrics.k8s.io/"+version+"/nodes/"+name, nil, acceptJSON)
		if err != nil {
			return nil, failure(ctx, snapshot.SourceMetrics, err, ProbeDeadline)
		}
		message, _, status := r.FromAPIServer()
		if r.Code == 404 && (!status || strings.Contains(message, "could not find the requested resource")) {
			continue
		}
		switch p = kubelet.Classify(snapshot.SourceMetrics, r); p.Status {
		case snapshot.OK:
		case snapshot.Unreachable:
			continue // a server that is gone may have another beside it
		case snapshot.Absent:
			p.Detail = snapshot.NoNodeMetrics
			return nil, p
		default:
			return nil, p
		}
		var m snapshot.NodeMetrics
		if json.Unmarshal(r.Body, &m) != nil {
			return nil, snapshot.Probe{Name: snapshot.SourceMetrics, Status: snapshot.Unreachable, Detail: "the answer is not a node's metrics"}
		}
		return m.Facts(), p
	}
	return nil, p
}

const noMetrics = snapshot.NoMetricsAPI

// requests reads the certificate signing requests of some nodes.
func (c *Client) requests(ctx context.Context, nodes []*snapshot.Node, out *shared) {
	by := map[string][]snapshot.CSR{}
	p := each(ctx, lister{client: c, path: "/apis/certificates.k8s.io/v1/certificatesigningrequests", maxItems: 5000, deadline: ProbeDeadline},
		snapshot.SourceCSRs, func(o *certsv1.CertificateSigningRequest) {
			if r, node := snapshot.NewCSR(o); node != "" {
				by[node] = append(by[node], r)
			}
		})
	out.mu.Lock()
	defer out.mu.Unlock()
	out.probes = append(out.probes, p)
	out.csrs = by
}

// peers reads the other nodes and their leases: all of a small cluster, and of
// a large one those of the same zones.
func (c *Client) peers(ctx context.Context, nodes []*snapshot.Node, out *shared) {
	peers := map[string]*snapshot.Peer{}
	var order []string
	read := func(q url.Values) (snapshot.Probe, int) {
		n := 0
		p := each(ctx, lister{client: c, path: "/api/v1/nodes", query: q, keep: nodeKept, limit: maxPeers, maxItems: maxPeers, deadline: ProbeDeadline},
			snapshot.SourcePeers, func(o *corev1.Node) {
				n++
				p := snapshot.NewPeer(snapshot.NewNode(o))
				if peers[p.Name] == nil {
					peers[p.Name] = &p
					order = append(order, p.Name)
				}
			})
		return p, n
	}
	probe, n := read(nil)
	whole := probe.Status == snapshot.OK && n < maxPeers
	if probe.Status == snapshot.OK && !whole {
		done := map[string]bool{}
		for _, node := range nodes {
			if node.Object == nil || done[zoneSelector(node.Object)] {
				continue
			}
			done[zoneSelector(node.Object)] = true
			read(url.Values{"labelSelector": {zoneSelector(node.Object)}})
		}
	}
	if probe.Status == snapshot.OK {
		// A denial here leaves the peers' Ready conditions, which is something.
		each(ctx, lister{client: c, path: "/apis/coordination.k8s.io/v1/namespaces/" + snapshot.NodeLeases + "/leases", limit: maxPeers, maxItems: 5 * maxPeers, deadline: ProbeDeadline},
			snapshot.SourcePeers, func(o *coordv1.Lease) {
				if p := peers[o.Name]; p != nil {
					p.LeaseRenewed = snapshot.NewLease(o).Heard()
				}
			})
	}
	if probe.Status == snapshot.OK && len(order) < 2 {
		probe = snapshot.Probe{Name: snapshot.SourcePeers, Status: snapshot.Absent, Detail: "it is the only node"}
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	out.whole = whole
	out.probes = append(out.probes, probe)
	for _, name := range order {
		out.peers = append(out.peers, *peers[name])
	}
}

// zoneSelector selects the nodes of a node's zone, by whichever labels it has.
func zoneSelector(o *corev1.Node) string {
	for _, keys := range [][2]string{{corev1.LabelTopologyZone, corev1.LabelTopologyRegion}, {corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion}} {
		if z := o.Labels[keys[0]]; z != "" {
			sel := keys[0] + "=" + z
			if r := o.Labels[keys[1]]; r != "" {
				sel += "," + keys[1] + "=" + r
			}
			return sel
		}
	}
	return "!" + corev1.LabelTopologyZone + ",!" + corev1.LabelFailureDomainBetaZone
}

// blameAPIServer takes back what silence of a kubelet would mean where the API
// server itself did not answer in time.
func (c *Client) blameAPIServer(s *snapshot.Snapshot, n *snapshot.Node) {
	slow := false
	for _, source := range []string{snapshot.SourceLease, snapshot.SourcePods, snapshot.SourceEvents, snapshot.SourceCSRs, snapshot.SourcePeers, snapshot.SourceKCM} {
		p, ok := s.Probe(n, source)
		slow = slow || ok && p.Status == snapshot.Timeout
	}
	if slow {
		saysNothing(n)
	}
}

// unregistered tells a node that is not there from one that never joined but
// has left traces.
func (c *Client) unregistered(ctx context.Context, s *snapshot.Snapshot) error {
	for _, n := range s.Nodes {
		p, _ := snapshot.Find(n.Probes, snapshot.SourceNode)
		if n.Object != nil || p.Status != snapshot.Absent {
			continue
		}
		if n.Lease != nil || len(n.CSRs) > 0 {
			continue
		}
		e := &NotFoundError{Name: n.Name}
		e.Known, _ = c.Names(ctx)
		return e
	}
	return nil
}

// Names are the names of the cluster's nodes, at most 500.
func (c *Client) Names(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, ProbeDeadline)
	defer cancel()
	return c.named(ctx, "", 500)
}

// Few are the names of the nodes that a label selector selects; none where
// there are more than MaxSuspects, or where they could not be read.
func (c *Client) Few(ctx context.Context, selector string) []string {
	if c.open(ctx, &shared{}) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ProbeDeadline)
	defer cancel()
	names, err := c.named(ctx, selector, MaxSuspects+1)
	if err != nil || len(names) > MaxSuspects {
		return nil
	}
	return names
}

func (c *Client) named(ctx context.Context, selector string, limit int) ([]string, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if selector != "" {
		q.Set("labelSelector", selector)
	}
	r, err := c.get(ctx, "/api/v1/nodes", q, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json")
	if err != nil {
		return nil, err
	}
	var doc struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		} `json:"items"`
	}
	if err := json.Unmarshal(r.Body, &doc); err != nil {
		return nil, err
	}
	var out []string
	for _, i := range doc.Items {
		out = append(out, i.Metadata.Name)
	}
	return out, nil
}
