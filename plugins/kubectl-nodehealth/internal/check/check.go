// Package check looks at one node at a time and says what is wrong or worth
// knowing, each check on its own: pure functions of a snapshot. Which fault
// explains it all is package fault's question.
package check

import (
	"sort"
	"sync"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Check is one check: its description and its function.
type Check struct {
	finding.Rule
	// Degrades says that a warning of this check means that the node does not
	// serve as it should now; other warnings are about the time to come.
	Degrades bool
	// Run looks at a node and reports what it finds.
	Run func(v *snapshot.View, r *Report)
}

// Report collects the findings of one check on one node.
type Report struct {
	rule    finding.Rule
	subject finding.Subject
	out     []*finding.Finding
}

// Add reports a finding. The caller may change the severity or the remedy of
// what it gets.
func (r *Report) Add(message string, evidence ...string) *finding.Finding {
	f := r.rule.New(r.subject, message)
	f.Evidence = evidence
	r.out = append(r.out, &f)
	return &f
}

// Run runs all checks on a node.
func Run(v *snapshot.View) []finding.Finding {
	out := []finding.Finding{}
	for _, c := range Checks() {
		out = append(out, run(c, v)...)
	}
	finding.SortBySeverity(out)
	return out
}

func run(c Check, v *snapshot.View) []finding.Finding {
	r := &Report{rule: c.Rule, subject: finding.Subject{Kind: "Node", Name: v.Node.Name}}
	c.Run(v, r)
	var out []finding.Finding
	for _, f := range r.out {
		out = append(out, *f)
	}
	return out
}

// Rules describes all checks, those of the cluster included.
func Rules() []finding.Rule {
	var out []finding.Rule
	for _, c := range Checks() {
		out = append(out, c.Rule)
	}
	out = append(out, ClusterRules()...)
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Degrading says whether a finding means that the node does not serve as it
// should now.
func Degrading(f finding.Finding) bool {
	if f.Severity == finding.Error {
		return true
	}
	if f.Severity != finding.Warning {
		return false
	}
	return degrading()[f.ID]
}

// degrading is filled on first use: the table is not needed to start.
var degrading = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, c := range Checks() {
		m[c.ID] = c.Degrades
	}
	return m
})
