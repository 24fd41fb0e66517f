package check

import (
	"fmt"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var clockSkew = Check{
	Rule: finding.Rule{
		ID: "NH100", Title: "the node's clock is wrong", Severity: finding.Warning,
		Rationale: "The kubelet writes its own time into its lease, and the API server stamps the same write with its own time, in whole seconds. The difference is the node's clock against the API server's. Certificates, tokens and logs go wrong before anything says so; a lease that looks old or new can be nothing but this.",
		Remedy:    "look at the time service on the node: timedatectl, chronyc tracking",
		Source:    "lease spec.renewTime against managedFields time of the same write", Docs: docsHeartbeat,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		l := v.Node.Lease
		if l == nil || l.Renewed.IsZero() || l.Stamped.IsZero() {
			return
		}
		skew := l.Renewed.Sub(l.Stamped)
		if skew < 5*time.Second && skew > -5*time.Second {
			return
		}
		where := "ahead of"
		if skew < 0 {
			where, skew = "behind", -skew
		}
		r.Add(fmt.Sprintf("the node's clock is %s %s the API server's", phrase.Duration(skew), where),
			fmt.Sprintf("lease renewed %s by the node, stamped %s by the API server (%s)", phrase.Time(l.Renewed), phrase.Time(l.Stamped), l.By))
	},
}
