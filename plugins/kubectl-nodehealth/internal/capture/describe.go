package capture

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// The text of kubectl describe node is for people, and people paste it into
// tickets: with a prompt before it, quoted, indented, several nodes in one
// text, from any version of kubectl. What is not there stays unknown.

// described is what a describe text gives besides objects: events with ages,
// which become times when now is known.
type described struct {
	// at is the newest time of this one description.
	at     time.Time
	events []agedEvent
}

type agedEvent struct {
	snapshot.Event
	last, first time.Duration
}

// apply turns ages into times.
func (d *described) apply(n *snapshot.Node, now time.Time) {
	for _, e := range d.events {
		e.Event.Last, e.Event.First = now.Add(-e.last), now.Add(-e.first)
		n.Events = append(n.Events, e.Event)
	}
}

// sections are the headings of a description. Only these start a section, so
// that a text that has lost its indentation can be read too.
var sections = map[string]bool{
	"Name": true, "Role": true, "Roles": true, "Labels": true, "Annotations": true, "CreationTimestamp": true, "Taints": true,
	"Unschedulable": true, "Lease": true, "Conditions": true, "Addresses": true, "Capacity": true, "Allocatable": true,
	"System Info": true, "PodCIDR": true, "PodCIDRs": true, "ProviderID": true, "ExternalID": true, "Phase": true,
	"Non-terminated Pods": true, "Allocated resources": true, "Events": true, "Namespace": true, "Allocatable ResourceSlices": true,
}

type section struct {
	head  string
	lines []string
}

var (
	headLine  = lazyregexp.New(`^([A-Z][A-Za-z -]*):(?:\s+(.*))?$`)
	nameLine  = lazyregexp.New(`^Name:\s+(\S+)\s*$`)
	quoteMark = lazyregexp.New(`(?m)^[ \t]*>[ ]?`)
)

func (r *reader) describe(text string) error {
	if quoteMark.MatchString(text) {
		text = quoteMark.ReplaceAllString(text, "")
	}
	found := false
	parts := blocks(dedent(text))
	for i := range parts {
		parts[i] = headed(parts[i])
	}
	if len(parts) == 0 {
		parts = [][]string{fragment(text)}
	}
	for _, block := range parts {
		secs := split(block)
		if _, pod := secs["Namespace"]; pod {
			continue
		}
		if !has(secs, "Conditions", "System Info", "Capacity", "Unschedulable", "Addresses") {
			continue
		}
		if err := r.described1(secs); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("the text of kubectl describe, but not of a node; kubectl describe node NAME gives it")
	}
	return nil
}

func has(secs map[string]section, names ...string) bool {
	for _, n := range names {
		if _, ok := secs[n]; ok {
			return true
		}
	}
	return false
}

// dedent removes the indentation that the "Name:" lines have.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	pad := ""
	for _, l := range lines {
		if t := strings.TrimLeft(l, " \t"); strings.HasPrefix(t, "Name:") {
			pad = l[:len(l)-len(t)]
			break
		}
	}
	if pad == "" {
		return text
	}
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, pad)
	}
	return strings.Join(lines, "\n")
}

// blocks splits a text into the descriptions of single objects.
func blocks(text string) [][]string {
	var out [][]string
	for l := range strings.SplitSeq(text, "\n") {
		l = strings.TrimRight(l, " \t\r")
		if nameLine.MatchString(l) {
			out = append(out, nil)
		}
		if len(out) > 0 {
			out[len(out)-1] = append(out[len(out)-1], l)
		}
	}
	return out
}

func split(block []string) map[string]section {
	out := map[string]section{}
	cur := ""
	for _, l := range block {
		if m := headLine.FindStringSubmatch(l); m != nil && sections[m[1]] {
			// A first heading of a name wins, but for Events, which stands last.
			if _, dup := out[m[1]]; !dup {
				cur = m[1]
				out[cur] = section{head: strings.TrimSpace(m[2])}
				continue
			}
		}
		if cur == "" {
			continue
		}
		s := out[cur]
		s.lines = append(s.lines, l)
		out[cur] = s
	}
	return out
}

// values are the entries of a section whose first entry stands beside its
// heading.
func (s section) values() []string {
	var out []string
	for _, l := range append([]string{s.head}, s.lines...) {
		if l = strings.TrimSpace(l); l != "" && l != "<none>" {
			out = append(out, l)
		}
	}
	return out
}

// pairs are the "key: value" entries of a section.
func (s section) pairs() [][2]string {
	var out [][2]string
	for _, l := range s.values() {
		if k, v, ok := strings.Cut(l, ":"); ok {
			out = append(out, [2]string{strings.TrimSpace(k), strings.TrimSpace(v)})
		}
	}
	return out
}

// described1 takes one node's description.
func (r *reader) described1(secs map[string]section) error {
	o := &corev1.Node{}
	o.Name = secs["Name"].head
	o.Labels, o.Annotations = map[string]string{}, map[string]string{}
	for _, l := range secs["Labels"].values() {
		k, v, _ := strings.Cut(l, "=")
		o.Labels[k] = v
	}
	for _, p := range secs["Annotations"].pairs() {
		o.Annotations[p[0]] = p[1]
	}
	o.CreationTimestamp = metav1.Time{Time: when(secs["CreationTimestamp"].head)}
	o.Spec.Unschedulable = secs["Unschedulable"].head == "true"
	o.Spec.PodCIDR = secs["PodCIDR"].head
	o.Spec.ProviderID = secs["ProviderID"].head
	for _, l := range secs["Taints"].values() {
		if t, ok := taint(l); ok {
			o.Spec.Taints = append(o.Spec.Taints, t)
		}
	}
	o.Status.Conditions = conditions(secs["Conditions"])
	byTaints(o)
	for _, p := range secs["Addresses"].pairs() {
		o.Status.Addresses = append(o.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeAddressType(p[0]), Address: p[1]})
	}
	o.Status.Capacity, o.Status.Allocatable = quantities(secs["Capacity"]), quantities(secs["Allocatable"])
	info := &o.Status.NodeInfo
	facts := map[string]*string{
		"Machine ID": &info.MachineID, "System UUID": &info.SystemUUID, "Boot ID": &info.BootID,
		"Kernel Version": &info.KernelVersion, "OS Image": &info.OSImage, "Operating System": &info.OperatingSystem, "Architecture": &info.Architecture,
		"Container Runtime Version": &info.ContainerRuntimeVersion, "Kubelet Version": &info.KubeletVersion,
		//lint:ignore SA1019 nodes before v1.33 tell it
		"Kube-Proxy Version": &info.KubeProxyVersion,
	}
	for _, p := range secs["System Info"].pairs() {
		if fact := facts[p[0]]; fact != nil {
			*fact = p[1]
		}
	}
	n := r.b.AddNode(o)
	if r.described == nil {
		r.described = map[string]*described{}
	}
	r.described[n.Name] = &described{}
	_, ok := secs["Taints"]
	n.NoTaints = !ok
	if s, ok := secs["Lease"]; ok {
		r.describedLease(n, s)
	}
	if s, ok := secs["Non-terminated Pods"]; ok {
		r.describedPods(o.Name, s, secs["Allocated resources"])
	}
	if s, ok := secs["Events"]; ok {
		r.describedEvents(n, s)
	}
	return nil
}

func (r *reader) describedLease(n *snapshot.Node, s section) {
	if strings.Contains(s.head, "Failed to get lease") {
		p := snapshot.Probe{Name: snapshot.SourceLease, Status: snapshot.Absent, Detail: s.head}
		if strings.Contains(s.head, "forbidden") {
			p.Status = snapshot.Denied
		}
		n.Set(p)
		return
	}
	l := &snapshot.Lease{Seconds: 40}
	for _, p := range s.pairs() {
		switch p[0] {
		case "HolderIdentity":
			l.Holder = strings.Trim(p[1], "<>")
		case "AcquireTime":
			l.Acquired = when(p[1])
		case "RenewTime":
			l.Renewed = when(p[1])
		}
	}
	if !l.Renewed.IsZero() {
		r.b.SetLease(n.Name, l)
	}
}

// when reads a time as describe prints it, the zero time for none.
func when(s string) time.Time {
	for _, layout := range []string{time.RFC1123Z, time.RFC1123, time.RFC3339} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil && t.Year() > 1970 {
			return t.UTC()
		}
	}
	return time.Time{}
}

func taint(s string) (corev1.Taint, bool) {
	i := strings.LastIndex(s, ":")
	if i < 0 {
		return corev1.Taint{}, false
	}
	key, value, _ := strings.Cut(s[:i], "=")
	t := corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(strings.TrimSpace(s[i+1:]))}
	return t, key != ""
}

const dateText = `(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} \S+|<unset>|<none>|<unknown>)`

// The date is what a row is recognised by: a type or reason may be empty, and
// columns lose their width when pasted.
var conditionRow = lazyregexp.New(`^\s*(\S*?)\s*(True|False|Unknown)\s+(` + dateText + `)\s+(` + dateText + `)(?:\s+(\S+))?(?:\s+(.*))?$`)

// undatedRow is a row of which somebody took the times out, to make it narrower.
var undatedRow = lazyregexp.New(`^\s*([A-Z]\w+)\s+(True|False|Unknown)\s+([A-Z][A-Za-z0-9]+)\s+(\S.*)$`)

func conditions(s section) []corev1.NodeCondition {
	var out []corev1.NodeCondition
	over := false
	for _, l := range s.lines {
		m := conditionRow.FindStringSubmatch(l)
		if u := undatedRow.FindStringSubmatch(l); m == nil && u != nil {
			m = []string{"", u[1], u[2], "", "", u[3], u[4]}
		}
		if m == nil {
			// A message of several lines goes on; what follows an empty line or
			// the end of a Markdown block is somebody's own words.
			t := strings.TrimSpace(l)
			over = over || t == "" || fence.MatchString(l)
			if len(out) > 0 && !over && !strings.HasPrefix(t, "----") {
				out[len(out)-1].Message += " " + t
			}
			continue
		}
		out = append(out, corev1.NodeCondition{
			Type: corev1.NodeConditionType(m[1]), Status: corev1.ConditionStatus(m[2]),
			LastHeartbeatTime: metav1.Time{Time: when(m[3])}, LastTransitionTime: metav1.Time{Time: when(m[4])},
			Reason: m[5], Message: strings.TrimSpace(m[6]),
		})
	}
	return out
}

func quantities(s section) corev1.ResourceList {
	var out corev1.ResourceList
	for _, p := range s.pairs() {
		if q, err := resource.ParseQuantity(p[1]); err == nil {
			if out == nil {
				out = corev1.ResourceList{}
			}
			out[corev1.ResourceName(p[0])] = q
		}
	}
	return out
}
