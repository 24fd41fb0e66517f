package snapshot

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// Pods sums up the pods of a node. In a snapshot of many nodes the pods
// themselves are not kept.
type Pods struct {
	// Total counts the pods that have not terminated: those that take one of
	// the node's places.
	Total       int `json:"total"`
	Running     int `json:"running,omitempty"`
	Pending     int `json:"pending,omitempty"`
	Failed      int `json:"failed,omitempty"`
	Succeeded   int `json:"succeeded,omitempty"`
	DaemonSet   int `json:"daemonSet,omitempty"`
	Static      int `json:"static,omitempty"`
	Terminating int `json:"terminating,omitempty"`
	NotReady    int `json:"notReady,omitempty"`
	// Oldest is the earliest moment by which a terminating pod should be gone.
	Oldest   time.Time           `json:"oldestTerminating,omitzero"`
	Requests corev1.ResourceList `json:"requests,omitempty"`
	Limits   corev1.ResourceList `json:"limits,omitempty"`
	// Partial says that only some of the node's pods were seen.
	Partial bool `json:"partial,omitempty"`
	// Rows are the pods themselves, in one node's story.
	Rows []Pod `json:"rows,omitempty"`
	// Notable are pods that say something about the node, at most
	// MaxNotable.
	Notable []Pod `json:"notable,omitempty"`
}

// MaxNotable bounds Pods.Notable.
const MaxNotable = 20

// Pod is the part of a pod that the story needs.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Phase     string `json:"phase,omitempty"`
	// Owner is the kind of the controller: DaemonSet, ReplicaSet, Node for a
	// static pod, or empty.
	Owner string `json:"owner,omitempty"`
	Ready bool   `json:"ready,omitempty"`
	// Reason is the pod's own reason, or the one its worst container waits
	// for; Message goes with it.
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
	Restarts int32  `json:"restarts,omitempty"`
	// Created and Deleted are the pod's; Deleted is the moment by which it
	// should be gone (deletion time plus grace).
	Created time.Time `json:"created,omitzero"`
	Deleted time.Time `json:"deleted,omitzero"`
	// Stays says that the pod tolerates not-ready and unreachable for ever;
	// else EvictAfter is the tolerated time.
	Stays      bool          `json:"stays,omitempty"`
	EvictAfter time.Duration `json:"evictAfter,omitempty"`
	// Claims are the persistent volume claims that it mounts.
	Claims   []string            `json:"claims,omitempty"`
	Requests corev1.ResourceList `json:"requests,omitempty"`
	Limits   corev1.ResourceList `json:"limits,omitempty"`
	// SickDevices are devices that the kubelet reports as unhealthy.
	SickDevices []string `json:"sickDevices,omitempty"`
	Images      []string `json:"images,omitempty"`
}

// String is namespace/name.
func (p Pod) String() string { return p.Namespace + "/" + p.Name }

// Terminated says whether a pod no longer takes a place on its node.
func Terminated(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// Resources returns what a pod requests and is limited to, from the status
// where a resize has changed it. Rows and totals both come from here, so that
// they agree.
func Resources(p *corev1.Pod) (requests, limits corev1.ResourceList) {
	opts := resource.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
	}
	return resource.PodRequests(p, opts), resource.PodLimits(p, opts)
}

// Add folds a pod into the sums. With detail the pod itself is kept too.
func (f *Pods) Add(p *corev1.Pod, detail bool) {
	requests, limits := Resources(p)
	f.AddSized(p, requests, limits, detail)
}

// AddSized is Add for a pod whose requests and limits are known already.
func (f *Pods) AddSized(p *corev1.Pod, requests, limits corev1.ResourceList, detail bool) {
	owner := ownerKind(p)
	switch p.Status.Phase {
	case corev1.PodRunning:
		f.Running++
	case corev1.PodPending:
		f.Pending++
	case corev1.PodFailed:
		f.Failed++
	case corev1.PodSucceeded:
		f.Succeeded++
	}
	live := !Terminated(p)
	if live {
		f.Total++
		switch owner {
		case "DaemonSet":
			f.DaemonSet++
		case "Node":
			f.Static++
		}
		if !ready(p) {
			f.NotReady++
		}
		f.Requests = sum(f.Requests, requests)
		f.Limits = sum(f.Limits, limits)
	}
	if p.DeletionTimestamp != nil && live {
		f.Terminating++
		if t := p.DeletionTimestamp.Time; f.Oldest.IsZero() || t.Before(f.Oldest) {
			f.Oldest = t
		}
	}
	if !detail && !notable(p) {
		return
	}
	row := newPod(p, requests, limits)
	if notable(p) && len(f.Notable) < MaxNotable {
		f.Notable = append(f.Notable, row)
	}
	if detail {
		f.Rows = append(f.Rows, row)
	}
}

func sum(total, add corev1.ResourceList) corev1.ResourceList {
	if len(add) == 0 {
		return total
	}
	if total == nil {
		total = corev1.ResourceList{}
	}
	for name, q := range add {
		if t, ok := total[name]; ok {
			t.Add(q)
			total[name] = t
		} else {
			total[name] = q.DeepCopy()
		}
	}
	return total
}

func ownerKind(p *corev1.Pod) string {
	for _, o := range p.OwnerReferences {
		if o.Controller != nil && *o.Controller {
			return o.Kind
		}
	}
	if _, ok := p.Annotations[corev1.MirrorPodAnnotationKey]; ok {
		return "Node"
	}
	return ""
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// notable says whether a pod tells something about its node even where the
// pods themselves are not kept.
func notable(p *corev1.Pod) bool {
	switch p.Status.Reason {
	case "AppArmor", "Evicted", "NodeLost", "NodeAffinity", "UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "OutOfpods", "Terminated", "NodeShutdown":
		return true
	}
	if p.DeletionTimestamp != nil {
		return true
	}
	for _, s := range p.Status.ContainerStatuses {
		if len(s.AllocatedResourcesStatus) > 0 && len(sickDevices(p)) > 0 {
			return true
		}
	}
	return strings.Contains(p.Status.Message, "Cannot enforce AppArmor")
}

func newPod(p *corev1.Pod, requests, limits corev1.ResourceList) Pod {
	out := Pod{
		Namespace: p.Namespace, Name: p.Name, Phase: string(p.Status.Phase), Owner: ownerKind(p),
		Ready: ready(p), Reason: p.Status.Reason, Message: p.Status.Message, Created: p.CreationTimestamp.Time,
		SickDevices: sickDevices(p),
	}
	out.Requests, out.Limits = requests, limits
	if p.DeletionTimestamp != nil {
		out.Deleted = p.DeletionTimestamp.Time
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, s := range list {
			out.Restarts += s.RestartCount
			if w := s.State.Waiting; w != nil && out.Reason == "" && w.Reason != "" && w.Reason != "PodInitializing" {
				out.Reason, out.Message = w.Reason, w.Message
			}
		}
	}
	for _, c := range p.Spec.Containers {
		out.Images = append(out.Images, c.Image)
	}
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			out.Claims = append(out.Claims, v.PersistentVolumeClaim.ClaimName)
		}
		if v.Ephemeral != nil {
			out.Claims = append(out.Claims, p.Name+"-"+v.Name)
		}
	}
	out.Stays, out.EvictAfter = tolerance(p)
	return out
}

// tolerance says how long a pod may stay on an unreachable node. A pod that
// does not tolerate the taint at all is evicted at once.
func tolerance(p *corev1.Pod) (forever bool, after time.Duration) {
	taint := corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}
	found := false
	for _, t := range p.Spec.Tolerations {
		if !tolerates(t, taint) {
			continue
		}
		if t.TolerationSeconds == nil {
			if !found {
				forever = true
			}
			continue
		}
		// The shortest of several limits counts, and any limit beats none.
		d := time.Duration(max(0, *t.TolerationSeconds)) * time.Second
		if !found || d < after {
			after = d
		}
		found, forever = true, false
	}
	return forever, after
}

func tolerates(t corev1.Toleration, taint corev1.Taint) bool {
	if t.Effect != "" && t.Effect != taint.Effect {
		return false
	}
	if t.Key != "" && t.Key != taint.Key {
		return false
	}
	switch t.Operator {
	case corev1.TolerationOpExists:
		return true
	case "", corev1.TolerationOpEqual:
		return t.Key != "" && t.Value == taint.Value
	}
	return false
}

func sickDevices(p *corev1.Pod) []string {
	var out []string
	for _, s := range p.Status.ContainerStatuses {
		for _, r := range s.AllocatedResourcesStatus {
			for _, h := range r.Resources {
				if h.Health == corev1.ResourceHealthStatusUnhealthy {
					out = append(out, string(r.Name)+" "+string(h.ResourceID))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// EventsOf are those of some events that are about these pods. What the control
// plane says of a pod, that its node's taint evicts it, names no node.
func (p *Pods) EventsOf(events []Event) []Event {
	if p == nil || len(events) == 0 {
		return nil
	}
	here := map[string]bool{}
	for i := range p.Rows {
		here["Pod/"+p.Rows[i].Namespace+"/"+p.Rows[i].Name] = true
	}
	var out []Event
	for _, e := range events {
		if here[e.About] {
			out = append(out, e)
		}
	}
	return out
}
