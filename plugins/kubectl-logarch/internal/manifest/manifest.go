// Package manifest finds the pod templates in files of Kubernetes objects: in
// objects of every kind that has one, and in lists of them.
package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// Workload is an object with a pod template, or a Pod.
type Workload struct {
	Doc *yamltree.Doc
	// APIVersion, Kind, Name and Namespace are those of the object. Name is
	// generateName with a star where there is no name.
	APIVersion, Kind, Name, Namespace string
	// Object is the object; Path leads from the document's root to the value
	// that holds the pod's metadata and spec.
	Object *yamltree.Node
	Path   []Step
	// Template is the end of Path: the object itself for a Pod.
	Template *yamltree.Node
	// Spec is the pod's spec.
	Spec *yamltree.Node
	// Known says that the kind is one that Kubernetes itself defines.
	Known bool
}

// Step is a key of a map, or with Key "" an index of a sequence.
type Step struct {
	Key   string
	Index int
}

// Ref is kind/name, as kubectl writes it.
func (w *Workload) Ref() string { return strings.ToLower(w.Kind) + "/" + w.Name }

// IsJob says whether the pods are meant to end: Jobs, CronJobs.
func (w *Workload) IsJob() bool {
	switch w.Kind {
	case "Job", "CronJob", "ScaledJob", "AdvancedCronJob", "BroadcastJob":
		return true
	}
	return false
}

// templates maps group/kind to where the pod template stands. The empty path is
// the object itself.
var templates = map[string][]string{
	"/Pod":                               {},
	"/PodTemplate":                       {"template"},
	"/ReplicationController":             {"spec", "template"},
	"apps/Deployment":                    {"spec", "template"},
	"apps/ReplicaSet":                    {"spec", "template"},
	"apps/StatefulSet":                   {"spec", "template"},
	"apps/DaemonSet":                     {"spec", "template"},
	"extensions/Deployment":              {"spec", "template"},
	"extensions/ReplicaSet":              {"spec", "template"},
	"extensions/DaemonSet":               {"spec", "template"},
	"batch/Job":                          {"spec", "template"},
	"batch/CronJob":                      {"spec", "jobTemplate", "spec", "template"},
	"apps.openshift.io/DeploymentConfig": {"spec", "template"},
	"argoproj.io/Rollout":                {"spec", "template"},
	"apps.kruise.io/CloneSet":            {"spec", "template"},
	"apps.kruise.io/StatefulSet":         {"spec", "template"},
	"apps.kruise.io/DaemonSet":           {"spec", "template"},
	"apps.kruise.io/AdvancedCronJob":     {"spec", "template", "jobTemplate", "spec", "template"},
	"keda.sh/ScaledJob":                  {"spec", "jobTargetRef", "template"},
}

// Kinds are the kinds that hold a pod template, for messages and completion.
var Kinds = []string{"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "PodTemplate"}

func group(apiVersion string) string {
	g, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return ""
	}
	return g
}

// Find returns the workloads of a document, in the order of the text. Objects
// without a pod spec are passed over.
func Find(d *yamltree.Doc) []*Workload {
	var out []*Workload
	find(d, d.Root, "", "", nil, &out, 0)
	return out
}

// find looks into n; ofAPI and ofKind are what it is where it does not say so itself.
func find(d *yamltree.Doc, n *yamltree.Node, ofAPI, ofKind string, path []Step, out *[]*Workload, depth int) {
	obj := n.Resolve()
	if obj == nil || obj.Kind != yamltree.Map || depth > 8 {
		return
	}
	api, kind := obj.Text("apiVersion"), obj.Text("kind")
	if api == "" && kind == "" {
		api, kind = ofAPI, ofKind
	}
	g := group(api)
	if items := obj.Get("items").Resolve(); items != nil && items.Kind == yamltree.Seq && strings.HasSuffix(kind, "List") {
		// The API server writes the items of a PodList without their kind, and kubectl
		// knows it from the list's.
		itemKind := strings.TrimSuffix(kind, "List")
		for i, item := range items.Items {
			find(d, item, api, itemKind, append(path[:len(path):len(path)], Step{Key: "items"}, Step{Index: i}), out, depth+1)
		}
		return
	}
	keys, known := templates[g+"/"+kind]
	if !known {
		// A kind that somebody else defines: it counts where it has a pod
		// template in the usual place.
		if g == "" || strings.HasSuffix(g, "k8s.io") || obj.At("spec", "template", "spec", "containers").Resolve() == nil {
			return
		}
		keys = []string{"spec", "template"}
	}
	t := obj
	path = append(make([]Step, 0, len(path)+len(keys)+3), path...)
	for _, k := range keys {
		path = append(path, Step{Key: k})
		t = t.Get(k).Resolve()
	}
	spec := t.Get("spec").Resolve()
	if spec == nil || spec.Kind != yamltree.Map {
		return
	}
	w := &Workload{
		Doc: d, APIVersion: api, Kind: kind, Object: obj, Path: path, Template: t, Spec: spec,
		Name: obj.Get("metadata").Text("name"), Namespace: obj.Get("metadata").Text("namespace"),
		Known: g == "" || g == "apps" || g == "extensions" || g == "batch",
	}
	if gen := obj.Get("metadata").Text("generateName"); w.Name == "" && gen != "" {
		w.Name = gen + "*"
	}
	if w.Name == "" {
		w.Name = "(no name)"
	}
	*out = append(*out, w)
}

// Walk follows steps from a node, through merge keys too. Where an alias stands
// in the way it returns the alias and the collection that holds it; both are
// nil where the walk came through. chain is every node on the way, the first
// and the last included.
func Walk(root *yamltree.Node, steps ...Step) (chain []*yamltree.Node, alias, holder *yamltree.Node) {
	n := root
	chain = []*yamltree.Node{n}
	for _, s := range steps {
		var next *yamltree.Node
		switch {
		case s.Key == "":
			if n.Kind != yamltree.Seq || s.Index >= len(n.Items) {
				return chain, nil, nil
			}
			next = n.Items[s.Index]
		default:
			if i := n.Index(s.Key); i >= 0 {
				next = n.Items[i]
			} else if i := n.Index("<<"); i >= 0 && n.Get(s.Key) != nil {
				merged := n.Items[i]
				if merged.Kind == yamltree.Alias {
					return chain, merged, n
				}
				chain = append(chain, merged)
				if merged.Kind == yamltree.Seq {
					for _, m := range merged.Items {
						if m.Get(s.Key) != nil {
							if m.Kind == yamltree.Alias {
								return chain, m, merged
							}
							merged = m
							chain = append(chain, m)
							break
						}
					}
				}
				sub, a, h := Walk(merged, s)
				if a != nil {
					return chain, a, h
				}
				chain = append(chain, sub[1:len(sub)-1]...)
				next, n = sub[len(sub)-1], merged
				if next == merged {
					return chain, nil, nil
				}
			} else {
				return chain, nil, nil
			}
		}
		if next.Kind == yamltree.Alias {
			return chain, next, n
		}
		chain = append(chain, next)
		n = next
	}
	return chain, nil, nil
}

// Ambiguous finds a merge key that YAML and the decoders of Kubernetes take
// differently, nil where there is none: the second one of a map, or one behind a key
// that it brings too. There kubectl takes what is merged, against YAML's own rule.
func Ambiguous(root *yamltree.Node) (found *yamltree.Node) {
	root.Walk(func(n *yamltree.Node) bool {
		if found != nil || n.Kind != yamltree.Map {
			return found == nil
		}
		seen := false
		for i, k := range n.Keys {
			if k.Value != "<<" || k.Style != yamltree.Plain {
				continue
			}
			var brings []string
			if v := n.Items[i].Resolve(); v != nil && (v.Kind == yamltree.Map || v.Kind == yamltree.Seq) {
				brings = v.MergedKeys()
			}
			if seen || slices.ContainsFunc(n.Keys[:i], func(before *yamltree.Node) bool { return slices.Contains(brings, before.Value) }) {
				found = k
				return false
			}
			seen = true
		}
		return true
	})
	return found
}

// Twice is a key that is written twice in a map: the first place has no effect.
type Twice struct{ First, Last *yamltree.Node }

// Say is what a user is told, and the place of the key that has no effect.
func (t Twice) Say(f *yamltree.File) (message string, line, column int) {
	last, _ := f.Position(t.Last.Start)
	line, column = f.Position(t.First.Start)
	return fmt.Sprintf("key %q is written twice: what is under it here has no effect, line %d counts", t.First.Value, last), line, column
}

// Twices finds the keys that are written twice in an object.
func Twices(n *yamltree.Node) (out []Twice) {
	n.Walk(func(n *yamltree.Node) bool {
		if n.Kind != yamltree.Map {
			return true
		}
		var last map[string]int
		if len(n.Keys) > 16 {
			last = make(map[string]int, len(n.Keys))
			for i, k := range n.Keys {
				last[k.Value] = i
			}
		}
		for i, k := range n.Keys {
			j := last[k.Value]
			if last == nil {
				for j = len(n.Keys) - 1; n.Keys[j].Value != k.Value; j-- {
				}
			}
			if j > i {
				out = append(out, Twice{k, n.Keys[j]})
			}
		}
		return true
	})
	return out
}

// JSON turns a part of a manifest into plain Go values as the decoders of
// Kubernetes see them: aliases and merge keys resolved, plain scalars typed by
// YAML 1.1.
func JSON(n *yamltree.Node) any {
	n = n.Resolve()
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yamltree.Map:
		out := make(map[string]any, len(n.Keys))
		for i, k := range n.Keys {
			if k.Value != "<<" || k.Style != yamltree.Plain {
				out[k.Value] = JSON(n.Items[i])
			}
		}
		if n.Index("<<") >= 0 {
			for _, k := range n.MergedKeys() {
				if _, ok := out[k]; !ok {
					out[k] = JSON(n.Get(k))
				}
			}
		}
		return out
	case yamltree.Seq:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = JSON(item)
		}
		return out
	}
	return scalar(n)
}
