package report

import (
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Facts are a node's figures for tables. A nil figure was not read.
type Facts struct {
	Roles        []string `json:"roles,omitempty"`
	Zone         string   `json:"zone,omitempty"`
	Version      string   `json:"version,omitempty"`
	OS           string   `json:"os,omitempty"`
	Runtime      string   `json:"runtime,omitempty"`
	InternalIP   string   `json:"internalIP,omitempty"`
	LeaseSeconds *float64 `json:"leaseSeconds,omitempty"`
	// SinceSeconds is how long the node has been as it is.
	SinceSeconds  *float64 `json:"sinceSeconds,omitempty"`
	Pods          *int     `json:"pods,omitempty"`
	PodCapacity   *int64   `json:"podCapacity,omitempty"`
	CPUPercent    *int     `json:"cpuPercent,omitempty"`
	MemoryPercent *int     `json:"memoryPercent,omitempty"`
}

func facts(v *snapshot.View) Facts {
	f := Facts{Zone: snapshot.Zone(v.Node.Object), InternalIP: v.InternalIP()}
	if age, ok := v.LeaseAge(); ok {
		f.LeaseSeconds = seconds(age)
	}
	if p := v.Node.Pods; p != nil {
		f.Pods = &p.Total
	}
	o := v.Node.Object
	if o == nil {
		return f
	}
	f.Roles = roles(o)
	f.Version, f.OS, f.Runtime = o.Status.NodeInfo.KubeletVersion, o.Status.NodeInfo.OSImage, o.Status.NodeInfo.ContainerRuntimeVersion
	if c := v.Condition(corev1.NodeReady); c != nil && !c.LastTransitionTime.IsZero() {
		f.SinceSeconds = seconds(v.Age(c.LastTransitionTime.Time))
	}
	for _, t := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		if c := v.Condition(t); c != nil && c.Status == corev1.ConditionTrue && v.Ready() == corev1.ConditionTrue {
			f.SinceSeconds = seconds(v.Age(c.LastTransitionTime.Time))
		}
	}
	if age, ok := v.LeaseAge(); ok && check.LeaseExpired(v) && v.Ready() == corev1.ConditionTrue {
		// Silent, and not noticed: the condition's age says nothing.
		f.SinceSeconds = seconds(age)
	}
	if q, ok := o.Status.Allocatable[corev1.ResourcePods]; ok {
		n := q.Value()
		f.PodCapacity = &n
	}
	cpu, memory := o.Status.Allocatable[corev1.ResourceCPU], o.Status.Allocatable[corev1.ResourceMemory]
	switch {
	case v.Node.Usage != nil:
		f.CPUPercent, f.MemoryPercent = percent(v.Node.Usage.CPUMilli, cpu.MilliValue()), percent(v.Node.Usage.MemoryBytes, memory.Value())
	case v.Node.Kubelet.Stats != nil:
		if n := v.Node.Kubelet.Stats.CPUNanos; n != nil {
			f.CPUPercent = percent(int64(*n/1_000_000), cpu.MilliValue())
		}
		if m := v.Node.Kubelet.Stats.Memory; m != nil {
			f.MemoryPercent = percent(int64(m.WorkingSet), memory.Value())
		}
	}
	return f
}

func seconds(d time.Duration) *float64 {
	s := math.Round(d.Seconds()*10) / 10
	return &s
}

func percent(part, whole int64) *int {
	if whole <= 0 {
		return nil
	}
	p := int(math.Round(float64(part) * 100 / float64(whole)))
	return &p
}

func roles(o *corev1.Node) []string {
	var out []string
	for k, val := range o.Labels {
		if r, ok := strings.CutPrefix(k, "node-role.kubernetes.io/"); ok && r != "" {
			out = append(out, r)
		} else if k == "kubernetes.io/role" && val != "" {
			out = append(out, val)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// essential says what is missing for a verdict, "" if nothing: the node's own
// status, and a sign of life that is not older than the protocol allows.
func essential(v *snapshot.View) string {
	if v.Node.Object == nil {
		p, _ := v.Probe(v.Node, snapshot.SourceNode)
		return "the node could not be read: " + string(p.Status) + reason(p)
	}
	if v.Live() {
		var late []string
		for _, p := range v.Probes(v.Node) {
			if p.Status == snapshot.Timeout && p.Name != snapshot.SourceMetrics {
				late = append(late, p.Name)
			}
		}
		if len(late) >= 2 {
			return phrase.List(late, 3) + " timed out: too much of the evidence is missing"
		}
	}
	if v.Ready() == "" {
		return check.NoReady(v)
	}
	if v.Ready() != corev1.ConditionTrue {
		return ""
	}
	if _, ok := v.LeaseAge(); ok {
		return ""
	}
	if h := v.Node.Kubelet.Healthz; h != nil {
		return ""
	}
	p, _ := v.Probe(v.Node, snapshot.SourceLease)
	hb, ok := v.Heartbeat()
	if !ok {
		return "no sign of life was read: no lease" + reason(p) + ", and the conditions carry no heartbeat"
	}
	if v.Live() && p.Status != snapshot.Absent && v.Age(hb) > snapshot.GraceNew {
		return "no sign of life was read: the lease could not be read" + reason(p) + ", the kubelet was not heard, and its last status is " + phrase.Duration(v.Age(hb)) + " old"
	}
	if v.Age(hb) > snapshot.StatusEvery+2*time.Minute {
		return "the last status is older than a kubelet lets it get, and no lease was read" + reason(p)
	}
	return ""
}

func reason(p snapshot.Probe) string {
	if p.Detail == "" {
		return ""
	}
	return " (" + p.Detail + ")"
}
