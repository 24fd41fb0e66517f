package pipeline

import "github.com/clusterwright/kubectl-plugins/shared/finding"

const page = "https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/"

var (
	ruleNoAPI = finding.Rule{
		ID: "NH951", Title: "no metrics API", Severity: finding.Warning,
		Rationale: "Nothing serves metrics.k8s.io: kubectl top fails, and the HorizontalPodAutoscaler and the VerticalPodAutoscaler have nothing to act on.",
		Remedy:    "Install metrics-server (https://github.com/kubernetes-sigs/metrics-server).",
		Source:    "APIService v1beta1.metrics.k8s.io or v1.metrics.k8s.io", Docs: page,
	}
	ruleAPIDown = finding.Rule{
		ID: "NH952", Title: "metrics API is not available", Severity: finding.Error,
		Rationale: "It is registered, and the API server cannot reach what stands behind it: no endpoint, a certificate it does not trust, or a network between them that drops.",
		Remedy:    "Look at the reason: MissingEndpoints is the pod, FailedDiscoveryCheck the way to it or its certificate.",
		Source:    "APIService condition Available", Docs: page,
	}
	ruleServer = finding.Rule{
		ID: "NH953", Title: "metrics-server does not run", Severity: finding.Error,
		Rationale: "The container that stands behind the API does not run: it cannot be scheduled, its image cannot be had, or it ends when it starts. (One that runs and reads no kubelet is NH959.)",
		Remedy:    "Look at the pod's events and at the last words of its log.",
		Source:    "pods behind the APIService", Docs: page,
	}
	ruleKubelet = finding.Rule{
		ID: "NH954", Title: "kubelet does not give its metrics", Severity: finding.Error,
		Rationale: "metrics-server reads /metrics/resource of every kubelet. Where the kubelet refuses or does not answer, the node is missing in kubectl top and its pods are not scaled.",
		Remedy:    "denied: the rights of system:metrics-server on nodes/metrics, and the kubelet's authentication; unreachable or timeout: the kubelet itself (kubectl nodehealth NODE).",
		Source:    "kubelet /metrics/resource through the API server", Docs: page,
	}
	ruleMissing = finding.Rule{
		ID: "NH955", Title: "node missing from the metrics API", Severity: finding.Error,
		Rationale: "The kubelet gives its metrics to the API server, and metrics-server has none of it: the way from metrics-server to this kubelet is broken, or the node is new.",
		Remedy:    "metrics-server's log names the node; compare the kubelet's serving certificate with the node's addresses.",
		Source:    "metrics.k8s.io nodes against the node list", Docs: page,
	}
	ruleStale = finding.Rule{
		ID: "NH956", Title: "stale metrics", Severity: finding.Warning,
		Rationale: "The newest figures of the node are much older than metrics-server's resolution (15 seconds by default): it has stopped scraping this kubelet.",
		Remedy:    "metrics-server's log; its own CPU and memory limits on a large cluster.",
		Source:    "timestamp in metrics.k8s.io", Docs: page,
	}
	ruleStuck = finding.Rule{
		ID: "NH957", Title: "pods stuck in Terminating", Severity: finding.Warning,
		Rationale: "More than five minutes past the moment by which they should be gone: a finalizer, a node that is down, a volume that does not unmount.",
		Remedy:    "kubectl get pod -o yaml: finalizers and node; kubectl nodehealth NODE.",
		Source:    "deletionTimestamp and deletionGracePeriodSeconds of the pods; with kube-state-metrics: alert on time() - kube_pod_deletion_timestamp > 300",
		Docs:      "https://kubernetes.io/docs/concepts/cluster-administration/kube-state-metrics/",
	}
	ruleNotReady = finding.Rule{
		ID: "NH958", Title: "pods that are not ready", Severity: finding.Info,
		Rationale: "Pods that should serve and do not.",
		Remedy:    "kubectl describe pod; kubectl nodehealth for the nodes that have many.",
		Source:    "condition Ready of the pods; with kube-state-metrics: count(kube_pod_status_ready{condition=\"false\"}) by (namespace, pod)",
		Docs:      "https://kubernetes.io/docs/concepts/cluster-administration/kube-state-metrics/",
	}
	ruleScrape = finding.Rule{
		ID: "NH959", Title: "metrics-server cannot read kubelets", Severity: finding.Error,
		Rationale: "metrics-server runs and the kubelets refuse it, or it does not trust their certificates, or cannot reach them. It becomes ready once it has figures of one kubelet; nodes that it cannot read are missing.",
		Remedy:    "Follow the cause in its log: the kubelets' serving certificates, its right to get nodes/metrics, the network to port 10250.",
		Source:    "metrics-server's log: Failed to scrape node", Docs: page,
	}
)

// Rules are the checks, in the order of their ids.
var Rules = []finding.Rule{ruleNoAPI, ruleAPIDown, ruleServer, ruleKubelet, ruleMissing, ruleStale, ruleStuck, ruleNotReady, ruleScrape}
