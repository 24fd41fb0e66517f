package inject

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// userContainer is what Knative calls a container without a name; beside others it
// gets a number.
const userContainer = "user-container"

// isKnative says whether a workload is Knative's: a Service, a Configuration.
func isKnative(w *manifest.Workload) bool {
	return strings.HasPrefix(w.APIVersion, "serving.knative.dev/")
}

// nameless gives the container at a place of the pod a name to speak of it by, where
// its kind lets it have none. The text keeps it without.
func (p *plan) nameless(i int) bool {
	if !isKnative(p.w) {
		return false
	}
	if p.unnamed != "" {
		p.add(check.NoContainer, "several containers have no name").Remedy = "give each container a name"
		return true
	}
	p.unnamed = free(userContainer, p.nameTaken)
	p.pod.Containers[i].Name = p.unnamed
	return true
}

// key is a container's name in the text.
func (p *plan) key(name string) string {
	if name == p.unnamed {
		return ""
	}
	return name
}

// knative holds the plan against what Knative's webhook takes.
func (p *plan) knative(f *finding.Finding) {
	if p.o.Native == "auto" {
		p.o.Native = "false"
	}
	if p.o.IsNative() || p.o.CopyExisting {
		f.Evidence = append(f.Evidence, "Knative takes no init containers unless its administrator allows them (kubernetes.podspec-init-containers in the ConfigMap config-features)")
	}
	if p.o.Mode == Agent {
		f.Evidence = append(f.Evidence, "the agent takes its pod's name from a fieldRef, which Knative's administrator has to allow (kubernetes.podspec-fieldref in the ConfigMap config-features)")
	}
	if p.unnamed != "" && !p.o.IsNative() {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the application's container has no name: Knative called it %s, and beside others it calls it %[1]s-0; with a name of its own it keeps that", userContainer))
	}
	for _, c := range p.pod.Containers {
		if len(c.Ports) > 0 {
			return
		}
	}
	if !p.o.IsNative() {
		p.add(check.KnativePort, "no container of the Service has a port")
	}
}
