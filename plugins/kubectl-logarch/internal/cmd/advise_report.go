package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/advise"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// adviceReport is `advise -o json`.
type adviceReport struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []advise.Advice   `json:"items"`
	Findings   []finding.Finding `json:"findings"`
	Notes      []string          `json:"notes,omitempty"`
	// Unread counts the documents, or the kinds of a cluster, that were not read.
	Unread  int             `json:"unread,omitempty"`
	Summary finding.Summary `json:"summary"`
	live    bool
}

func newAdviceReport(items []advise.Advice, general []finding.Finding, s *advise.Snapshot) *adviceReport {
	r := &adviceReport{APIVersion: apiVersion, Kind: "AdviceList", Items: items, Findings: general, Notes: s.Notes, Unread: s.Unread, live: s.Live}
	if r.Items == nil {
		r.Items = []advise.Advice{}
	}
	if r.Findings == nil {
		r.Findings = []finding.Finding{}
	}
	r.Summary = finding.Summarize(r.all())
	return r
}

// all is every finding of the report.
func (r *adviceReport) all() []finding.Finding {
	var out []finding.Finding
	for _, i := range r.Items {
		out = append(out, i.Findings...)
	}
	return append(out, r.Findings...)
}

func (o *adviseOptions) show(env *cli.Env, r *adviceReport) error {
	var cases []finding.Case
	for _, i := range r.Items {
		cases = append(cases, finding.Case{Suite: "logarch advise", Name: i.Metadata.Ref(), Findings: i.Findings, FailOn: o.failOn})
	}
	if written, err := env.WriteReport(o.flags.output, cli.Report{Value: r, Rules: check.All(), Findings: r.all(), Cases: cases}); written {
		return err
	}
	return writeAdvice(env.Out, env.Style(env.Out), r, env.Width())
}

func splitLines(s string) []string { return strings.Split(s, "\n") }

func plural(n int, word string) string { return count(int64(n), word) }

func writeAdvice(w io.Writer, st cli.Style, r *adviceReport, width int) error {
	var b strings.Builder
	losing, warned := 0, 0
	for _, i := range r.Items {
		switch {
		case i.Summary.Error > 0:
			losing++
		case i.Summary.Warning > 0:
			warned++
		}
	}
	total := plural(len(r.Items), "workload")
	switch {
	case len(r.Items) == 0 && r.Unread > 0:
		b.WriteString(st.Warning("nothing was judged"))
	case len(r.Items) == 0:
		b.WriteString("no workloads")
	case losing > 0:
		verb, whose := "have errors", "their"
		if losing == 1 {
			verb, whose = "has errors", "its"
		}
		fmt.Fprintf(&b, "%s of %s %s in the way %s logs get out", st.Error(fmt.Sprint(losing)), total, verb, whose)
		if warned > 0 {
			fmt.Fprintf(&b, "; %d more with warnings", warned)
		}
	case warned > 0:
		fmt.Fprintf(&b, "warnings for %s of %s", st.Warning(fmt.Sprint(warned)), total)
	default:
		fmt.Fprintf(&b, "%s in %s", st.Good("nothing wrong found"), total)
	}
	switch {
	case r.Unread > 0 && r.live:
		fmt.Fprintf(&b, "; %s not listed", plural(r.Unread, "kind"))
	case r.Unread > 0:
		fmt.Fprintf(&b, "; %s passed over", plural(r.Unread, "document"))
	}
	b.WriteByte('\n')
	adviceTable(&b, st, r, width)
	for _, i := range r.Items {
		ref := i.Metadata.Ref()
		if i.Metadata.File != "" {
			ref += "  " + i.Metadata.File
		}
		adviceFindings(&b, st, ref, i.Findings, width)
	}
	adviceFindings(&b, st, "the cluster", r.Findings, width)
	adviceLosses(&b, st, r, width)
	for _, n := range r.Notes {
		b.WriteByte('\n')
		fold.Hang(&b, "", "  ", st.Warning("note: "+n), width)
	}
	fmt.Fprintf(&b, "\n%s%s\n", r.Summary, "   (kubectl logarch checks ID explains)")
	_, err := io.WriteString(w, b.String())
	return err
}

// adviceTable is one line a workload: pattern and reach.
func adviceTable(b *strings.Builder, st cli.Style, r *adviceReport, columns int) {
	if len(r.Items) == 0 {
		return
	}
	width, last := len("WORKLOAD"), len("LOGS GO OUT BY")
	for _, i := range r.Items {
		width = max(width, len(i.Metadata.Ref()))
		last = max(last, len(patterns(&i)))
	}
	// What is too long has a line of its own.
	const others = len("    <= 41 min    <= 41 min  ") + 2
	last = min(last, (columns-others)*3/5)
	width = min(width, columns-others-last)
	fmt.Fprintf(b, "\n%s\n", st.Faint(fmt.Sprintf("  %-*s  %-12s  %-10s  %s", width, "WORKLOAD", "KUBECTL LOGS", "ON NODE", "LOGS GO OUT BY")))
	for _, i := range r.Items {
		newest, onNode := reach(&i.Budget)
		ref := i.Metadata.Ref()
		if len(ref) > width {
			fmt.Fprintf(b, "  %s\n", ref)
			ref = ""
		}
		for n, ways := range splitLines(fold.Wrap(patterns(&i), last)) {
			if n > 0 {
				ref, newest, onNode = "", "", ""
			}
			fmt.Fprintf(b, "  %-*s  %-12s  %-10s  %s\n", width, ref, newest, onNode, ways)
		}
	}
}

func patterns(a *advise.Advice) string {
	var ps []string
	for _, p := range a.Patterns {
		ps = append(ps, string(p))
	}
	return strings.Join(ps, ", ")
}

// reach is how far the shortest log of a workload goes back: in minutes where
// the rate is known, else in bytes.
func reach(b *advise.Budget) (newest, onNode string) {
	least := -1.0
	var at advise.ContainerBudget
	for _, c := range b.Containers {
		if c.KubectlLogsMinutes > 0 && (least < 0 || c.KubectlLogsMinutes < least) {
			least, at = c.KubectlLogsMinutes, c
		}
	}
	if least < 0 {
		return advise.Bytes(float64(b.MaxSizeBytes)), advise.Bytes(float64(b.MaxSizeBytes * b.MaxFiles))
	}
	return "<= " + advise.Minutes(at.KubectlLogsMinutes), "<= " + advise.Minutes(at.OnNodeMinutes)
}

func adviceFindings(b *strings.Builder, st cli.Style, ref string, fs []finding.Finding, width int) {
	if len(fs) == 0 {
		return
	}
	b.WriteByte('\n')
	fold.Hang(b, "", "  ", st.Bold(ref), width)
	for _, f := range fs {
		where := ""
		if f.Subject.Line > 0 {
			where = fmt.Sprintf("%d:%d: ", f.Subject.Line, f.Subject.Column)
		}
		note := ""
		if f.Heuristic {
			note = ", a guess"
		}
		fold.Hang(b, "  ", "      ", fmt.Sprintf("%s%s: %s [%s%s]", where, st.Severity(f.Severity), f.Message, f.ID, note), width)
		for _, e := range f.Evidence {
			fold.Under(b, "      ", st.Faint(e), width)
		}
		if f.Remedy != "" {
			fold.Under(b, "      try: ", f.Remedy, width)
		}
	}
}

// adviceLosses says what is gone when, workloads of equal fate together.
func adviceLosses(b *strings.Builder, st cli.Style, r *adviceReport, width int) {
	if len(r.Items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", st.Bold("What would be lost"))
	for _, when := range []struct {
		title string
		of    func(*advise.Budget) []string
	}{
		{"when a container crashes", func(x *advise.Budget) []string { return x.Crash }},
		{"when the pod is evicted or deleted", func(x *advise.Budget) []string { return x.Eviction }},
		{"when the node is gone", func(x *advise.Budget) []string { return x.NodeLoss }},
	} {
		fmt.Fprintf(b, "  %s\n", when.title)
		var order []string
		who, times := map[string][]string{}, map[string]int{}
		for i := range r.Items {
			for _, what := range when.of(&r.Items[i].Budget) {
				if !slices.Contains(order, what) {
					order = append(order, what)
				}
				if ref := r.Items[i].Metadata.Ref(); !slices.Contains(who[what], ref) {
					who[what] = append(who[what], ref)
				}
				times[what]++
			}
		}
		for _, what := range order {
			names := strings.Join(who[what], ", ")
			switch n := len(who[what]); {
			case times[what] == len(r.Items) && len(r.Items) > 1:
				names = "every workload"
			case n > 3:
				names = fmt.Sprintf("%s and %d more", strings.Join(who[what][:2], ", "), n-2)
			}
			fold.Hang(b, "    ", "      ", names+": "+what, width)
		}
	}
}
