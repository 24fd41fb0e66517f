package npd

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// staleAfter is three of the detector's heartbeats (5 minutes).
const staleAfter = 15 * time.Minute

// Mode is a failure mode and the conditions, of whichever detector, that watch
// for it.
type Mode struct {
	Name       string
	Conditions []corev1.NodeConditionType
}

// Modes are the failure modes that a node should be watched for.
var Modes = []Mode{
	{"a hung kernel task", []corev1.NodeConditionType{"KernelDeadlock", "ContainerRuntimeTaskHung", "KernelReady"}},
	{"a read-only or corrupt file system", []corev1.NodeConditionType{"ReadonlyFilesystem", "FilesystemCorruptionProblem", "StorageReady"}},
	{"an XFS shutdown", []corev1.NodeConditionType{"XfsShutdown", "StorageReady"}},
	{"a fatal hardware error", []corev1.NodeConditionType{"CperHardwareErrorFatal", "KernelReady"}},
	{"bad blocks on a disk", []corev1.NodeConditionType{"DiskBadBlock", "StorageReady"}},
	{"a kubelet that fails or restarts", []corev1.NodeConditionType{"KubeletUnhealthy", "KubeletProblem", "FrequentKubeletRestart"}},
	{"a runtime that fails or restarts", []corev1.NodeConditionType{"ContainerRuntimeUnhealthy", "ContainerRuntimeProblem", "ContainerRuntimeReady", "FrequentContainerdRestart", "FrequentDockerRestart"}},
	{"leaking network devices", []corev1.NodeConditionType{"FrequentUnregisterNetDevice", "NetworkingReady"}},
	{"a clock that is not synchronised", []corev1.NodeConditionType{"NTPProblem"}},
}

// Status is who watches the nodes, and what nobody watches.
type Status struct {
	// Runs says how: "DaemonSet ns/name", "static pods", "outside the cluster"
	// or "".
	Runs  string `json:"runs"`
	Image string `json:"image,omitempty"`
	// Owners are the detectors by the conditions they set.
	Owners []string     `json:"owners"`
	Nodes  []NodeStatus `json:"nodes"`
}

// NodeStatus is one node's.
type NodeStatus struct {
	Name string `json:"name"`
	// Watched are the detectors' conditions on the node.
	Watched []string `json:"watched"`
	// Problems are the conditions that tell of one now, with their reason.
	Problems []string `json:"problems"`
	// Unwatched are failure modes that no condition stands for.
	Unwatched []string `json:"unwatched"`
	// Stale are conditions whose writer has fallen silent; Orphaned are those
	// that other conditions of the same detector have outlived, which is what
	// a monitor that was removed from the configuration leaves behind.
	Stale    []string `json:"stale,omitempty"`
	Orphaned []string `json:"orphaned,omitempty"`
	// Writers are the field managers of the conditions.
	Writers []string `json:"writers,omitempty"`
}

// Silent says that nothing watches the node now: no condition, or stale ones
// only.
func (n NodeStatus) Silent() bool { return len(n.Watched) == 0 || len(n.Stale) == len(n.Watched) }

// Judge reads who watches the nodes from their conditions, and how the detector
// runs from DaemonSets and pods. No DaemonSet does not mean no detector: AKS
// and others run it as a service of the host.
func Judge(nodes []corev1.Node, sets []appsv1.DaemonSet, pods []corev1.Pod, now time.Time) Status {
	s := Status{Owners: []string{}}
	for i := range nodes {
		s.Nodes = append(s.Nodes, judgeNode(&nodes[i], now, &s.Owners))
	}
	slices.Sort(s.Owners)
	for _, d := range sets {
		for _, c := range d.Spec.Template.Spec.Containers {
			if strings.Contains(c.Image, "node-problem-detector") || strings.Contains(c.Image, "eks-node-monitoring-agent") {
				s.Runs, s.Image = "DaemonSet "+d.Namespace+"/"+d.Name, c.Image
			}
		}
	}
	if s.Runs == "" {
		for _, p := range pods {
			for _, c := range p.Spec.Containers {
				if strings.Contains(c.Image, "node-problem-detector") {
					s.Runs, s.Image = "static pods, such as "+p.Namespace+"/"+p.Name, c.Image
				}
			}
		}
	}
	if s.Runs == "" && slices.ContainsFunc(s.Nodes, func(n NodeStatus) bool { return !n.Silent() }) {
		s.Runs = "outside the cluster (a service of the host), by the conditions that it sets"
	}
	return s
}

func judgeNode(n *corev1.Node, now time.Time, owners *[]string) NodeStatus {
	out := NodeStatus{Name: n.Name, Watched: []string{}, Problems: []string{}, Unwatched: []string{}}
	fresh := map[string]bool{}
	type watched struct {
		condition corev1.NodeCondition
		owner     string
		bad       bool
	}
	var found []watched
	for _, c := range n.Status.Conditions {
		known, ok := check.KnownCondition(c.Type)
		if !ok || !isDetector(known.Owner) {
			continue
		}
		bad := known.Polarity == check.GoodFalse && c.Status == corev1.ConditionTrue ||
			known.Polarity == check.GoodTrue && c.Status == corev1.ConditionFalse
		found = append(found, watched{c, known.Owner, bad})
		if !slices.Contains(*owners, known.Owner) {
			*owners = append(*owners, known.Owner)
		}
		if now.Sub(c.LastHeartbeatTime.Time) <= staleAfter {
			fresh[known.Owner] = true
		}
	}
	// The order in the object is that of the writes: nodes are told together by
	// what they have.
	sort.Slice(found, func(i, j int) bool { return found[i].condition.Type < found[j].condition.Type })
	for _, f := range found {
		name := string(f.condition.Type)
		out.Watched = append(out.Watched, name)
		if f.bad {
			out.Problems = append(out.Problems, fmt.Sprintf("%s=%s (%s)", name, f.condition.Status, f.condition.Reason))
		}
		if now.Sub(f.condition.LastHeartbeatTime.Time) <= staleAfter {
			continue
		}
		if fresh[f.owner] {
			out.Orphaned = append(out.Orphaned, name)
		}
		out.Stale = append(out.Stale, name)
	}
	for _, m := range Modes {
		if !slices.ContainsFunc(m.Conditions, func(t corev1.NodeConditionType) bool {
			return slices.Contains(out.Watched, string(t)) && !slices.Contains(out.Stale, string(t))
		}) {
			out.Unwatched = append(out.Unwatched, m.Name)
		}
	}
	for _, w := range snapshot.Writers(n.ManagedFields) {
		if slices.ContainsFunc(w.Conditions, func(c string) bool { return slices.Contains(out.Watched, c) }) && !slices.Contains(out.Writers, w.Manager) {
			out.Writers = append(out.Writers, w.Manager)
		}
	}
	return out
}

func isDetector(owner string) bool {
	return owner == "Node Problem Detector" || strings.Contains(owner, "problem detector") || strings.Contains(owner, "monitoring agent")
}

// Headline is the answer in one line.
func (s Status) Headline() string {
	watched := 0
	for _, n := range s.Nodes {
		if !n.Silent() {
			watched++
		}
	}
	problems := 0
	for _, n := range s.Nodes {
		if len(n.Problems) > 0 {
			problems++
		}
	}
	tail := ""
	if problems > 0 {
		tail = fmt.Sprintf("; %d with a problem now", problems)
	}
	switch {
	case len(s.Nodes) == 0:
		return "no nodes"
	case len(s.Nodes) == 1 && watched == 0:
		return fmt.Sprintf("nobody watches %s for kernel, disk and runtime problems", s.Nodes[0].Name)
	case len(s.Nodes) == 1:
		return fmt.Sprintf("%s is watched (%s)%s", s.Nodes[0].Name, strings.Join(s.Owners, ", "), tail)
	case watched == 0:
		return fmt.Sprintf("nobody watches the %d nodes for kernel, disk and runtime problems", len(s.Nodes))
	case watched < len(s.Nodes):
		return fmt.Sprintf("%d of %d nodes are watched (%s)%s", watched, len(s.Nodes), strings.Join(s.Owners, ", "), tail)
	}
	return fmt.Sprintf("all %d nodes are watched (%s)%s", len(s.Nodes), strings.Join(s.Owners, ", "), tail)
}
