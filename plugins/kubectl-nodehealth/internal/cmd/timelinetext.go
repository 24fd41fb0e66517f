package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/report"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/timeline"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// verdictOf is the diagnosis of a node in a few words, which a story of it
// begins with.
func verdictOf(snap *snapshot.Snapshot, n *snapshot.Node) (word, what string) {
	for _, i := range report.New(snap).Items {
		if i.Metadata.Name == n.Name {
			if i.Fault != nil {
				what = i.Fault.Phrase
			}
			return strings.ToUpper(string(i.Verdict)), what
		}
	}
	return "", ""
}

func writeTimeline(env *cli.Env, snap *snapshot.Snapshot, n *snapshot.Node, format string) error {
	v := snap.View(n)
	entries := timeline.Build(v)
	word, what := verdictOf(snap, n)
	title := strings.TrimSpace(fmt.Sprintf("%s   %s   %s", n.Name, word, what))
	span := fmt.Sprintf("%s, until %s", phrase.Count(len(entries), "step"), v.Now.UTC().Format("2006-01-02 15:04:05 UTC"))
	if len(entries) > 0 {
		span = fmt.Sprintf("%s from %s to %s", phrase.Count(len(entries), "step"), entries[0].Time.Format("2006-01-02 15:04:05"), v.Now.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	switch format {
	case "json", "yaml":
		if entries == nil {
			entries = []timeline.Entry{}
		}
		out := map[string]any{"apiVersion": snapshot.APIVersion, "kind": "NodeTimeline", "metadata": map[string]string{"name": n.Name}, "observedAt": v.Now, "entries": entries}
		if format == "yaml" {
			return finding.WriteYAML(env.Out, out)
		}
		return finding.WriteJSON(env.Out, out)
	case "svg":
		return timeline.SVG(env.Out, title, span, entries)
	case "html":
		return timeline.HTML(env.Out, title, span, entries)
	}
	if len(entries) == 0 {
		return cli.Unknownf("%s: nothing that has a time was read", n.Name)
	}
	st := env.Style(env.Out)
	fmt.Fprintf(env.Out, "%s\n%s\n\n", st.Bold(title), span)
	day := ""
	for _, e := range entries {
		if d := e.Time.Format(time.DateOnly); d != day {
			day = d
			fmt.Fprintf(env.Out, "  %s\n", day)
		}
		// A word, for a sign at the start is not heard.
		mark, paint := "", func(s string) string { return s }
		switch {
		case e.Bad:
			mark, paint = "bad", st.Error
		case e.Good:
			mark, paint = "good", st.Good
		}
		lead := fmt.Sprintf("  %s  %-9s %-4s ", e.Time.Format(time.TimeOnly), e.Lane, mark)
		fold.Under(env.Out, lead, paint(e.Text), env.Width())
	}
	return nil
}
