package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

var now = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func node(name string, ready corev1.ConditionStatus) *snapshot.Node {
	n := snapshot.NewNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.Time{Time: now.Add(-24 * time.Hour)}}})
	n.Object.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, Reason: "R", Message: "container runtime is down",
		LastTransitionTime: metav1.Time{Time: now.Add(-time.Hour)}, LastHeartbeatTime: metav1.Time{Time: now.Add(-time.Minute)}}}
	n.Lease = &snapshot.Lease{Renewed: now.Add(-3 * time.Second), Seconds: 40}
	n.Set(snapshot.Probe{Name: snapshot.SourceNode, Status: snapshot.OK})
	n.Set(snapshot.Probe{Name: snapshot.SourceLease, Status: snapshot.OK})
	return n
}

func snap(nodes ...*snapshot.Node) *snapshot.Snapshot {
	return &snapshot.Snapshot{ObservedAt: now, Clock: snapshot.ClockLive, Nodes: nodes}
}

func TestWorstFirstAndHeadline(t *testing.T) {
	unread := node("c-unread", corev1.ConditionTrue)
	unread.Object = nil
	unread.Set(snapshot.Probe{Name: snapshot.SourceNode, Status: snapshot.Denied, Detail: "needs the right to get nodes"})
	cordoned := node("d-cordoned", corev1.ConditionTrue)
	cordoned.Object.Spec.Unschedulable = true
	l := New(snap(node("a-well", corev1.ConditionTrue), cordoned, node("b-broken", corev1.ConditionFalse), unread))
	var order []string
	for _, i := range l.Items {
		order = append(order, fmt.Sprintf("%s %s", i.Metadata.Name, i.Verdict))
	}
	if got, want := strings.Join(order, ", "), "b-broken Unhealthy, c-unread Unknown, d-cordoned Degraded, a-well Healthy"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := Headline(l), "2 of 4 nodes need attention; 1 could not be judged"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if f := l.Items[1].Fault; f != nil {
		t.Errorf("a denied permission is taken for %s", f.Name)
	}
	if failed, unknown := l.Exit("error"); !failed || !unknown {
		t.Errorf("failed %v, unknown %v", failed, unknown)
	}
}

// Every combination of what essential evidence is missing: never Healthy.
func TestNeverHealthyOnMissingEvidence(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*snapshot.Node)
		want   fault.Verdict
	}{
		"all there": {func(*snapshot.Node) {}, fault.Healthy},
		"lease denied, status fresh, kubelet well": {func(n *snapshot.Node) {
			n.Lease = nil
			n.Set(snapshot.Probe{Name: snapshot.SourceLease, Status: snapshot.Denied})
			n.Kubelet.Healthz = &snapshot.Healthz{OK: true}
		}, fault.Healthy},
		"lease denied, kubelet not heard": {func(n *snapshot.Node) {
			n.Lease = nil
			n.Set(snapshot.Probe{Name: snapshot.SourceLease, Status: snapshot.Denied})
			n.Object.Status.Conditions[0].LastHeartbeatTime = metav1.Time{Time: now.Add(-3 * time.Minute)}
		}, fault.Unknown},
		"no Ready condition": {func(n *snapshot.Node) { n.Object.Status.Conditions = nil; n.Object.CreationTimestamp = metav1.Time{} }, fault.Unknown},
		"too much timed out": {func(n *snapshot.Node) {
			n.Set(snapshot.Probe{Name: snapshot.SourcePods, Status: snapshot.Timeout})
			n.Set(snapshot.Probe{Name: snapshot.SourceEvents, Status: snapshot.Timeout})
		}, fault.Unknown},
		"metrics missing is optional": {func(n *snapshot.Node) { n.Set(snapshot.Probe{Name: snapshot.SourceMetrics, Status: snapshot.Absent}) }, fault.Healthy},
	} {
		n := node("n", corev1.ConditionTrue)
		tc.change(n)
		l := New(snap(n))
		if got := l.Items[0].Verdict; got != tc.want {
			t.Errorf("%s: %s, want %s (%s)", name, got, tc.want, l.Items[0].Missing)
		}
		if tc.want == fault.Unknown {
			if l.Items[0].Missing == "" || len(l.Items[0].Next) == 0 {
				t.Errorf("%s: it is not said what is missing, and how to read it", name)
			}
			if _, unknown := l.Exit("error"); !unknown {
				t.Errorf("%s: the exit status does not tell", name)
			}
		}
	}
}

// What to do about missing evidence depends on what is missing.
func TestUndecidedNext(t *testing.T) {
	timeout := func(n *snapshot.Node, sources ...string) {
		for _, name := range sources {
			p := snapshot.Probe{Name: name, Status: snapshot.Timeout}
			if strings.HasPrefix(name, "kubelet") {
				p.Reason = snapshot.ReasonSilent
			}
			n.Set(p)
		}
	}
	for want, change := range map[string]func(*snapshot.Node){
		"kubectl nodehealth rbac": func(n *snapshot.Node) {
			n.Lease = nil
			n.Set(snapshot.Probe{Name: snapshot.SourceLease, Status: snapshot.Denied})
			n.Object.Status.Conditions[0].LastHeartbeatTime = metav1.Time{Time: now.Add(-3 * time.Minute)}
		},
		"kubectl nodehealth controlplane": func(n *snapshot.Node) { timeout(n, snapshot.SourcePods, snapshot.SourceEvents) },
		"sudo crictl info": func(n *snapshot.Node) {
			n.Kubelet.Healthz = &snapshot.Healthz{OK: true}
			n.Set(snapshot.Probe{Name: snapshot.SourceHealthz, Status: snapshot.OK})
			timeout(n, snapshot.SourceSummary, snapshot.SourceKMetrics)
		},
	} {
		n := node("n", corev1.ConditionTrue)
		change(n)
		l := New(snap(n))
		var b strings.Builder
		if err := Story(&b, l, l.Items[0], Paint{}, false, 80); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "  Next\n") || !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestCoverageFalls(t *testing.T) {
	n := node("n", corev1.ConditionTrue)
	before := New(snap(n)).Items[0].Coverage
	n.Set(snapshot.Probe{Name: snapshot.SourceHealthz, Status: snapshot.Denied, Reason: snapshot.ReasonAPIServer})
	after := New(snap(n)).Items[0].Coverage
	if before != 1 || after >= before {
		t.Errorf("coverage %v, then %v", before, after)
	}
}

// The documented shape of the JSON: fault is null and not left out, lists are
// never null.
func TestShape(t *testing.T) {
	b, err := json.Marshal(New(snap(node("n", corev1.ConditionTrue))))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"kind":"NodeHealthList"`, `"cluster":{"verdict":"Healthy","fault":null,"findings":[]}`, `"kind":"NodeHealth"`, `"metadata":{"name":"n"}`, `"fault":null,"findings":[]`, `"coverage":1`, `"probes":[{"name":"node","status":"ok"}`} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

// A story stays within its width, but for commands, which are to be pasted.
func TestStoryWidth(t *testing.T) {
	broken := node("node-with-a-name-that-is-much-longer-than-usual.eu-central-1.compute.internal", corev1.ConditionFalse)
	for _, width := range []int{60, 80, 120} {
		l := New(snap(broken))
		var b bytes.Buffer
		if err := Story(&b, l, l.Items[0], Paint{}, true, width); err != nil {
			t.Fatal(err)
		}
		inNext := false
		for i, line := range strings.Split(b.String(), "\n") {
			switch strings.TrimSpace(line) {
			case "Next":
				inNext = true
			case "Also":
				inNext = false
			}
			if n := utf8.RuneCountInString(line); n > width && !inNext && i > 0 {
				t.Errorf("width %d: %d columns: %q", width, n, line)
			}
		}
		if !strings.HasPrefix(b.String(), broken.Name+"   UNHEALTHY   container runtime down (high confidence)") {
			t.Errorf("the first line is not the answer:\n%s", b.String())
		}
		// Where evidence is from is said at any width, in words: it is only seen,
		// not heard, that something stands at the right.
		for _, e := range l.Items[0].Fault.Why {
			if e.Source != "" && !strings.Contains(b.String(), " from "+e.Source+"\n") {
				t.Errorf("width %d: it is not said that %q is from %s:\n%s", width, e.Label, e.Source, b.String())
			}
		}
	}
}

func TestClusterFaultIsToldInEachStory(t *testing.T) {
	s := snap(node("n", corev1.ConditionTrue))
	s.Cluster.ControllerManager = &snapshot.Lease{Renewed: now.Add(-5 * time.Minute), Holder: "cp"}
	l := New(s)
	var b bytes.Buffer
	if err := Story(&b, l, l.Items[0], Paint{}, false, 80); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Cluster: control plane stale.") {
		t.Errorf("%s", b.String())
	}
	if failed, _ := l.Exit("error"); !failed {
		t.Error("the exit status does not tell")
	}
	if !strings.Contains(Headline(l), "control plane stale") {
		t.Errorf("%q", Headline(l))
	}
}
