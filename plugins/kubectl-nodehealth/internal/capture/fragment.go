package capture

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// People paste the part of a description that they think matters: the table of
// conditions, a row of it, the events. The node's name is then what the command
// or an event says, if anything does.

// unnamed stands for a node whose name was cut off, in commands to paste too.
const unnamed = "NODE"

var (
	describeCommand = lazyregexp.New(`(?m)\bdescribe (?:nodes?|no)[ /]+([a-z0-9][a-z0-9.-]*)[ \t]*$`)
	eventNode       = lazyregexp.New(`\bNode ([a-z0-9][a-z0-9.-]*) (?:status is now|event)`)
	fragmentRow     = lazyregexp.New(`(?m)^[ \t>]*[A-Za-z0-9./-]*[ \t]*(?:True|False|Unknown)[ \t]+` + dateText + `[ \t]+` + dateText)
	fragmentReady   = lazyregexp.New(`(?m)^[ \t>]*Ready[ \t]+(?:True|False|Unknown)[ \t]+(?:Kubelet|NodeStatus)[A-Z]\w+[ \t]`)
	leaseHolder     = lazyregexp.New(`(?m)^[ \t>]*HolderIdentity:[ \t]+([a-z0-9][a-z0-9.-]*)[ \t]*$`)
	eventsHead      = lazyregexp.New(`^[ \t]*Events:[ \t]*$`)
	eventsTable     = lazyregexp.New(`^[ \t]*(?:Type[ \t]+Reason[ \t]+Age|First ?Seen[ \t]+Last ?Seen)[ \t]`)
	conditionsTable = lazyregexp.New(`^[ \t]*Type[ \t]+Status[ \t]+LastHeartbeatTime[ \t]`)
	fragmentEvent   = lazyregexp.New(`(?m)^[ \t>]*(?:Normal|Warning)[ \t]+(?:Node[A-Z]\w+|Rebooted|SystemOOM|OOMKilling|EvictionThresholdMet|FreeDiskSpaceFailed|ImageGCFailed|InvalidDiskCapacity|ContainerGCFailed)[ \t]+\d+[smhdy]`)
)

// isFragment says whether a text holds a part of a node's description that can
// be judged.
func isFragment(text string) bool {
	return fragmentRow.MatchString(text) || fragmentReady.MatchString(text) || fragmentEvent.MatchString(text)
}

// fragment puts the headings back that a part of a description has lost.
func fragment(text string) []string {
	name := unnamed
	if m := describeCommand.FindStringSubmatch(text); m != nil {
		name = m[1]
	} else if m := leaseHolder.FindStringSubmatch(text); m != nil {
		name = m[1]
	} else if m := eventNode.FindStringSubmatch(text); m != nil {
		name = m[1]
	}
	var rows, events, rest []string
	for l := range strings.SplitSeq(text, "\n") {
		l = strings.TrimRight(l, " \t\r")
		switch {
		case conditionRow.MatchString(l), undatedRow.MatchString(l):
			rows = append(rows, l)
		case eventsHead.MatchString(l):
			// It comes back with the events, after the conditions.
		case fragmentEvent.MatchString(l), len(events) > 0 && eventRow.MatchString(l):
			events = append(events, l)
		default:
			rest = append(rest, l)
		}
	}
	secs := split(rest)
	out := []string{"Name: " + name}
	if _, ok := secs["Conditions"]; ok {
		// Whole, with messages of several lines.
		return append(out, strings.Split(text, "\n")...)
	}
	out = append(append(append(out, rest...), "Conditions:"), rows...)
	if len(events) > 0 {
		out = append(append(out, "Events:"), events...)
	}
	return out
}

// headed puts the heading of a table back that was lost: the table's own first
// line tells which it is.
func headed(block []string) []string {
	out := make([]string, 0, len(block)+2)
	conditions, events := false, false
	for _, l := range block {
		conditions = conditions || strings.HasPrefix(l, "Conditions:")
		events = events || eventsHead.MatchString(l)
		switch {
		case !conditions && (conditionsTable.MatchString(l) || conditionRow.MatchString(l)):
			conditions = true
			out = append(out, "Conditions:")
		case !events && eventsTable.MatchString(l):
			events = true
			out = append(out, "Events:")
		}
		out = append(out, l)
	}
	return out
}

// byTaints says of a description without a Ready condition what its taints say:
// the control plane sets them by the conditions.
func byTaints(o *corev1.Node) {
	for _, c := range o.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return
		}
	}
	add := func(t corev1.NodeConditionType, s corev1.ConditionStatus, taint string) {
		for _, c := range o.Status.Conditions {
			if c.Type == t {
				return
			}
		}
		o.Status.Conditions = append(o.Status.Conditions, corev1.NodeCondition{Type: t, Status: s,
			LastTransitionTime: metav1.Time{}, Message: "so says the taint " + taint + "; the conditions were cut off"})
	}
	for _, t := range o.Spec.Taints {
		switch t.Key {
		case corev1.TaintNodeUnreachable:
			add(corev1.NodeReady, corev1.ConditionUnknown, t.Key)
		case corev1.TaintNodeNotReady:
			add(corev1.NodeReady, corev1.ConditionFalse, t.Key)
		case corev1.TaintNodeMemoryPressure:
			add(corev1.NodeMemoryPressure, corev1.ConditionTrue, t.Key)
		case corev1.TaintNodeDiskPressure:
			add(corev1.NodeDiskPressure, corev1.ConditionTrue, t.Key)
		case corev1.TaintNodePIDPressure:
			add(corev1.NodePIDPressure, corev1.ConditionTrue, t.Key)
		case corev1.TaintNodeNetworkUnavailable:
			add(corev1.NodeNetworkUnavailable, corev1.ConditionTrue, t.Key)
		}
	}
}
