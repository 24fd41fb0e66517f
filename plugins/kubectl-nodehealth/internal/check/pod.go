package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var stuckTerminating = Check{
	Rule: finding.Rule{
		ID: "NH080", Title: "pods stuck terminating", Severity: finding.Warning,
		Rationale: "A pod should be gone when its grace period is over. One that stays for more than five minutes beyond it waits for a kubelet that is silent, a runtime that does not stop it, a volume that does not unmount, or a finalizer.",
		Remedy:    "on a live node: kubectl describe pod, and the kubelet's log for its name; do not delete by force while the machine may run it",
		Source:    "Kubernetes documentation, force deletion; the handbook's alert on pods in Terminating for more than five minutes", Docs: "https://kubernetes.io/docs/tasks/run-application/force-delete-stateful-set-pod/",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		var names []string
		var longest time.Duration
		for _, p := range pods(v) {
			if p.Deleted.IsZero() || p.Phase == string(corev1.PodSucceeded) || p.Phase == string(corev1.PodFailed) {
				continue
			}
			if over := v.Age(p.Deleted); over > 5*time.Minute {
				names = append(names, p.String())
				longest = max(longest, over)
			}
		}
		if len(names) > 0 {
			r.Add(fmt.Sprintf("%s should have been gone for up to %s: %s", phrase.Count(len(names), "pod"), phrase.Duration(longest), phrase.List(names, 3)))
		}
	},
}

var appArmor = Check{
	Rule: finding.Rule{
		ID: "NH081", Title: "AppArmor refuses pods", Severity: finding.Warning,
		Rationale: "A pod that asks for an AppArmor profile fails where the profile is not loaded or AppArmor is off. The Ready message no longer says whether AppArmor is enabled (it did until v1.3x), so its absence there means nothing: refused pods are the signal.",
		Remedy:    "load the profile on the node (apparmor_parser), or keep the pod away from it",
		Source:    "KEP-24; k8s.io/kubernetes pkg/security/apparmor: Cannot enforce AppArmor", Docs: "https://kubernetes.io/docs/tutorials/security/apparmor/",
	},
	Run: func(v *snapshot.View, r *Report) {
		var names []string
		why := ""
		for _, p := range pods(v) {
			if p.Reason == "AppArmor" || aboutAppArmor(p.Message) {
				names = append(names, p.String())
				why = p.Message
			}
		}
		if len(names) > 0 {
			f := r.Add(fmt.Sprintf("%s refused: %s (%s)", phrase.Count(len(names), "pod"), phrase.List(names, 3), phrase.Clip(phrase.Sentence(why), 120)))
			if strings.Contains(why, "not enabled on the host") {
				f.Remedy = "boot the node with AppArmor (apparmor=1 security=apparmor), or keep the pod away from it; no profile helps where it is off"
			}
		}
	},
}

// aboutAppArmor knows the words of the kubelet, of containerd and of CRI-O.
func aboutAppArmor(message string) bool {
	return strings.Contains(message, "Cannot enforce AppArmor") || strings.Contains(message, "apparmor profile not found") ||
		strings.Contains(message, "AppArmor profile") && strings.Contains(message, "not loaded")
}

// sandboxTime is how long ago a pod that could not start still counts.
const sandboxTime = 10 * time.Minute

var sandboxFails = Check{
	Rule: finding.Rule{
		ID: "NH083", Title: "pods cannot start", Severity: finding.Warning,
		Rationale: "FailedCreatePodSandBox comes before any container: the runtime or the network plugin could not make the pod's sandbox. A node can be Ready and do this for hours.",
		Remedy:    "read the message: CNI errors are the network plugin's, others the runtime's; look at both logs",
		Source:    "k8s.io/kubernetes pkg/kubelet/kuberuntime; kubernetes/kubernetes#102763", Docs: docsDebug,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		count := int32(0)
		about := map[string]bool{}
		message := ""
		for _, e := range v.EventsOf("FailedCreatePodSandBox", "NetworkNotReady") {
			if v.Age(e.Last) > sandboxTime {
				continue
			}
			count += e.Count
			about[e.About] = true
			if message == "" {
				message = e.Message
			}
		}
		if count == 0 {
			return
		}
		why := phrase.Clip(phrase.Sentence(phrase.Cause(message)), 160)
		hint := ""
		if v.Windows() {
			if hint = windowsHint(message); hint != "" {
				why = hint
			}
		}
		f := r.Add(fmt.Sprintf("%s could not start in the last 10m (%d attempts): %s", phrase.Count(len(about), "pod"), count, why), message)
		if hint != "" {
			f.Remedy = hint
		}
	},
}

// vital are the DaemonSets without which a node's pods do not work, by the
// names that the projects give them.
var vital = []string{"kube-proxy", "calico-node", "cilium", "kube-flannel", "weave-net", "canal", "kindnet", "aws-node", "azure-cns", "antrea-agent", "ovnkube-node", "kube-router", "multus", "sdn", "csi-node", "ebs-csi-node", "node-local-dns"}

var vitalPod = Check{
	Rule: finding.Rule{
		ID: "NH084", Title: "a node agent does not work", Severity: finding.Warning,
		Rationale: "Service addresses, the pod network, cluster DNS and volumes of a node hang on a few DaemonSet pods. When one of them is not ready here, the node says Ready and its pods fail in ways that look like something else.",
		Remedy:    "kubectl describe and logs --previous of the pod named",
		Source:    "names of the usual network, proxy, DNS and storage DaemonSets", Docs: docsDebug, Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, p := range SickAgents(v) {
			if v.Ready() != corev1.ConditionTrue {
				break
			}
			text := fmt.Sprintf("%s is not ready", p)
			if p.Reason != "" {
				text += " (" + p.Reason + ")"
			}
			if p.Restarts > 0 {
				text += fmt.Sprintf(", %s", phrase.Count(int(p.Restarts), "restart"))
			}
			r.Add(text).Remedy = fmt.Sprintf("kubectl -n %s describe pod %s; kubectl -n %s logs %s --all-containers --previous", p.Namespace, p.Name, p.Namespace, p.Name)
		}
	},
}

// SickAgents are the vital pods of a node that are known not to be ready, and
// have had the time.
func SickAgents(v *snapshot.View) []snapshot.Pod {
	var out []snapshot.Pod
	for _, p := range pods(v) {
		if p.Owner == "DaemonSet" && !p.Ready && p.Phase != "" && v.Age(p.Created) >= 2*time.Minute &&
			slices.ContainsFunc(vital, func(name string) bool { return strings.HasPrefix(p.Name, name) }) {
			out = append(out, p)
		}
	}
	return out
}

var rejected = Check{
	Rule: finding.Rule{
		ID: "NH086", Title: "the node turned pods away", Severity: finding.Info,
		Rationale: "The kubelet checks each pod again before it runs it, and refuses what does not fit: OutOfcpu, NodeAffinity, UnexpectedAdmissionError (often a device plugin), NodeShutdown, Evicted. The pods stay behind as Failed until somebody deletes them.",
		Remedy:    "look at the reason; delete the failed pods when it is understood",
		Source:    "k8s.io/kubernetes pkg/kubelet/lifecycle; pod status reason", Docs: docsPressure,
	},
	Run: func(v *snapshot.View, r *Report) {
		reasons := map[string]int{}
		var order []string
		for _, p := range pods(v) {
			if p.Phase != string(corev1.PodFailed) || p.Reason == "" || p.Reason == "AppArmor" {
				continue
			}
			if reasons[p.Reason] == 0 {
				order = append(order, p.Reason)
			}
			reasons[p.Reason]++
		}
		for _, reason := range order {
			r.Add(fmt.Sprintf("%s failed with the reason %s", phrase.Count(reasons[reason], "pod"), reason))
		}
	},
}
