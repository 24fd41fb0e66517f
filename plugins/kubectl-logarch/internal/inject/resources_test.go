package inject

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
)

// TestOwnResources: of what the pod has resources of its own for the sidecars request
// nothing, for the API server refuses containers that request more than the pod.
func TestOwnResources(t *testing.T) {
	for _, c := range []struct {
		name, resources string
		cpu, memory     bool // what a sidecar has of its own
	}{
		{"none", "", true, true},
		{"both", "  resources: {requests: {cpu: 1, memory: 100Mi}, limits: {cpu: 1, memory: 200Mi}}\n", false, false},
		{"a limit", "  resources: {limits: {memory: 200Mi}}\n", true, false},
		{"a request", "  resources: {requests: {cpu: 1}}\n", false, true},
	} {
		for mode, o := range variants() {
			text := "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n" + c.resources + "  containers:\n  - name: web\n    image: example/web:1\n    resources: {requests: {cpu: 500m, memory: 90Mi}}\n"
			out := held(t, c.name+" "+mode, text, o)
			if out.Refused() {
				t.Fatalf("%s %s: refused %v", c.name, mode, out.Items[0].Findings)
			}
			f, err := manifest.Read("x", out.Text())
			if err != nil {
				t.Fatal(err)
			}
			var pod corev1.PodSpec
			if at, wrong := manifest.Into(manifest.Find(f.Docs[0])[0].Spec, &pod); at != nil {
				t.Fatal(wrong)
			}
			for _, k := range append(pod.InitContainers, pod.Containers[1:]...) {
				for name, want := range map[corev1.ResourceName]bool{corev1.ResourceCPU: c.cpu, corev1.ResourceMemory: c.memory} {
					_, request := k.Resources.Requests[name]
					if _, limit := k.Resources.Limits[name]; request != want || limit && !want {
						t.Errorf("%s %s: sidecar %s has %+v", c.name, mode, k.Name, k.Resources)
					}
				}
			}
			if c.resources != "" && strings.Contains(out.Text(), "resources: {}") {
				t.Errorf("%s %s: empty resources are written", c.name, mode)
			}
		}
	}
}
