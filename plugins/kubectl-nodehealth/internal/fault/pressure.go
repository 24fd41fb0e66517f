package fault

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

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

// pressureEvidence names the conditions; which filesystem or signal it is, and
// who takes it, the pressure checks say.
func pressureEvidence(v *snapshot.View) []Evidence {
	var out []Evidence
	for _, t := range underPressure(v) {
		c := v.Condition(t)
		text := "True"
		if !c.LastTransitionTime.IsZero() {
			text += fmt.Sprintf(" for %s%s", least(v), phrase.Duration(v.Age(c.LastTransitionTime.Time)))
		}
		if c.Message != "" {
			text += ": " + phrase.Clip(phrase.Sentence(c.Message), 120)
		}
		out = append(out, Evidence{string(t), text, "node status"})
	}
	return out
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
			out = append(out, Command{Run: onNode(v, sys, "df -h; df -i; sudo du -xh -d2 /var/lib /var/log | sort -h | tail -20"), Note: "who takes it"},
				Command{Run: onNode(v, sys, "sudo crictl rmi --prune"), Note: "frees unused images"})
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
	if c := pendingServing(v); c != nil {
		out = append(out, Evidence{"csr", fmt.Sprintf("%s (kubelet-serving) has waited %s for approval", c.Name, phrase.Duration(v.Age(c.Created))), "certificates.k8s.io"})
	}
	return out
}
