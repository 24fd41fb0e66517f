package advise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// CollectOptions say what to ask a cluster for.
type CollectOptions struct {
	// Namespace is "" for all.
	Namespace string
	// Window is how much of each log is measured, Sample how many workloads
	// are; 0 measures none.
	Window time.Duration
	Sample int
	// NodeStats asks the kubelets for their configuration and for what logs
	// take on disk. It needs nodes/proxy, which also permits running commands
	// in containers, so it is only done on request.
	NodeStats bool
	// Timeout bounds each request.
	Timeout time.Duration
	Now     func() time.Time
}

// Collect reads the workloads of a namespace or a cluster. What is denied or
// fails costs its own answer and is noted; an error means that nothing could be
// read at all.
func Collect(ctx context.Context, c kubernetes.Interface, o CollectOptions) (*Snapshot, error) {
	s := &Snapshot{Live: true, AllNamespaces: o.Namespace == "", Kubelets: map[string]Kubelet{}}
	col := &collector{c: c, o: o, s: s}
	if err := col.workloads(ctx); err != nil {
		return nil, err
	}
	col.configMaps(ctx)
	if o.Sample > 0 {
		col.measure(ctx)
	}
	if o.NodeStats {
		col.nodes(ctx)
	}
	return s, ctx.Err()
}

type collector struct {
	c    kubernetes.Interface
	o    CollectOptions
	s    *Snapshot
	mu   sync.Mutex
	pods map[*Workload]*corev1.Pod
}

func (c *collector) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Notes = append(c.s.Notes, fmt.Sprintf(format, args...))
}

func (c *collector) add(kind string, m metav1.ObjectMeta, t corev1.PodTemplateSpec) *Workload {
	w := &Workload{Kind: kind, Namespace: m.Namespace, Name: m.Name, Pod: t.Spec, Labels: t.Labels, Annotations: t.Annotations,
		Rates: map[string]Rate{}, Used: map[string]int64{}}
	c.s.Workloads = append(c.s.Workloads, w)
	return w
}

// pages lists all pages of a kind.
func pages(ctx context.Context, timeout time.Duration, list func(context.Context, metav1.ListOptions) (next string, err error)) error {
	opt := metav1.ListOptions{Limit: 500}
	for {
		page, cancel := context.WithTimeout(ctx, timeout)
		next, err := list(page, opt)
		cancel()
		if err != nil || next == "" {
			return err
		}
		opt.Continue = next
	}
}

func (c *collector) workloads(ctx context.Context) error {
	ns := c.o.Namespace
	owned := map[string]*Workload{} // kind/namespace/name
	reg := func(kind string, m metav1.ObjectMeta, t corev1.PodTemplateSpec) {
		owned[kind+"/"+m.Namespace+"/"+m.Name] = c.add(kind, m, t)
	}
	read := 0
	var firstErr error
	try := func(what string, list func(context.Context, metav1.ListOptions) (string, error)) {
		err := pages(ctx, c.o.Timeout, list)
		switch {
		case err == nil:
			read++
		case ctx.Err() != nil:
		default:
			if firstErr == nil {
				firstErr = fmt.Errorf("list %s: %w", what, err)
			}
			c.note("could not list %s: %s", what, reason(err))
			c.s.Unread++
		}
	}
	apps, batch := c.c.AppsV1(), c.c.BatchV1()
	owners := map[string]string{} // a ReplicaSet's or Job's owner
	regOwned := func(kind string, meta metav1.ObjectMeta, t corev1.PodTemplateSpec) {
		if owner := metav1.GetControllerOf(&meta); owner != nil {
			owners[kind+"/"+meta.Namespace+"/"+meta.Name] = owner.Kind + "/" + meta.Namespace + "/" + owner.Name
			return
		}
		reg(kind, meta, t)
	}
	try("deployments", func(ctx context.Context, o metav1.ListOptions) (string, error) {
		l, err := apps.Deployments(ns).List(ctx, o)
		if err != nil {
			return "", err
		}
		for _, d := range l.Items {
			reg("Deployment", d.ObjectMeta, d.Spec.Template)
		}
		return l.Continue, nil
	})
	try("statefulsets", func(ctx context.Context, o metav1.ListOptions) (string, error) {
		l, err := apps.StatefulSets(ns).List(ctx, o)
		if err != nil {
			return "", err
		}
		for _, d := range l.Items {
			reg("StatefulSet", d.ObjectMeta, d.Spec.Template)
		}
		return l.Continue, nil
	})
	try("daemonsets", func(ctx context.Context, o metav1.ListOptions) (string, error) {
		l, err := apps.DaemonSets(ns).List(ctx, o)
		if err != nil {
			return "", err
		}
		for _, d := range l.Items {
			reg("DaemonSet", d.ObjectMeta, d.Spec.Template)
		}
		return l.Continue, nil
	})
	try("cronjobs", func(ctx context.Context, o metav1.ListOptions) (string, error) {
		l, err := batch.CronJobs(ns).List(ctx, o)
		if err != nil {
			return "", err
		}
		for _, d := range l.Items {
			reg("CronJob", d.ObjectMeta, d.Spec.JobTemplate.Spec.Template)
		}
		return l.Continue, nil
	})
	try("jobs", func(ctx context.Context, o metav1.ListOptions) (string, error) {
		l, err := batch.Jobs(ns).List(ctx, o)
		if err != nil {
			return "", err
		}
		for _, d := range l.Items {
			regOwned("Job", d.ObjectMeta, d.Spec.Template)
		}
		return l.Continue, nil
	})
	try("replicasets", func(ctx context.Context, o metav1.ListOptions) (string, error) {
		l, err := apps.ReplicaSets(ns).List(ctx, o)
		if err != nil {
			return "", err
		}
		for _, d := range l.Items {
			regOwned("ReplicaSet", d.ObjectMeta, d.Spec.Template)
		}
		return l.Continue, nil
	})
	c.pods = map[*Workload]*corev1.Pod{}
	try("pods", func(ctx context.Context, o metav1.ListOptions) (string, error) {
		l, err := c.c.CoreV1().Pods(ns).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range l.Items {
			c.pod(&l.Items[i], owned, owners)
		}
		return l.Continue, nil
	})
	sort.SliceStable(c.s.Workloads, func(i, k int) bool {
		a, b := c.s.Workloads[i], c.s.Workloads[k]
		if a.Namespace != b.Namespace {
			return a.Namespace < b.Namespace
		}
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Name < b.Name
	})
	if read == 0 && firstErr != nil {
		return firstErr
	}
	return ctx.Err()
}

// pod gives a pod to its workload, or takes it as one of its own.
func (c *collector) pod(p *corev1.Pod, owned map[string]*Workload, owners map[string]string) {
	owner := metav1.GetControllerOf(p)
	var w *Workload
	if owner != nil && owner.Kind != "Node" { // a node owns static pods, each its own
		key := owner.Kind + "/" + p.Namespace + "/" + owner.Name
		if up, ok := owners[key]; ok {
			key = up
		}
		if w = owned[key]; w == nil {
			// A controller that was not listed (a ReplicationController, a
			// custom one): its pods stand for it.
			w = c.add(owner.Kind, metav1.ObjectMeta{Namespace: p.Namespace, Name: owner.Name}, corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
			owned[key] = w
		}
	} else {
		w = c.add("Pod", p.ObjectMeta, corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	}
	if have := c.pods[w]; p.Status.Phase == corev1.PodRunning && (have == nil || p.CreationTimestamp.Before(&have.CreationTimestamp)) {
		c.pods[w] = measured(p)
		w.Node = p.Spec.NodeName
	}
}

// measured is of a pod what measuring its logs needs: a large cluster has
// thousands, and most of a pod is of no interest for it.
func measured(p *corev1.Pod) *corev1.Pod {
	names := func(list []corev1.Container) (out []corev1.Container) {
		for _, k := range list {
			out = append(out, corev1.Container{Name: k.Name, RestartPolicy: k.RestartPolicy})
		}
		return out
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, CreationTimestamp: p.CreationTimestamp},
		Spec:       corev1.PodSpec{InitContainers: names(p.Spec.InitContainers), Containers: names(p.Spec.Containers)},
		Status:     corev1.PodStatus{ContainerStatuses: p.Status.ContainerStatuses, InitContainerStatuses: p.Status.InitContainerStatuses},
	}
}

func reason(err error) string {
	if apierrors.IsForbidden(err) {
		return "denied"
	}
	if apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	return err.Error()
}

// configMaps reads those that containers mount, by name: they need not all be
// readable.
func (c *collector) configMaps(ctx context.Context) {
	type key struct{ ns, name string }
	want := map[key]bool{}
	for _, w := range c.s.Workloads {
		// Only those of log agents matter.
		f := newFacts(w, &Snapshot{})
		agents := false
		for _, k := range f.containers {
			agents = agents || k.agent != nil
		}
		if !agents {
			continue
		}
		for _, v := range w.Pod.Volumes {
			if v.ConfigMap != nil {
				want[key{w.Namespace, v.ConfigMap.Name}] = true
			}
			if v.Projected != nil {
				for _, src := range v.Projected.Sources {
					if src.ConfigMap != nil {
						want[key{w.Namespace, src.ConfigMap.Name}] = true
					}
				}
			}
		}
	}
	denied := 0
	for k := range want {
		one, cancel := context.WithTimeout(ctx, c.o.Timeout)
		cm, err := c.c.CoreV1().ConfigMaps(k.ns).Get(one, k.name, metav1.GetOptions{})
		cancel()
		if err != nil {
			denied++
			continue
		}
		c.s.ConfigMaps = append(c.s.ConfigMaps, cm)
	}
	if denied > 0 {
		c.note("could not read %d ConfigMaps of log agents: their configuration was not judged", denied)
	}
}

// nodes asks kubelets for their rotation settings and for the size of logs.
func (c *collector) nodes(ctx context.Context) {
	names := map[string]bool{}
	for w := range c.pods {
		if w.Node != "" {
			names[w.Node] = true
		}
	}
	list := make([]string, 0, len(names))
	for n := range names {
		list = append(list, n)
	}
	sort.Strings(list)
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	failed, lastErr := 0, ""
	used := map[string]int64{} // namespace/pod/container
	for _, n := range list {
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			k, err := c.configz(ctx, n)
			sizes, err2 := c.summary(ctx, n)
			c.mu.Lock()
			defer c.mu.Unlock()
			if err == nil {
				c.s.Kubelets[n] = k
			}
			for key, v := range sizes {
				used[key] = v
			}
			if err == nil {
				err = err2
			}
			if err != nil {
				failed++
				lastErr = reason(err)
			}
		}()
	}
	wg.Wait()
	for w, p := range c.pods {
		for _, name := range running(p) {
			w.Used[name] = used[p.Namespace+"/"+p.Name+"/"+name]
		}
	}
	if failed > 0 {
		c.note("could not ask %d of %d kubelets (%s): the default rotation is assumed there", failed, len(list), lastErr)
	}
}

func (c *collector) get(ctx context.Context, node, path string, into any) error {
	one, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	b, err := c.c.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix(path).DoRaw(one)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (c *collector) configz(ctx context.Context, node string) (Kubelet, error) {
	var z struct {
		Config struct {
			MaxSize  string `json:"containerLogMaxSize"`
			MaxFiles int64  `json:"containerLogMaxFiles"`
		} `json:"kubeletconfig"`
	}
	if err := c.get(ctx, node, "configz", &z); err != nil {
		return Kubelet{}, err
	}
	k := DefaultKubelet
	k.Source = "configuration of the kubelet on " + node
	if q, err := resource.ParseQuantity(z.Config.MaxSize); err == nil && q.Value() > 0 {
		k.MaxSize = q.Value()
	}
	if z.Config.MaxFiles > 0 {
		k.MaxFiles = z.Config.MaxFiles
	}
	return k, nil
}

func (c *collector) summary(ctx context.Context, node string) (map[string]int64, error) {
	var s struct {
		Pods []struct {
			Ref struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"podRef"`
			Containers []struct {
				Name string `json:"name"`
				Logs struct {
					Used int64 `json:"usedBytes"`
				} `json:"logs"`
			} `json:"containers"`
		} `json:"pods"`
	}
	if err := c.get(ctx, node, "stats/summary", &s); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, p := range s.Pods {
		for _, k := range p.Containers {
			out[p.Ref.Namespace+"/"+p.Ref.Name+"/"+k.Name] = k.Logs.Used
		}
	}
	return out, nil
}
