package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

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
	Broken string `json:"brokenLink,omitempty"`
	// Answer says in a sentence what is broken, and Next are commands to run.
	Answer string          `json:"answer"`
	Next   []fault.Command `json:"next"`
	// Unknown says that too little could be read for an answer.
	Unknown  bool              `json:"unknown,omitempty"`
	Links    []Link            `json:"links"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
	Snapshot *Snapshot         `json:"snapshot"`
}

// Judge is a pure function of the snapshot.
func Judge(s *Snapshot) Report {
	j := judge{s: s}
	r := Report{APIVersion: "nodehealth.clusterwright.dev/v1alpha1", Kind: "ResourceUsage", Snapshot: s}
	r.Links = []Link{j.kubelets(), j.registered(), j.servers(), j.reads(), j.available(), j.complete()}
	for _, l := range r.Links {
		if l.Status == "broken" || l.Status == "partly" {
			r.Broken = l.Name
			break
		}
	}
	if len(j.out) > 0 {
		r.Answer = j.out[0].Message
	}
	for _, f := range j.out {
		// The first broken link's own finding, not an earlier partial one.
		if r.Broken != "" && linkOf[f.ID] == r.Broken {
			r.Answer = f.Message
			break
		}
	}
	if r.Broken == "" {
		r.Answer = j.works()
		r.Unknown = !s.Answers && !j.warming()
	}
	r.Next = j.next
	j.podQueries()
	finding.SortBySeverity(j.out)
	r.Findings = append([]finding.Finding{}, j.out...)
	r.Summary = finding.Summarize(r.Findings)
	return r
}

// linkOf tells which link a finding is about.
var linkOf = map[string]string{
	ruleKubelet.ID: linkKubelet, ruleNoAPI.ID: linkAPIService, ruleServer.ID: linkServer, ruleScrape.ID: linkReads, ruleAPIDown.ID: linkAvailable,
	ruleMissing.ID: linkComplete, ruleStale.ID: linkComplete,
}

// The links' names.
const (
	linkKubelet    = "kubelet /metrics/resource"
	linkAPIService = "APIService metrics.k8s.io"
	linkServer     = "metrics-server"
	linkReads      = "metrics-server reads kubelets"
	linkAvailable  = "API available"
	linkComplete   = "every node has figures"
)

type judge struct {
	s    *Snapshot
	out  []finding.Finding
	next []fault.Command
}

// works is the answer where nothing is broken; a link that could not be looked
// at is said.
func (j *judge) works() string {
	if !j.s.Answers && j.warming() {
		return "metrics-server has just started and has no figures yet: look again in a minute"
	}
	if !j.s.Answers {
		return "metrics.k8s.io does not answer you (" + phrase.Clip(j.s.Why, 160) + "), and why could not be looked at"
	}
	return fmt.Sprintf("metrics.k8s.io (%s) has figures of %s", j.s.Version, phrase.Count(len(j.s.Nodes), "node"))
}

// do adds a command to run.
func (j *judge) do(note, format string, args ...any) {
	j.next = append(j.next, fault.Command{Run: fmt.Sprintf(format, args...), Note: note})
}

func (j *judge) add(r finding.Rule, kind, name, message string, evidence ...string) {
	j.finding(r, kind, name, message, evidence...)
}

func (j *judge) finding(r finding.Rule, kind, name, message string, evidence ...string) *finding.Finding {
	f := r.New(finding.Subject{Kind: kind, Name: name}, message)
	for _, e := range evidence {
		if e != "" {
			f.Evidence = append(f.Evidence, e)
		}
	}
	j.out = append(j.out, f)
	return &j.out[len(j.out)-1]
}

// kubelets is the source of all figures.
func (j *judge) kubelets() Link {
	l := Link{Name: linkKubelet, Status: "ok"}
	asked, bad, denied := 0, 0, 0
	byWhy := map[string][]Node{}
	for _, n := range j.s.Nodes {
		switch n.Kubelet {
		case "", "not-asked":
		case "denied-to-you":
			denied++
		case "ok":
			asked++
		default:
			asked++
			bad++
			byWhy[n.Kubelet] = append(byWhy[n.Kubelet], n)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(byWhy)) {
		nodes := byWhy[why]
		if len(nodes) <= each {
			for _, n := range nodes {
				j.add(ruleKubelet, "Node", n.Name, fmt.Sprintf("the kubelet of %s does not give its metrics: %s", n.Name, n.Kubelet), n.Detail)
			}
		} else {
			j.add(ruleKubelet, "Node", nodes[0].Name, fmt.Sprintf("the kubelets of %d nodes do not give their metrics: %s", len(nodes), why), "nodes: "+nodeNames(nodes), nodes[0].Detail)
		}
		j.do("", "kubectl nodehealth %s", nodes[0].Name)
	}
	switch {
	case asked == 0 && denied > 0:
		l.Status, l.Detail = "unknown", "you may not use nodes/proxy"
	case asked == 0:
		l.Status, l.Detail = "unknown", "no kubelet was asked"
	case bad == 0:
		l.Detail = fmt.Sprintf("%d of %d answer", asked, asked)
	case bad == asked:
		l.Status, l.Detail = "broken", "none answers"
	default:
		l.Status, l.Detail = "partly", fmt.Sprintf("%d of %d do not answer", bad, asked)
	}
	if asked > 0 && denied > 0 {
		l.Detail += fmt.Sprintf("; you may not ask %d more", denied)
	}
	return l
}

func (j *judge) registered() Link {
	if j.s.API == nil && !j.s.Answers {
		if p, failed := j.s.problem("apiservices"); failed {
			return Link{linkAPIService, "unknown", p}
		}
		j.add(ruleNoAPI, "APIService", "metrics.k8s.io", "nothing serves metrics.k8s.io: metrics-server is not installed")
		j.do("the release's manifests", "kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml")
		return Link{linkAPIService, "broken", "not registered"}
	}
	if j.s.API == nil {
		return Link{linkAPIService, "ok", "answers"}
	}
	return Link{linkAPIService, "ok", fmt.Sprintf("%s, served by %s/%s", j.s.API.Name, j.s.API.Namespace, j.s.API.Service)}
}

// denied says whether a source may not be read by whoever asks.
func (s *Snapshot) denied(name string) bool {
	status, _ := s.problem(name)
	return status == "denied"
}

// problem is the status of a source that did not answer, and whether it is one.
func (s *Snapshot) problem(name string) (string, bool) {
	for _, p := range s.Probes {
		if p.Name == name {
			return p.Status, true
		}
	}
	return "", false
}

// podQueries are the handbook's query and alert on kube-state-metrics, answered
// from the API.
func (j *judge) podQueries() {
	if j.s.StuckN > 0 {
		j.add(ruleStuck, "Pod", ref(j.s.Stuck), fmt.Sprintf("%s more than five minutes past their end: %s", are(j.s.StuckN), names(j.s.Stuck, j.s.StuckN)))
	}
	if j.s.NotReadyN > 0 {
		j.add(ruleNotReady, "Pod", ref(j.s.NotReady), fmt.Sprintf("%s not ready: %s", are(j.s.NotReadyN), names(j.s.NotReady, j.s.NotReadyN)))
	}
}

// are is "1 pod is" or "3 pods are".
func are(n int) string {
	if n == 1 {
		return "1 pod is"
	}
	return fmt.Sprintf("%d pods are", n)
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
