package fault

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
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

// Suspicious says whether a node's kubelet is worth asking, from what the lists
// say.
func Suspicious(s *snapshot.Snapshot, n *snapshot.Node) bool {
	v := s.View(n)
	if v.Ready() != "True" || check.LeaseExpired(v) || Diagnose(v) != nil {
		return true
	}
	age, ok := v.LeaseAge()
	return ok && age > check.LeaseLate
}
