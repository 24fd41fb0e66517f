package fault

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

func underPressure(v *snapshot.View) []corev1.NodeConditionType {
	var out []corev1.NodeConditionType
	for _, t := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		if c := v.Condition(t); c != nil && c.Status == corev1.ConditionTrue {
			out = append(out, t)
		}
	}
	return out
}

// pressureEvidence says which signal of which filesystem is behind each
// condition, and who takes it.
func pressureEvidence(v *snapshot.View) []Evidence {
	var out []Evidence
	label := map[corev1.NodeConditionType]string{corev1.NodeMemoryPressure: "memory", corev1.NodeDiskPressure: "disk", corev1.NodePIDPressure: "pids"}
	for _, t := range underPressure(v) {
		c := v.Condition(t)
		text := string(t) + " is True"
		if !c.LastTransitionTime.IsZero() {
			text += fmt.Sprintf(" for %s%s", least(v), phrase.Duration(v.Age(c.LastTransitionTime.Time)))
		}
		out = append(out, Evidence{label[t], text, "node status"}, Evidence{"signal", check.Explain(v, t), "kubelet stats and configz"})
	}
	return out
}

// cordonEvidence is when the node was cordoned and by whom, as far as known.
func cordonEvidence(v *snapshot.View) Evidence {
	text := "spec.unschedulable is set"
	if t := v.Taint(corev1.TaintNodeUnschedulable, ""); t != nil && t.TimeAdded != nil {
		text += fmt.Sprintf(", since %s (%s ago)", phrase.Clock(t.TimeAdded.Time), phrase.Duration(v.Age(t.TimeAdded.Time)))
	}
	for _, w := range v.Node.Writers {
		if strings.HasPrefix(w.Manager, "kubectl") && (strings.Contains(w.Manager, "cordon") || strings.Contains(w.Manager, "drain")) {
			text += ", by " + w.Manager
			break
		}
	}
	return Evidence{"spec", text, "node spec"}
}

func pressureEffect(v *snapshot.View) string {
	for _, t := range underPressure(v) {
		if t != corev1.NodeMemoryPressure {
			return "the kubelet evicts pods until the threshold is passed; no new pods are scheduled here"
		}
	}
	return "the kubelet evicts pods until the threshold is passed; no new best-effort pods are scheduled here"
}

func pressureNext(v *snapshot.View, sys System) []Command {
	var out []Command
	for _, t := range underPressure(v) {
		switch {
		case v.Windows():
			out = append(out, Command{Run: onNode(v, sys, "Get-PSDrive C; Get-Process | Sort-Object WS -Descending | Select-Object -First 10"), Note: "who takes it"})
		case t == corev1.NodeDiskPressure:
			out = append(out, Command{Run: onNode(v, sys, "df -h; df -i; sudo du -xh -d2 /var/lib /var/log | sort -h | tail -20"), Note: "who takes it"})
			if len(v.EventsOf("FreeDiskSpaceFailed", "ImageGCFailed")) == 0 {
				// Else the kubelet has tried, and found none.
				out = append(out, Command{Run: onNode(v, sys, "sudo "+sys.prune()), Note: "frees unused images"})
			}
		case t == corev1.NodeMemoryPressure:
			out = append(out, Command{Run: "kubectl top pods -A --sort-by=memory", Note: "who takes it"},
				Command{Run: onNode(v, sys, "ps -eo rss,pid,cmd --sort=-rss | head -20")})
		default:
			out = append(out, Command{Run: onNode(v, sys, "ps -eLo pid,cmd | sort | uniq -c | sort -rn | head -20"), Note: "who has the most threads"})
		}
	}
	return out
}

// certificateEvidence are the certificates' times to live where one is over.
func certificateEvidence(v *snapshot.View) []Evidence {
	var out []Evidence
	m := v.Node.Kubelet.Metrics
	if m != nil && m.ClientTTL != nil && *m.ClientTTL <= 0 {
		out = append(out, Evidence{"cert", "the kubelet's client certificate has expired", "kubelet metrics"})
	}
	if authorizationFailed(v) {
		out = append(out, Evidence{"cert", "the kubelet lets nobody in, because it cannot ask the API server: its own client certificate is not accepted", "node proxy"})
	}
	for _, c := range []*snapshot.CSR{pendingServing(v), waitingClient(v)} {
		if c != nil {
			out = append(out, Evidence{"csr", fmt.Sprintf("%s (%s) is pending: not approved for %s", c.Name, c.Signer[strings.LastIndex(c.Signer, "/")+1:], phrase.Duration(v.Age(c.Created))), "certificates.k8s.io"})
		}
	}
	return out
}
