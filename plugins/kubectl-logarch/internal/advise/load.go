package advise

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Load reads the workloads and ConfigMaps of manifests. A text that is no manifest is
// an error; a document that cannot be read, or does not decode into the types of
// Kubernetes, is noted and passed over.
func Load(texts []source.Text) (*Snapshot, error) {
	s := &Snapshot{}
	for _, t := range texts {
		f, err := manifest.Read(t.Name, t.Body)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Docs {
			if d.Root == nil {
				line, column := f.Position(d.Err.Offset)
				s.unread("%s:%d:%d: passed over, the reader does not handle this: %s", f.Name, line, column, d.Err.Msg)
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

// unread notes a document whose workloads are not judged.
func (s *Snapshot) unread(format string, args ...any) {
	s.Unread++
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

func (s *Snapshot) workload(f *yamltree.File, m *manifest.Workload) {
	w := &Workload{Kind: m.Kind, Namespace: m.Namespace, Name: m.Name, File: f.Name, Containers: map[string]Place{}}
	w.At.Line, w.At.Column = f.Position(m.Spec.Start)
	var meta metav1.ObjectMeta
	at, wrong := manifest.Into(m.Spec, &w.Pod)
	if n := m.Template.Get("metadata").Resolve(); at == nil && n != nil {
		at, wrong = manifest.Into(n, &meta)
	}
	if at != nil {
		line, column := f.Position(at.Start)
		s.unread("%s:%d:%d: passed over, %s is not a pod that the API server would take: %s", f.Name, line, column, m.Ref(), wrong)
		return
	}
	for _, t := range manifest.Twices(m.Object) {
		s := finding.Subject{Kind: w.Kind, Name: w.Name, Namespace: w.Namespace, File: w.File}
		var message string
		message, s.Line, s.Column = t.Say(f)
		w.Twice = append(w.Twice, check.DuplicateKey.New(s, message))
	}
	w.Labels, w.Annotations = meta.Labels, meta.Annotations
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
		if at, _ := manifest.Into(n, cm); at == nil {
			s.ConfigMaps = append(s.ConfigMaps, cm)
		}
	}
}
