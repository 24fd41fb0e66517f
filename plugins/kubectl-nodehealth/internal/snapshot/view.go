package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// Fixed times of the node heartbeat protocol.
const (
	// LeaseInterval is how often a kubelet renews its lease: a quarter of the
	// lease's 40 s.
	LeaseInterval = 10 * time.Second
	// LeaseDuration is the default nodeLeaseDurationSeconds.
	LeaseDuration = 40 * time.Second
	// StatusEvery is how often a status without a change is posted.
	StatusEvery = 5 * time.Minute
	// GraceOld and GraceNew are kube-controller-manager's
	// --node-monitor-grace-period before and from v1.32
	// (kubernetes/kubernetes#126287).
	GraceOld = 40 * time.Second
	GraceNew = 50 * time.Second
	// MonitorPeriod is how often the node lifecycle controller looks.
	MonitorPeriod = 5 * time.Second
)

// View is one node seen from a snapshot: what every judge asks.
type View struct {
	*Snapshot
	Node *Node
	Now  time.Time
}

// View returns the view of a node.
func (s *Snapshot) View(n *Node) *View {
	now := s.ObservedAt
	if !n.ObservedAt.IsZero() {
		now = n.ObservedAt
	}
	return &View{Snapshot: s, Node: n, Now: now}
}

// Live says whether the snapshot comes from a running cluster.
func (v *View) Live() bool { return v.Clock == ClockLive }

// Condition returns a condition of the node.
func (v *View) Condition(t corev1.NodeConditionType) *corev1.NodeCondition {
	if v.Node.Object == nil {
		return nil
	}
	for i := range v.Node.Object.Status.Conditions {
		if c := &v.Node.Object.Status.Conditions[i]; c.Type == t {
			return c
		}
	}
	return nil
}

// Ready is the Ready condition's status, "" where there is none.
func (v *View) Ready() corev1.ConditionStatus {
	if c := v.Condition(corev1.NodeReady); c != nil {
		return c.Status
	}
	return ""
}

// Taint returns a taint of the node by its key, and effect where it is given.
func (v *View) Taint(key string, effect corev1.TaintEffect) *corev1.Taint {
	if v.Node.Object == nil {
		return nil
	}
	for i := range v.Node.Object.Spec.Taints {
		if t := &v.Node.Object.Spec.Taints[i]; t.Key == key && (effect == "" || t.Effect == effect) {
			return t
		}
	}
	return nil
}

// Age is the time from t to now, never negative; 0 for a zero t.
func (v *View) Age(t time.Time) time.Duration {
	if t.IsZero() || t.After(v.Now) {
		return 0
	}
	return v.Now.Sub(t)
}

// LeaseAge is the time since the kubelet renewed its lease, and whether that
// is known.
func (v *View) LeaseAge() (time.Duration, bool) {
	if v.Node.Lease == nil || v.Node.Lease.Renewed.IsZero() {
		return 0, false
	}
	return v.Age(v.Node.Lease.Heard()), true
}

// Grace is the silence after which the node lifecycle controller gives a node
// up, and where the figure comes from: the node's own history where it was
// given up (the gap between its last renewal and the transition to Unknown is
// the grace period and up to two looks of the controller), else the default of
// the control plane's version.
func (v *View) Grace() (time.Duration, string) {
	grace, whence := v.defaultGrace()
	gap, ok := v.Gap()
	switch {
	case !ok, gap >= grace && gap <= grace+3*MonitorPeriod:
		return grace, whence
	case v.Cluster.ServerVersion == "" && gap >= GraceOld && gap <= GraceOld+3*MonitorPeriod:
		return GraceOld, "default before v1.32"
	}
	return gap.Round(time.Second), fmt.Sprintf("measured here; %s is the default", grace)
}

// Gap is the time from the kubelet's last renewal to the moment at which it was
// marked Unknown, and whether it was.
func (v *View) Gap() (time.Duration, bool) {
	c := v.Condition(corev1.NodeReady)
	if c == nil || c.Status != corev1.ConditionUnknown || v.Node.Lease == nil || v.Node.Lease.Renewed.IsZero() {
		return 0, false
	}
	gap := c.LastTransitionTime.Sub(v.Node.Lease.Heard())
	return gap, gap > 0 && gap < time.Hour
}

func (v *View) defaultGrace() (time.Duration, string) {
	current := version.MustParseGeneric("1.32.0")
	if ver, err := version.ParseGeneric(v.Cluster.ServerVersion); err == nil {
		if ver.AtLeast(current) {
			return GraceNew, "default since v1.32"
		}
		return GraceOld, "default before v1.32"
	}
	if k, ok := v.KubeletVersion(); ok && k.AtLeast(current) {
		// A control plane is never older than its kubelets.
		return GraceNew, "default since v1.32"
	}
	if k, ok := v.KubeletVersion(); ok && k.LessThan(version.MustParseGeneric("1.29.0")) {
		// Nor more than three minors newer, so this one is before v1.32.
		return GraceOld, "default before v1.32"
	}
	return GraceNew, "default since v1.32, 40s before"
}

// KubeletVersion is the node's kubelet version.
func (v *View) KubeletVersion() (*version.Version, bool) {
	if v.Node.Object == nil {
		return nil, false
	}
	ver, err := version.ParseGeneric(v.Node.Object.Status.NodeInfo.KubeletVersion)
	return ver, err == nil
}

// Windows says whether the node runs Windows.
func (v *View) Windows() bool {
	return v.Node.Object != nil && (v.Node.Object.Status.NodeInfo.OperatingSystem == "windows" || v.Node.Object.Labels[corev1.LabelOSStable] == "windows")
}

// Heartbeat is the newest heartbeat that the kubelet has put into its own
// conditions, and whether there is one.
func (v *View) Heartbeat() (time.Time, bool) {
	var newest time.Time
	for _, t := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		if c := v.Condition(t); c != nil && c.LastHeartbeatTime.After(newest) {
			newest = c.LastHeartbeatTime.Time
		}
	}
	return newest, !newest.IsZero()
}

// InternalIP is the address that the API server dials: the first internal IP,
// else the first address.
func (v *View) InternalIP() string {
	if v.Node.Object == nil {
		return ""
	}
	if a := internalAddress(v.Node.Object); a != "" {
		return a
	}
	for _, a := range v.Node.Object.Status.Addresses {
		return a.Address
	}
	return ""
}

// KubeletPort is the kubelet's port, 10250 where the node does not say.
func (v *View) KubeletPort() int32 {
	if v.Node.Object != nil && v.Node.Object.Status.DaemonEndpoints.KubeletEndpoint.Port != 0 {
		return v.Node.Object.Status.DaemonEndpoints.KubeletEndpoint.Port
	}
	return 10250
}

// EventsOf returns the node's events of some reasons, newest first.
func (v *View) EventsOf(reasons ...string) []Event {
	var out []Event
	for _, e := range v.Node.Events {
		if slices.Contains(reasons, e.Reason) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return b.Last.Compare(a.Last) })
	return out
}

// Runtime splits the container runtime's version: "containerd", "1.7.2".
func (v *View) Runtime() (name, ver string) {
	if v.Node.Object == nil {
		return "", ""
	}
	name, ver, _ = strings.Cut(v.Node.Object.Status.NodeInfo.ContainerRuntimeVersion, "://")
	return name, ver
}
