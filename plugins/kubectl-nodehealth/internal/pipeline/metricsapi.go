package pipeline

import (
	"context"
	"encoding/json"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
)

// apiServices finds the metrics APIs among the registered ones.
func (c *collector) apiServices(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	b, err := c.core.Get().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").DoRaw(ctx)
	if err != nil {
		return err
	}
	return c.s.readAPIServices(b)
}

func (s *Snapshot) readAPIServices(b []byte) error {
	var list struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				Group   string `json:"group"`
				Service *struct {
					Namespace string `json:"namespace"`
					Name      string `json:"name"`
				} `json:"service"`
			} `json:"spec"`
			Status struct {
				Conditions []metav1.Condition `json:"conditions"`
			} `json:"status"`
		} `json:"items"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, i := range list.Items {
		if i.Spec.Service == nil {
			continue
		}
		a := &APIService{Name: i.Metadata.Name, Namespace: i.Spec.Service.Namespace, Service: i.Spec.Service.Name, Why: "the API server has not looked at it yet"}
		for _, cond := range i.Status.Conditions {
			if cond.Type == "Available" {
				a.Available, a.Why = cond.Status == metav1.ConditionTrue, cond.Reason+": "+cond.Message
			}
		}
		if a.Available {
			a.Why = ""
		}
		switch i.Spec.Group {
		case "metrics.k8s.io":
			// Of v1 and v1beta1 the one that works counts.
			if s.API == nil || a.Available && !s.API.Available {
				s.API = a
			}
		case "custom.metrics.k8s.io":
			s.Custom = a
		case "external.metrics.k8s.io":
			s.External = a
		}
	}
	return nil
}

// servers finds the pods behind the API and what their logs complain about.
func (c *collector) servers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*deadline)
	defer cancel()
	api := c.s.API
	service, err := kube.Services.Get(ctx, c.core, api.Namespace, api.Service)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var pods []corev1.Pod
	if len(service.Spec.Selector) > 0 {
		list, err := kube.Pods.List(ctx, c.core, api.Namespace, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: service.Spec.Selector}), Limit: 20})
		if err != nil {
			return err
		}
		pods = list.Items
	} else {
		// A service without a selector: somebody else fills in its endpoints.
		slices, err := kube.EndpointSlices.List(ctx, c.core, api.Namespace, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + api.Service})
		if err != nil {
			return err
		}
		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				ready := e.Conditions.Ready == nil || *e.Conditions.Ready
				c.s.Servers = append(c.s.Servers, Server{Namespace: api.Namespace, Name: strings.Join(e.Addresses, ","), Ready: ready, Why: "endpoint not ready"})
			}
		}
	}
	for i := range pods {
		c.s.Servers = append(c.s.Servers, c.server(ctx, &pods[i]))
	}
	return nil
}

func (c *collector) server(ctx context.Context, p *corev1.Pod) Server {
	s := Server{Namespace: p.Namespace, Name: p.Name, Node: p.Spec.NodeName, Why: "phase " + string(p.Status.Phase)}
	for _, cond := range p.Status.Conditions {
		if cond.Type == corev1.PodReady {
			s.Ready = cond.Status == corev1.ConditionTrue
			s.Why = strings.TrimSpace(cond.Reason + " " + cond.Message)
		}
	}
	crashed := false
	for _, st := range p.Status.ContainerStatuses {
		if w := st.State.Waiting; w != nil {
			s.Why = w.Reason
			if w.Reason != "CrashLoopBackOff" { // its message says only when it tries again
				s.Why = strings.TrimSpace(w.Reason + " " + w.Message)
			}
		}
		if r := st.State.Running; r != nil {
			s.Running, s.Started = true, r.StartedAt.Time
		}
		crashed = crashed || st.LastTerminationState.Terminated != nil && !st.Ready
	}
	for _, cond := range p.Status.Conditions {
		if cond.Type == corev1.PodScheduled && cond.Status == corev1.ConditionFalse {
			s.Why = "not scheduled: " + cond.Message
		}
	}
	if s.Ready {
		s.Why = ""
	}
	log, err := c.log(ctx, p, false)
	if err != nil {
		s.NoLog = strings.Join(strings.Fields(err.Error()), " ")
	}
	s.Scrapes = scrapes(log)
	if crashed {
		if before, err := c.log(ctx, p, true); err == nil {
			s.LastWords = lastWords(before)
		}
	}
	return s
}

// logTail is how much of a log is read: two lines a node and scrape on a large
// cluster.
const logTail = 2000

func (c *collector) log(ctx context.Context, p *corev1.Pod, previous bool) (string, error) {
	tail := int64(logTail)
	b, err := c.core.Logs(ctx, p.Namespace, p.Name, &corev1.PodLogOptions{Container: container(p), TailLines: &tail, Previous: previous})
	return string(b), err
}

// container is the one to ask for its log: the API server wants a name where a
// pod has several, as metrics-server's has with an addon-resizer beside it.
func container(p *corev1.Pod) string {
	name := ""
	for i, c := range p.Spec.Containers {
		if i == 0 || c.Name == "metrics-server" {
			name = c.Name
		}
	}
	return name
}

// lastWords is the last line of a log that is not a stack.
func lastWords(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if l := strings.TrimSpace(lines[i]); strings.HasPrefix(l, "F") || strings.HasPrefix(l, "E") || strings.Contains(strings.ToLower(l), "error") || strings.HasPrefix(l, "panic: ") {
			return l
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// metricsList is the lists of metrics.k8s.io, v1 and v1beta1.
type metricsList struct {
	Items []struct {
		Metadata   metav1.ObjectMeta            `json:"metadata"`
		Timestamp  time.Time                    `json:"timestamp"`
		Window     string                       `json:"window"`
		Usage      map[string]resource.Quantity `json:"usage"`
		Containers []struct {
			Usage map[string]resource.Quantity `json:"usage"`
		} `json:"containers"`
	} `json:"items"`
}

// sourceMetrics is the name under which it is noted that metrics.k8s.io may not
// be read: of another failure the links tell.
const sourceMetrics = "metrics.k8s.io"

func (c *collector) usage(ctx context.Context) {
	var list metricsList
	for _, version := range []string{"v1", "v1beta1"} {
		err := c.metrics(ctx, version, "nodes", &list)
		if err == nil {
			c.s.Answers, c.s.Version, c.s.Why = true, version, ""
			break
		}
		// Of two versions that fail, the one that is there says why.
		if c.s.Why == "" || !apierrors.IsNotFound(err) {
			c.s.Why = strings.Join(strings.Fields(err.Error()), " ")
		}
		if apierrors.IsForbidden(err) {
			c.note(sourceMetrics, err)
			break
		}
	}
	if !c.s.Answers {
		return
	}
	use := map[string]*Usage{}
	for _, i := range list.Items {
		u := &Usage{Time: i.Timestamp, CPUMilli: milli(i.Usage), Memory: bytes(i.Usage)}
		u.Window, _ = time.ParseDuration(i.Window)
		use[i.Metadata.Name] = u
	}
	for i := range c.s.Nodes {
		c.s.Nodes[i].Usage = use[c.s.Nodes[i].Name]
	}
	if c.o.Top > 0 {
		c.note("pod metrics", c.topPods(ctx))
	}
}

func (c *collector) topPods(ctx context.Context) error {
	var list metricsList
	if err := c.metrics(ctx, c.s.Version, "pods", &list); err != nil {
		return err
	}
	pods := make([]PodUse, 0, len(list.Items))
	for _, i := range list.Items {
		p := PodUse{Namespace: i.Metadata.Namespace, Name: i.Metadata.Name}
		for _, container := range i.Containers {
			p.CPUMilli += milli(container.Usage)
			p.Memory += bytes(container.Usage)
		}
		pods = append(pods, p)
	}
	sort.Slice(pods, func(i, j int) bool {
		a, b := pods[i], pods[j]
		return a.Memory > b.Memory || a.Memory == b.Memory && (a.Namespace+"/"+a.Name) < (b.Namespace+"/"+b.Name)
	})
	c.use = pods
	return nil
}

func (c *collector) metrics(ctx context.Context, version, what string, to *metricsList) error {
	ctx, cancel := context.WithTimeout(ctx, pageDeadline)
	defer cancel()
	b, err := c.core.Get().AbsPath("/apis/metrics.k8s.io/" + version + "/" + what).DoRaw(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

func milli(u map[string]resource.Quantity) int64 {
	q := u["cpu"]
	return q.MilliValue()
}

func bytes(u map[string]resource.Quantity) int64 {
	q := u["memory"]
	return q.Value()
}
