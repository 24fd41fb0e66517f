package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
)

// deadline is what each source gets.
const deadline = 3 * time.Second

// nodesAsked is the number of nodes that are asked through the node proxy.
const nodesAsked = 5

// collector reads sources in parallel; each writes its own part of the
// snapshot.
type collector struct {
	core   *kube.Client
	config *rest.Config
	mu     sync.Mutex
	s      *Snapshot
	// refusals is why the kubelets were not asked.
	refusals error
}

// folder is where kubeadm keeps a control plane's files.
const folder = "/etc/kubernetes"

// Collect reads everything, each source with its own deadline. Where the API
// server does not answer, how far a request got and what this machine tells are
// the answer.
func Collect(ctx context.Context, config *rest.Config, now time.Time) (*Snapshot, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{} // of APIs that are asked for because they may be there
	core, err := kube.New(config)
	if err != nil {
		return nil, err
	}
	c := &collector{core: core, config: config, s: &Snapshot{ObservedAt: now, Server: config.Host}}
	c.identity()
	var failure, wire error
	var shown Certificate
	c.all(ctx, map[string]func(context.Context) error{
		"version": func(ctx context.Context) error { failure = c.version(ctx); return failure },
		"livez":   c.livez, "readyz": c.readyz, "etcd": c.etcd, "leases": c.leases, "apiserver identities": c.identities,
		"lease candidates": c.candidates, "pods of kube-system": c.pods, "apiservices": c.apiServices,
		"webhooks": c.webhooks, "nodes": c.nodes, "kube-proxy mode": c.proxyConfig,
		"serving certificate": func(ctx context.Context) error {
			shown, wire = c.certificate(ctx, hostPort(c.config.Host))
			return wire
		},
	})
	c.reach(failure, wire, shown)
	if len(c.s.Nodes) > 0 {
		c.all(ctx, map[string]func(context.Context) error{
			"kubelets": func(ctx context.Context) error { c.askNodes(ctx); return c.refusals },
		})
	}
	if c.s.Reach.Layer != Answered || isHere(ctx, c.s.Reach.Address) {
		c.s.Machine = readMachine(ctx, folder)
	}
	sortProbes(c.s.Probes)
	return c.s, ctx.Err()
}

// all reads sources in parallel, each with its own deadline, and notes how they
// answered.
func (c *collector) all(ctx context.Context, sources map[string]func(context.Context) error) {
	var wg sync.WaitGroup
	for name, read := range sources {
		wg.Go(func() {
			call, cancel := context.WithTimeout(ctx, deadline)
			defer cancel()
			c.note(name, read(call))
		})
	}
	wg.Wait()
}

// note records how a source answered.
func (c *collector) note(name string, err error) {
	p := Probe{Name: name, Status: "ok"}
	var netErr net.Error
	switch {
	case err == nil:
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		p.Status = "denied"
	case apierrors.IsNotFound(err):
		p.Status = "absent"
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), errors.As(err, &netErr) && netErr.Timeout():
		p.Status = "timeout"
	default:
		p.Status = "unreachable"
	}
	if err != nil {
		p.Detail = plain(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Probes = append(c.s.Probes, p)
}

func (c *collector) version(ctx context.Context) error {
	b, err := c.core.Get().AbsPath("/version").DoRaw(ctx)
	if err != nil {
		return err
	}
	var v struct {
		Git            string `json:"gitVersion"`
		EmulationMajor string `json:"emulationMajor"`
		EmulationMinor string `json:"emulationMinor"`
		MinMajor       string `json:"minCompatibilityMajor"`
		MinMinor       string `json:"minCompatibilityMinor"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	c.s.Version = Version{Git: v.Git}
	if v.EmulationMinor != "" {
		c.s.Version.Emulated = v.EmulationMajor + "." + v.EmulationMinor
	}
	if v.MinMinor != "" {
		c.s.Version.MinCompat = v.MinMajor + "." + v.MinMinor
	}
	return nil
}

// again is more than the time for which the API server repeats its last word on
// etcd instead of looking.
const again = 1200 * time.Millisecond

// etcd asks for the one check by itself: the whole list runs one after the
// other and is late when the storage hangs. A failure counts when it is there
// the second time.
func (c *collector) etcd(ctx context.Context) error {
	for {
		r, err := kubelet.ReplyOf(c.core.Get().AbsPath("/readyz/etcd").Do(ctx))
		switch {
		case err != nil && c.s.Etcd != "":
			return nil
		case err != nil:
			return err
		case r.Code == http.StatusOK:
			c.s.Etcd = "ok"
			return nil
		case r.Code == http.StatusNotFound:
			return apierrors.NewNotFound(schema.GroupResource{Resource: "/readyz/etcd"}, "")
		case r.Code < http.StatusInternalServerError:
			return apierrors.NewForbidden(schema.GroupResource{Resource: "/readyz/etcd"}, "", errors.New(string(r.Body)))
		case c.s.Etcd != "":
			return nil
		}
		c.s.Etcd = strings.Join(strings.Fields(string(r.Body)), " ")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

func (c *collector) livez(ctx context.Context) error  { return c.health(ctx, "/livez", &c.s.Livez) }
func (c *collector) readyz(ctx context.Context) error { return c.health(ctx, "/readyz", &c.s.Readyz) }

// health reads the verbose form. A status of 500 is an answer too.
func (c *collector) health(ctx context.Context, path string, to *Health) error {
	r, err := kubelet.ReplyOf(c.core.Get().AbsPath(path).Param("verbose", "").Do(ctx))
	if err != nil {
		return err
	}
	to.Code, to.Checks = r.Code, parseHealth(string(r.Body))
	if r.Code == http.StatusForbidden || r.Code == http.StatusUnauthorized {
		to.Code = 0
		return apierrors.NewForbidden(schema.GroupResource{Resource: path}, "", errors.New(string(r.Body)))
	}
	return nil
}

// parseHealth reads lines such as "[+]ping ok" and "[-]etcd failed: reason
// withheld".
func parseHealth(text string) []HealthCheck {
	var out []HealthCheck
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		part = strings.TrimSpace(part)
		ok := strings.HasPrefix(part, "[+]")
		if !ok && !strings.HasPrefix(part, "[-]") {
			continue
		}
		name, why, _ := strings.Cut(part[3:], " ")
		c := HealthCheck{Name: name, OK: ok}
		if !ok {
			c.Why = why
		}
		out = append(out, c)
	}
	return out
}

// leases reads those of the components that elect a leader in kube-system.
func (c *collector) leases(ctx context.Context) error {
	for _, name := range []string{"kube-scheduler", "kube-controller-manager", "cloud-controller-manager"} {
		l, err := kube.Leases.Get(ctx, c.core, "kube-system", name)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		c.s.Leaders = append(c.s.Leaders, newLease(l))
	}
	return nil
}

func (c *collector) identities(ctx context.Context) error {
	list, err := kube.Leases.List(ctx, c.core, "kube-system", metav1.ListOptions{
		LabelSelector: "apiserver.kubernetes.io/identity=kube-apiserver", Limit: 100})
	if err != nil {
		return err
	}
	for i := range list.Items {
		c.s.APIServers = append(c.s.APIServers, newLease(&list.Items[i]))
	}
	return nil
}

func newLease(l *coordv1.Lease) Lease {
	out := Lease{Name: l.Name}
	if l.Spec.HolderIdentity != nil {
		out.Holder = *l.Spec.HolderIdentity
	}
	if host := l.Labels[corev1.LabelHostname]; host != "" {
		out.Holder = host
	}
	if l.Spec.RenewTime != nil {
		out.Renewed = l.Spec.RenewTime.Time
	}
	if l.Spec.LeaseDurationSeconds != nil {
		out.Seconds = int(*l.Spec.LeaseDurationSeconds)
		out.Duration = time.Duration(out.Seconds) * time.Second
	}
	if l.Spec.LeaseTransitions != nil {
		out.Transitions = int(*l.Spec.LeaseTransitions)
	}
	if l.Spec.Strategy != nil {
		out.Strategy = string(*l.Spec.Strategy)
	}
	return out
}

// candidates reads LeaseCandidates; their API is beta and mostly off.
func (c *collector) candidates(ctx context.Context) error {
	var list struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				LeaseName        string `json:"leaseName"`
				BinaryVersion    string `json:"binaryVersion"`
				EmulationVersion string `json:"emulationVersion"`
				Strategy         string `json:"strategy"`
			} `json:"spec"`
		} `json:"items"`
	}
	var last error
	for _, version := range []string{"v1", "v1beta1", "v1alpha2"} {
		b, err := c.core.Get().AbsPath("/apis/coordination.k8s.io/" + version + "/namespaces/kube-system/leasecandidates").DoRaw(ctx)
		if err != nil {
			if last = err; apierrors.IsNotFound(err) {
				continue
			}
			return err
		}
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		for _, i := range list.Items {
			c.s.Candidates = append(c.s.Candidates, Candidate{i.Metadata.Name, i.Spec.LeaseName, i.Spec.BinaryVersion, i.Spec.EmulationVersion, i.Spec.Strategy})
		}
		return nil
	}
	return last
}
