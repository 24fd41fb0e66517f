// Package fault names the one thing that is wrong with a node. No single
// source is believed by itself: the lease, the Ready condition, its heartbeat,
// what the kubelet and the host answer, and the other nodes of the zone are
// held against each other, and what fits them all is the fault.
package fault

import (
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Confidence says how well the evidence tells this fault from its rivals.
type Confidence string

// The confidences.
const (
	// High: the evidence excludes the rivals.
	High Confidence = "high"
	// Medium: it fits best; a rival is possible and named.
	Medium Confidence = "medium"
	// Low: something is wrong for certain, and what cannot be told from here.
	Low Confidence = "low"
)

// Verdict is the answer in one word.
type Verdict string

// The verdicts, from good to bad; Unknown is none of the others.
const (
	Healthy   Verdict = "Healthy"
	Degraded  Verdict = "Degraded"
	Unhealthy Verdict = "Unhealthy"
	Unknown   Verdict = "Unknown"
)

// Fault is the named fault of a node or of the cluster.
type Fault struct {
	Name       string     `json:"name"`
	Confidence Confidence `json:"confidence"`
	// Summary is one sentence: what happened and what it means now.
	Summary string `json:"summary"`
	// Evidence are the lines that led here, each "source: what was seen".
	Evidence []string `json:"evidence"`
	// Rivals are other faults that the evidence does not exclude, each with
	// why.
	Rivals []Rival `json:"rivals,omitempty"`
	// Consequences are what happens to the workloads.
	Consequences []Line `json:"consequences,omitempty"`
	// Remedies are the handbook's mitigations.
	Remedies []string `json:"remedies"`
	// Next are commands to run, for this node's system.
	Next []Command `json:"next,omitempty"`
	// Why are the evidence lines with their labels and sources apart.
	Why []Evidence `json:"-"`
	// Verdict is what this fault makes of the node.
	Verdict Verdict `json:"-"`
	// Phrase is the name for people: "kubelet down".
	Phrase string `json:"phrase"`
}

// Rival is a fault that would look the same from here.
type Rival struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Line is a labelled line of a report.
type Line struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// Evidence is a line of evidence: a label, what was seen, and its source.
type Evidence struct {
	Label, Text, Source string
}

// Command is something to run next.
type Command struct {
	Run  string `json:"run"`
	Note string `json:"note,omitempty"`
}

// guess is a diagnosis before it is dressed up.
type guess struct {
	name       string
	confidence Confidence
	summary    string
	rivals     []Rival
	// phrase replaces the catalogue's where the evidence says less.
	phrase string
}

// Diagnose names the fault of a node, nil for none.
func Diagnose(v *snapshot.View) *Fault {
	s := signals(v)
	for _, rule := range rules() {
		if g := rule(v, s); g != nil {
			return dress(v, s, g)
		}
	}
	return nil
}

func dress(v *snapshot.View, s *Signals, g *guess) *Fault {
	entry := Lookup(g.name)
	f := &Fault{
		Name: g.name, Confidence: g.confidence, Summary: g.summary, Rivals: g.rivals,
		Phrase: entry.Phrase, Verdict: entry.Verdict, Remedies: entry.Mitigations,
	}
	if g.phrase != "" {
		f.Phrase = g.phrase
	}
	f.Why = evidence(v, s, g.name)
	if text, e := alongside(v, g.name); e != nil {
		f.Summary += text
		f.Why = append(f.Why, *e)
	}
	for _, e := range f.Why {
		f.Evidence = append(f.Evidence, e.Label+": "+e.Text)
	}
	f.Consequences = consequences(v, s, g.name)
	f.Next = next(v, s, g.name)
	return f
}
