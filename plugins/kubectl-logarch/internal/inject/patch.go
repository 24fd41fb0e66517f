package inject

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
)

// patch is what was added as a strategic merge patch, for kubectl patch and
// kustomize. Such a patch finds a container by its name: without one it is nil.
func (p *plan) patch() map[string]any {
	if p.unnamed != "" && p.target.Name == p.unnamed && len(p.mounts) > 0 {
		return nil
	}
	spec := map[string]any{}
	var volumes, inits, plain []any
	for _, v := range p.volumes {
		volumes = append(volumes, splice.Plain(volumeObject(v)))
	}
	if p.seed != nil {
		inits = append(inits, splice.Plain(containerObject(*p.seed)))
	}
	for _, c := range p.sidecars {
		if p.o.IsNative() {
			inits = append(inits, splice.Plain(containerObject(c)))
		} else {
			plain = append(plain, splice.Plain(containerObject(c)))
		}
	}
	if len(p.mounts) > 0 {
		var mounts []any
		for _, m := range p.mounts {
			mounts = append(mounts, splice.Plain(mountObject(m)))
		}
		target := map[string]any{"name": p.target.Name, "volumeMounts": mounts}
		if p.targetInit {
			inits = append(inits, target)
		} else {
			plain = append(plain, target)
		}
	}
	set := func(key string, list []any) {
		if len(list) > 0 {
			spec[key] = list
		}
	}
	set("volumes", volumes)
	set("initContainers", inits)
	set("containers", plain)
	if p.shareProc {
		spec["shareProcessNamespace"] = true
	}
	annotations := map[string]any{}
	for k, v := range p.annotated {
		annotations[k] = v
	}
	annotations[eject.Annotation] = p.receipt().Encode()
	var out any = map[string]any{"metadata": map[string]any{"annotations": annotations}, "spec": spec}
	for i := len(p.w.Path) - 1; i >= 0; i-- {
		if p.w.Path[i].Key == "" || p.w.Path[i].Key == "items" {
			break
		}
		out = map[string]any{p.w.Path[i].Key: out}
	}
	m := out.(map[string]any)
	meta, _ := m["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		m["metadata"] = meta
	}
	meta["name"] = p.w.Name
	if p.w.Namespace != "" {
		meta["namespace"] = p.w.Namespace
	}
	m["apiVersion"], m["kind"] = p.w.APIVersion, p.w.Kind
	return m
}
