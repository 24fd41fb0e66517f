package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// Headline is the answer for a list of nodes in one line.
func Headline(l *List) string {
	var bad, unknown int
	for _, i := range l.Items {
		switch i.Verdict {
		case fault.Unknown:
			unknown++
		case fault.Healthy:
		default:
			bad++
		}
	}
	var text string
	switch {
	case len(l.Items) == 0:
		return "no nodes"
	case bad == 0 && unknown == 0:
		text = "all " + phrase.Count(len(l.Items), "node") + " healthy"
		if len(l.Items) == 1 {
			text = "1 node, healthy"
		}
	case bad == 0:
		text = fmt.Sprintf("%d of %s could not be judged", unknown, phrase.Count(len(l.Items), "node"))
	default:
		verb := "need"
		if bad == 1 {
			verb = "needs"
		}
		text = fmt.Sprintf("%d of %s %s attention", bad, phrase.Count(len(l.Items), "node"), verb)
		if unknown > 0 {
			text += fmt.Sprintf("; %d could not be judged", unknown)
		}
	}
	if f := l.Cluster.Fault; f != nil {
		text += "; cluster: " + f.Phrase
	}
	if !l.ObservedAt.IsZero() && l.Clock != "live" {
		text += ", as of " + phrase.Time(l.ObservedAt)
	}
	return text
}

// Table is one row a node, worst first.
func Table(l *List) *metav1.Table {
	t := &metav1.Table{}
	col := func(name string, wide bool) {
		c := metav1.TableColumnDefinition{Name: name, Type: "string"}
		if wide {
			c.Priority = 1
		}
		t.ColumnDefinitions = append(t.ColumnDefinitions, c)
	}
	for _, c := range []string{"Node", "Verdict", "Fault", "Since", "Lease", "Pods", "CPU%", "Mem%", "Version"} {
		col(c, false)
	}
	for _, c := range []string{"Zone", "Roles", "Runtime", "OS", "Read", "Findings"} {
		col(c, true)
	}
	for _, n := range l.Items {
		f := n.Facts
		t.Rows = append(t.Rows, metav1.TableRow{Cells: []any{
			n.Metadata.Name, string(n.Verdict), faultCell(n), ago(f.SinceSeconds), ago(f.LeaseSeconds), podsCell(f),
			number(f.CPUPercent), number(f.MemoryPercent), dash(f.Version),
			dash(f.Zone), dash(strings.Join(f.Roles, ",")), dash(f.Runtime), dash(f.OS), fmt.Sprintf("%.0f%%", n.Coverage*100), findingsCell(n),
		}})
	}
	if l.Clock != "live" {
		return filled(t)
	}
	return t
}

// filled leaves out the columns of which a capture holds nothing: one that was
// made without leases, pods or metrics has no use for their dashes.
func filled(t *metav1.Table) *metav1.Table {
	keep := func(i int) bool {
		if name := t.ColumnDefinitions[i].Name; name == "Node" || name == "Verdict" || name == "Fault" {
			return true
		}
		for _, r := range t.Rows {
			if r.Cells[i] != "-" {
				return true
			}
		}
		return false
	}
	out := &metav1.Table{Rows: make([]metav1.TableRow, len(t.Rows))}
	for i, c := range t.ColumnDefinitions {
		if !keep(i) {
			continue
		}
		out.ColumnDefinitions = append(out.ColumnDefinitions, c)
		for n, r := range t.Rows {
			out.Rows[n].Cells = append(out.Rows[n].Cells, r.Cells[i])
		}
	}
	return out
}

func faultCell(n Node) string {
	switch {
	case n.Fault != nil:
		return n.Fault.Phrase
	case n.Verdict == fault.Unknown:
		return "-"
	}
	for _, f := range n.Findings {
		if check.Degrading(f) {
			if condition, _, ok := strings.Cut(f.Message, ": "); ok && f.ID == "NH012" {
				return condition // the title says only that there is one
			}
			return f.Title
		}
	}
	return "-"
}

func findingsCell(n Node) string {
	var out []string
	seen := map[string]bool{}
	for _, f := range n.Findings {
		if !seen[f.ID] {
			seen[f.ID] = true
			out = append(out, f.ID)
		}
	}
	return dash(strings.Join(out, ","))
}

func ago(s *float64) string {
	if s == nil {
		return "-"
	}
	return phrase.Short(time.Duration(*s * float64(time.Second)))
}

func podsCell(f Facts) string {
	switch {
	case f.Pods == nil:
		return "-"
	case f.PodCapacity == nil:
		return fmt.Sprint(*f.Pods)
	}
	return fmt.Sprintf("%d/%d", *f.Pods, *f.PodCapacity)
}

func number(p *int) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprint(*p)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Footer says below a table what concerns the cluster, and what was not read
// for all nodes.
func Footer(w io.Writer, l *List, p Paint, width int) error {
	b := &strings.Builder{}
	if f := l.Cluster.Fault; f != nil {
		fmt.Fprintln(b)
		fold.Under(b, "", "Cluster: "+f.Phrase+" ("+string(f.Confidence)+" confidence). "+f.Summary, width)
		for _, e := range f.Why {
			labelled(b, e.Label, e.Text, e.Source, p, width)
		}
		for _, c := range f.Next {
			command(b, c, p, width)
		}
	}
	for _, n := range l.Notes {
		fold.Under(b, "", "note: "+n, width)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
