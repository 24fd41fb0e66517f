package fault

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// ClusterHealth is the verdict on what concerns all nodes.
type ClusterHealth struct {
	Verdict  Verdict
	Fault    *Fault
	Findings []finding.Finding
}

// DiagnoseCluster judges what no single node shows.
func DiagnoseCluster(s *snapshot.Snapshot) ClusterHealth {
	return ClusterHealth{Verdict: Healthy, Findings: []finding.Finding{}}
}
