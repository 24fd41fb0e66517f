package timeline

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// view is a node whose kubelet stopped at minute 10.
func view() *snapshot.View {
	at := func(min int) time.Time { return start.Add(time.Duration(min) * time.Minute) }
	added := metav1.NewTime(at(11))
	n := &snapshot.Node{
		Name: "n1",
		Object: &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n1", CreationTimestamp: metav1.NewTime(start.AddDate(0, -3, 0))},
			Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute, TimeAdded: &added}}},
			Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: metav1.NewTime(at(11))},
				{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionFalse, Reason: "RouteCreated", LastTransitionTime: metav1.NewTime(at(1))},
				{Type: "SomethingElse", Status: corev1.ConditionTrue, Reason: "R", LastTransitionTime: metav1.NewTime(at(2))},
			}},
		},
		Lease:  &snapshot.Lease{Renewed: at(10)},
		Events: []snapshot.Event{{Type: "Normal", Reason: "NodeNotReady", Message: "Node n1 status is now: NodeNotReady", First: at(11), Last: at(11), Count: 1, About: "Node/n1", Component: "node-controller"}},
		Pods:   &snapshot.Pods{Rows: []snapshot.Pod{{Namespace: "ns", Name: "web", Created: at(3), Deleted: at(16)}}},
	}
	s := &snapshot.Snapshot{ObservedAt: at(20), Clock: snapshot.ClockLive, Nodes: []*snapshot.Node{n}}
	return s.View(n)
}

func TestBuildTellsTheStoryInOrder(t *testing.T) {
	var got []string
	for _, e := range Build(view()) {
		got = append(got, strings.TrimSpace(sign(e))+e.Text)
	}
	want := []string{
		"the node registered",
		"+NetworkUnavailable became False (RouteCreated)",
		"SomethingElse became True (R)",
		"ns/web was created",
		"-lease renewed for the last time, silent for 10m0s since",
		"-Ready became Unknown (NodeStatusUnknown)",
		"-tainted node.kubernetes.io/unreachable:NoExecute",
		"-NodeNotReady, says node-controller",
		"-ns/web should have ended, and is still there 4m0s later",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The picture is XML, needs nothing from elsewhere, and text cannot break it.
func TestSVGStandsAlone(t *testing.T) {
	entries := append(Build(view()), Entry{Time: start, Lane: EventLane, Text: `<script>alert("x")</script> & more`})
	var b strings.Builder
	if err := SVG(&b, "n1 <&>", "since <then>", entries); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, foreign := range []string{"<script", "href", "@import", "url("} {
		if strings.Contains(b.String(), foreign) {
			t.Errorf("the picture has %q", foreign)
		}
	}
	if err := SVG(io.Discard, "empty", "", nil); err != nil {
		t.Error(err)
	}
}

// TestMarksDoNotOverlap: what lies close together in a lane is one mark, and the
// labels of the axis keep their distance.
func TestMarksDoNotOverlap(t *testing.T) {
	var entries []Entry
	for i := range 40 {
		entries = append(entries, Entry{Time: start.Add(time.Duration(i*i) * time.Second), Lane: Lanes[i%len(Lanes)], Text: "x", Bad: i%3 == 0})
	}
	s := newScale(entries)
	ticks := s.ticks()
	for i := 1; i < len(ticks); i++ {
		if d := s.x(ticks[i]) - s.x(ticks[i-1]); d < tickRoom {
			t.Errorf("labels %d and %d are %.0f apart", i-1, i, d)
		}
	}
	if len(ticks) < 2 || !ticks[len(ticks)-1].Equal(entries[39].Time) {
		t.Errorf("%v", ticks)
	}
	for i := 1; i < len(entries); i++ {
		if s.x(entries[i].Time) < s.x(entries[i-1].Time) {
			t.Errorf("entry %d stands before %d", i, i-1)
		}
	}
}

func TestFold(t *testing.T) {
	for _, l := range foldRunes("a "+strings.Repeat("b", 250)+" c "+strings.Repeat("d ", 100), 92) {
		if len([]rune(l)) > 92 {
			t.Errorf("%d runes: %s", len([]rune(l)), l)
		}
	}
}

func TestConditionsThatChangeTogether(t *testing.T) {
	v := view()
	at := metav1.NewTime(start.Add(11 * time.Minute))
	v.Node.Object.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: at},
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: at},
		{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: at},
	}
	n := 0
	for _, e := range Build(v) {
		if e.Lane == Condition {
			n++
			if e.Text != "MemoryPressure, DiskPressure, Ready became Unknown (NodeStatusUnknown)" || !e.Bad {
				t.Errorf("%+v", e)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d lines", n)
	}
}

// TestRepeatedEventsKeepTheirOrder: an event that the API server folded is a step
// at its first and at its last time.
func TestRepeatedEventsKeepTheirOrder(t *testing.T) {
	v := view()
	at := func(min int) time.Time { return start.Add(time.Duration(min) * time.Minute) }
	v.Node.Events = []snapshot.Event{
		{Type: "Normal", Reason: "NodeReady", First: at(0), Last: at(8), Count: 2, About: "Node/n1", Component: "kubelet"},
		{Type: "Normal", Reason: "NodeNotReady", First: at(5), Last: at(5), Count: 1, About: "Node/n1", Component: "kubelet"},
	}
	var got []string
	for _, e := range Build(v) {
		if e.Lane == EventLane {
			got = append(got, e.Text)
		}
	}
	if strings.Join(got, "; ") != "NodeReady, says kubelet; NodeNotReady, says kubelet; NodeReady, says kubelet, again" {
		t.Errorf("%q", got)
	}
}
