package check

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var faultRule = finding.Rule{
	ID: "NH019", Title: "the evidence contradicts itself", Severity: finding.Error,
	Rationale: "No single source says that the node is broken, but held against each other they do: a fresh lease and a dead port, a healthy kubelet and a stale lease. The story names the fault and shows the evidence; this finding makes it count.",
	Remedy:    "kubectl nodehealth faults NAME tells what the fault means and what helps",
	Source:    "the fault engine of this command: lease, Ready, heartbeat, kubelet, host and peers", Docs: docsDebug,
}

// FaultFinding is the finding for a fault that no check reports by itself.
func FaultFinding(v *snapshot.View, phrase, summary string) finding.Finding {
	return faultRule.New(finding.Subject{Kind: "Node", Name: v.Node.Name}, phrase+": "+summary)
}
