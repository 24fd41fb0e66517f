package advise

import (
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// Load reads the workloads and ConfigMaps of manifests. A text that is not YAML
// is an error; a document that does not decode into the types of Kubernetes is
// noted and passed over.
func Load(texts []source.Text) (*Snapshot, error) {
	s := &Snapshot{}
	for _, t := range texts {
		f := yamltree.Parse(t.Name, t.Body)
		for _, d := range f.Docs {
			var bad *yamltree.NotYAML
			if err := f.Judge(d); errors.As(err, &bad) {
				return nil, fmt.Errorf("%s:%d: not YAML: %s", t.Name, bad.Line, bad.Msg)
			} else if err != nil {
				s.Notes = append(s.Notes, fmt.Sprintf("%s: %v: passed over", t.Name, err))
				continue
			}
			s.configMaps(d.Root, 0)
			for _, w := range manifest.Find(d) {
				s.workload(f, w)
			}
		}
	}
	return s, nil
}

func (s *Snapshot) workload(f *yamltree.File, m *manifest.Workload) {
	w := &Workload{Kind: m.Kind, Namespace: m.Namespace, Name: m.Name, File: f.Name, Containers: map[string]Place{}}
	var t struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     corev1.PodSpec    `json:"spec"`
	}
	w.At.Line, w.At.Column = f.Position(m.Spec.Start)
	if err := decode(m.Template, &t); err != nil {
		s.Notes = append(s.Notes, fmt.Sprintf("%s:%d: %s is not a pod that the API server would take: %v", f.Name, w.At.Line, m.Ref(), err))
		return
	}
	w.Pod, w.Labels, w.Annotations = t.Spec, t.Metadata.Labels, t.Metadata.Annotations
	for _, list := range []string{"containers", "initContainers"} {
		for _, c := range m.Spec.Get(list).Resolve().ItemsOrNone() {
			if c = c.Resolve(); c != nil {
				p := Place{}
				p.Line, p.Column = f.Position(c.Start)
				w.Containers[c.Text("name")] = p
			}
		}
	}
	s.Workloads = append(s.Workloads, w)
}

// configMaps collects the ConfigMaps of a document, in lists too.
func (s *Snapshot) configMaps(n *yamltree.Node, depth int) {
	n = n.Resolve()
	if n == nil || n.Kind != yamltree.Map || depth > 8 {
		return
	}
	switch kind := n.Text("kind"); kind {
	case "List", "ConfigMapList":
		for _, item := range n.Get("items").Resolve().ItemsOrNone() {
			s.configMaps(item, depth+1)
		}
	case "ConfigMap":
		cm := &corev1.ConfigMap{}
		if decode(n, cm) == nil {
			s.ConfigMaps = append(s.ConfigMaps, cm)
		}
	}
}

func decode(n *yamltree.Node, into any) error {
	b, err := json.Marshal(manifest.JSON(n))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
