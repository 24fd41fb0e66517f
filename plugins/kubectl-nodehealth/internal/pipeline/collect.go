package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

const (
	deadline     = 3 * time.Second
	pageDeadline = 20 * time.Second
	pageSize     = 500
	// MaxAsked is how many kubelets are asked at most.
	MaxAsked = 200
	parallel = 32
	// listed bounds the names that are kept of pods.
	listed = 20
	// stuckAfter is the handbook's five minutes.
	stuckAfter = 5 * time.Minute
)

// Options narrow what is read.
type Options struct {
	// Nodes are names; none means all.
	Nodes []string
	// Selector is a label selector for nodes.
	Selector string
	// Top is the number of pods to list by memory.
	Top int
}

type collector struct {
	core *kube.Client
	s    *Snapshot
	o    Options
	mu   sync.Mutex
	// here are the pods of the nodes asked for, where not all are.
	here map[string]bool
	// use is what the pods use, largest first.
	use []PodUse
}

// some says that only some of the nodes were asked for.
func (c *collector) some() bool { return len(c.o.Nodes) > 0 || c.o.Selector != "" }

// Collect reads the pipeline from end to end. It fails where the nodes cannot
// be listed; everything else degrades.
func Collect(ctx context.Context, config *rest.Config, now time.Time, o Options) (*Snapshot, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.DisableCompression = true          // as collect.NewClient
	config.WarningHandler = rest.NoWarnings{} // of APIs that are asked for because they may be there
	c := &collector{s: &Snapshot{ObservedAt: now, Servers: []Server{}, Probes: []Problem{}}, o: o, here: map[string]bool{}}
	var err error
	if c.core, err = kube.New(config); err != nil {
		return nil, err
	}
	if err := c.nodes(ctx); err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		err := c.pods(ctx)
		c.s.PodsRead = err == nil
		c.note("pods", err)
	})
	wg.Go(func() { c.kubelets(ctx) })
	wg.Go(func() {
		c.note("apiservices", c.apiServices(ctx))
		if c.s.API != nil {
			c.note("metrics-server", c.servers(ctx))
		}
	})
	wg.Go(func() { c.usage(ctx) })
	wg.Wait()
	c.largest()
	return c.s, ctx.Err()
}

// largest picks the pods that use the most, of the nodes asked for: the metrics
// name no nodes.
func (c *collector) largest() {
	if c.some() && len(c.use) > 0 {
		if !c.s.PodsRead {
			c.note("largest pods", errors.New("which pods are on these nodes could not be read; leave out -l and names for the largest of all"))
			return
		}
		c.use = slices.DeleteFunc(c.use, func(p PodUse) bool { return !c.here[p.Namespace+"/"+p.Name] })
	}
	c.s.TopPods = c.use[:min(c.o.Top, len(c.use))]
}

func (c *collector) note(name string, err error) {
	if err == nil {
		return
	}
	p := Problem{Name: name, Status: "unreachable", Detail: strings.Join(strings.Fields(err.Error()), " ")}
	switch {
	case apierrors.IsForbidden(err):
		p.Status = "denied"
	case errors.Is(err, context.DeadlineExceeded):
		p.Status = "timeout"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Probes = append(c.s.Probes, p)
}

func (c *collector) nodes(ctx context.Context) error {
	next := ""
	for {
		call, cancel := context.WithTimeout(ctx, pageDeadline)
		list, err := kube.Nodes.List(call, c.core, "", metav1.ListOptions{LabelSelector: c.o.Selector, Limit: pageSize, Continue: next})
		cancel()
		if err != nil {
			return err
		}
		for i := range list.Items {
			n := &list.Items[i]
			if len(c.o.Nodes) > 0 && !slices.Contains(c.o.Nodes, n.Name) {
				continue
			}
			node := Node{Name: n.Name, Allocatable: n.Status.Allocatable, Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
			for _, cond := range n.Status.Conditions {
				if cond.Type == corev1.NodeReady {
					node.Ready = cond.Status == corev1.ConditionTrue
				}
			}
			c.s.Nodes = append(c.s.Nodes, node)
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

// pods folds the pods page by page into their nodes.
func (c *collector) pods(ctx context.Context) error {
	byName := map[string]*Node{}
	for i := range c.s.Nodes {
		byName[c.s.Nodes[i].Name] = &c.s.Nodes[i]
	}
	opts := metav1.ListOptions{Limit: pageSize}
	if len(c.o.Nodes) == 1 {
		c.s.PodsOf = c.o.Nodes[0]
		opts.FieldSelector = "spec.nodeName=" + c.s.PodsOf
	}
	for {
		call, cancel := context.WithTimeout(ctx, pageDeadline)
		list, err := kube.Pods.List(call, c.core, "", opts)
		cancel()
		if err != nil {
			return err
		}
		for i := range list.Items {
			c.pod(&list.Items[i], byName)
		}
		if opts.Continue = list.Continue; opts.Continue == "" {
			return nil
		}
	}
}

func (c *collector) pod(p *corev1.Pod, nodes map[string]*Node) {
	labels := p.Labels
	name := p.Namespace + "/" + p.Name
	if labels["app.kubernetes.io/name"] == "kube-state-metrics" || labels["k8s-app"] == "kube-state-metrics" || labels["app"] == "kube-state-metrics" {
		c.s.StateMetrics = append(c.s.StateMetrics, name)
	}
	if labels["app.kubernetes.io/name"] == "prometheus" || labels["app"] == "prometheus" {
		c.s.Prometheus = append(c.s.Prometheus, name)
	}
	n := nodes[p.Spec.NodeName]
	if c.some() {
		if n == nil {
			return
		}
		c.here[name] = true
	}
	if p.DeletionTimestamp != nil && c.s.ObservedAt.Sub(p.DeletionTimestamp.Time) > stuckAfter {
		c.s.StuckN++
		if len(c.s.Stuck) < listed {
			why := ""
			if len(p.Finalizers) > 0 {
				why = "finalizers " + strings.Join(p.Finalizers, ", ")
			}
			c.s.Stuck = append(c.s.Stuck, PodRef{p.Namespace, p.Name, p.Spec.NodeName, why, p.DeletionTimestamp.Time})
		}
	}
	if snapshot.Terminated(p) {
		return
	}
	for _, cond := range p.Status.Conditions {
		if cond.Type == corev1.PodReady && cond.Status != corev1.ConditionTrue {
			c.s.NotReadyN++
			if len(c.s.NotReady) < listed {
				c.s.NotReady = append(c.s.NotReady, PodRef{p.Namespace, p.Name, p.Spec.NodeName, cond.Reason, cond.LastTransitionTime.Time})
			}
		}
	}
	if n == nil {
		return
	}
	n.Pods++
	requests, limits := snapshot.Resources(p)
	add(n.Requests, requests)
	add(n.Limits, limits)
}

func add(to, from corev1.ResourceList) {
	for k, v := range from {
		q := to[k]
		q.Add(v)
		to[k] = q
	}
}

// kubelets asks each kubelet for its metrics, a few at a time.
func (c *collector) kubelets(ctx context.Context) {
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i := range c.s.Nodes {
		n := &c.s.Nodes[i]
		if i >= MaxAsked {
			n.Kubelet = "not-asked"
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			c.kubelet(ctx, n)
		})
	}
	wg.Wait()
	if len(c.s.Nodes) > MaxAsked {
		c.note("kubelets", fmt.Errorf("only %d of %d kubelets were asked; name nodes to ask others", MaxAsked, len(c.s.Nodes)))
	}
}

func (c *collector) kubelet(ctx context.Context, n *Node) {
	r, err := c.proxy(ctx, n.Name, "metrics/resource")
	body := strings.Join(strings.Fields(string(r.Body)), " ")
	_, _, own := r.FromAPIServer()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		n.Kubelet, n.Detail = "timeout", "no answer within "+deadline.String()
	case err != nil:
		n.Kubelet, n.Detail = "unreachable", strings.Join(strings.Fields(err.Error()), " ")
	case r.Code == http.StatusOK:
		n.Kubelet = "ok"
	case own && r.Code == http.StatusForbidden:
		n.Kubelet, n.Detail = "denied-to-you", "you may not use nodes/proxy"
	case r.RefusedByKubelet():
		n.Kubelet, n.Detail = "denied", body
	case r.Code == http.StatusNotFound, r.Code == http.StatusMethodNotAllowed:
		n.Kubelet, n.Detail = "disabled", body
	default:
		n.Kubelet, n.Detail = "unreachable", fmt.Sprintf("status %d: %s", r.Code, body)
	}
	if n.Kubelet != "ok" {
		return
	}
	if r, err := c.proxy(ctx, n.Name, "configz"); err == nil && r.Code == http.StatusOK {
		var v struct {
			Config struct {
				Evict map[string]string `json:"evictionHard"`
			} `json:"kubeletconfig"`
		}
		if json.Unmarshal(r.Body, &v) == nil {
			n.Evict = v.Config.Evict
		}
	}
}

func (c *collector) proxy(ctx context.Context, node, path string) (kubelet.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	return kubelet.ReplyOf(c.core.Get().Resource("nodes").Name(node).SubResource("proxy").Suffix(path).Do(ctx))
}
