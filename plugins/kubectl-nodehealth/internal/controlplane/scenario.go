package controlplane

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
)

// The handbook's failure scenarios that are not of one node.
const (
	APIServerDown         = "APIServerDown"
	StorageLost           = "StorageLost"
	SupportingServiceDown = "SupportingServiceDown"
	OperatorError         = "OperatorError"
)

const handbook = "https://kubernetes.io/docs/tasks/debug/debug-cluster/"

// Scenarios are the handbook's scenarios of a control plane, as entries of the
// catalogue of faults.
func Scenarios() []fault.Entry {
	const (
		ha       = "run the control plane with high availability: several API servers, an etcd of three or five members"
		restart  = "let the provider restart machines by itself (automatic VM restart)"
		storage  = "keep the API server's and etcd's data on reliable storage"
		snapshot = "take snapshots of the volumes of the API server and etcd periodically"
	)
	return []fault.Entry{
		{
			Name: APIServerDown, Phrase: "API server down", Scope: "cluster", Verdict: fault.Unhealthy, Docs: handbook,
			Mode:  "The machine of the API server is off, or its process crashed.",
			Signs: []string{"every request is refused or times out", "the leases of all components and nodes stop together"},
			Consequences: []string{
				"nothing new starts, nothing stops or is updated: pods, services, replication controllers",
				"what runs goes on, as long as it does not need the Kubernetes API"},
			Mitigations: []string{restart, ha},
		},
		{
			Name: StorageLost, Phrase: "API server's storage lost", Scope: "cluster", Verdict: fault.Unhealthy, Docs: handbook,
			Mode:  "etcd does not answer, or its data is gone.",
			Signs: []string{"readyz names etcd or etcd-readiness", "requests time out or end with etcdserver errors"},
			Consequences: []string{
				"the API server does not come up",
				"kubelets go on running the same pods, but cannot reach it",
				"state has to be restored by hand before the API server is started again"},
			Mitigations: []string{storage, snapshot, ha},
		},
		{
			Name: SupportingServiceDown, Phrase: "scheduler or controller-manager down", Scope: "cluster", Verdict: fault.Unhealthy, Docs: handbook,
			Mode:  "kube-scheduler, kube-controller-manager or another supporting service does not run.",
			Signs: []string{"its lease in kube-system is past its duration", "pods stay Pending without events (scheduler), nodes keep an old Ready condition and nothing is replaced (controller-manager)"},
			Consequences: []string{
				"as for a lost API server, in their own part: they keep no state of their own and go on where they were"},
			Mitigations: []string{restart, ha, "its log: kubectl -n kube-system logs -l component=kube-controller-manager, or the unit's journal"},
		},
		{
			Name: OperatorError, Phrase: "operator error", Scope: "cluster", Verdict: fault.Unhealthy, Docs: handbook,
			Mode:  "Misconfigured Kubernetes or application software, such as an admission webhook that fails closed with nobody behind it.",
			Signs: []string{"requests are refused with the name of a webhook or policy", "objects were deleted or changed by a person's client (managedFields, audit log)"},
			Consequences: []string{
				"lost pods and services", "lost backing store of the API server", "users that cannot read the API"},
			Mitigations: []string{snapshot, "review changes to the control plane and to admission before they are applied", "leave kube-system out of every webhook that fails closed"},
		},
	}
}

// LogPlace says where a component's log is on a distribution, by the OS image
// and version of the control plane's nodes.
func LogPlace(s *Snapshot, component string) string {
	for _, p := range s.Pods {
		if p.Component == component {
			return "kubectl -n kube-system logs " + p.Name
		}
	}
	for _, n := range s.Nodes {
		switch {
		case strings.Contains(n.Kubelet, "+k3s"):
			return "journalctl -u k3s on the server (all components are one process)"
		case strings.Contains(n.Kubelet, "+rke2"):
			return "/var/lib/rancher/rke2/agent/logs, and kubectl -n kube-system logs -l component=" + component
		case strings.Contains(n.Kubelet, "-eks-"):
			return "managed by EKS: CloudWatch, /aws/eks/CLUSTER/cluster"
		case strings.Contains(n.Kubelet, "-gke."):
			return "managed by GKE: Cloud Logging, resource k8s_control_plane_component"
		case strings.Contains(strings.ToLower(n.OSImage), "talos"):
			return "talosctl -n NODE-IP logs -k, or containers of kube-system"
		}
	}
	return "/var/log/" + component + ".log or journalctl -u " + component + " on its machine"
}
