package inject

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/imagetable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/podsecurity"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/tailer"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// linger is for how many quiet seconds a plain sidecar goes on after SIGTERM.
const linger = 5

func (p *plan) nameTaken(n string) bool {
	for _, list := range [][]corev1.Container{p.pod.Containers, p.pod.InitContainers, p.sidecars} {
		for _, c := range list {
			if c.Name == n {
				return true
			}
		}
	}
	return false
}

// containerName is the sidecar's name: the one asked for, or that of the
// application's container and the file, as in the handbook (count-log-1).
func (p *plan) containerName(l LogFile) string {
	if l.Name != "" {
		if p.nameTaken(l.Name) {
			p.add(check.NameTaken, "the pod has a container %s already", l.Name)
		}
		return l.Name
	}
	base := strings.TrimSuffix(path.Base(l.Path), path.Ext(l.Path))
	if base == "" {
		base = path.Base(l.Path)
	}
	// The file's name tells the tailers of a container apart: a long one of the
	// container is cut instead.
	file := label("log-" + base)
	return free(strings.TrimRight(p.target.Name[:min(len(p.target.Name), max(62-len(file), 20))], "-")+"-"+file, p.nameTaken)
}

// label makes a DNS label of a text.
func label(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	s = strings.Trim(b.String(), "-")
	return strings.TrimRight(s[:min(len(s), 63)], "-")
}

// shared are the mounts through which a sidecar sees the logs, one for each
// volume that holds some, and the variables that their paths need.
func (p *plan) shared(logs []LogFile, readOnly bool) (mounts []corev1.VolumeMount, env []corev1.EnvVar) {
	for _, l := range logs {
		m := mountFor(append(slices.Clone(p.target.VolumeMounts), p.mounts...), l.Path)
		if m == nil {
			continue
		}
		c := corev1.VolumeMount{Name: m.Name, MountPath: m.MountPath, SubPath: m.SubPath, SubPathExpr: m.SubPathExpr, ReadOnly: readOnly}
		if !slices.ContainsFunc(mounts, func(o corev1.VolumeMount) bool { return o.MountPath == c.MountPath }) {
			mounts = append(mounts, c)
			for _, name := range variables(m.SubPathExpr) {
				for _, e := range p.target.Env {
					if e.Name == name && !slices.ContainsFunc(env, func(o corev1.EnvVar) bool { return o.Name == name }) {
						env = append(env, e)
					}
				}
			}
		}
	}
	return mounts, env
}

func (p *plan) streaming() {
	for _, l := range p.o.Logs {
		mounts, env := p.shared([]LogFile{l}, true)
		o := tailer.Options{File: l.Path}
		if !p.o.IsNative() {
			o.Linger = linger
			o.Job = p.w.IsJob()
		}
		name := p.containerName(l)
		if p.o.Resume {
			v := p.stateVolume()
			mounts = append(mounts, corev1.VolumeMount{Name: v, MountPath: "/logarch", SubPath: name})
			o.State = "/logarch/position"
		}
		p.addSidecar(corev1.Container{
			Name: name, Image: p.image(DefaultImage), Command: tailer.Command(o), Env: env, VolumeMounts: mounts,
			Resources: p.resources(), SecurityContext: p.securityContext(true),
		}, l.Path)
	}
	p.add(check.DiskDoubles, "the log is on the node's disk twice: in the volume and in the container log of the tailer")
}

func (p *plan) image(def string) string {
	if p.o.Image != "" {
		return p.o.Image
	}
	return def
}

func (p *plan) addSidecar(c corev1.Container, file string) {
	if p.o.IsNative() {
		c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	}
	p.sidecars = append(p.sidecars, c)
	p.images = append(p.images, Sidecar{Name: c.Name, File: file, Image: c.Image})
}

// claimed says whether a claim template of the workload (a StatefulSet's, a
// CloneSet's) makes a volume of that name: it takes the place of the pod's own.
func (p *plan) claimed(name string) bool {
	for _, c := range p.w.Object.At("spec", "volumeClaimTemplates").ItemsOrNone() {
		if c.Get("metadata").Text("name") == name {
			return true
		}
	}
	return false
}

// stateVolume is an emptyDir of the sidecars' own.
func (p *plan) stateVolume() string {
	for _, v := range p.volumes {
		if strings.HasPrefix(v.Name, "logarch-state") {
			return v.Name
		}
	}
	name := p.freeVolume("logarch-state")
	p.volumes = append(p.volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse("16Mi"))}}})
	return name
}

// resources are the sidecar's requests, with limits where the pod's class or
// its memory needs them.
func (p *plan) resources() corev1.ResourceRequirements {
	r := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: p.o.CPU, corev1.ResourceMemory: p.o.Memory},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: p.o.Memory},
	}
	if guaranteed(p.pod) {
		r.Limits[corev1.ResourceCPU] = p.o.CPU
	}
	// What the pod has resources of its own for bounds the sidecars too: the API server
	// refuses containers that request more than the pod does.
	for _, name := range ownResources(p.pod) {
		delete(r.Requests, name)
		delete(r.Limits, name)
	}
	return r
}

// ownResources are those of cpu and memory that the pod itself requests or limits
// (KEP-2837).
func ownResources(pod *corev1.PodSpec) (out []corev1.ResourceName) {
	if pod.Resources == nil {
		return nil
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		_, request := pod.Resources.Requests[name]
		if _, limit := pod.Resources.Limits[name]; request || limit {
			out = append(out, name)
		}
	}
	return out
}

// guaranteed says whether every container has limits equal to its requests. A
// request that is not written is the limit.
func guaranteed(pod *corev1.PodSpec) bool {
	for _, list := range [][]corev1.Container{pod.Containers, pod.InitContainers} {
		for _, c := range list {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				limit, ok := c.Resources.Limits[name]
				if !ok || limit.IsZero() {
					return false
				}
				if req, ok := c.Resources.Requests[name]; ok && req.Cmp(limit) != 0 {
					return false
				}
			}
		}
	}
	return true
}

func bestEffort(pod *corev1.PodSpec) bool {
	for _, list := range [][]corev1.Container{pod.Containers, pod.InitContainers} {
		for _, c := range list {
			if len(c.Resources.Requests)+len(c.Resources.Limits) > 0 {
				return false
			}
		}
	}
	return true
}

func (p *plan) qos() {
	switch {
	case len(ownResources(p.pod)) > 0:
		p.add(check.QoSKept, "the pod's own resources decide its class and bound the sidecars: nothing changes")
	case guaranteed(p.pod):
		p.add(check.QoSKept, "the pod is Guaranteed and stays so: the sidecars' limits equal their requests")
	case bestEffort(p.pod):
		p.add(check.QoSKept, "the pod was BestEffort and becomes Burstable: the sidecars have requests")
	}
}

// user is the uid that the application's container runs as, and where that is
// known from; -1 where it is not.
func (p *plan) user() (uid int64, from string) {
	if c := p.target.SecurityContext; c != nil && c.RunAsUser != nil {
		return *c.RunAsUser, "the container's securityContext"
	}
	if c := p.pod.SecurityContext; c != nil && c.RunAsUser != nil {
		return *c.RunAsUser, "the pod's securityContext"
	}
	if img, _ := imagetable.Lookup(p.target.Image); img != nil && img.UID >= 0 {
		return img.UID, "the image " + p.target.Image
	}
	return -1, ""
}

// nobody is the uid of a sidecar that has no application's user to share.
const nobody = 65534

// securityContext is the least with which the sidecar can read what the
// application writes: the application's own user where it is known.
func (p *plan) securityContext(readOnlyRoot bool) *corev1.SecurityContext {
	c := &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		ReadOnlyRootFilesystem:   ptr.To(readOnlyRoot),
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	uid, from := p.user()
	nonRoot := p.mustNotBeRoot()
	img, _ := imagetable.Lookup(p.target.Image)
	switch {
	case p.o.RunAsUser != nil:
		uid = *p.o.RunAsUser
	case uid < 0 || uid == 0 && nonRoot:
		if !p.has(check.UnknownUser.ID) {
			p.add(check.UnknownUser, "as which user container %s writes is not known: the sidecar (uid %d) reads what is readable by all (0644)", p.target.Name, nobody)
		}
		uid = nobody
	case img != nil && img.Mode != 0 && !p.has(check.ModeUnreadable.ID):
		f := p.add(check.ModeUnreadable, "%s writes its logs with mode %04o: the sidecar runs as its user %d (from %s)", p.target.Image, img.Mode, uid, from)
		if img.ModeBy != "" {
			f.Evidence = []string{img.ModeBy}
		}
	}
	c.RunAsUser = ptr.To(uid)
	if uid != 0 {
		c.RunAsNonRoot = ptr.To(true)
	} else if s := p.pod.SecurityContext; s != nil && s.RunAsNonRoot != nil && *s.RunAsNonRoot {
		// What the pod forbids and the application's container takes back: the kubelet
		// would not start the sidecar, nor what comes behind it.
		c.RunAsNonRoot = ptr.To(false)
	}
	if t := p.target.SecurityContext; t != nil {
		if t.RunAsGroup != nil && p.o.RunAsUser == nil {
			c.RunAsGroup = ptr.To(*t.RunAsGroup)
		}
		c.SELinuxOptions = t.SELinuxOptions
	}
	return c
}

// mustNotBeRoot says whether the pod forbids root.
func (p *plan) mustNotBeRoot() bool {
	if c := p.target.SecurityContext; c != nil && c.RunAsNonRoot != nil {
		return *c.RunAsNonRoot
	}
	c := p.pod.SecurityContext
	return c != nil && c.RunAsNonRoot != nil && *c.RunAsNonRoot
}

func (p *plan) has(id string) bool {
	return slices.ContainsFunc(p.findings, func(f finding.Finding) bool { return f.ID == id })
}

// seedFrom fills a new volume with what the image has in the directory, before
// the application starts.
func (p *plan) seedFrom(volume, dir string) {
	if p.seed == nil {
		p.seed = &corev1.Container{
			Name: free(label(p.target.Name+"-log-seed"), p.nameTaken), Image: p.target.Image, ImagePullPolicy: p.target.ImagePullPolicy,
			Command:   []string{"sh", "-c", `for d in "$@"; do cp -a "$d/." "/logarch$d/" 2>/dev/null || cp -r "$d/." "/logarch$d/" || [ ! -d "$d" ]; done`, "seed"},
			Resources: p.resources(), SecurityContext: p.seedContext(),
		}
	}
	p.seed.Command = append(p.seed.Command, dir)
	p.seed.VolumeMounts = append(p.seed.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: "/logarch" + dir})
}

func (p *plan) seedContext() *corev1.SecurityContext {
	c := &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if t := p.target.SecurityContext; t != nil {
		c.RunAsUser, c.RunAsGroup, c.RunAsNonRoot = t.RunAsUser, t.RunAsGroup, t.RunAsNonRoot
	}
	return c
}

// order decides where native sidecars stand among the init containers: first,
// so that the logs of the init containers come out too, unless one of them
// prepares the volume.
func (p *plan) order() {
	used := map[string]bool{}
	for _, s := range p.sidecars {
		for _, m := range s.VolumeMounts {
			used[m.Name] = true
		}
	}
	for i, c := range p.pod.InitContainers {
		for _, m := range c.VolumeMounts {
			if used[m.Name] && !(p.targetInit && c.Name == p.target.Name) {
				p.first, p.after = false, i
			}
		}
	}
}

// lifecycle looks at the end of the pod.
func (p *plan) lifecycle() {
	if g := p.pod.TerminationGracePeriodSeconds; g != nil && *g < 5 {
		p.add(check.ShortGrace, "the pod has %d s to end, the sidecar what the application leaves of it", *g)
	}
	if p.o.IsNative() {
		return
	}
	switch {
	case isKnative(p.w):
		p.add(check.PlainSidecar, "Knative takes no native sidecars: the sidecars are plain containers").Remedy = ""
	case p.o.Minor >= NativeMinor:
		p.add(check.PlainSidecar, "the sidecars are plain containers, as --native false says").Remedy = "leave --native false out where every kubelet is 1.29 or later"
	default:
		p.add(check.PlainSidecar, "Kubernetes 1.%d has no native sidecars: the sidecars are plain containers", p.o.Minor)
	}
	if !p.w.IsJob() {
		return
	}
	switch s := p.pod.ShareProcessNamespace; {
	case p.pod.HostPID:
		p.add(check.JobNeverEnds, "the pod uses the host's process namespace: the sidecar cannot tell when the work is done")
	case s != nil && !*s:
		p.add(check.JobNeverEnds, "shareProcessNamespace is false: the sidecar cannot tell when the work is done")
	case p.o.Mode != Streaming || p.o.Rotate:
		p.add(check.JobNeverEnds, "only the tailer can tell when a Job's work is done: use --mode streaming without --rotate, or native sidecars")
	case s == nil:
		p.shareProc = true
	}
}

// defaultContainer keeps kubectl logs and exec on the container that they chose
// before.
func (p *plan) defaultContainer() {
	if _, ok := p.meta.Annotations[eject.DefaultContainer]; !ok && p.pod.Containers[0].Name != p.unnamed {
		p.annotated[eject.DefaultContainer] = p.pod.Containers[0].Name
	}
}

// result is the pod after the injection.
func (p *plan) result() *corev1.PodSpec {
	pod := *p.pod
	pod.Volumes = append(slices.Clone(pod.Volumes), p.volumes...)
	if p.seed != nil {
		pod.InitContainers = append([]corev1.Container{*p.seed}, pod.InitContainers...)
	}
	if p.o.IsNative() {
		pod.InitContainers = append(slices.Clone(pod.InitContainers), p.sidecars...)
	} else {
		pod.Containers = append(slices.Clone(pod.Containers), p.sidecars...)
	}
	return &pod
}

// checkSecurity finds the pod's level before and after, which must not be lower.
func (p *plan) checkSecurity() {
	pod := p.result()
	p.security.Before, p.security.After = podsecurity.Both(p.o.Minor, &p.meta, p.pod, pod)
	if p.security.After.Rank() < p.security.Before.Rank() {
		_, why := podsecurity.Meets(p.security.Before, p.o.Minor, &p.meta, pod)
		f := p.add(check.LowersSecurity, "the pod meets %s now and would meet %s with the sidecar", p.security.Before, p.security.After)
		f.Evidence = []string{fmt.Sprintf("the admission plugin: %s", why)}
	}
}
