package check

import (
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// startupTime is how long an agent may take to take its taint away.
const startupTime = 3 * time.Minute

// startup are the taints that keep pods away until an agent has come up on the
// node and takes them away itself.
var startup = []struct{ key, says string }{
	{"node.cilium.io/agent-not-ready", "Cilium's agent has not come up here"},
	{"ebs.csi.aws.com/agent-not-ready", "the EBS CSI driver has not come up here"},
	{"efs.csi.aws.com/agent-not-ready", "the EFS CSI driver has not come up here"},
	{"fsx.csi.aws.com/agent-not-ready", "the FSx CSI driver has not come up here"},
	{"node.cluster.x-k8s.io/uninitialized", "Cluster API has not taken the node over"},
	{"karpenter.sh/unregistered", "Karpenter has not taken the node over"},
}

var startupTaint = Check{
	Rule: finding.Rule{
		ID: "NH027", Title: "an agent has not come up", Severity: finding.Warning,
		Rationale: "Network plugins, CSI drivers and provisioners taint a node when it joins and take the taint away when their own agent works there. While it stays the node says Ready, and nothing that does not tolerate the taint is scheduled on it; a NoExecute taint also evicts.",
		Remedy:    "look at the agent's pod on this node and at its log; the taint goes by itself when it works",
		Source:    "Cilium taint-effects; Karpenter pkg/apis/v1 UnregisteredNoExecuteTaint; aws-ebs-csi-driver docs/install.md; kubernetes-sigs/cluster-api NodeUninitializedTaint", Docs: docsTaints,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object == nil {
			return
		}
		for _, t := range v.Node.Object.Spec.Taints {
			says := ""
			for _, s := range startup {
				if t.Key == s.key {
					says = s.says
				}
			}
			if says == "" && strings.HasSuffix(t.Key, "/agent-not-ready") {
				says = "the agent of " + strings.TrimSuffix(t.Key, "/agent-not-ready") + " has not come up here"
			}
			since := v.Node.Object.CreationTimestamp.Time
			if t.TimeAdded != nil {
				since = t.TimeAdded.Time
			}
			if says == "" || !since.IsZero() && v.Age(since) < startupTime {
				continue
			}
			r.Add(says+": nothing is scheduled that does not tolerate its taint", "taint "+phrase.Clip(t.ToString(), 120))
		}
	},
}
