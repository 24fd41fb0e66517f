// Package compare says in what two nodes differ that should be alike: versions,
// configuration of the kubelet, labels, taints, conditions, size.
package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Difference is one thing in which the nodes differ.
type Difference struct {
	// Area is software, configuration, labels, taints, conditions, size or
	// state.
	Area string `json:"area"`
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// own are labels and fields that differ between any two nodes.
var own = []string{corev1.LabelHostname, "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone", "address", "nodeIP", "podCIDR", "hostnameOverride", "providerID"}

// Nodes lists the differences, in the order of the areas.
func Nodes(a, b *snapshot.Node) []Difference {
	var out []Difference
	add := func(area, name, x, y string) {
		// A path or name that is each node's own by its name is no difference.
		if strings.ReplaceAll(x, a.Name, "") == strings.ReplaceAll(y, b.Name, "") {
			return
		}
		if x != y && !slices.Contains(own, name) && !slices.Contains(own, last(name)) {
			out = append(out, Difference{area, name, dash(x), dash(y)})
		}
	}
	if a.Object != nil && b.Object != nil {
		objects(a.Object, b.Object, add)
	}
	configuration(a, b, add)
	add("state", "images", fmt.Sprint(a.Images.Count), fmt.Sprint(b.Images.Count))
	if a.Pods != nil && b.Pods != nil {
		add("state", "pods", fmt.Sprint(a.Pods.Total), fmt.Sprint(b.Pods.Total))
		add("state", "pods not ready", fmt.Sprint(a.Pods.NotReady), fmt.Sprint(b.Pods.NotReady))
	}
	return out
}

func last(name string) string { return name[strings.LastIndex(name, ".")+1:] }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func objects(a, b *corev1.Node, add func(area, name, x, y string)) {
	x, y := a.Status.NodeInfo, b.Status.NodeInfo
	add("software", "kubelet", x.KubeletVersion, y.KubeletVersion)
	add("software", "runtime", x.ContainerRuntimeVersion, y.ContainerRuntimeVersion)
	add("software", "os image", x.OSImage, y.OSImage)
	add("software", "kernel", x.KernelVersion, y.KernelVersion)
	add("software", "architecture", x.Architecture, y.Architecture)
	maps("labels", a.Labels, b.Labels, add)
	maps("taints", taints(a), taints(b), add)
	maps("conditions", conditions(a), conditions(b), add)
	maps("size", quantities(a.Status.Capacity, "capacity "), quantities(b.Status.Capacity, "capacity "), add)
	maps("size", quantities(a.Status.Allocatable, "allocatable "), quantities(b.Status.Allocatable, "allocatable "), add)
}

func maps(area string, a, b map[string]string, add func(area, name, x, y string)) {
	var keys []string
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		add(area, k, a[k], b[k])
	}
}

func taints(n *corev1.Node) map[string]string {
	out := map[string]string{}
	for _, t := range n.Spec.Taints {
		out[t.Key+":"+string(t.Effect)] = "yes"
		if t.Value != "" {
			out[t.Key+":"+string(t.Effect)] = t.Value
		}
	}
	return out
}

func conditions(n *corev1.Node) map[string]string {
	out := map[string]string{}
	for _, c := range n.Status.Conditions {
		out[string(c.Type)] = string(c.Status)
	}
	return out
}

func quantities(l corev1.ResourceList, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range l {
		out[prefix+string(k)] = v.String()
	}
	return out
}

// configuration flattens what the kubelets run with.
func configuration(a, b *snapshot.Node, add func(area, name, x, y string)) {
	if a.Kubelet.Config == nil || b.Kubelet.Config == nil {
		return
	}
	x, y := map[string]string{}, map[string]string{}
	flatten("", a.Kubelet.Config.Raw, x)
	flatten("", b.Kubelet.Config.Raw, y)
	maps("configuration", x, y, add)
}

func flatten(prefix string, v any, to map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			name := k
			if prefix != "" {
				name = prefix + "." + k
			}
			flatten(name, inner, to)
		}
	case []any:
		b, _ := json.Marshal(v)
		to[prefix] = string(b)
	case nil:
	default:
		to[prefix] = fmt.Sprint(v)
	}
}
