package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

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
		ID: "NH953", Title: "metrics-server is not ready", Severity: finding.Error,
		Rationale: "metrics-server becomes ready when it has scraped at least one kubelet. One that never does is refused by the kubelets or does not trust their certificates.",
		Remedy:    "Read its log; the usual causes are kubelet serving certificates without the node's address (serverTLSBootstrap, or --kubelet-insecure-tls for a test) and a network policy.",
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
)

// Rules are the checks, in the order of their ids.
var Rules = []finding.Rule{ruleNoAPI, ruleAPIDown, ruleServer, ruleKubelet, ruleMissing, ruleStale, ruleStuck, ruleNotReady}

// staleAfter is four times metrics-server's default resolution and more than
// its window.
const staleAfter = 2 * time.Minute

// Link is one link of the pipeline.
type Link struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, broken, partly, unknown
	Detail string `json:"detail,omitempty"`
}

// Report is the JSON of `usage`.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Broken is the name of the first broken link, "" where all hold.
	Broken   string            `json:"brokenLink,omitempty"`
	Links    []Link            `json:"links"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
	Snapshot *Snapshot         `json:"snapshot"`
}

// Judge is a pure function of the snapshot.
func Judge(s *Snapshot) Report {
	j := judge{s: s}
	r := Report{APIVersion: "nodehealth.clusterwright.dev/v1alpha1", Kind: "ResourceUsage", Snapshot: s}
	r.Links = []Link{j.kubelets(), j.registered(), j.servers(), j.available(), j.complete()}
	for _, l := range r.Links {
		if l.Status == "broken" || l.Status == "partly" {
			r.Broken = l.Name
			break
		}
	}
	j.podQueries()
	finding.SortBySeverity(j.out)
	r.Findings = append([]finding.Finding{}, j.out...)
	r.Summary = finding.Summarize(r.Findings)
	return r
}

type judge struct {
	s   *Snapshot
	out []finding.Finding
}

func (j *judge) add(r finding.Rule, kind, name, message string, evidence ...string) {
	f := r.New(finding.Subject{Kind: kind, Name: name}, message)
	f.Evidence = evidence
	j.out = append(j.out, f)
}

// kubelets is the source of all figures.
func (j *judge) kubelets() Link {
	l := Link{Name: "kubelet /metrics/resource", Status: "ok"}
	asked, bad := 0, 0
	for _, n := range j.s.Nodes {
		if n.Kubelet == "" || n.Kubelet == "not-asked" {
			continue
		}
		asked++
		if n.Kubelet == "ok" {
			continue
		}
		bad++
		if n.Kubelet != "denied-to-you" {
			j.add(ruleKubelet, "Node", n.Name, fmt.Sprintf("the kubelet of %s does not give its metrics: %s", n.Name, n.Kubelet), n.Detail)
		}
	}
	switch {
	case asked == 0:
		l.Status, l.Detail = "unknown", "no kubelet was asked"
	case j.allDeniedToYou():
		l.Status, l.Detail = "unknown", "you may not use nodes/proxy"
	case bad == 0:
		l.Detail = fmt.Sprintf("%d of %d answer", asked, asked)
	case bad == asked:
		l.Status, l.Detail = "broken", "none answers"
	default:
		l.Status, l.Detail = "partly", fmt.Sprintf("%d of %d do not answer", bad, asked)
	}
	return l
}

func (j *judge) allDeniedToYou() bool {
	return len(j.s.Nodes) > 0 && !slices.ContainsFunc(j.s.Nodes, func(n Node) bool { return n.Kubelet != "denied-to-you" && n.Kubelet != "" })
}

func (j *judge) registered() Link {
	if j.s.API == nil && !j.s.Answers {
		if p, denied := j.s.problem("apiservices"); denied {
			return Link{"APIService metrics.k8s.io", "unknown", p}
		}
		j.add(ruleNoAPI, "APIService", "metrics.k8s.io", "nothing serves metrics.k8s.io: metrics-server is not installed")
		return Link{"APIService metrics.k8s.io", "broken", "not registered"}
	}
	if j.s.API == nil {
		return Link{"APIService metrics.k8s.io", "ok", "answers"}
	}
	return Link{"APIService metrics.k8s.io", "ok", fmt.Sprintf("%s, served by %s/%s", j.s.API.Name, j.s.API.Namespace, j.s.API.Service)}
}

func (s *Snapshot) problem(name string) (string, bool) {
	for _, p := range s.Probes {
		if p.Name == name {
			return p.Status, true
		}
	}
	return "", false
}

func (j *judge) servers() Link {
	l := Link{Name: "metrics-server", Status: "ok"}
	if j.s.API == nil {
		l.Status = "unknown"
		return l
	}
	if len(j.s.Servers) == 0 {
		if j.s.Answers {
			l.Status, l.Detail = "ok", "answers; its pods were not seen"
			return l
		}
		l.Status, l.Detail = "broken", fmt.Sprintf("no pod behind service %s/%s", j.s.API.Namespace, j.s.API.Service)
		j.add(ruleServer, "Service", j.s.API.Namespace+"/"+j.s.API.Service, l.Detail)
		return l
	}
	ready := 0
	for _, p := range j.s.Servers {
		if p.Ready {
			ready++
			continue
		}
		j.add(ruleServer, "Pod", p.Namespace+"/"+p.Name, fmt.Sprintf("%s/%s on %s is not ready: %s", p.Namespace, p.Name, p.Node, p.Why), p.Complaints...)
	}
	l.Detail = fmt.Sprintf("%d of %d pods ready", ready, len(j.s.Servers))
	if ready == 0 {
		l.Status = "broken"
	}
	return l
}

func (j *judge) available() Link {
	l := Link{Name: "API available", Status: "ok", Detail: j.s.Version}
	switch {
	case j.s.API == nil && !j.s.Answers:
		l.Status = "unknown"
	case j.s.API != nil && !j.s.API.Available:
		l.Status, l.Detail = "broken", j.s.API.Why
		j.add(ruleAPIDown, "APIService", j.s.API.Name, fmt.Sprintf("%s is not available: %s", j.s.API.Name, j.s.API.Why))
	case !j.s.Answers:
		l.Status, l.Detail = "broken", j.s.Why
		name := "metrics.k8s.io"
		if j.s.API != nil {
			name = j.s.API.Name
		}
		j.add(ruleAPIDown, "APIService", name, "metrics.k8s.io does not answer: "+j.s.Why)
	}
	return l
}

func (j *judge) complete() Link {
	l := Link{Name: "every node has figures", Status: "unknown"}
	if !j.s.Answers {
		return l
	}
	missing, stale := 0, 0
	for _, n := range j.s.Nodes {
		switch {
		case n.Usage == nil && n.Ready:
			missing++
			j.add(ruleMissing, "Node", n.Name, fmt.Sprintf("metrics.k8s.io has nothing of %s", n.Name), j.complaints(n.Name)...)
		case n.Usage != nil && j.s.ObservedAt.Sub(n.Usage.Time) > staleAfter:
			stale++
			j.add(ruleStale, "Node", n.Name, fmt.Sprintf("the figures of %s are %s old", n.Name, j.s.ObservedAt.Sub(n.Usage.Time).Round(time.Second)))
		}
	}
	l.Status, l.Detail = "ok", fmt.Sprintf("%d nodes", len(j.s.Nodes))
	if missing+stale > 0 {
		l.Status, l.Detail = "partly", fmt.Sprintf("%d missing, %d stale of %d", missing, stale, len(j.s.Nodes))
	}
	return l
}

// complaints are metrics-server's own words about a node.
func (j *judge) complaints(node string) []string {
	var out []string
	for _, p := range j.s.Servers {
		for _, c := range p.Complaints {
			if strings.Contains(c, node) && len(out) < 2 {
				out = append(out, c)
			}
		}
	}
	return out
}

// podQueries are the handbook's query and alert on kube-state-metrics, answered
// from the API.
func (j *judge) podQueries() {
	if j.s.StuckN > 0 {
		j.add(ruleStuck, "Pod", ref(j.s.Stuck), fmt.Sprintf("%d pods are more than five minutes past their end: %s", j.s.StuckN, names(j.s.Stuck, j.s.StuckN)))
	}
	if j.s.NotReadyN > 0 {
		j.add(ruleNotReady, "Pod", ref(j.s.NotReady), fmt.Sprintf("%d pods are not ready: %s", j.s.NotReadyN, names(j.s.NotReady, j.s.NotReadyN)))
	}
}

func ref(p []PodRef) string {
	if len(p) == 0 {
		return ""
	}
	return p[0].Namespace + "/" + p[0].Name
}

func names(pods []PodRef, n int) string {
	var out []string
	for _, p := range pods[:min(3, len(pods))] {
		out = append(out, p.Namespace+"/"+p.Name)
	}
	s := strings.Join(out, ", ")
	if n > len(out) {
		s += fmt.Sprintf(" and %d more", n-len(out))
	}
	return s
}
