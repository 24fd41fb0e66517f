package fault

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Undecided are the commands for a node that could not be judged: how to read
// what is missing.
func Undecided(v *snapshot.View) []Command {
	if !v.Live() {
		return []Command{
			{Run: "kubectl get nodes,leases,pods,events -A -o json >capture.json", Note: "a capture that holds what is missing; where the cluster can be asked:"},
			{Run: "kubectl nodehealth " + v.Node.Name},
		}
	}
	var denied, kubelet, server bool
	for _, p := range v.Probes(v.Node) {
		switch {
		case p.Status == snapshot.Denied:
			denied = true
		case p.Status == snapshot.Timeout && p.Reason == snapshot.ReasonSilent:
			kubelet = true
		case p.Status == snapshot.Timeout && p.Name != snapshot.SourceMetrics:
			server = true
		}
	}
	var out []Command
	if denied {
		out = append(out, Command{Run: "kubectl nodehealth rbac", Note: "the roles that reading it needs"})
	}
	if server {
		out = append(out, Command{Run: "kubectl nodehealth controlplane", Note: "why the API server is slow"})
	}
	sys := SystemOf(v)
	if h := v.Node.Kubelet.Healthz; kubelet && h != nil && h.OK && !sys.NoHost() {
		note := "a kubelet that is well and answers nothing else waits for its runtime or a disk"
		if sys.Name != "windows" && sys.Name != "talos" {
			out = append(out, Command{Run: onNode(v, sys, "sudo "+sys.Crictl+" info; ps -eo state,pid,wchan:30,cmd | grep ^D; df -h /var/lib"), Note: note})
			note = ""
		}
		out = append(out, Command{Run: onNode(v, sys, serviceLog(sys, sys.Runtime, " -n 100")), Note: note})
	}
	if v.Node.Object != nil {
		out = append(out, Command{Run: "kubectl describe node " + v.Node.Name})
	}
	return out
}
