package snapshot

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTolerance(t *testing.T) {
	secs := func(n int64) *int64 { return &n }
	for name, tc := range map[string]struct {
		tolerations []corev1.Toleration
		stays       bool
		after       time.Duration
	}{
		"none: at once":              {nil, false, 0},
		"the default 300s":           {[]corev1.Toleration{{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: secs(300)}}, false, 300 * time.Second},
		"a DaemonSet's":              {[]corev1.Toleration{{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}}, true, 0},
		"everything":                 {[]corev1.Toleration{{Operator: corev1.TolerationOpExists}}, true, 0},
		"another taint":              {[]corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpExists}}, false, 0},
		"another effect":             {[]corev1.Toleration{{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}}, false, 0},
		"the shortest of two":        {[]corev1.Toleration{{Operator: corev1.TolerationOpExists, TolerationSeconds: secs(600)}, {Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, TolerationSeconds: secs(30)}}, false, 30 * time.Second},
		"a limit beats no limit":     {[]corev1.Toleration{{Operator: corev1.TolerationOpExists}, {Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, TolerationSeconds: secs(30)}}, false, 30 * time.Second},
		"a negative limit is zero":   {[]corev1.Toleration{{Operator: corev1.TolerationOpExists, TolerationSeconds: secs(-5)}}, false, 0},
		"another value, by Equal":    {[]corev1.Toleration{{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpEqual, Value: "x"}}, false, 0},
		"the same value, by default": {[]corev1.Toleration{{Key: corev1.TaintNodeUnreachable}}, true, 0},
	} {
		p := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: tc.tolerations}}
		if stays, after := tolerance(p); stays != tc.stays || after != tc.after {
			t.Errorf("%s: stays %v, after %s; want %v, %s", name, stays, after, tc.stays, tc.after)
		}
	}
}

func TestGrace(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		server, kubelet string
		gap             time.Duration
		want            time.Duration
	}{
		"v1.32 and later":                  {"v1.32.0", "v1.30.0", 0, 50 * time.Second},
		"before v1.32":                     {"v1.31.9", "v1.30.0", 0, 40 * time.Second},
		"old kubelet, server not known":    {"", "v1.23.3", 0, 40 * time.Second},
		"new kubelet, server not known":    {"", "v1.33.0", 0, 50 * time.Second},
		"between: the newer":               {"", "v1.30.0", 0, 50 * time.Second},
		"between: measured":                {"", "v1.30.0", 43 * time.Second, 40 * time.Second},
		"a gap that fits the default":      {"v1.37.0", "v1.37.0", 54 * time.Second, 50 * time.Second},
		"another grace period is measured": {"v1.37.0", "v1.37.0", 21 * time.Second, 21 * time.Second},
	} {
		n := NewNode(&corev1.Node{})
		n.Object.Status.NodeInfo.KubeletVersion = tc.kubelet
		if tc.gap > 0 {
			n.Lease = &Lease{Renewed: now.Add(-tc.gap)}
			n.Object.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, LastTransitionTime: metav1.Time{Time: now}}}
		}
		s := &Snapshot{ObservedAt: now, Cluster: Cluster{ServerVersion: tc.server}}
		if got, why := s.View(n).Grace(); got != tc.want {
			t.Errorf("%s: %s (%s), want %s", name, got, why, tc.want)
		}
	}
}

func TestWriters(t *testing.T) {
	at := metav1.Now()
	ws := Writers([]metav1.ManagedFieldsEntry{{Manager: "node-problem-detector", Subresource: "status", Time: &at, FieldsV1: metav1.NewFieldsV1(
		`{"f:status":{"f:conditions":{"k:{\"type\":\"KernelDeadlock\"}":{},"k:{\"type\":\"Ready\"}":{},".":{}}}}`)}})
	if len(ws) != 1 || len(ws[0].Conditions) != 2 || ws[0].Conditions[0] != "KernelDeadlock" {
		t.Errorf("%+v", ws)
	}
}

// The lease's manager is not always called kubelet: k3s renews it as k3s.
func TestHeardByTheServersClock(t *testing.T) {
	server := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct{ renewed, stamped, want time.Time }{
		"agreeing":    {server.Add(800 * time.Millisecond), server, server.Add(800 * time.Millisecond)},
		"node behind": {server.Add(-time.Hour), server, server},
		"node ahead":  {server.Add(time.Hour), server, server},
		"no stamp":    {server, time.Time{}, server},
	} {
		if got := (&Lease{Renewed: tc.renewed, Stamped: tc.stamped}).Heard(); !got.Equal(tc.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestZone(t *testing.T) {
	for want, labels := range map[string]map[string]string{
		"":           {},
		"us-east-1a": {corev1.LabelTopologyRegion: "us-east-1", corev1.LabelTopologyZone: "us-east-1a"},
		"eastus/0":   {corev1.LabelFailureDomainBetaRegion: "eastus", corev1.LabelFailureDomainBetaZone: "0"},
		"z1":         {corev1.LabelTopologyZone: "z1"},
		"r1":         {corev1.LabelTopologyRegion: "r1"},
	} {
		if got := Zone(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: labels}}); got != want {
			t.Errorf("%v: %q, want %q", labels, got, want)
		}
	}
}

// The taint manager's word on a pod names no node; the pod's own binding does.
func TestEventsWithoutANode(t *testing.T) {
	b := &Builder{Detail: true}
	node := &corev1.Node{}
	node.Name = "n1"
	b.AddNode(node)
	event := func(name, pod, reason string) {
		e := &corev1.Event{Reason: reason, Message: "Marking for deletion Pod ns/" + pod}
		e.Name, e.Namespace = name, "ns"
		e.InvolvedObject = corev1.ObjectReference{Kind: "Pod", Namespace: "ns", Name: pod}
		b.AddEvent(e)
	}
	event("a", "here", "TaintManagerEviction")
	event("b", "elsewhere", "TaintManagerEviction")
	event("c", "here", "Scheduled")
	pod := &corev1.Pod{}
	pod.Name, pod.Namespace, pod.Spec.NodeName = "here", "ns", "n1"
	b.AddPod(pod)
	es := b.Build().Nodes[0].Events
	if len(es) != 1 || es[0].About != "Pod/ns/here" || es[0].Reason != "TaintManagerEviction" {
		t.Errorf("%+v", es)
	}
}

// A must-gather takes its time: a node that was read when it began is not old
// when it ends.
func TestLongCapture(t *testing.T) {
	began := time.Date(2025, 6, 10, 12, 0, 0, 0, time.UTC)
	for minutes, want := range map[int]time.Time{0: began, 20: began, 1: began.Add(time.Minute)} {
		b := &Builder{Began: began, Captured: began.Add(time.Duration(minutes) * time.Minute)}
		b.Stamp(began.Add(-time.Minute))
		if s := b.Build(); !s.ObservedAt.Equal(want) || s.Clock != ClockCapture {
			t.Errorf("%d minutes: %s (%s), want %s", minutes, s.ObservedAt, s.Clock, want)
		}
	}
	b := &Builder{Began: began, Captured: began.Add(20 * time.Minute)}
	b.Stamp(began.Add(7 * time.Minute))
	if s := b.Build(); !s.ObservedAt.Equal(began.Add(7*time.Minute)) || s.Clock != ClockNewest {
		t.Errorf("read in between: %s (%s)", s.ObservedAt, s.Clock)
	}
}
