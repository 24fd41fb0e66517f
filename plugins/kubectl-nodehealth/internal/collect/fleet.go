package collect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	certsv1 "k8s.io/api/certificates/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// FleetOptions say which nodes to read, and who wants to know how far it is.
type FleetOptions struct {
	// Selector is a label selector; empty is all nodes.
	Selector string
	// Progress is called now and then with the pods folded so far; it may be
	// nil.
	Progress func(pods int)
	// Suspect says whether a node's kubelet is worth asking.
	Suspect func(s *snapshot.Snapshot, n *snapshot.Node) bool
	// AskAll asks every kubelet whether it answers, however many there are and
	// however long that takes.
	AskAll bool
}

// Fleet reads the whole cluster: lists only, page by page, each folded into
// facts of its node as it comes, so that the pods are never all in memory.
// Then it asks the kubelets of suspects.
func (c *Client) Fleet(ctx context.Context, o FleetOptions) (*snapshot.Snapshot, error) {
	f := &fleet{client: c, opts: o, leases: map[string]*snapshot.Lease{}, pods: map[string]*snapshot.Pods{}, events: map[string][]snapshot.Event{}, usage: map[string]*snapshot.Usage{}}
	if err := c.open(ctx, &f.shared); err != nil {
		return nil, err
	}
	lists, done := c.unlessStalled(ctx)
	defer done()
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = f.readNodes(lists) })
	wg.Go(func() { f.readPods(lists) })
	wg.Go(func() {
		f.readLeases(lists)
		f.readEvents(lists)
		f.readCSRs(lists)
	})
	wg.Go(func() { f.readUsage(lists) })
	wg.Go(func() {
		ctx, cancel := context.WithTimeout(lists, ProbeDeadline)
		defer cancel()
		c.cluster(ctx, &f.shared)
	})
	wg.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	stalled := lists.Err() != nil
	done()
	s := f.snapshot()
	if !stalled {
		c.askSuspects(ctx, s, o)
	}
	return s, ctx.Err()
}

// fleet gathers the lists; each map is filled by one reader.
type fleet struct {
	client *Client
	opts   FleetOptions
	nodes  []*snapshot.Node
	leases map[string]*snapshot.Lease
	pods   map[string]*snapshot.Pods
	events map[string][]snapshot.Event
	usage  map[string]*snapshot.Usage
	// at is when each list was complete, by the API server's clock.
	leasesAt time.Time
	shared   shared

	leaseProbe, podProbe, eventProbe, metricProbe snapshot.Probe
	nodesRead                                     bool
}

func (f *fleet) readNodes(ctx context.Context) error {
	q := url.Values{}
	if f.opts.Selector != "" {
		q.Set("labelSelector", f.opts.Selector)
	}
	p := each(ctx, lister{client: f.client, path: "/api/v1/nodes", query: q, keep: nodeKept}, snapshot.SourceNode, func(o *corev1.Node) {
		f.nodes = append(f.nodes, snapshot.NewNode(o))
	})
	if p.Status != snapshot.OK && len(f.nodes) == 0 {
		if p.Status == snapshot.Timeout {
			p.Detail = "the API server did not answer in time (" + p.Detail + ")"
		}
		code := 0
		if p.Status == snapshot.Denied {
			code = http.StatusForbidden
		}
		return &NoAnswerError{What: "list nodes", Reason: p.Detail, Code: code}
	}
	f.nodesRead = p.Status == snapshot.OK
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
	f.shared.probes = append(f.shared.probes, p)
	return nil
}

func (f *fleet) readLeases(ctx context.Context) {
	f.leaseProbe = each(ctx, lister{client: f.client, path: "/apis/coordination.k8s.io/v1/namespaces/" + snapshot.NodeLeases + "/leases"},
		snapshot.SourceLease, func(o *coordv1.Lease) { f.leases[o.Name] = snapshot.NewLease(o) })
	f.leasesAt = f.client.Now()
}

func (f *fleet) readPods(ctx context.Context) {
	folded := 0
	fold := func(o *corev1.Pod, requests, limits corev1.ResourceList) {
		folded++
		if folded%1000 == 0 && f.opts.Progress != nil {
			f.opts.Progress(folded)
		}
		if o.Spec.NodeName == "" {
			return
		}
		p := f.pods[o.Spec.NodeName]
		if p == nil {
			p = &snapshot.Pods{}
			f.pods[o.Spec.NodeName] = p
		}
		p.AddSized(o, requests, limits, false)
	}
	d := podDecoder{sizes: map[string]podSizes{}}
	l := lister{client: f.client, path: "/api/v1/pods", limit: 1000}
	f.podProbe = l.walk(ctx, snapshot.SourcePods, func(raw []byte) error {
		o, size, err := d.decode(raw)
		if err == nil {
			fold(o, size.requests, size.limits)
		}
		return err
	}, func(raw json.RawMessage) error {
		var o corev1.Pod
		if err := json.Unmarshal(raw, &o); err != nil {
			return err
		}
		requests, limits := snapshot.Resources(&o)
		fold(&o, requests, limits)
		return nil
	})
}

func (f *fleet) readEvents(ctx context.Context) {
	read := func(path string) snapshot.Probe {
		return each(ctx, lister{client: f.client, path: path, query: url.Values{"fieldSelector": {"involvedObject.kind=Node"}}, maxItems: 50_000},
			snapshot.SourceEvents, func(o *corev1.Event) {
				if node := snapshot.EventNode(o); node != "" {
					f.events[node] = append(f.events[node], snapshot.NewEvent(o))
				}
			})
	}
	if f.eventProbe = read("/api/v1/events"); f.eventProbe.Status == snapshot.Denied {
		if p := read("/api/v1/namespaces/default/events"); p.Status == snapshot.OK {
			// Those about nodes are all there.
			f.eventProbe = p
		}
	}
}

func (f *fleet) readCSRs(ctx context.Context) {
	by := map[string][]snapshot.CSR{}
	p := each(ctx, lister{client: f.client, path: "/apis/certificates.k8s.io/v1/certificatesigningrequests", maxItems: 50_000},
		snapshot.SourceCSRs, func(o *certsv1.CertificateSigningRequest) {
			if r, node := snapshot.NewCSR(o); node != "" {
				by[node] = append(by[node], r)
			}
		})
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
	f.shared.probes, f.shared.csrs = append(f.shared.probes, p), by
}

// readUsage reads the metrics of all nodes; the metrics API does not page.
func (f *fleet) readUsage(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, PageDeadline)
	defer cancel()
	f.metricProbe = snapshot.Probe{Name: snapshot.SourceMetrics, Status: snapshot.Absent, Detail: noMetrics}
	for _, version := range metricsVersions {
		r, err := f.client.get(ctx, "/apis/metrics.k8s.io/"+version+"/nodes", nil, acceptJSON)
		if err != nil {
			f.metricProbe = failure(ctx, snapshot.SourceMetrics, err, PageDeadline)
			return
		}
		if r.Code == 404 {
			continue
		}
		f.metricProbe = kubelet.Classify(snapshot.SourceMetrics, r)
		if f.metricProbe.Status == snapshot.Unreachable {
			continue // a server that is gone may have another beside it
		}
		if f.metricProbe.Status != snapshot.OK {
			return
		}
		var doc struct {
			Items []snapshot.NodeMetrics `json:"items"`
		}
		if json.Unmarshal(r.Body, &doc) != nil {
			f.metricProbe = snapshot.Probe{Name: snapshot.SourceMetrics, Status: snapshot.Unreachable, Detail: "the answer is not a list of metrics"}
			return
		}
		for _, m := range doc.Items {
			f.usage[m.Metadata.Name] = m.Facts()
		}
		return
	}
}

// snapshot puts the lists together.
func (f *fleet) snapshot() *snapshot.Snapshot {
	s := &snapshot.Snapshot{APIVersion: snapshot.APIVersion, Kind: snapshot.Kind, Clock: snapshot.ClockLive, Source: "live", Nodes: f.nodes}
	f.shared.into(s)
	s.Cluster.Whole = f.opts.Selector == "" && f.nodesRead
	s.Notes = append(s.Notes, cutNotes(s, f.leaseProbe, f.podProbe, f.eventProbe)...)
	if !f.nodesRead {
		s.Notes = append(s.Notes, "the list of nodes is not complete: there are more")
	}
	peers := snapshot.Probe{Name: snapshot.SourcePeers, Status: snapshot.OK}
	if len(f.nodes) < 2 {
		peers.Status, peers.Detail = snapshot.Absent, "no other node was read"
	}
	s.Cluster.Probes = append(s.Cluster.Probes, peers)
	// The leases were read a while before the last pods: their age is counted
	// from then.
	s.ObservedAt = f.leasesAt
	if s.ObservedAt.IsZero() {
		s.ObservedAt = f.client.Now()
	}
	for _, n := range s.Nodes {
		n.Lease, n.Usage = f.leases[n.Name], f.usage[n.Name]
		n.Events = f.events[n.Name]
		slices.SortStableFunc(n.Events, func(a, b snapshot.Event) int { return b.Last.Compare(a.Last) })
		if n.Pods = f.pods[n.Name]; n.Pods == nil && f.podProbe.Status == snapshot.OK {
			n.Pods = &snapshot.Pods{}
		}
		if n.Pods != nil {
			n.Pods.Partial = f.podProbe.Status != snapshot.OK
		}
		n.Set(orAbsent(f.leaseProbe, n.Lease != nil, "there is no lease of this name"))
		n.Set(f.podProbe)
		n.Set(f.eventProbe)
		n.Set(orAbsent(f.metricProbe, n.Usage != nil, snapshot.NoNodeMetrics))
	}
	return s
}

func orAbsent(p snapshot.Probe, there bool, detail string) snapshot.Probe {
	if p.Status == snapshot.OK && !there {
		p.Status, p.Detail = snapshot.Absent, detail
	}
	return p
}

func plural(n int) string {
	if n == 1 {
		return "1 kubelet"
	}
	return strconv.Itoa(n) + " kubelets"
}
