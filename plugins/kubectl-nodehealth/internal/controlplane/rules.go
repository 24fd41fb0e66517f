package controlplane

import "github.com/clusterwright/kubectl-plugins/shared/finding"

const page = "https://kubernetes.io/docs/reference/using-api/health-checks/"

var (
	ruleLive = finding.Rule{
		ID: "NH901", Title: "API server fails a check of its own", Severity: finding.Error,
		Rationale: "livez and readyz run named checks. A failing readyz takes the API server out of its load balancer, a failing livez has it restarted. etcd and etcd-readiness name the storage: without it nothing new starts, stops or changes, while what runs goes on.",
		Remedy:    "Read the API server's log for the named check; for etcd look at its health, its disk and its certificates first.",
		Source:    "k8s.io/apiserver/pkg/server/healthz", Docs: page,
	}
	ruleLeader = finding.Rule{
		ID: "NH902", Title: "no leader renews its lease", Severity: finding.Error,
		Rationale: "kube-scheduler and kube-controller-manager work only while one of them holds its lease. A lease past its duration means that nobody schedules pods, or that nobody marks nodes, replaces pods or evicts them. Node conditions then stop telling the truth.",
		Remedy:    "Look at the component's pod or unit and its log; check its certificate and its way to the API server.",
		Source:    "k8s.io/client-go/tools/leaderelection", Docs: "https://kubernetes.io/docs/concepts/architecture/leases/",
	}
	ruleNoLeader = finding.Rule{
		ID: "NH903", Title: "component without a lease", Severity: finding.Warning,
		Rationale: "Neither a running nor a former leader is known. Some distributions run the component with --leader-elect=false (k3s in one process does); otherwise it never ran.",
		Remedy:    "See whether the component runs where this distribution puts it.",
		Source:    "k8s.io/client-go/tools/leaderelection", Docs: "https://kubernetes.io/docs/concepts/architecture/leases/", Heuristic: true,
	}
	ruleSkew = finding.Rule{
		ID: "NH904", Title: "version skew that is not supported", Severity: finding.Warning,
		Rationale: "kubelets may be up to three minor versions older than the API server and never newer; kube-controller-manager and kube-scheduler one older and never newer; API servers one apart.",
		Remedy:    "Upgrade in the documented order: API servers, then the other components, then kubelets.",
		Source:    "Kubernetes version skew policy", Docs: "https://kubernetes.io/releases/version-skew-policy/",
	}
	ruleCert = finding.Rule{
		ID: "NH905", Title: "certificate of the control plane expires", Severity: finding.Warning,
		Rationale: "On the day it expires every client that verifies it stops, kubelets included, and nodes go NotReady together.",
		Remedy:    "Renew it (kubeadm certs renew all), then restart what uses it: kubeadm's static pods by moving their manifests away and back.",
		Source:    "the certificate shown on the wire; on a control-plane machine those below /etc/kubernetes", Docs: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/",
	}
	ruleAPIService = finding.Rule{
		ID: "NH906", Title: "aggregated API is not available", Severity: finding.Warning,
		Rationale: "Requests to its group fail, discovery becomes slow and incomplete for every client, and namespaces hang in Terminating, because their content of this group cannot be listed.",
		Remedy:    "Repair the service behind it, or delete the APIService if what it served is gone.",
		Source:    "APIService condition Available", Docs: "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/",
	}
	ruleWebhookDead = finding.Rule{
		ID: "NH907", Title: "fail-closed webhook has nobody behind it", Severity: finding.Error,
		Rationale: "With failurePolicy Fail every request that the webhook matches is refused while its service has no ready endpoint. When that includes the pods of the webhook itself, the cluster cannot repair it.",
		Remedy:    "Repair the service, or set failurePolicy Ignore or delete the configuration until it is repaired.",
		Source:    "admissionregistration.k8s.io/v1, EndpointSlices of the service", Docs: "https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/",
	}
	ruleWebhookWide = finding.Rule{
		ID: "NH908", Title: "fail-closed webhook stands before the system's own objects", Severity: finding.Warning,
		Rationale: "It matches pods, nodes or leases without leaving kube-system out. When it is down, the control plane's own pods cannot be created, or nodes' leases cannot be renewed and every node goes NotReady.",
		Remedy:    "Leave kube-system out by a namespaceSelector on kubernetes.io/metadata.name, and do not match nodes and leases.",
		Source:    "admissionregistration.k8s.io/v1", Docs: "https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/",
	}
	rulePod = finding.Rule{
		ID: "NH909", Title: "control-plane pod is not ready", Severity: finding.Error,
		Rationale: "A static pod of the control plane does not pass its probes or does not start.",
		Remedy:    "Its log, and on the node /etc/kubernetes/manifests and the kubelet's log.",
		Source:    "pods of kube-system with tier=control-plane", Docs: "https://kubernetes.io/docs/tasks/debug/debug-cluster/",
	}
	ruleEmulated = finding.Rule{
		ID: "NH910", Title: "API server emulates an older version", Severity: finding.Info,
		Rationale: "With --emulated-version the API server behaves as an older minor: newer APIs and gates are off although the binary has them. Meant for the time of an upgrade.",
		Remedy:    "Remove --emulated-version when the upgrade is done.",
		Source:    "KEP-4330", Docs: "https://kubernetes.io/docs/concepts/cluster-administration/compatibility-version/", Since: "1.31 and later",
	}
	ruleProxy = finding.Rule{
		ID: "NH911", Title: "kube-proxy modes differ", Severity: finding.Warning,
		Rationale: "Services behave differently from node to node (source addresses, load balancing, session affinity).",
		Remedy:    "Give all kube-proxies one configuration and restart them.",
		Source:    "kube-proxy :10249/proxyMode", Docs: "https://kubernetes.io/docs/reference/networking/virtual-ips/",
	}
)

var (
	ruleUnreachable = finding.Rule{
		ID: "NH912", Title: "API server does not answer", Severity: finding.Error,
		Rationale: "Nothing new starts, stops or is changed while the API server is away; what runs goes on. A refused connection proves that the host is up; one that is taken and not answered, that the process hangs; silence proves nothing about either side.",
		Remedy:    "On its machine: is the process there, and what does its log say last? From elsewhere: is it your way to it?",
		Source:    "TCP, TLS and HTTP, one after the other", Docs: "https://kubernetes.io/docs/tasks/debug/debug-cluster/",
	}
	ruleYou = finding.Rule{
		ID: "NH913", Title: "your own credentials expire", Severity: finding.Warning,
		Rationale: "The client certificate or token of this kubeconfig is at its end. Then every request is refused with 401 Unauthorized, whatever the state of the cluster.",
		Remedy:    "Get new credentials: kubeadm certs renew admin.conf, or those of your provider.",
		Source:    "the kubeconfig", Docs: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/",
	}
	ruleServerGone = finding.Rule{
		ID: "NH914", Title: "an API server is gone", Severity: finding.Warning,
		Rationale: "Every API server renews a lease of its own in kube-system. One that has stopped is down, though the others answer for it, or was removed; its lease is collected after an hour.",
		Remedy:    "Look at kube-apiserver on that machine, and at the load balancer's list of servers.",
		Source:    "KEP-1965, leases with the label apiserver.kubernetes.io/identity", Docs: "https://kubernetes.io/docs/concepts/architecture/leases/#api-server-identity",
	}
	ruleRefused = finding.Rule{
		ID: "NH915", Title: "kubelets do not know the API server", Severity: finding.Error,
		Rationale: "The API server shows kubelets a client certificate (--kubelet-client-certificate). When it has expired, or its authority is not the kubelets' clientCAFile, they answer 401: logs, exec, port-forward and the node proxy fail on every node, while pods run and nodes stay Ready.",
		Remedy:    "Renew it: kubeadm certs renew apiserver-kubelet-client; then restart the API server.",
		Source:    "the kubelets' /healthz through the node proxy", Docs: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/",
	}
	ruleBundle = finding.Rule{
		ID: "NH916", Title: "expired caBundle", Severity: finding.Error,
		Rationale: "The API server verifies a webhook or an aggregated API with the authority in its caBundle. When that has expired no certificate passes: a fail-closed webhook then refuses every request it matches.",
		Remedy:    "Have the bundle written again (cert-manager's cainjector, the operator's own certificates), or set failurePolicy Ignore until then.",
		Source:    "clientConfig.caBundle and spec.caBundle", Docs: "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/",
	}
	ruleSlow = finding.Rule{
		ID: "NH917", Title: "webhook that may hold requests up for long", Severity: finding.Info,
		Rationale: "A webhook with a timeout above the default of ten seconds that stands before pods, nodes or leases: while it hangs, every such request takes that long. A kubelet's lease renewal gives up after ten seconds.",
		Remedy:    "Set timeoutSeconds to a few seconds.",
		Source:    "admissionregistration.k8s.io/v1", Docs: "https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/",
	}
	ruleLocal = finding.Rule{
		ID: "NH918", Title: "component of this machine does not work", Severity: finding.Error,
		Rationale: "This machine has the component's static pod and nobody answers on its port of the loopback. The kubelet starts static pods without the API server, so the reason is in the component's log, in the manifest, or in the kubelet.",
		Remedy:    "sudo crictl ps -a, then the log of the last container; journalctl -u kubelet if there is none.",
		Source:    "the health endpoints on 127.0.0.1", Docs: "https://kubernetes.io/docs/tasks/debug/debug-cluster/",
	}
)

// Rules are the checks, in the order of their ids.
var Rules = []finding.Rule{ruleLive, ruleLeader, ruleNoLeader, ruleSkew, ruleCert, ruleAPIService, ruleWebhookDead, ruleWebhookWide, rulePod, ruleEmulated, ruleProxy,
	ruleUnreachable, ruleYou, ruleServerGone, ruleRefused, ruleBundle, ruleSlow, ruleLocal}
