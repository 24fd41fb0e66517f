// Package timeline tells one node's incident as a story: everything in a
// snapshot that has a time, in order. Events last an hour in the API server;
// transitions, taints, leases and managed fields tell of what was before.
package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Lane groups entries for the picture.
type Lane string

// The lanes, from top to bottom.
const (
	Condition Lane = "condition"
	Taint     Lane = "taint"
	LeaseLane Lane = "lease"
	EventLane Lane = "event"
	PodLane   Lane = "pod"
	WriteLane Lane = "write"
)

// Lanes in the order in which they are drawn.
var Lanes = []Lane{Condition, Taint, LeaseLane, EventLane, PodLane, WriteLane}

// Entry is one thing that happened.
type Entry struct {
	Time time.Time `json:"time"`
	// Until is the end of something that lasted or repeated.
	Until time.Time `json:"until,omitzero"`
	Lane  Lane      `json:"lane"`
	// Bad marks a turn for the worse, Good one for the better.
	Bad  bool   `json:"bad,omitempty"`
	Good bool   `json:"good,omitempty"`
	Text string `json:"text"`
}

// Build collects the entries of a node, oldest first.
func Build(v *snapshot.View) []Entry {
	b := &builder{v: v}
	b.object()
	b.lease()
	b.events()
	b.pods()
	slices.SortStableFunc(b.out, func(x, y Entry) int {
		return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(slices.Index(Lanes, x.Lane), slices.Index(Lanes, y.Lane)), strings.Compare(x.Text, y.Text))
	})
	return slices.CompactFunc(b.out, func(x, y Entry) bool {
		return x.Time.Equal(y.Time) && x.Lane == y.Lane && x.Text == y.Text
	})
}

// conditions tells transitions; those that came together to the same end are one
// line: a node that is given up changes four at once.
func (b *builder) conditions(conditions []corev1.NodeCondition) {
	type change struct {
		at        time.Time
		status    corev1.ConditionStatus
		good, bad bool
		ready     bool
	}
	var order []change
	names, reasons := map[change][]string{}, map[change][]string{}
	for _, c := range conditions {
		k := change{at: c.LastTransitionTime.Time, status: c.Status}
		k.good, k.bad = judge(c)
		// Ready is told apart, unless it went with the others.
		k.ready = c.Type == corev1.NodeReady && c.Reason != "NodeStatusUnknown"
		if !slices.Contains(order, k) {
			order = append(order, k)
		}
		names[k] = append(names[k], string(c.Type))
		if !slices.Contains(reasons[k], c.Reason) {
			reasons[k] = append(reasons[k], c.Reason)
		}
	}
	for _, k := range order {
		text := fmt.Sprintf("%s became %s", strings.Join(names[k], ", "), k.status)
		if len(reasons[k]) == 1 {
			text += " (" + reasons[k][0] + ")"
		}
		b.add(Entry{Time: k.at, Lane: Condition, Good: k.good, Bad: k.bad, Text: text})
	}
}

type builder struct {
	v   *snapshot.View
	out []Entry
}

func (b *builder) add(e Entry) {
	if !e.Time.IsZero() {
		e.Time, e.Until = e.Time.UTC(), e.Until.UTC()
		b.out = append(b.out, e)
	}
}

// object reads conditions, taints and writers.
func (b *builder) object() {
	o := b.v.Node.Object
	if o == nil {
		return
	}
	b.add(Entry{Time: o.CreationTimestamp.Time, Lane: WriteLane, Text: "the node registered"})
	b.conditions(o.Status.Conditions)
	for _, t := range o.Spec.Taints {
		if t.TimeAdded != nil {
			b.add(Entry{Time: t.TimeAdded.Time, Lane: Taint, Bad: true, Text: fmt.Sprintf("tainted %s:%s", t.Key, t.Effect)})
		}
	}
	for _, w := range b.v.Node.Writers {
		what := "the node"
		if w.Subresource != "" {
			what += "'s " + w.Subresource
		}
		b.add(Entry{Time: w.Time, Lane: WriteLane, Text: fmt.Sprintf("%s wrote %s last", w.Manager, what)})
	}
	if s := b.v.Node.Kubelet.Statusz; s != nil {
		b.add(Entry{Time: s.Started, Lane: WriteLane, Text: "the kubelet that runs now started"})
	}
}

// judge says whether a condition as it stands is good or bad news. Types that
// are not known are neither.
func judge(c corev1.NodeCondition) (good, bad bool) {
	want := corev1.ConditionFalse
	switch c.Type {
	case corev1.NodeReady:
		want = corev1.ConditionTrue
	case corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure, corev1.NodeNetworkUnavailable:
	default:
		known, ok := check.KnownCondition(c.Type)
		if !ok || known.Polarity == check.Neutral || known.Polarity == check.Notice {
			return false, false
		}
		if known.Polarity == check.GoodTrue {
			want = corev1.ConditionTrue
		}
	}
	return c.Status == want, c.Status != want
}

func (b *builder) lease() {
	l := b.v.Node.Lease
	if l == nil {
		return
	}
	heard := l.Heard()
	b.add(Entry{Time: l.Acquired, Lane: LeaseLane, Text: "lease acquired"})
	grace, _ := b.v.Grace()
	if age := b.v.Now.Sub(heard); age > grace {
		b.add(Entry{Time: heard, Until: b.v.Now, Lane: LeaseLane, Bad: true, Text: fmt.Sprintf("lease renewed for the last time, silent for %s since", age.Round(time.Second))})
		return
	}
	b.add(Entry{Time: heard, Lane: LeaseLane, Good: true, Text: "lease renewed"})
}

// good and bad reasons of node events. They are Normal by type, whatever they
// say, so the reason decides.
var (
	badReasons  = []string{"NodeNotReady", "NodeHasDiskPressure", "NodeHasInsufficientMemory", "NodeHasInsufficientPID", "EvictionThresholdMet", "SystemOOM", "Rebooted", "NodeNotSchedulable", "OOMKilling", "TaskHung", "KernelOops", "FreeDiskSpaceFailed", "ImageGCFailed", "ContainerGCFailed", "DeletingNode", "Evicted", "TaintManagerEviction"}
	goodReasons = []string{"NodeReady", "NodeHasNoDiskPressure", "NodeHasSufficientMemory", "NodeHasSufficientPID", "NodeSchedulable", "RegisteredNode"}
)

// spoken are reasons that both the kubelet and a controller use: who said it
// tells a kubelet that complains from one that is silent.
var spoken = []string{"NodeReady", "NodeNotReady"}

// usual are warnings that every start of a kubelet brings.
var usual = []string{"CgroupV1", "InvalidDiskCapacity"}

func (b *builder) events() {
	for _, e := range b.v.Node.Events {
		lane := EventLane
		if strings.HasPrefix(e.About, "Pod/") {
			lane = PodLane
		}
		at := e.First
		if at.IsZero() {
			at = e.Last
		}
		text := e.Reason
		// "Node n1 status is now: NodeReady" says nothing that NodeReady does not.
		if m := strings.Join(strings.Fields(e.Message), " "); m != "" && !strings.HasSuffix(m, "status is now: "+e.Reason) {
			text += ": " + m
		}
		switch {
		case lane == PodLane:
			text = strings.TrimPrefix(e.About, "Pod/") + " " + text
		case slices.Contains(spoken, e.Reason) && e.Component != "":
			text += ", says " + e.Component
		}
		if e.Reason == "TaintManagerEviction" && strings.HasPrefix(e.Message, "Cancelling") {
			b.add(Entry{Time: e.Last, Lane: lane, Text: text, Good: true})
			continue
		}
		entry := Entry{Time: at, Lane: lane, Text: text, Bad: e.Type == corev1.EventTypeWarning && !slices.Contains(usual, e.Reason) || slices.Contains(badReasons, e.Reason), Good: slices.Contains(goodReasons, e.Reason)}
		// What repeated is one event with its first and last time: both are
		// steps, what lay between is a count.
		if n := e.Count; n > 1 && e.Last.Sub(at) > 2*time.Second {
			last := entry
			last.Time = e.Last
			last.Text += ", again"
			if n > 2 {
				last.Text += fmt.Sprintf(" (the last of %d times)", n)
				entry.Until = e.Last
			}
			b.add(last)
		}
		b.add(entry)
	}
}

// pods tells of those that came, and of those that should be gone.
func (b *builder) pods() {
	p := b.v.Node.Pods
	if p == nil {
		return
	}
	for _, pod := range p.Rows {
		b.add(Entry{Time: pod.Created, Lane: PodLane, Text: pod.String() + " was created"})
		if pod.Deleted.IsZero() {
			continue
		}
		text := pod.String() + " should have ended"
		if b.v.Now.After(pod.Deleted) {
			text += fmt.Sprintf(", and is still there %s later", b.v.Now.Sub(pod.Deleted).Round(time.Second))
		}
		b.add(Entry{Time: pod.Deleted, Until: b.v.Now, Lane: PodLane, Bad: true, Text: text})
	}
}
