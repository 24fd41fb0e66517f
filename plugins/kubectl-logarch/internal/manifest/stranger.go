package manifest

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// Stranger is an object of somebody else's kind that holds containers in a place that
// is not known here, as a RayCluster or a JobSet does. Nothing is added to it, and that
// has to be said.
type Stranger struct {
	Kind, Name, Namespace string
	Object                *yamltree.Node
	// At is where the first containers stand.
	At string
}

// Strangers finds them in a document.
func Strangers(d *yamltree.Doc) (out []Stranger) {
	var look func(n *yamltree.Node, depth int)
	look = func(n *yamltree.Node, depth int) {
		obj := n.Resolve()
		if obj == nil || obj.Kind != yamltree.Map || depth > 8 {
			return
		}
		kind, g := obj.Text("kind"), group(obj.Text("apiVersion"))
		if strings.HasSuffix(kind, "List") {
			for _, item := range obj.Get("items").ItemsOrNone() {
				look(item, depth+1)
			}
			return
		}
		_, known := templates[g+"/"+kind]
		if known || g == "" || strings.HasSuffix(g, ".k8s.io") && !strings.HasSuffix(g, ".x-k8s.io") || obj.At("spec", "template", "spec", "containers").Resolve() != nil {
			return
		}
		if at := containersIn(obj.Get("spec"), "spec", 0); at != "" {
			meta := obj.Get("metadata")
			out = append(out, Stranger{Kind: kind, Name: meta.Text("name"), Namespace: meta.Text("namespace"), Object: obj, At: at})
		}
	}
	look(d.Root, 0)
	return out
}

// containersIn is the path to the first list of containers below a node, "" without
// one.
func containersIn(n *yamltree.Node, path string, depth int) string {
	n = n.Resolve()
	if n == nil || depth > 20 {
		return ""
	}
	for i, v := range n.Items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if n.Kind == yamltree.Map {
			at = path + "." + n.Keys[i].Value
			if n.Keys[i].Value == "containers" {
				for _, c := range v.Resolve().ItemsOrNone() {
					if c.Text("image") != "" {
						return at
					}
				}
			}
		}
		if found := containersIn(v, at, depth+1); found != "" {
			return found
		}
	}
	return ""
}
