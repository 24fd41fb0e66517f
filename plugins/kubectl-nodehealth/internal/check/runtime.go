package check

import (
	"fmt"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

const docsMetrics = "https://kubernetes.io/docs/reference/instrumentation/metrics/"

var healthzFails = Check{
	Rule: finding.Rule{
		ID: "NH040", Title: "kubelet health check fails", Severity: finding.Error,
		Rationale: "The kubelet's /healthz checks ping, log and syncloop. syncloop fails when the loop that starts and stops pods has not come round for five minutes (or twice syncFrequency): a hanging mount or runtime call. The lease goes on, so the node stays Ready while no pod starts.",
		Remedy:    "look for hanging mounts (processes in state D) and runtime calls; take a goroutine dump and restart the kubelet",
		Source:    "k8s.io/kubernetes pkg/kubelet/server: syncLoopHealthCheck; kubernetes/kubernetes#101622", Docs: docsDebug,
	},
	Run: func(v *snapshot.View, r *Report) {
		if h := v.Node.Kubelet.Healthz; h != nil && !h.OK {
			r.Add("the kubelet's /healthz fails: " + phrase.List(h.Failed, 5))
		}
	},
}

var pleg = Check{
	Rule: finding.Rule{
		ID: "NH041", Title: "listing containers is slow", Severity: finding.Warning,
		Rationale: "The kubelet lists all pods and containers once a second (PLEG). A relist that takes ten seconds or more means an overloaded or hanging runtime; after three minutes without one the node goes NotReady.",
		Remedy:    "look at the runtime's log and at the node's disk and CPU pressure",
		Source:    "kubernetes-mixin KubeletPlegDurationHigh (p99 >= 10 s); pkg/kubelet/pleg relistThreshold 3m", Docs: docsMetrics, Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		m := v.Node.Kubelet.Metrics
		if m == nil {
			return
		}
		if !m.PLEGLastSeen.IsZero() && v.Age(m.PLEGLastSeen) > 90*time.Second {
			f := r.Add(fmt.Sprintf("the kubelet has not listed its containers for %s; three minutes make the node NotReady", phrase.Duration(v.Age(m.PLEGLastSeen))))
			if v.Age(m.PLEGLastSeen) > 3*time.Minute {
				f.Severity = finding.Error
			}
			return
		}
		if m.PLEGRelistP99 != nil && *m.PLEGRelistP99 >= 10 {
			r.Add(fmt.Sprintf("the slowest 1%% of its lists of the containers since the kubelet started took longer than %.0fs", *m.PLEGRelistP99))
		}
	},
}

// vitalOps are the runtime calls whose failure is the runtime's and not a bad
// image's or a container that has just gone.
var vitalOps = []string{"run_podsandbox", "create_container", "start_container", "list_podsandbox", "list_containers", "status", "version", "stop_podsandbox"}

var runtimeErrors = Check{
	Rule: finding.Rule{
		ID: "NH042", Title: "the container runtime fails calls", Severity: finding.Warning,
		Rationale: "The kubelet counts its calls to the container runtime and those that failed, since it started. Failing pulls are a registry's matter; failing sandboxes, creations and starts are the runtime's, the network plugin's or the disk's.",
		Remedy:    "look at the runtime's log for the operation named",
		Source:    "kubelet metrics kubelet_runtime_operations_total, kubelet_runtime_operations_errors_total (ALPHA); limit is ours: 5% and 20 calls", Docs: docsMetrics, Heuristic: true,
	},
	Run: func(v *snapshot.View, r *Report) {
		m := v.Node.Kubelet.Metrics
		if m == nil {
			return
		}
		var parts []string
		for _, op := range vitalOps {
			errs, all := m.RuntimeErrors[op], m.RuntimeOps[op]
			if errs >= 20 && errs >= 0.05*all {
				parts = append(parts, fmt.Sprintf("%s %.0f of %.0f", op, errs, all))
			}
		}
		if len(parts) > 0 {
			r.Add("calls to the runtime that failed since the kubelet started: " + phrase.List(parts, 4))
		}
	},
}

var losingCRI = Check{
	Rule: finding.Rule{
		ID: "NH049", Title: "the runtime loses support", Severity: finding.Warning,
		Rationale: "The kubelet says by a metric of its own that a coming version will not work with this container runtime any more. Upgrading the kubelet first leaves a node that does not start.",
		Remedy:    "upgrade the container runtime before the kubelet",
		Source:    "kubelet metric kubelet_cri_losing_support", Docs: "https://kubernetes.io/docs/setup/production-environment/container-runtimes/",
	},
	Run: func(v *snapshot.View, r *Report) {
		if m := v.Node.Kubelet.Metrics; m != nil && m.LosingCRI != "" {
			r.Add("the kubelet will drop support for this container runtime in v" + m.LosingCRI)
		}
	},
}

var metricsMissing = Check{
	Rule: finding.Rule{
		ID: "NH111", Title: "no metrics for this node", Severity: finding.Warning,
		Rationale: "The cluster has a metrics API and it knows nothing of this node: metrics-server cannot scrape its kubelet. kubectl top and autoscalers are blind here. A node in its first minutes is not scraped yet.",
		Remedy:    "look at metrics-server's log for this node's address; a pending serving certificate and a blocked port 10250 are the usual causes",
		Source:    "kubernetes-sigs/metrics-server", Docs: "https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/",
	},
	Run: func(v *snapshot.View, r *Report) {
		p, ok := v.Probe(v.Node, snapshot.SourceMetrics)
		if !ok || !v.Live() || v.Node.Object == nil || v.Age(v.Node.Object.CreationTimestamp.Time) < 3*time.Minute {
			return
		}
		if p.Status == snapshot.Absent && p.Detail == snapshot.NoNodeMetrics {
			r.Add("the metrics API has no figures for this node")
		}
	},
}

var noMetricsPipeline = Check{
	Rule: finding.Rule{
		ID: "NH110", Title: "no metrics pipeline", Severity: finding.Info,
		Rationale: "The cluster serves no metrics.k8s.io: kubectl top, the horizontal pod autoscaler and the vertical one do not work, and usage is unknown here unless the kubelet may be asked.",
		Remedy:    "install metrics-server, or an adapter that serves metrics.k8s.io",
		Source:    "kubernetes-sigs/metrics-server", Docs: "https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/",
	},
	Run: func(v *snapshot.View, r *Report) {
		if p, ok := v.Probe(v.Node, snapshot.SourceMetrics); ok && v.Live() && p.Status == snapshot.Absent && p.Detail == snapshot.NoMetricsAPI {
			r.Add("the cluster has no metrics API: kubectl top and autoscaling by usage do not work")
		}
	},
}
