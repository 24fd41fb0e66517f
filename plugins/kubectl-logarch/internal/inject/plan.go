package inject

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/imagetable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/podsecurity"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Sidecar is one added container, for the report.
type Sidecar struct {
	Name  string `json:"name"`
	File  string `json:"file,omitempty"`
	Image string `json:"image"`
	// Rotates says that it rotates the file, and does not copy it.
	Rotates bool `json:"rotates,omitempty"`
}

// Security is the pod's level before and after.
type Security struct {
	Before podsecurity.Level `json:"before"`
	After  podsecurity.Level `json:"after"`
}

// plan is what will be added to one workload.
type plan struct {
	w       *manifest.Workload
	o       Options
	pod     *corev1.PodSpec
	meta    metav1.ObjectMeta
	subject finding.Subject
	at      *yamltree.File // where the workload's nodes are, for lines; may be nil
	foreign string         // why an object of somebody else's kind is none of ours
	unnamed string         // what a container is called here that has no name

	target     *corev1.Container
	targetInit bool
	sidecars   []corev1.Container
	seed       *corev1.Container // fills a new volume before anything starts
	volumes    []corev1.Volume
	mounts     []corev1.VolumeMount // added to the target
	annotated  map[string]string
	shareProc  bool
	first      bool // native sidecars stand before the init containers
	after      int  // else behind this init container
	config     *ConfigMap
	reused     []string
	created    []string
	findings   []finding.Finding
	security   Security
	images     []Sidecar
}

// ConfigMap is an object that goes with the workload.
type ConfigMap struct {
	Name string
	Data map[string]string
}

func (p *plan) add(r finding.Rule, format string, args ...any) *finding.Finding {
	if p.findings == nil {
		p.findings = make([]finding.Finding, 0, 4)
	}
	p.findings = append(p.findings, r.New(p.subject, fmt.Sprintf(format, args...)))
	return &p.findings[len(p.findings)-1]
}

// once is add for what is true of the pod, whichever log led to it.
func (p *plan) once(r finding.Rule, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(p.findings, func(f finding.Finding) bool { return f.ID == r.ID && f.Message == text }) {
		p.add(r, "%s", text)
	}
}

func (p *plan) refused() bool { return finding.Worst(p.findings) == finding.Error }

// decode reads the workload's pod template into the types of Kubernetes.
func (p *plan) decode() bool {
	p.pod = &corev1.PodSpec{}
	meta := p.w.Template.Get("metadata").Resolve()
	if !p.decodeInto("the pod's spec", p.w.Spec, p.pod) ||
		meta != nil && meta.Kind == yamltree.Map && !p.decodeInto("the pod's metadata", meta, &p.meta) {
		return false
	}
	containers := p.w.Spec.Get("containers")
	if len(p.pod.Containers) == 0 {
		p.notAPod(cmp.Or(containers, p.w.Spec), "the pod has no containers")
		return false
	}
	for i, c := range p.pod.Containers {
		if c.Name == "" && !p.nameless(i) {
			p.notAPod(containers.ItemsOrNone()[i], "container %d of the pod has no name", i+1)
			return false
		}
	}
	return true
}

// notAPod says what is wrong with the pod, and where. A kind of somebody else's may
// look like a workload and not be one.
func (p *plan) notAPod(at *yamltree.Node, format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	if !p.w.Known {
		p.foreign = why
		return
	}
	s := p.subject
	if p.at != nil && at != nil {
		s.Line, s.Column = p.at.Position(at.Start)
	}
	p.findings = append(p.findings, check.NotAPod.New(s, why))
}

// decodeInto reads a map into a type of Kubernetes, or says what is wrong with it.
func (p *plan) decodeInto(what string, n *yamltree.Node, into any) bool {
	at, wrong := manifest.Into(n, into)
	if at != nil {
		p.notAPod(at, "%s does not decode: %s", what, wrong)
	}
	return at == nil
}

// twices warns of keys that are written twice; w is the workload in the file f that
// the user gave.
func (p *plan) twices(f *yamltree.File, w *manifest.Workload) {
	for _, t := range manifest.Twices(w.Object) {
		message, line, column := t.Say(f)
		s := &p.add(check.DuplicateKey, "%s", message).Subject
		s.Line, s.Column = line, column
	}
}

// makePlan decides what to add. Findings of severity error mean that nothing
// may be added.
func makePlan(w *manifest.Workload, o Options, subject finding.Subject, at *yamltree.File) *plan {
	p := &plan{w: w, o: o, subject: subject, at: at, annotated: map[string]string{}, first: true, after: -1}
	if !p.decode() || p.refused() || !p.chooseContainer() {
		return p
	}
	if p.isWindows() {
		p.add(check.Windows, "the pod runs on Windows")
		return p
	}
	if !w.Known {
		f := p.add(check.ForeignKind, "%s is not Kubernetes' own kind; its pod template was changed all the same", w.Kind)
		if isKnative(w) {
			p.knative(f)
		}
	}
	for _, l := range o.Logs {
		p.place(l)
	}
	if p.refused() {
		return p
	}
	switch o.Mode {
	case Streaming:
		p.streaming()
		if o.Rotate {
			p.rotate()
		}
	case Agent:
		p.agent()
	case Rotate:
		p.rotate()
	}
	p.order()
	p.qos()
	p.lifecycle()
	p.defaultContainer()
	if !p.refused() {
		p.checkSecurity()
	}
	return p
}

// isWindows says whether the pod can run on Windows only: it says so itself, by the
// nodes that it asks for, or by options that Linux does not have.
func (p *plan) isWindows() bool {
	const windows = string(corev1.Windows)
	if p.pod.OS != nil {
		return p.pod.OS.Name == corev1.Windows
	}
	if p.pod.NodeSelector[corev1.LabelOSStable] == windows || p.pod.NodeSelector["beta.kubernetes.io/os"] == windows {
		return true
	}
	if c := p.pod.SecurityContext; c != nil && c.WindowsOptions != nil {
		return true
	}
	if p.target.SecurityContext != nil && p.target.SecurityContext.WindowsOptions != nil {
		return true
	}
	a := p.pod.Affinity
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return false
	}
	terms := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	for _, t := range terms { // one of them has to hold
		if !slices.ContainsFunc(t.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool {
			return (r.Key == corev1.LabelOSStable || r.Key == "beta.kubernetes.io/os") && r.Operator == corev1.NodeSelectorOpIn && len(r.Values) == 1 && r.Values[0] == windows
		}) {
			return false
		}
	}
	return len(terms) > 0
}

// chooseContainer finds the container that writes the logs: the named one, the
// default container, the only one that mounts a volume over the first log, or the
// first.
func (p *plan) chooseContainer() bool {
	find := func(name string) bool {
		for i := range p.pod.Containers {
			if p.pod.Containers[i].Name == name {
				p.target = &p.pod.Containers[i]
				return true
			}
		}
		for i := range p.pod.InitContainers {
			if p.pod.InitContainers[i].Name == name {
				p.target, p.targetInit = &p.pod.InitContainers[i], true
				return true
			}
		}
		return false
	}
	if p.o.Container != "" {
		if !find(p.o.Container) {
			var names []string
			for _, c := range p.pod.Containers {
				names = append(names, c.Name)
			}
			p.add(check.NoContainer, "there is no container %q; there is %s", p.o.Container, strings.Join(names, ", "))
			return false
		}
		return true
	}
	if find(p.meta.Annotations[eject.DefaultContainer]) {
		return true
	}
	var covering []string
	for _, c := range p.pod.Containers {
		if mountFor(c.VolumeMounts, p.o.Logs[0].Path) != nil {
			covering = append(covering, c.Name)
		}
	}
	if len(covering) == 1 {
		return find(covering[0])
	}
	return find(p.pod.Containers[0].Name)
}

// mountFor is the mount that covers a path most closely.
func mountFor(mounts []corev1.VolumeMount, file string) *corev1.VolumeMount {
	var best *corev1.VolumeMount
	for i := range mounts {
		at := path.Clean(mounts[i].MountPath)
		if at == file || at == "/" || strings.HasPrefix(file, at+"/") {
			if best == nil || len(at) > len(path.Clean(best.MountPath)) {
				best = &mounts[i]
			}
		}
	}
	return best
}

func (p *plan) volume(name string) *corev1.Volume {
	for i := range p.pod.Volumes {
		if p.pod.Volumes[i].Name == name {
			return &p.pod.Volumes[i]
		}
	}
	for i := range p.volumes {
		if p.volumes[i].Name == name {
			return &p.volumes[i]
		}
	}
	return nil
}

// place makes sure that a volume holds the log file, and mounts one where none
// does.
func (p *plan) place(l LogFile) {
	if img, _ := imagetable.Lookup(p.target.Image); img != nil && img.IsStdout(l.Path) && mountFor(p.target.VolumeMounts, l.Path) == nil {
		p.add(check.AlreadyStdout, "%s in image %s is a link to stdout: kubectl logs -c %s shows it already", l.Path, p.target.Image, p.target.Name)
		return
	}
	if m := mountFor(p.target.VolumeMounts, l.Path); m != nil {
		p.reuse(l, m)
		return
	}
	if mountFor(p.mounts, l.Path) != nil {
		return
	}
	// Of two logs in nested directories the upper one's volume holds both.
	dir := path.Dir(l.Path)
	for _, o := range p.o.Logs {
		if d := path.Dir(o.Path); strings.HasPrefix(dir+"/", d+"/") && mountFor(p.target.VolumeMounts, o.Path) == nil {
			dir = d
		}
	}
	if !p.mayMount(dir) {
		return
	}
	name := p.freeVolume("logs")
	v := corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	if !p.o.SizeLimit.IsZero() {
		q := p.o.SizeLimit.DeepCopy()
		v.EmptyDir.SizeLimit = &q
	}
	p.volumes = append(p.volumes, v)
	p.mounts = append(p.mounts, corev1.VolumeMount{Name: name, MountPath: dir})
	p.created = append(p.created, fmt.Sprintf("emptyDir %s on %s", name, dir))
	if c := p.target.SecurityContext; c != nil && c.ReadOnlyRootFilesystem != nil && *c.ReadOnlyRootFilesystem {
		p.add(check.ReadOnlyRoot, "container %s could not write %s before: its root file system is read-only", p.target.Name, l.Path)
	}
	if p.o.CopyExisting {
		p.seedFrom(name, dir)
	}
}

// reuse checks the volume that covers a log already.
func (p *plan) reuse(l LogFile, m *corev1.VolumeMount) {
	v := p.volume(m.Name)
	what := "volume " + m.Name
	if v == nil && !p.claimed(m.Name) {
		p.once(check.NotAPod, "container %s mounts volume %q, which the pod does not have", p.target.Name, m.Name)
		return
	}
	if v != nil {
		switch s := v.VolumeSource; {
		case s.ConfigMap != nil, s.Secret != nil, s.Projected != nil, s.DownwardAPI != nil, s.Image != nil, s.GitRepo != nil:
			p.add(check.NotWritable, "%s is in volume %s of container %s, which the application cannot write to", l.Path, m.Name, p.target.Name)
			return
		case s.EmptyDir != nil:
			what = "emptyDir " + m.Name
			if s.EmptyDir.Medium == corev1.StorageMediumMemory {
				p.once(check.MemoryVolume, "volume %s is in memory: the log counts toward the containers' memory", m.Name)
			}
		case s.PersistentVolumeClaim != nil:
			what = "claim " + s.PersistentVolumeClaim.ClaimName
			if m.SubPathExpr == "" && (p.w.Kind == "Deployment" || p.w.Kind == "DaemonSet" || p.w.Kind == "ReplicaSet" || p.w.Kind == "ReplicationController") {
				p.once(check.SharedClaim, "every replica mounts claim %s at %s", s.PersistentVolumeClaim.ClaimName, m.MountPath)
			}
		case s.HostPath != nil:
			what = "hostPath " + s.HostPath.Path
			if m.SubPathExpr == "" && (p.w.Kind == "Deployment" || p.w.Kind == "StatefulSet" || p.w.Kind == "ReplicaSet" || p.w.Kind == "ReplicationController") {
				p.once(check.SharedClaim, "replicas on the same node share hostPath %s", s.HostPath.Path)
			}
		}
	}
	if m.ReadOnly {
		p.add(check.NotWritable, "%s is in volume %s, which container %s mounts read-only%s", l.Path, m.Name, p.target.Name, p.writer(m.Name, l.Path))
		return
	}
	if path.Clean(m.MountPath) == l.Path {
		p.add(check.FileMount, "%s is mounted as a single file: it cannot be rotated by renaming", l.Path)
	}
	if m.SubPathExpr != "" && !p.expandable(m.SubPathExpr) {
		p.once(check.SubPathExpr, "volume %s is mounted with subPathExpr %q of variables that only container %s has", m.Name, m.SubPathExpr, p.target.Name)
		return
	}
	if text := what + " reused"; !slices.Contains(p.reused, text) {
		p.reused = append(p.reused, text)
	}
}

// variables are the names in a subPathExpr.
func variables(expr string) []string {
	var out []string
	for _, part := range strings.Split(expr, "$(")[1:] {
		if name, _, ok := strings.Cut(part, ")"); ok {
			out = append(out, name)
		}
	}
	return out
}

// expandable says whether the sidecar can have all variables of an expression.
func (p *plan) expandable(expr string) bool {
	for _, name := range variables(expr) {
		ok := false
		for _, e := range p.target.Env {
			if e.Name == name && (e.ValueFrom == nil && !strings.Contains(e.Value, "$(") || e.ValueFrom != nil && e.ValueFrom.FieldRef != nil) {
				ok = true
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

func (p *plan) freeVolume(want string) string {
	taken := func(n string) bool { return p.volume(n) != nil || p.claimed(n) }
	return free(want, taken)
}

func free(want string, taken func(string) bool) string {
	for i := 1; ; i++ {
		name := want
		if i > 1 {
			suffix := fmt.Sprintf("-%d", i)
			name = strings.TrimRight(want[:min(len(want), 63-len(suffix))], "-") + suffix
		}
		if !taken(name) {
			return name
		}
	}
}
