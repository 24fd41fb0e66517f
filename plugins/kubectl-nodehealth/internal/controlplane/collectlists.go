package controlplane

import (
	"context"
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
)

var components = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "cloud-controller-manager"}

func (c *collector) pods(ctx context.Context) error {
	list, err := kube.Pods.List(ctx, c.core, "kube-system", metav1.ListOptions{LabelSelector: "tier=control-plane", Limit: 200})
	if err != nil {
		return err
	}
	for i := range list.Items {
		if p, ok := newPod(&list.Items[i]); ok {
			c.s.Pods = append(c.s.Pods, p)
		}
	}
	return nil
}

func newPod(p *corev1.Pod) (Pod, bool) {
	component := p.Labels["component"]
	if !slices.Contains(components, component) {
		return Pod{}, false
	}
	out := Pod{Component: component, Name: p.Name, Node: p.Spec.NodeName}
	for _, cond := range p.Status.Conditions {
		if cond.Type == corev1.PodReady {
			out.Ready, out.Why = cond.Status == corev1.ConditionTrue, strings.TrimSpace(cond.Reason+" "+cond.Message)
		}
	}
	if out.Ready {
		out.Why = ""
	}
	for _, s := range p.Status.ContainerStatuses {
		out.Restarts += int(s.RestartCount)
		if s.State.Waiting != nil {
			out.Why = strings.TrimSpace(s.State.Waiting.Reason + " " + s.State.Waiting.Message)
		}
	}
	for _, container := range p.Spec.Containers {
		image, _, _ := strings.Cut(container.Image, "@")
		if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") && out.Version == "" {
			out.Version = image[i+1:]
		}
	}
	return out, true
}

func (c *collector) apiServices(ctx context.Context) error {
	b, err := c.core.Get().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").DoRaw(ctx)
	if err != nil {
		return err
	}
	c.s.APIServices, err = parseAPIServices(b)
	return err
}

// parseAPIServices keeps those that are served by somebody else: the local ones
// are the API server's own.
func parseAPIServices(b []byte) ([]APIService, error) {
	var list struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				Bundle  []byte `json:"caBundle"`
				Service *struct {
					Namespace string `json:"namespace"`
					Name      string `json:"name"`
				} `json:"service"`
			} `json:"spec"`
			Status struct {
				Conditions []struct {
					Type    string `json:"type"`
					Status  string `json:"status"`
					Reason  string `json:"reason"`
					Message string `json:"message"`
				} `json:"conditions"`
			} `json:"status"`
		} `json:"items"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	var out []APIService
	for _, i := range list.Items {
		if i.Spec.Service == nil {
			continue
		}
		a := APIService{Name: i.Metadata.Name, Service: i.Spec.Service.Namespace + "/" + i.Spec.Service.Name, Why: "no condition Available", Bundle: lastEnd(i.Spec.Bundle)}
		for _, cond := range i.Status.Conditions {
			if cond.Type == "Available" {
				a.Available = cond.Status == "True"
				a.Why = strings.TrimSpace(cond.Reason + ": " + cond.Message)
			}
		}
		if a.Available {
			a.Why = ""
		}
		out = append(out, a)
	}
	return out, nil
}

func (c *collector) webhooks(ctx context.Context) error {
	var hooks []Webhook
	validating, err := kube.ValidatingWebhooks.List(ctx, c.core, "", metav1.ListOptions{Limit: 500})
	if err != nil {
		return err
	}
	for _, v := range validating.Items {
		for i, w := range v.Webhooks {
			h := newWebhook("ValidatingWebhookConfiguration/"+v.Name, w.Name, w.FailurePolicy, w.ClientConfig, w.TimeoutSeconds, w.Rules, w.NamespaceSelector, len(w.MatchConditions) > 0)
			h.Index = i
			hooks = append(hooks, h)
		}
	}
	mutating, err := kube.MutatingWebhooks.List(ctx, c.core, "", metav1.ListOptions{Limit: 500})
	if err != nil {
		return err
	}
	for _, m := range mutating.Items {
		for i, w := range m.Webhooks {
			h := newWebhook("MutatingWebhookConfiguration/"+m.Name, w.Name, w.FailurePolicy, w.ClientConfig, w.TimeoutSeconds, w.Rules, w.NamespaceSelector, len(w.MatchConditions) > 0)
			h.Index = i
			hooks = append(hooks, h)
		}
	}
	seen := map[string]int{}
	for i := range hooks {
		if hooks[i].Service == "" {
			continue
		}
		n, ok := seen[hooks[i].Service]
		if !ok {
			n = c.endpoints(ctx, hooks[i].Service)
			seen[hooks[i].Service] = n
		}
		hooks[i].Endpoints = n
	}
	c.s.Webhooks = hooks
	return nil
}

func newWebhook(config, name string, policy *admissionv1.FailurePolicyType, cc admissionv1.WebhookClientConfig, timeout *int32,
	rules []admissionv1.RuleWithOperations, selector *metav1.LabelSelector, conditions bool,
) Webhook {
	// v1 defaults: failurePolicy Fail, timeoutSeconds 10.
	w := Webhook{Config: config, Name: name, FailClosed: policy == nil || *policy == admissionv1.Fail, Endpoints: -1, Timeout: 10, Bundle: lastEnd(cc.CABundle)}
	if cc.Service != nil {
		w.Service = cc.Service.Namespace + "/" + cc.Service.Name
	}
	if timeout != nil {
		w.Timeout = int(*timeout)
	}
	if !conditions && !sparesSystem(selector) {
		w.Catches = catches(rules)
	}
	return w
}

// lastEnd is when the last of the authorities in a bundle ends, the zero time
// for a bundle without any.
func lastEnd(bundle []byte) time.Time {
	var end time.Time
	for _, c := range parseCertificates("", bundle) {
		if c.NotAfter.After(end) {
			end = c.NotAfter
		}
	}
	return end
}

// sparesSystem says whether a namespace selector leaves kube-system out.
func sparesSystem(s *metav1.LabelSelector) bool {
	if s == nil {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return false
	}
	return !selector.Matches(labels.Set{corev1.LabelMetadataName: "kube-system"})
}

// catches are the resources without which a cluster cannot heal itself.
func catches(rules []admissionv1.RuleWithOperations) []string {
	var out []string
	for _, r := range rules {
		for _, want := range [][2]string{{"", "pods"}, {"", "nodes"}, {"coordination.k8s.io", "leases"}} {
			if (slices.Contains(r.APIGroups, want[0]) || slices.Contains(r.APIGroups, "*")) &&
				(slices.Contains(r.Resources, want[1]) || slices.Contains(r.Resources, "*") || slices.Contains(r.Resources, "*/*")) &&
				!slices.Contains(out, want[1]) {
				out = append(out, want[1])
			}
		}
	}
	return out
}

// endpoints counts the ready addresses of a service, -1 where that may not be
// read.
func (c *collector) endpoints(ctx context.Context, service string) int {
	namespace, name, _ := strings.Cut(service, "/")
	list, err := kube.EndpointSlices.List(ctx, c.core, namespace, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + name})
	if err != nil {
		return -1
	}
	n := 0
	for _, s := range list.Items {
		for _, e := range s.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				n += len(e.Addresses)
			}
		}
	}
	return n
}

func (c *collector) nodes(ctx context.Context) error {
	o := metav1.ListOptions{Limit: 500}
	for {
		list, err := kube.Nodes.List(ctx, c.core, "", o)
		if err != nil {
			return err
		}
		for _, n := range list.Items {
			_, cp := n.Labels["node-role.kubernetes.io/control-plane"]
			c.s.Nodes = append(c.s.Nodes, Node{n.Name, n.Status.NodeInfo.KubeletVersion, cp, n.Status.NodeInfo.OSImage})
		}
		if o.Continue = list.Continue; o.Continue == "" {
			return nil
		}
	}
}

func sortProbes(p []Probe) {
	sort.Slice(p, func(i, j int) bool { return p[i].Name < p[j].Name })
}
