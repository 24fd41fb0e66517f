package inject

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/rotation"
)

// stateDir is where an agent keeps positions and waiting output.
const stateDir = "/var/lib/logarch"

// agentMemory is what an agent needs where the user has not said.
var agentMemory = map[string]string{"otel": "128Mi", "fluent-bit": "64Mi", "fluentd": "256Mi", "vector": "128Mi", "filebeat": "256Mi", "alloy": "256Mi"}

// agentSpec is the description of what an agent ships.
func (o Options) agentSpec() agentconf.Spec {
	s := agentconf.Spec{Agent: o.Agent, State: stateDir, Destination: o.Destination, Endpoint: o.Endpoint}
	for _, l := range o.Logs {
		s.Files = append(s.Files, l.Path)
	}
	return s
}

// agent adds one agent for all files, with its configuration.
func (p *plan) agent() {
	conf := agentconf.Render(p.o.agentSpec())
	name := p.o.Logs[0].Name
	if name == "" {
		name = free(label(p.target.Name+"-agent"), p.nameTaken)
	} else if p.nameTaken(name) {
		p.add(check.NameTaken, "the pod has a container %s already", name)
		return
	}
	p.config = &ConfigMap{Name: label(strings.TrimRight(p.w.Name, "*") + "-logarch"), Data: conf.Files}
	config := p.freeVolume("logarch-config")
	p.volumes = append(p.volumes, corev1.Volume{Name: config, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: p.config.Name},
	}}})
	state := p.freeVolume("logarch-state")
	p.volumes = append(p.volumes, corev1.Volume{Name: state, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	mounts, env := p.shared(p.o.Logs, true)
	mounts = append(mounts,
		corev1.VolumeMount{Name: config, MountPath: conf.Dir, ReadOnly: true},
		corev1.VolumeMount{Name: state, MountPath: stateDir},
	)
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	env = append(env, field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"))
	if conf.Secrets {
		for _, key := range []string{"ELASTICSEARCH_USERNAME", "ELASTICSEARCH_PASSWORD"} {
			env = append(env, corev1.EnvVar{Name: key, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "dynamic-logging"}, Key: key, Optional: ptr.To(true),
			}}})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(conf.Env)) {
		env = append(env, corev1.EnvVar{Name: key, Value: conf.Env[key]})
	}
	r := p.resources()
	if d := Defaults(); p.o.Memory.Cmp(d.Memory) == 0 && !slices.Contains(ownResources(p.pod), corev1.ResourceMemory) {
		m := resource.MustParse(agentMemory[p.o.Agent])
		r.Requests[corev1.ResourceMemory], r.Limits[corev1.ResourceMemory] = m, m
	}
	p.addSidecar(corev1.Container{
		Name: name, Image: p.image(conf.Image), Args: conf.Args, Env: env, VolumeMounts: mounts,
		Resources: r, SecurityContext: p.securityContext(p.o.Agent != "fluentd"),
	}, "")
	if !conf.Executed {
		p.add(check.NotExecuted, "the configuration of %s was not executed: %s", p.o.Agent, cmp.Or(conf.Checked, "written by the reference"))
	}
	if conf.Note != "" {
		p.add(check.NotExecuted, "%s", conf.Note)
	}
}

// rotate adds a sidecar that rotates the files.
func (p *plan) rotate() {
	var files []string
	for _, l := range p.o.Logs {
		files = append(files, l.Path)
	}
	mounts, env := p.shared(p.o.Logs, false)
	name := p.o.Logs[0].Name
	if name == "" || p.o.Mode != Rotate {
		name = free(label(p.target.Name+"-rotate"), p.nameTaken)
	} else if p.nameTaken(name) {
		p.add(check.NameTaken, "the pod has a container %s already", name)
		return
	}
	p.addSidecar(corev1.Container{
		Name: name, Image: p.image(DefaultImage), Command: rotation.Command(p.o.MaxSize.Value(), p.o.Keep, files), Env: env, VolumeMounts: mounts,
		Resources: p.resources(), SecurityContext: p.securityContext(true),
	}, strings.Join(files, ", "))
	p.images[len(p.images)-1].Rotates = true
	if p.has(check.UnknownUser.ID) {
		p.add(check.RotationUser, "only the application's own user can truncate its log, and which that is is not known")
	}
	p.add(check.CopyAndTruncate, "a file of %s is copied and truncated, %d copies are kept", p.o.MaxSize.String(), p.o.Keep)
}
