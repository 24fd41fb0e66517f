package check

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

const (
	docsNodes     = "https://kubernetes.io/docs/reference/node/node-status/"
	docsHeartbeat = "https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats"
	docsTaints    = "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"
	docsDebug     = "https://kubernetes.io/docs/tasks/debug/debug-cluster/"
	docsPressure  = "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/"
	docsSkew      = "https://kubernetes.io/releases/version-skew-policy/"
)

var notReady = Check{
	Rule: finding.Rule{
		ID: "NH001", Title: "node not ready", Severity: finding.Error,
		Rationale: "Ready=False is the kubelet itself speaking: it runs, reaches the API server, and says why it cannot run pods. The scheduler avoids the node (NoSchedule taint), and after tolerationSeconds (300 by default) its pods are evicted.",
		Remedy:    "follow the reason in the message: container runtime, network plugin, shutdown or capacity",
		Source:    "k8s.io/kubernetes pkg/kubelet/nodestatus/setters.go ReadyCondition", Docs: docsNodes,
	},
	Run: func(v *snapshot.View, r *Report) {
		if c := v.Condition(corev1.NodeReady); c != nil && c.Status == corev1.ConditionFalse {
			r.Add("the kubelet says that the node is not ready: "+phrase.Clip(phrase.Sentence(c.Message), 200),
				fmt.Sprintf("Ready=False since %s (%s)", phrase.Time(c.LastTransitionTime.Time), c.Reason))
		}
	},
}

var silent = Check{
	Rule: finding.Rule{
		ID: "NH002", Title: "kubelet silent", Severity: finding.Error,
		Rationale: "Ready=Unknown is not the kubelet's word: the node lifecycle controller writes it when neither the lease nor the node's status was renewed within its grace period (50s since v1.32, 40s before). It sets the pressure conditions to Unknown too, but not NetworkUnavailable. The kubelet, the host or the network between is down; this condition cannot say which.",
		Remedy:    "find out which of kubelet, host and network is down: the fault section says what the probes tell",
		Source:    "k8s.io/kubernetes pkg/controller/nodelifecycle; kubernetes/kubernetes#126287", Docs: docsHeartbeat,
	},
	Run: func(v *snapshot.View, r *Report) {
		c := v.Condition(corev1.NodeReady)
		if c == nil || c.Status != corev1.ConditionUnknown {
			return
		}
		msg := "the control plane has heard nothing of the kubelet and marked the node Unknown"
		if c.Reason == "NodeStatusNeverUpdated" {
			msg = "the kubelet has never posted its status"
		}
		r.Add(msg, fmt.Sprintf("Ready=Unknown since %s (%s: %s)", phrase.Time(c.LastTransitionTime.Time), c.Reason, phrase.Sentence(c.Message)))
	},
}

var leaseExpired = Check{
	Rule: finding.Rule{
		ID: "NH003", Title: "node lease expired", Severity: finding.Error,
		Rationale: "A kubelet renews its lease in kube-node-lease every 10s; the lease holds for 40s. The lease, not the node's status, is the sign of life: a status without a change is posted only every five minutes.",
		Remedy:    "treat the kubelet as silent, whatever the Ready condition says",
		Source:    "KEP-589; k8s.io/component-helpers/apimachinery/lease", Docs: docsHeartbeat,
	},
	Run: func(v *snapshot.View, r *Report) {
		age, ok := v.LeaseAge()
		if !ok || !LeaseExpired(v) {
			return
		}
		r.Add(fmt.Sprintf("the lease was last renewed %s%s ago; it is due every 10s", atLeast(v), phrase.Duration(age)),
			"lease renewed "+phrase.Time(v.Node.Lease.Renewed))
	},
}

var leaseLate = Check{
	Rule: finding.Rule{
		ID: "NH004", Title: "node lease renewed late", Severity: finding.Warning,
		Rationale: "Two renewals in a row are missing but the lease has not expired yet: the kubelet has just stopped, hangs, or its way to the API server loses requests. In half a minute this is an outage or it is over.",
		Remedy:    "look again in 30s (-w watches)",
		Source:    "k8s.io/component-helpers/apimachinery/lease: renew interval 0.25 x duration", Docs: docsHeartbeat,
		Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		age, ok := v.LeaseAge()
		if !ok || LeaseExpired(v) || age <= LeaseLate || !v.Live() {
			return
		}
		r.Add(fmt.Sprintf("the lease was last renewed %s ago; it is due every 10s", phrase.Duration(age)),
			"lease renewed "+phrase.Time(v.Node.Lease.Renewed))
	},
}

var readyOverStaleLease = Check{
	Rule: finding.Rule{
		ID: "NH005", Title: "Ready contradicts the lease", Severity: finding.Error,
		Rationale: "The node says Ready=True but its kubelet has been silent for longer than the grace period. Then the one who should have noticed is not working: the node lifecycle controller in kube-controller-manager. Nothing is evicted, and Services still send traffic to the node's pods.",
		Remedy:    "look at kube-controller-manager first: its lease in kube-system, its log",
		Source:    "k8s.io/kubernetes pkg/controller/nodelifecycle; canonical/microk8s#5386", Docs: docsHeartbeat,
	},
	Run: func(v *snapshot.View, r *Report) {
		if !ReadyOverStaleLease(v) {
			return
		}
		age, _ := v.LeaseAge()
		grace, _ := v.Grace()
		r.Add(fmt.Sprintf("Ready=True, but the lease is %s%s old: the control plane should have marked it Unknown after %s", atLeast(v), phrase.Duration(age), phrase.Duration(grace)),
			"lease renewed "+phrase.Time(v.Node.Lease.Renewed))
	},
}

var statusStale = Check{
	Rule: finding.Rule{
		ID: "NH006", Title: "node status stale", Severity: finding.Warning,
		Rationale: "The kubelet posts its status when it changes and at least every nodeStatusReportFrequency (five minutes by default). A heartbeat up to that age is normal. An older one under a fresh lease means that the status loop hangs while the lease goes on: the conditions cannot be trusted.",
		Remedy:    "look at the kubelet's log for a hanging status update; restart the kubelet",
		Source:    "k8s.io/kubernetes pkg/kubelet/kubelet_node_status.go", Docs: docsHeartbeat,
		Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		hb, ok := v.Heartbeat()
		if !ok || LeaseExpired(v) || v.Ready() == corev1.ConditionUnknown {
			return
		}
		every := snapshot.StatusEvery
		if c := v.Node.Kubelet.Config; c != nil && c.ReportEvery > 0 {
			every = c.ReportEvery
		}
		// Without a lease the status is all there is, so what an old one means
		// is for the fault engine to say.
		if _, known := v.LeaseAge(); !known || v.Age(hb) < every+2*time.Minute {
			return
		}
		r.Add(fmt.Sprintf("the kubelet renews its lease but last posted its status %s ago; it is due every %s", phrase.Duration(v.Age(hb)), phrase.Duration(every)),
			"last heartbeat "+phrase.Time(hb))
	},
}

var noReady = Check{
	Rule: finding.Rule{
		ID: "NH007", Title: "no Ready condition", Severity: finding.Warning,
		Rationale: "Without a Ready condition nobody has said yet whether the node can run pods: the kubelet has not posted a status since the node was made, or what wrote the document left it out. Nothing can be concluded from it.",
		Remedy:    "read the whole node: kubectl get node NAME -o yaml",
		Source:    "k8s.io/api/core/v1 NodeStatus", Docs: docsNodes,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object != nil && v.Condition(corev1.NodeReady) == nil {
			r.Add(NoReady(v))
		}
	},
}

// NoReady says that there is no Ready condition, and whose fault that may be.
func NoReady(v *snapshot.View) string {
	if v.Live() {
		return "the node has no Ready condition"
	}
	return "there is no Ready condition in the capture: it was cut off, or the node has none"
}

var noLease = Check{
	Rule: finding.Rule{
		ID: "NH008", Title: "no node lease", Severity: finding.Warning,
		Rationale: "Every kubelet since v1.14 keeps a lease of its node's name in kube-node-lease. Where it is missing, the kubelet has never run since the node was made, or cannot write leases (RBAC, a clock or certificate problem), and the node's life hangs on the five-minute status alone.",
		Remedy:    "kubectl -n kube-node-lease get lease NAME; look for lease errors in the kubelet's log",
		Source:    "KEP-589", Docs: docsHeartbeat, Since: "1.14 and later",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		p, ok := v.Probe(v.Node, snapshot.SourceLease)
		// A capture that does not hold leases says nothing; one that holds
		// kubectl's "not found" does.
		known := v.Live() || strings.Contains(p.Detail, "Failed to get lease")
		if ok && p.Status == snapshot.Absent && known && v.Node.Object != nil {
			r.Add("the node has no lease in kube-node-lease")
		}
	},
}

// LeaseLate is the age at which at least two renewals are missing.
const LeaseLate = 25 * time.Second

// LeaseExpired says whether the kubelet's silence is longer than its lease
// holds. Where now is a guess from the capture itself, what counts is that the
// control plane gave the node up.
func LeaseExpired(v *snapshot.View) bool {
	age, ok := v.LeaseAge()
	if !ok {
		return false
	}
	hold := snapshot.LeaseDuration
	if s := v.Node.Lease.Seconds; s > 0 {
		hold = time.Duration(s) * time.Second
	}
	if v.Clock.AtLeast() || v.Clock == snapshot.ClockCapture {
		// A capture is not made in one moment: leave the time it takes.
		if v.Ready() == corev1.ConditionTrue {
			hold += time.Minute
		}
	}
	return age > hold
}

// ReadyOverStaleLease says whether the control plane should have noticed a
// silent kubelet and has not: the grace period is over, with room for the
// controller's period and for a status post that counts as life too.
func ReadyOverStaleLease(v *snapshot.View) bool {
	if v.Ready() != corev1.ConditionTrue || !LeaseExpired(v) {
		return false
	}
	age, _ := v.LeaseAge()
	grace, _ := v.Grace()
	if hb, ok := v.Heartbeat(); ok && v.Age(hb) < age {
		age = v.Age(hb)
	}
	return age > grace+15*time.Second
}

func atLeast(v *snapshot.View) string {
	if v.Clock.AtLeast() {
		return "at least "
	}
	return ""
}
