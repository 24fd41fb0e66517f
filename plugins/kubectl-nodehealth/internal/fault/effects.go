package fault

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// consequences say what happens to the workloads of this node, as far as the
// snapshot knows them.
func consequences(v *snapshot.View, s *Signals, name string) []Line {
	var out []Line
	add := func(label, format string, args ...any) {
		out = append(out, Line{label, fmt.Sprintf(format, args...)})
	}
	switch name {
	case ServingCSRPending:
		add("now", "kubectl logs, exec, port-forward and top fail here; pods run and are managed")
		return out
	case NetworkPartition:
		if s.Kubelet != Spoke && s.Kubelet != NoTLS {
			add("now", "kubectl logs, exec, port-forward and top fail here; pods run and are managed")
			return out
		}
	case Cordoned, CloudUninitialized:
		if p := v.Node.Pods; p != nil {
			add("now", "%s here; what runs goes on, new pods go elsewhere", phrase.Count(p.Total, "pod"))
		}
		return out
	case ResourcePressure:
		add("now", "%s", pressureEffect(v))
		return out
	case NeverRegistered:
		return out
	}
	out = append(out, evictionLines(v, s)...)
	out = append(out, stuckLines(v)...)
	return out
}

// evictionLines say what leaves, when, and what stays.
func evictionLines(v *snapshot.View, s *Signals) []Line {
	var out []Line
	add := func(label, format string, args ...any) {
		out = append(out, Line{label, fmt.Sprintf(format, args...)})
	}
	if v.Taint(corev1.TaintNodeOutOfService, "") != nil && s.Ready != corev1.ConditionTrue {
		add("now", "declared out of service: its pods are deleted by force and its volumes detached; the machine has to be off")
		return out
	}
	taint := v.Taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)
	if taint == nil {
		taint = v.Taint(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute)
	}
	pods := v.Node.Pods
	total := -1
	if pods != nil {
		total = pods.Total
	}
	if total == 0 {
		add("now", "no pods are bound here")
		return out
	}
	if taint == nil {
		switch {
		case s.Ready == corev1.ConditionTrue:
			add("now", "%s still counted as running; nothing is evicted while the node says Ready", places(total))
		case check.BeforeTaints(v):
			add("now", "%s bound here; before v1.13 pods are evicted five minutes after the node is marked", places(total))
		case v.Node.NoTaints:
			add("now", "%s bound here; the capture does not show the taints that would say whether they are evicted", places(total))
		case marked(v) < 30*time.Second:
			add("now", "%s bound here; no eviction taint yet", places(total))
		default:
			add("paused", "%s bound here and not evicted: the node has no NoExecute taint (%s)", places(total), pauseReason(v))
		}
		return out
	}
	since := time.Time{}
	if taint.TimeAdded != nil {
		since = taint.TimeAdded.Time
	} else if c := v.Condition(corev1.NodeReady); c != nil {
		since = c.LastTransitionTime.Time
	}
	stays, leaving := 0, []snapshot.Pod{}
	known := pods != nil && slices.ContainsFunc(pods.Rows, func(p snapshot.Pod) bool { return p.Phase != "" })
	if !known {
		when := ""
		if !since.IsZero() {
			when = ": from " + phrase.Clock(since.Add(5*time.Minute)) + " on"
			if v.Age(since) > 5*time.Minute {
				when = ": since " + phrase.Clock(since.Add(5*time.Minute))
			}
		}
		add("now", "%s bound here; eviction by default after 300s%s; DaemonSet pods stay", places(total), when)
		return out
	}
	for _, p := range pods.Rows {
		if p.Phase == string(corev1.PodSucceeded) || p.Phase == string(corev1.PodFailed) {
			continue
		}
		if p.Stays || p.Owner == "Node" {
			stays++
		} else if p.Deleted.IsZero() {
			leaving = append(leaving, p)
		}
	}
	var due, soon []snapshot.Pod
	first := time.Duration(-1)
	for _, p := range leaving {
		left := p.EvictAfter - v.Age(since)
		if left <= 0 {
			due = append(due, p)
			continue
		}
		soon = append(soon, p)
		if first < 0 || left < first {
			first = left
		}
	}
	if pods.Terminating > 0 {
		add("now", "%s marked for deletion: replacements start elsewhere, the old ones cannot confirm their end", phrase.Count(pods.Terminating, "pod"))
	}
	if len(soon) > 0 {
		add("soon", "%s will be evicted, the first in %s: %s", phrase.Count(len(soon), "pod"), phrase.Duration(first), podNames(soon))
	}
	if len(due) > 0 {
		add("overdue", "%s past the time that the taint is tolerated, and not deleted: eviction is slowed or paused in this zone", phrase.Count(len(due), "pod"))
	}
	if stays > 0 {
		add("stays", "%s bound here for good: DaemonSets and static pods tolerate the taint", phrase.Count(stays, "pod"))
	}
	if len(out) == 0 {
		add("now", "no pods are bound here")
	}
	return out
}

func marked(v *snapshot.View) time.Duration {
	if c := v.Condition(corev1.NodeReady); c != nil {
		return v.Age(c.LastTransitionTime.Time)
	}
	return 0
}

func pauseReason(v *snapshot.View) string {
	if all := v.All(); all.Nodes > 1 && all.Ready == 0 {
		return "all nodes are down, so the control plane pauses eviction"
	}
	return "the controller that sets it is paused or not working"
}

func places(n int) string {
	switch n {
	case -1:
		return "its pods (not read) are"
	case 0:
		return "no pods are"
	case 1:
		return "1 pod is"
	}
	return fmt.Sprintf("%d pods are", n)
}

func podNames(ps []snapshot.Pod) string {
	var names []string
	for _, p := range ps {
		names = append(names, p.String())
	}
	return phrase.List(names, 3)
}

// stuckLines say what cannot move: volumes that are attached here.
func stuckLines(v *snapshot.View) []Line {
	if v.Node.Object == nil {
		return nil
	}
	var claims []string
	if v.Node.Pods != nil {
		for _, p := range v.Node.Pods.Rows {
			for _, c := range p.Claims {
				claims = append(claims, "pvc/"+p.Namespace+"/"+c)
			}
		}
	}
	slices.Sort(claims)
	claims = slices.Compact(claims)
	attached := len(v.Node.Object.Status.VolumesAttached)
	switch {
	case attached == 0 && len(claims) == 0:
		return nil
	case len(claims) > 0 && attached > 0:
		return []Line{{"blocked", fmt.Sprintf("%s in use here (%s attached): power the machine off before fencing it, two writers would destroy a volume", phrase.List(claims, 3), phrase.Count(attached, "volume"))}}
	case len(claims) > 0:
		return []Line{{"blocked", phrase.List(claims, 3) + " in use here: a ReadWriteOnce volume moves only when the machine is certainly off"}}
	}
	return []Line{{"blocked", fmt.Sprintf("%s still attached here: power the machine off before fencing it, two writers would destroy a volume", phrase.Count(attached, "volume"))}}
}
