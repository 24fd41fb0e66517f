package capture

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

var totalPods = lazyregexp.New(`\((\d+) in total\)`)

// describedPods reads the table of pods, whose rows hold requests and limits
// only: "NAMESPACE NAME 500m (25%) 0 (0%) 128Mi (6%) 0 (0%) 23m".
func (r *reader) describedPods(node string, s, allocated section) {
	p := r.b.PodsOf(node)
	if p.Total > 0 {
		return
	}
	for _, l := range s.lines {
		f := strings.Fields(l)
		if len(f) < 10 || !strings.HasPrefix(f[3], "(") || !strings.HasSuffix(f[3], "%)") {
			continue
		}
		row := snapshot.Pod{Namespace: f[0], Name: f[1]}
		row.Requests = pair(f[2], f[6])
		row.Limits = pair(f[4], f[8])
		p.Rows = append(p.Rows, row)
		p.Requests, p.Limits = total(p.Requests, row.Requests), total(p.Limits, row.Limits)
	}
	p.Total = len(p.Rows)
	if m := totalPods.FindStringSubmatch(s.head); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n != p.Total {
			p.Total, p.Partial = n, true
		}
	}
	// "cpu  1100m (55%)  1 (50%)": the resources that rows do not show.
	for _, l := range allocated.lines {
		f := strings.Fields(l)
		if len(f) < 3 {
			continue
		}
		name := corev1.ResourceName(f[0])
		if _, ok := p.Requests[name]; ok && !p.Partial {
			continue
		}
		rest := f[1:]
		var qs []resource.Quantity
		for _, w := range rest {
			if q, err := resource.ParseQuantity(w); err == nil {
				qs = append(qs, q)
			}
		}
		if len(qs) != 2 {
			continue
		}
		if p.Requests == nil {
			p.Requests, p.Limits = corev1.ResourceList{}, corev1.ResourceList{}
		}
		p.Requests[name], p.Limits[name] = qs[0], qs[1]
	}
}

func pair(cpu, memory string) corev1.ResourceList {
	out := corev1.ResourceList{}
	if q, err := resource.ParseQuantity(cpu); err == nil {
		out[corev1.ResourceCPU] = q
	}
	if q, err := resource.ParseQuantity(memory); err == nil {
		out[corev1.ResourceMemory] = q
	}
	return out
}

func total(sum, add corev1.ResourceList) corev1.ResourceList {
	if sum == nil {
		sum = corev1.ResourceList{}
	}
	for k, q := range add {
		t := sum[k]
		t.Add(q)
		sum[k] = t
	}
	return sum
}

var (
	// "Normal  NodeNotReady  12m (x3 over 2h)  node-controller  Node x status..."
	eventRow = lazyregexp.New(`^\s*(Normal|Warning)\s+(\S+)\s+(\S+)(?: \(x(\d+) over ([^)]+)\))?\s+([^\s,]+(?:, \S+)*)\s+(.*)$`)
	// "12m  3m  4  {kubelet x}  path  Normal  NodeReady  Node x ..."
	oldEventRow = lazyregexp.New(`^\s*(\S+)\s+(\S+)\s+(\d+)\s+(\{[^}]*\}|[^\s,]+(?:, \S+)*)\s+(?:\S*\s+)?(Normal|Warning)\s+(\S+)\s+(.*)$`)
)

func (r *reader) describedEvents(n *snapshot.Node, s section) {
	d := r.described[n.Name]
	rows := 0
	for _, l := range append([]string{s.head}, s.lines...) {
		if e, ok := eventOf(l); ok {
			e.About = "Node/" + n.Name
			d.events = append(d.events, e)
			rows++
		}
	}
	none := s.head == "<none>" || len(s.lines) > 0 && strings.TrimSpace(s.lines[0]) == "<none>"
	if rows == 0 && !none {
		// Cut off: "Events:" and nothing, or an ellipsis.
		n.Set(snapshot.Probe{Name: snapshot.SourceEvents, Status: snapshot.Absent, Detail: "cut off in the text"})
		return
	}
	n.Set(snapshot.Probe{Name: snapshot.SourceEvents, Status: snapshot.OK})
	r.dateByEvents(n, d)
}

// dateByEvents uses an event that tells of the Ready condition's last
// transition: the text was made at that time plus the event's age.
func (r *reader) dateByEvents(n *snapshot.Node, d *described) {
	for _, c := range n.Object.Status.Conditions {
		if c.Type != corev1.NodeReady || c.LastTransitionTime.IsZero() {
			continue
		}
		want := "NodeNotReady"
		if c.Status == corev1.ConditionTrue {
			want = "NodeReady"
		}
		for _, e := range d.events {
			if e.Reason == want {
				d.at = c.LastTransitionTime.Add(e.last)
				r.b.Stamp(d.at)
			}
		}
	}
}

// component leaves out the host that older kubectl names too: "kubelet, n1" and
// "{kubelet n1}".
func component(from string) string {
	name, _, _ := strings.Cut(strings.Trim(from, "{}"), " ")
	return strings.TrimSuffix(name, ",")
}

func eventOf(l string) (agedEvent, bool) {
	if m := eventRow.FindStringSubmatch(l); m != nil {
		last, ok := age(m[3])
		if !ok {
			return agedEvent{}, false
		}
		e := agedEvent{Event: snapshot.Event{Type: m[1], Reason: m[2], Count: 1, Component: component(m[6]), Message: strings.TrimSpace(m[7])}, last: last, first: last}
		if n, err := strconv.Atoi(m[4]); err == nil {
			e.Count = int32(min(n, 1<<30))
		}
		if first, ok := age(m[5]); ok {
			e.first = first
		}
		return e, true
	}
	if m := oldEventRow.FindStringSubmatch(l); m != nil {
		first, ok1 := age(m[1])
		last, ok2 := age(m[2])
		if !ok1 || !ok2 {
			return agedEvent{}, false
		}
		e := agedEvent{Event: snapshot.Event{Type: m[5], Reason: m[6], Component: component(m[4]), Message: strings.TrimSpace(m[7])}, last: last, first: first}
		if n, err := strconv.Atoi(m[3]); err == nil {
			e.Count = int32(min(n, 1<<30))
		}
		return e, true
	}
	return agedEvent{}, false
}

var agePart = lazyregexp.New(`(\d+)([smhdy])`)

// age reads kubectl's short durations: 23m, 4d5h, 2y100d.
func age(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if s == "" || agePart.ReplaceAllString(s, "") != "" {
		return 0, false
	}
	unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "y": 365 * 24 * time.Hour}
	var d time.Duration
	for _, m := range agePart.FindAllStringSubmatch(s, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 100000 {
			return 0, false
		}
		d += time.Duration(n) * unit[m[2]]
	}
	return d, true
}
