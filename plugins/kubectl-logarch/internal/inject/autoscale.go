package inject

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// scaler is a HorizontalPodAutoscaler of the file that measures whole pods.
type scaler struct{ name, kind, target, namespace, resource string }

// autoscalers finds the autoscalers with a Resource metric.
func autoscalers(f *yamltree.File) []scaler {
	if !strings.Contains(f.Src, "HorizontalPodAutoscaler") {
		return nil
	}
	var out []scaler
	var look func(n *yamltree.Node)
	look = func(n *yamltree.Node) {
		for _, item := range n.Get("items").ItemsOrNone() {
			look(item)
		}
		if n.Text("kind") != "HorizontalPodAutoscaler" {
			return
		}
		spec, meta := n.Get("spec"), n.Get("metadata")
		ref := spec.Get("scaleTargetRef")
		s := scaler{name: meta.Text("name"), namespace: meta.Text("namespace"), kind: ref.Text("kind"), target: ref.Text("name")}
		for _, m := range spec.Get("metrics").ItemsOrNone() {
			if m.Text("type") == "Resource" {
				s.resource = m.Get("resource").Text("name")
				out = append(out, s)
			}
		}
		if spec.Text("targetCPUUtilizationPercentage") != "" {
			s.resource = "cpu"
			out = append(out, s)
		}
	}
	for _, d := range f.Docs {
		if d.Root != nil {
			look(d.Root)
		}
	}
	return out
}

// autoscaled tells of the autoscalers that measure the workload.
func (p *plan) autoscaled(scalers []scaler) {
	for _, s := range scalers {
		if s.kind == p.w.Kind && s.target == p.w.Name && s.namespace == p.w.Namespace && p.target != nil {
			f := p.add(check.HPAUtilisation, "autoscaler %s measures %s over all containers, the sidecars among them; they have requests, so it goes on working", s.name, s.resource)
			f.Remedy = "use a ContainerResource metric for container " + p.target.Name
		}
	}
}
