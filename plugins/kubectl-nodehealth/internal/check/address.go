package check

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var wrongAddress = Check{
	Rule: finding.Rule{
		ID: "NH028", Title: "wrong address", Severity: finding.Error,
		Rationale: "The kubelet reports the address of the interface with the default route, unless --node-ip says another. Where all machines have the same address there (10.0.2.15 behind VirtualBox's NAT), what is meant for one node reaches another or nobody: logs, exec, metrics and the pod network. A node without an internal address is called by its name, which the API server has to be able to resolve.",
		Remedy:    "start the kubelet with --node-ip=ADDRESS of the interface that the nodes share (KUBELET_EXTRA_ARGS, or kubeletExtraArgs of kubeadm's nodeRegistration), and restart the network plugin's pods",
		Source:    "k8s.io/kubernetes pkg/kubelet/nodestatus NodeAddress; kubernetes/kubernetes#60835, #44702", Docs: "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object == nil || snapshot.Simulated(v.Node.Object) {
			return
		}
		own := snapshot.NewPeer(v.Node).Address
		if own == "" {
			if given := v.Node.Object.Status.Addresses; len(given) > 0 {
				f := r.Add("the node has no internal address: the API server calls it by its " + string(given[0].Type) + ", " + given[0].Address)
				f.Severity = finding.Info
			}
			return
		}
		var others []string
		for _, p := range v.At(own) {
			// The object of a machine that is gone may outlive it, while a new
			// machine has its address.
			if p.Name != v.Node.Name && p.Ready != corev1.ConditionUnknown {
				others = append(others, p.Name)
			}
		}
		slices.Sort(others)
		switch {
		case len(others) == 0:
		case v.Ready() == corev1.ConditionUnknown:
			r.Add(fmt.Sprintf("its internal address, %s, is that of %s now", own, phrase.List(others, 3))).Severity = finding.Info
		default:
			r.Add(fmt.Sprintf("it has the same internal address as %s, %s: what is meant for one reaches another", phrase.List(others, 3), own))
		}
	},
}
