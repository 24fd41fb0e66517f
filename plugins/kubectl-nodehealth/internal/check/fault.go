package check

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// These findings are made by the fault engine, which sees more than one source
// or more than one node.
var (
	faultRule = finding.Rule{
		ID: "NH019", Title: "the evidence contradicts itself", Severity: finding.Error,
		Rationale: "No single source says that the node is broken, but held against each other they do: a fresh lease and a dead port, a healthy kubelet and a stale lease. The story names the fault and shows the evidence; this finding makes it count.",
		Remedy:    "kubectl nodehealth faults NAME tells what the fault means and what helps",
		Source:    "the fault engine of this command: lease, Ready, heartbeat, kubelet, host and peers", Docs: docsDebug,
	}
	controlPlaneRule = finding.Rule{
		ID: "NH140", Title: "the controller manager does not work", Severity: finding.Error,
		Rationale: "kube-controller-manager renews its leader lease in kube-system every two seconds. When the lease is old, nobody holds it: no node is judged, no pod replaced, no endpoint updated. Existing pods run on, and every node keeps the state it had.",
		Remedy:    "look at kube-controller-manager's pod and log on the control-plane hosts",
		Source:    "k8s.io/client-go/tools/leaderelection; --leader-elect-renew-deadline 10s, --leader-elect-lease-duration 15s", Docs: docsDebug,
	}
	zoneRule = finding.Rule{
		ID: "NH141", Title: "a zone is down", Severity: finding.Error,
		Rationale: "All nodes of a zone fell silent together: it is what they share, not the machines. With all zones down the control plane assumes that it is itself cut off: it withdraws the NoExecute taints, and nothing is evicted.",
		Remedy:    "look at power, network and the provider's status of the zone, and at the path from the zone to the API server",
		Source:    "k8s.io/kubernetes pkg/controller/nodelifecycle: ComputeZoneState, handleDisruption", Docs: "https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction",
	}
	evictionRule = finding.Rule{
		ID: "NH142", Title: "eviction is slowed", Severity: finding.Warning,
		Rationale: "When more than two nodes and at least 55% of a zone are not ready, the node lifecycle controller evicts pods from one node in 100 seconds only (one in ten seconds otherwise), and from none at all in zones of up to 50 nodes.",
		Remedy:    "expect pods to stay bound to dead nodes; repair nodes rather than wait",
		Source:    "k8s.io/kubernetes pkg/controller/nodelifecycle: --unhealthy-zone-threshold, --secondary-node-eviction-rate, --large-cluster-size-threshold", Docs: "https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction",
	}
)

// FaultFinding is the finding for a fault that no check reports by itself.
func FaultFinding(v *snapshot.View, phrase, summary string) finding.Finding {
	return faultRule.New(finding.Subject{Kind: "Node", Name: v.Node.Name}, phrase+": "+summary)
}

// ControlPlaneFinding is the finding for a controller manager that is not
// working.
func ControlPlaneFinding(message string, evidence []string) finding.Finding {
	f := controlPlaneRule.New(finding.Subject{Kind: "Lease", Namespace: snapshot.SystemNamespace, Name: snapshot.ControllerManagerLease}, message)
	f.Evidence = evidence
	return f
}

// ZoneFinding is the finding for a zone that is down.
func ZoneFinding(message string, evidence []string) finding.Finding {
	f := zoneRule.New(finding.Subject{Kind: "Cluster"}, message)
	f.Evidence = evidence
	return f
}

// EvictionFinding is the finding for slowed eviction.
func EvictionFinding(message string) finding.Finding {
	return evictionRule.New(finding.Subject{Kind: "Cluster"}, message)
}
