package inject

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
)

// The types of Kubernetes as text in the order in which people write it: the
// name first, then what runs, then with what.

type object = splice.Object

func put(o *object, key string, value any, unless bool) {
	if !unless {
		*o = append(*o, splice.Entry{Key: key, Value: value})
	}
}

func containerObject(c corev1.Container) object {
	o := append(make(object, 0, 9), splice.Entry{Key: "name", Value: c.Name})
	put(&o, "image", c.Image, c.Image == "")
	put(&o, "imagePullPolicy", string(c.ImagePullPolicy), c.ImagePullPolicy == "")
	if c.RestartPolicy != nil {
		put(&o, "restartPolicy", string(*c.RestartPolicy), false)
	}
	put(&o, "command", stringList(c.Command), len(c.Command) == 0)
	put(&o, "args", stringList(c.Args), len(c.Args) == 0)
	put(&o, "env", envList(c.Env), len(c.Env) == 0)
	put(&o, "resources", resourcesObject(c.Resources), len(c.Resources.Requests)+len(c.Resources.Limits) == 0)
	if c.SecurityContext != nil {
		put(&o, "securityContext", securityObject(c.SecurityContext), false)
	}
	put(&o, "volumeMounts", mountList(c.VolumeMounts), len(c.VolumeMounts) == 0)
	return o
}

func stringList(in []string) splice.List {
	out := make(splice.List, 0, len(in))
	for _, s := range in {
		out = append(out, s)
	}
	return out
}

func envList(in []corev1.EnvVar) splice.List {
	var out splice.List
	for _, e := range in {
		o := object{{Key: "name", Value: e.Name}}
		if e.ValueFrom == nil {
			put(&o, "value", e.Value, false)
		} else if f := e.ValueFrom.FieldRef; f != nil {
			ref := object{}
			put(&ref, "apiVersion", f.APIVersion, f.APIVersion == "")
			put(&ref, "fieldPath", f.FieldPath, false)
			put(&o, "valueFrom", object{{Key: "fieldRef", Value: ref}}, false)
		} else if s := e.ValueFrom.SecretKeyRef; s != nil {
			ref := object{{Key: "name", Value: s.Name}, {Key: "key", Value: s.Key}}
			if s.Optional != nil {
				put(&ref, "optional", *s.Optional, false)
			}
			put(&o, "valueFrom", object{{Key: "secretKeyRef", Value: ref}}, false)
		}
		out = append(out, o)
	}
	return out
}

func resourcesObject(r corev1.ResourceRequirements) object {
	list := func(l corev1.ResourceList) object {
		o := make(object, 0, 2)
		for _, name := range [...]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			if q, ok := l[name]; ok {
				put(&o, string(name), q.String(), false)
			}
		}
		return o
	}
	o := make(object, 0, 2)
	put(&o, "requests", list(r.Requests), len(r.Requests) == 0)
	put(&o, "limits", list(r.Limits), len(r.Limits) == 0)
	return o
}

func securityObject(c *corev1.SecurityContext) object {
	o := make(object, 0, 8)
	if c.AllowPrivilegeEscalation != nil {
		put(&o, "allowPrivilegeEscalation", *c.AllowPrivilegeEscalation, false)
	}
	if c.Capabilities != nil {
		var drop splice.List
		for _, d := range c.Capabilities.Drop {
			drop = append(drop, string(d))
		}
		put(&o, "capabilities", object{{Key: "drop", Value: drop}}, false)
	}
	if c.ReadOnlyRootFilesystem != nil && *c.ReadOnlyRootFilesystem {
		put(&o, "readOnlyRootFilesystem", true, false)
	}
	if c.RunAsNonRoot != nil {
		put(&o, "runAsNonRoot", *c.RunAsNonRoot, false)
	}
	if c.RunAsUser != nil {
		put(&o, "runAsUser", *c.RunAsUser, false)
	}
	if c.RunAsGroup != nil {
		put(&o, "runAsGroup", *c.RunAsGroup, false)
	}
	if s := c.SELinuxOptions; s != nil {
		se := object{}
		put(&se, "user", s.User, s.User == "")
		put(&se, "role", s.Role, s.Role == "")
		put(&se, "type", s.Type, s.Type == "")
		put(&se, "level", s.Level, s.Level == "")
		put(&o, "seLinuxOptions", se, len(se) == 0)
	}
	if c.SeccompProfile != nil {
		put(&o, "seccompProfile", object{{Key: "type", Value: string(c.SeccompProfile.Type)}}, false)
	}
	return o
}

func mountList(in []corev1.VolumeMount) splice.List {
	out := make(splice.List, 0, len(in))
	for _, m := range in {
		out = append(out, mountObject(m))
	}
	return out
}

func mountObject(m corev1.VolumeMount) object {
	o := append(make(object, 0, 5), splice.Entry{Key: "name", Value: m.Name}, splice.Entry{Key: "mountPath", Value: m.MountPath})
	put(&o, "subPath", m.SubPath, m.SubPath == "")
	put(&o, "subPathExpr", m.SubPathExpr, m.SubPathExpr == "")
	put(&o, "readOnly", true, !m.ReadOnly)
	return o
}

func volumeObject(v corev1.Volume) object {
	o := object{{Key: "name", Value: v.Name}}
	switch {
	case v.EmptyDir != nil:
		e := object{}
		put(&e, "medium", string(v.EmptyDir.Medium), v.EmptyDir.Medium == "")
		if v.EmptyDir.SizeLimit != nil {
			put(&e, "sizeLimit", v.EmptyDir.SizeLimit.String(), false)
		}
		put(&o, "emptyDir", e, false)
	case v.ConfigMap != nil:
		put(&o, "configMap", object{{Key: "name", Value: v.ConfigMap.Name}}, false)
	}
	return o
}
