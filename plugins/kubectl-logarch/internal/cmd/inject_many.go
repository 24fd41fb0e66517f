package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/inject"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// manyItems is how many workloads of a file are told one by one.
const manyItems = 6

// tally counts what was said of many workloads: the first saying stands for all
// with the same id.
type tally struct {
	first finding.Finding
	texts map[string]bool
	n     int
}

// writeMany tells what was done to the workloads of a large file: a line for each,
// then every note once with the number of those that it is about. What was refused
// is told in full.
func writeMany(w io.Writer, st cli.Style, o *inject.Outcome, width, columns int) {
	counts := map[string]int{}
	for _, it := range o.Items {
		counts[it.Action]++
	}
	var parts []string
	for _, p := range []struct{ action, word string }{{inject.Refused, "refused"}, {inject.Injected, "changed"}, {inject.Skipped, "unchanged"}} {
		if n := counts[p.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, p.word))
		}
	}
	fold.Hang(w, "", "  ", fmt.Sprintf("%s: %s", o.Name, st.Bold(fmt.Sprintf("%d workloads: %s", len(o.Items), strings.Join(parts, ", ")))), width)
	var order []string
	said := map[string]*tally{}
	levels := map[string]int{}
	var levelOrder []string
	for _, it := range o.Items {
		switch it.Action {
		case inject.Refused:
			writeItem(w, st, o.Name, it, width, columns)
			continue
		case inject.Skipped:
			fmt.Fprintf(w, "  %s/%s: unchanged (%s)\n", strings.ToLower(it.Subject.Kind), it.Subject.Name, it.Reason)
			continue
		}
		writeLine(w, it, width)
		level := fmt.Sprintf("%s before, %s after", it.Security.Before, it.Security.After)
		if levels[level]++; levels[level] == 1 {
			levelOrder = append(levelOrder, level)
		}
		for _, f := range it.Findings {
			t := said[f.ID]
			if t == nil {
				t = &tally{first: f, texts: map[string]bool{}}
				said[f.ID] = t
				order = append(order, f.ID)
			}
			t.n++
			if len(t.texts) < 2 {
				t.texts[f.Message] = true
			}
		}
	}
	line := func(text string) { fold.Hang(w, "  ", "    ", text, width) }
	for _, level := range levelOrder {
		line(fmt.Sprintf("pod security: %s (%d)", level, levels[level]))
	}
	for _, id := range order {
		t := said[id]
		of := fmt.Sprintf("(%d)", t.n)
		if len(t.texts) > 1 {
			of = fmt.Sprintf("(%s/%s; %d alike)", strings.ToLower(t.first.Subject.Kind), t.first.Subject.Name, t.n)
		}
		line(fmt.Sprintf("%s: %s [%s] %s", severityWord(st, t.first.Severity), t.first.Message, id, of))
		if t.first.Severity != finding.Info && t.first.Remedy != "" {
			line("  try: " + t.first.Remedy)
		}
	}
}

// writeLine is a workload in one line: its sidecars, or their number where they
// are more.
func writeLine(w io.Writer, it inject.Item, width int) {
	head := "  " + strings.ToLower(it.Subject.Kind) + "/" + it.Subject.Name + ": "
	text := answer(it)
	if len(it.Sidecars) == 1 && it.Sidecars[0].File != "" {
		text = does(it.Sidecars[0])
		if with := text + ", " + strings.Join(it.Volumes, ", "); len(it.Volumes) > 0 && len(head)+len(with) <= width {
			text = with
		}
	}
	if len(head)+len(text) > width {
		if text, _, _ = strings.Cut(text, ","); it.ConfigMap != "" {
			text += ", configmap/" + it.ConfigMap
		}
	}
	io.WriteString(w, head)
	io.WriteString(w, text)
	io.WriteString(w, "\n")
}
