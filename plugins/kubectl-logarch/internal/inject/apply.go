package inject

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// aliasInTheWay finds an alias that has to be expanded before a workload can be
// changed: one on the way to a place that changes, or one elsewhere that would
// bring the change to another place. It returns the alias and its holder.
func (p *plan) aliasInTheWay() (alias, holder *yamltree.Node) {
	if !p.w.Doc.Anchors {
		return nil, nil
	}
	root := p.w.Doc.Root
	at := p.w.Path
	spec := append(slices.Clone(at), manifest.Step{Key: "spec"})
	paths := [][]manifest.Step{append(slices.Clone(at), manifest.Step{Key: "metadata"}, manifest.Step{Key: "annotations"})}
	add := func(keys ...manifest.Step) { paths = append(paths, append(slices.Clone(spec), keys...)) }
	add(manifest.Step{Key: "volumes"})
	list := "containers"
	if p.o.IsNative() || p.seed != nil {
		list = "initContainers"
	}
	add(manifest.Step{Key: list})
	if len(p.mounts) > 0 {
		key, i := p.targetPlace()
		add(manifest.Step{Key: key}, manifest.Step{Index: i}, manifest.Step{Key: "volumeMounts"})
	}
	touched := map[*yamltree.Node]bool{}
	for _, steps := range paths {
		chain, a, h := manifest.Walk(root, steps...)
		if a != nil {
			return a, h
		}
		for _, n := range chain {
			touched[n] = true
		}
	}
	// An anchor above a changed place: every alias to it would change too.
	var found, in *yamltree.Node
	var look func(n *yamltree.Node)
	look = func(n *yamltree.Node) {
		for i, v := range n.Items {
			if found != nil {
				return
			}
			if v.Kind == yamltree.Alias && touched[v.Target] {
				found, in = n.Items[i], n
				return
			}
			look(v)
		}
	}
	for n := range touched {
		if n.Anchor != "" {
			look(root)
			break
		}
	}
	return found, in
}

func (p *plan) targetPlace() (list string, index int) {
	containers, list := p.pod.Containers, "containers"
	if p.targetInit {
		containers, list = p.pod.InitContainers, "initContainers"
	}
	return list, slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == p.target.Name })
}

// edit writes the plan into the text. The order matters where several edits
// stand at the same place: from the inside out.
func (p *plan) edit(e *splice.Editor) {
	r := p.receipt()
	spec := p.w.Spec
	if c := spec.Get("containers").Resolve(); c != nil && c.Style == yamltree.Block && spec.Style == yamltree.Block && c.Kind == yamltree.Seq {
		e.Offset = max(0, c.Indent-holderOf(spec, "containers").Indent)
	}
	noted := func(name, was string) {
		switch was {
		case "empty":
			r.Empty = append(r.Empty, name)
		case "null":
			r.Null = append(r.Null, name)
		}
	}
	if len(p.mounts) > 0 {
		key, i := p.targetPlace()
		c := spec.Get(key).Resolve().Items[i]
		var items []any
		for _, m := range p.mounts {
			items = append(items, mountObject(m))
		}
		noted(p.key(p.target.Name)+"/volumeMounts", extend(e, c, "volumeMounts", "", items))
	}
	var seeds, sidecars []any
	if p.seed != nil {
		seeds = append(seeds, containerObject(*p.seed))
	}
	for _, c := range p.sidecars {
		sidecars = append(sidecars, containerObject(c))
	}
	if !p.o.IsNative() {
		noted("containers", extend(e, spec, "containers", "", sidecars))
		sidecars = nil
	}
	p.initContainers(e, spec, seeds, sidecars, noted)
	if len(p.volumes) > 0 {
		var items []any
		for _, v := range p.volumes {
			items = append(items, volumeObject(v))
		}
		noted("volumes", extend(e, spec, "volumes", "", items))
	}
	if p.shareProc {
		e.Set(spec, "shareProcessNamespace", true)
	}
	p.annotate(e, r)
}

// receipt is what the pod will say of the injection.
func (p *plan) receipt() eject.Receipt {
	r := eject.Receipt{Mode: string(p.o.Mode), Annotations: slices.Sorted(maps.Keys(p.annotated))}
	for _, l := range p.o.Logs {
		r.Logs = append(r.Logs, l.Path)
	}
	if p.o.Mode == Agent {
		r.Agent = p.o.Agent
	}
	r.Rotate = p.o.Mode == Streaming && p.o.Rotate
	if len(p.mounts) > 0 {
		r.Mounts = map[string][]string{}
		for _, m := range p.mounts {
			name := p.key(p.target.Name)
			r.Mounts[name] = append(r.Mounts[name], m.MountPath)
		}
	}
	if p.seed != nil {
		r.Init = append(r.Init, p.seed.Name)
	}
	for _, c := range p.sidecars {
		if p.o.IsNative() {
			r.Init = append(r.Init, c.Name)
		} else {
			r.Containers = append(r.Containers, c.Name)
		}
	}
	for _, v := range p.volumes {
		r.Volumes = append(r.Volumes, v.Name)
	}
	if p.shareProc {
		r.Keys = append(r.Keys, "shareProcessNamespace")
	}
	if p.config != nil {
		sum := sha256.New()
		for _, k := range slices.Sorted(maps.Keys(p.config.Data)) {
			sum.Write([]byte(k + "\x00" + p.config.Data[k] + "\x00"))
		}
		r.Config = hex.EncodeToString(sum.Sum(nil))[:12]
	}
	return r
}

// initContainers places the seed and the native sidecars.
func (p *plan) initContainers(e *splice.Editor, spec *yamltree.Node, seeds, sidecars []any, noted func(name, was string)) {
	front := seeds
	if p.first {
		front = append(slices.Clone(seeds), sidecars...)
		sidecars = nil
	}
	if len(front)+len(sidecars) == 0 {
		return
	}
	m := holderOf(spec, "initContainers")
	list := spec.Get("initContainers").Resolve()
	if list == nil || list.Kind != yamltree.Seq || len(list.Items) == 0 {
		noted("initContainers", extend(e, spec, "initContainers", "containers", append(front, sidecars...)))
		return
	}
	if len(front) > 0 {
		e.Prepend(m.Keys[m.Index("initContainers")], list, front...)
	}
	if len(sidecars) > 0 {
		if p.after == len(list.Items)-1 {
			e.Append(list, sidecars...)
		} else {
			e.InsertAfter(list, p.after, sidecars...)
		}
	}
}

// holderOf is the map that holds a key, or the map itself where none does.
func holderOf(m *yamltree.Node, key string) *yamltree.Node {
	for range 20 {
		if m.Index(key) >= 0 {
			return m
		}
		i := m.Index("<<")
		if i < 0 || m.Get(key) == nil {
			return m
		}
		merged := m.Items[i].Resolve()
		if merged.Kind == yamltree.Seq {
			for _, s := range merged.Items {
				if s.Get(key) != nil {
					merged = s.Resolve()
					break
				}
			}
		}
		m = merged
	}
	return m
}

// extend adds items to the list under a key, making the list where there is
// none: before the key named by before, or at the end. It returns what the
// receipt has to remember.
func extend(e *splice.Editor, m *yamltree.Node, key, before string, items []any) string {
	m = holderOf(m, key)
	i := m.Index(key)
	switch {
	case i < 0 && before != "":
		e.SetBefore(holderOf(m, before), before, key, splice.List(items))
	case i < 0:
		e.Set(m, key, splice.List(items))
	case m.Items[i].Kind == yamltree.Seq && len(m.Items[i].Items) > 0:
		e.Append(m.Items[i], items...)
	default:
		return e.Fill(m, key, splice.List(items))
	}
	return ""
}

// annotate writes the receipt, last, when everything else is known.
func (p *plan) annotate(e *splice.Editor, r eject.Receipt) {
	keys := r.Annotations
	t := p.w.Template
	meta := t.Get("metadata").Resolve()
	var annotations *yamltree.Node
	if meta != nil && meta.Kind == yamltree.Map {
		annotations = meta.Get("annotations").Resolve()
	}
	entries := func() object {
		o := object{}
		for _, k := range keys {
			o = append(o, splice.Entry{Key: k, Value: p.annotated[k]})
		}
		return append(o, splice.Entry{Key: eject.Annotation, Value: r.Encode()})
	}
	switch {
	case meta == nil || meta.Kind != yamltree.Map:
		holder := holderOf(t, "metadata")
		if holder.Index("metadata") < 0 {
			e.SetBefore(holderOf(t, "spec"), "spec", "metadata", object{{Key: "annotations", Value: entries()}})
			return
		}
		if p.w.Doc.JSON && meta != nil {
			r.Null = append(r.Null, "metadata")
		}
		e.Fill(holder, "metadata", object{{Key: "annotations", Value: entries()}})
	case len(meta.Items) == 0:
		r.Empty = append(r.Empty, "metadata")
		holder := holderOf(t, "metadata")
		e.Fill(holder, "metadata", object{{Key: "annotations", Value: entries()}})
	case annotations == nil && meta.Get("annotations") == nil:
		e.Set(meta, "annotations", entries())
	case annotations.Kind == yamltree.Map && len(annotations.Items) > 0:
		for _, en := range entries() {
			e.Set(annotations, en.Key, en.Value)
		}
	default:
		if annotations.Kind == yamltree.Map {
			r.Empty = append(r.Empty, "annotations")
		} else if p.w.Doc.JSON {
			r.Null = append(r.Null, "annotations")
		}
		e.Fill(holderOf(meta, "annotations"), "annotations", entries())
	}
}

// configObject is the ConfigMap as text.
func (p *plan) configObject() object {
	meta := object{{Key: "name", Value: p.config.Name}}
	put(&meta, "namespace", p.w.Namespace, p.w.Namespace == "")
	put(&meta, "annotations", object{{Key: eject.ConfigAnnotation, Value: strings.ToLower(p.w.Kind) + "/" + p.w.Name}}, false)
	data := object{}
	for _, k := range slices.Sorted(maps.Keys(p.config.Data)) {
		data = append(data, splice.Entry{Key: k, Value: p.config.Data[k]})
	}
	return object{{Key: "apiVersion", Value: "v1"}, {Key: "kind", Value: "ConfigMap"}, {Key: "metadata", Value: meta}, {Key: "data", Value: data}}
}
