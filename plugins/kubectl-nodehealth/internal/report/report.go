// Package report turns a snapshot into the answer: a verdict for each node and
// for the cluster, as data, as a story and as a table.
package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Kinds of the documents.
const (
	APIVersion = snapshot.APIVersion
	ListKind   = "NodeHealthList"
	ItemKind   = "NodeHealth"
)

// List is the whole answer.
type List struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	ObservedAt time.Time `json:"observedAt"`
	// Clock says where observedAt comes from; with "newest" every duration is
	// a lower bound.
	Clock   snapshot.Clock  `json:"clock"`
	Source  string          `json:"source"`
	Notes   []string        `json:"notes,omitempty"`
	Cluster Cluster         `json:"cluster"`
	Items   []Node          `json:"items"`
	Summary finding.Summary `json:"summary"`
}

// Cluster is the verdict on what concerns all nodes.
type Cluster struct {
	Verdict  fault.Verdict     `json:"verdict"`
	Fault    *fault.Fault      `json:"fault"`
	Findings []finding.Finding `json:"findings"`
}

// Node is the verdict on one node.
type Node struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   Metadata          `json:"metadata"`
	ObservedAt time.Time         `json:"observedAt"`
	Verdict    fault.Verdict     `json:"verdict"`
	Fault      *fault.Fault      `json:"fault"`
	Findings   []finding.Finding `json:"findings"`
	Summary    finding.Summary   `json:"summary"`
	Probes     []snapshot.Probe  `json:"probes"`
	Coverage   float64           `json:"coverage"`
	// Missing says, for the verdict Unknown, what would be needed.
	Missing string `json:"missing,omitempty"`
	// Next says how to read it.
	Next []fault.Command `json:"next,omitempty"`
	// Facts are what the table shows.
	Facts Facts `json:"facts"`

	view *snapshot.View
}

// Metadata names the node.
type Metadata struct {
	Name string `json:"name"`
}

// New judges all nodes of a snapshot.
func New(s *snapshot.Snapshot) *List {
	l := &List{
		APIVersion: APIVersion, Kind: ListKind, ObservedAt: s.ObservedAt, Clock: s.Clock, Source: s.Source, Notes: s.Notes,
		Items: []Node{},
	}
	for _, n := range s.Nodes {
		l.Items = append(l.Items, judge(s.View(n)))
	}
	cv := fault.DiagnoseCluster(s)
	l.Cluster = Cluster{Verdict: cv.Verdict, Fault: cv.Fault, Findings: cv.Findings}
	slices.SortStableFunc(l.Items, func(a, b Node) int {
		return cmp.Or(cmp.Compare(rank(b.Verdict), rank(a.Verdict)), cmp.Compare(b.Summary.Error, a.Summary.Error),
			cmp.Compare(b.Summary.Warning, a.Summary.Warning), strings.Compare(a.Metadata.Name, b.Metadata.Name))
	})
	l.Summary = finding.Summarize(l.Cluster.Findings)
	for _, i := range l.Items {
		l.Summary = l.Summary.Add(i.Summary)
	}
	return l
}

// rank orders verdicts, worst highest. What could not be judged comes after
// what is known to be broken.
func rank(v fault.Verdict) int {
	switch v {
	case fault.Unhealthy:
		return 3
	case fault.Unknown:
		return 2
	case fault.Degraded:
		return 1
	}
	return 0
}

func judge(v *snapshot.View) Node {
	n := Node{
		APIVersion: APIVersion, Kind: ItemKind, Metadata: Metadata{v.Node.Name}, ObservedAt: v.Now,
		Findings: check.Run(v), Fault: fault.Diagnose(v), Probes: v.Probes(v.Node), view: v,
	}
	n.Coverage = float64(int(snapshot.Coverage(n.Probes)*100+0.5)) / 100
	n.Verdict, n.Missing = verdict(v, n)
	if n.Verdict == fault.Unknown {
		n.Next = fault.Undecided(v)
	}
	if n.Fault != nil && n.Fault.Verdict == fault.Unhealthy && finding.Worst(n.Findings) != finding.Error {
		// Every fault is a finding too, so that exit status, SARIF and JUnit
		// tell it.
		n.Findings = append([]finding.Finding{check.FaultFinding(v, n.Fault.Phrase, n.Fault.Summary)}, n.Findings...)
	}
	n.Summary = finding.Summarize(n.Findings)
	n.Facts = facts(v)
	return n
}

// verdict is the answer in a word. Nothing is healthy because nothing was
// looked at: without the node's own status and a sign of life it is Unknown.
func verdict(v *snapshot.View, n Node) (fault.Verdict, string) {
	worst := fault.Healthy
	for _, f := range n.Findings {
		if check.Degrading(f) {
			worst = fault.Degraded
		}
	}
	if n.Fault != nil {
		if rank(n.Fault.Verdict) > rank(worst) {
			worst = n.Fault.Verdict
		}
	}
	if worst == fault.Unhealthy {
		return worst, ""
	}
	if missing := essential(v); missing != "" {
		return fault.Unknown, missing
	}
	return worst, ""
}

// Exit says whether any finding reaches the threshold, and whether any node
// could not be judged.
func (l *List) Exit(on finding.FailOn) (failed, unknown bool) {
	failed = on.Fails(l.Cluster.Findings)
	for _, i := range l.Items {
		failed = failed || on.Fails(i.Findings)
		unknown = unknown || i.Verdict == fault.Unknown
	}
	return failed, unknown
}

// Findings are all findings, the cluster's first.
func (l *List) Findings() []finding.Finding {
	out := slices.Clone(l.Cluster.Findings)
	for _, i := range l.Items {
		out = append(out, i.Findings...)
	}
	return out
}
