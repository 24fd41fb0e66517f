package controlplane

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
)

// The handbook's failure scenarios that are not of one node.
const (
	APIServerDown         = "APIServerDown"
	StorageLost           = "StorageLost"
	SupportingServiceDown = "SupportingServiceDown"
	OperatorError         = "OperatorError"
	// APIServerCertificateExpired is an outage of the API server by the calendar.
	APIServerCertificateExpired = "APIServerCertificateExpired"
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
			Mitigations: []string{"read the last lines of its log: a bad flag, an unreadable file, a taken port or a dead etcd end it at once", restart, storage, snapshot, ha},
		},
		{
			Name: APIServerCertificateExpired, Phrase: "API server's certificate expired", Scope: "cluster", Verdict: fault.Unhealthy, Docs: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/",
			Mode:  "The API server runs and shows a certificate whose time is over: every client that verifies it refuses to talk.",
			Signs: []string{"x509: certificate has expired or is not yet valid, from kubectl and in every kubelet's log", "the leases of all components and nodes stop together, at the minute of the certificate's end"},
			Consequences: []string{
				"as for a lost API server: nothing new starts, stops or is updated; what runs goes on",
				"all nodes are marked Unknown as soon as a controller-manager can write again, before their kubelets are back: eviction is paused while all are down"},
			Mitigations: []string{
				"renew it: kubeadm certs renew apiserver (or all); k3s and RKE2 renew when they start",
				"kubeadm renews all certificates at every upgrade: upgrade at least once a year",
				"watch the end: kubectl nodehealth controlplane warns 30 days before, kubectl certgen expiry lists all"},
		},
		{
			Name: StorageLost, Phrase: "API server's storage lost", Scope: "cluster", Verdict: fault.Unhealthy, Docs: handbook,
			Mode:  "etcd does not answer, or its data is gone.",
			Signs: []string{"readyz names etcd or etcd-readiness", "requests time out or end with etcdserver errors"},
			Consequences: []string{
				"the API server does not come up",
				"kubelets go on running the same pods, but cannot reach it",
				"state has to be restored by hand before the API server is started again"},
			Mitigations: []string{
				"look at etcd's log, its disk (full, slow, read-only) and its certificates; a member that is lost is replaced from its peers",
				"restore the last snapshot (etcdutl snapshot restore) before the API server is started again", storage, snapshot, ha},
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
