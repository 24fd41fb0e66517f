package npd

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func watchedNode(name string, beats map[corev1.NodeConditionType]time.Duration) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for t, ago := range beats {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: t, Status: corev1.ConditionFalse, LastHeartbeatTime: metav1.NewTime(at.Add(-ago))})
	}
	return n
}

var at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestStatus(t *testing.T) {
	set := appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "npd"}}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Image: Image}}
	fresh := watchedNode("n1", map[corev1.NodeConditionType]time.Duration{"KernelDeadlock": time.Minute, "ReadonlyFilesystem": time.Minute, "Ready": time.Second})
	orphan := watchedNode("n2", map[corev1.NodeConditionType]time.Duration{"KernelDeadlock": time.Minute, "XfsShutdown": 17 * 24 * time.Hour})
	silent := watchedNode("n3", map[corev1.NodeConditionType]time.Duration{"KernelDeadlock": time.Hour})
	eks := watchedNode("n4", map[corev1.NodeConditionType]time.Duration{"KernelReady": time.Minute, "StorageReady": time.Minute, "NetworkingReady": time.Minute, "ContainerRuntimeReady": time.Minute})
	for i := range eks.Status.Conditions {
		eks.Status.Conditions[i].Status = corev1.ConditionTrue // which is good there
	}
	none := watchedNode("n5", map[corev1.NodeConditionType]time.Duration{"Ready": time.Second})

	s := Judge([]corev1.Node{fresh, orphan, silent, none}, []appsv1.DaemonSet{set}, nil, at)
	if s.Runs != "DaemonSet kube-system/npd" || s.Image != Image || s.Headline() != "2 of 4 nodes are watched (Node Problem Detector)" {
		t.Errorf("%q %q %q", s.Runs, s.Image, s.Headline())
	}
	if n := s.Nodes[0]; n.Silent() || slices.Contains(n.Unwatched, "a hung kernel task") || !slices.Contains(n.Unwatched, "an XFS shutdown") {
		t.Errorf("%+v", n)
	}
	if n := s.Nodes[1]; len(n.Orphaned) != 1 || n.Orphaned[0] != "XfsShutdown" || !slices.Contains(n.Unwatched, "an XFS shutdown") {
		t.Errorf("%+v", n)
	}
	if n := s.Nodes[2]; !n.Silent() || len(n.Orphaned) != 0 || len(n.Unwatched) != len(Modes) {
		t.Errorf("%+v", n)
	}
	s = Judge([]corev1.Node{eks}, nil, nil, at)
	if !strings.HasPrefix(s.Runs, "outside the cluster") || s.Headline() != "n4 is watched (EKS node monitoring agent)" {
		t.Errorf("%q %q", s.Runs, s.Headline())
	}
	eks.Status.Conditions[0].Status = corev1.ConditionFalse
	s = Judge([]corev1.Node{eks}, nil, nil, at)
	if len(s.Nodes[0].Problems) != 1 || !strings.HasSuffix(s.Headline(), "; 1 with a problem now") {
		t.Errorf("%q %+v", s.Headline(), s.Nodes[0])
	}
	s = Judge([]corev1.Node{none}, nil, nil, at)
	if s.Runs != "" || !strings.HasPrefix(s.Headline(), "nobody watches n5") {
		t.Errorf("%q %q", s.Runs, s.Headline())
	}
}
