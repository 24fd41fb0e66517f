package cmd

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/pipeline"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

func usageHeadline(w io.Writer, st cli.Style, r pipeline.Report, width int) {
	switch {
	case r.Unknown:
		fmt.Fprintf(w, "%s\n", st.Warning("whether the metrics pipeline works is not known"))
	case r.Broken == "" && !r.Snapshot.Answers:
		fmt.Fprintf(w, "%s\n", st.Warning("the metrics pipeline is starting"))
	case r.Broken == "":
		fmt.Fprintf(w, "%s\n", st.Bold("the metrics pipeline works"))
	default:
		fmt.Fprintf(w, "%s\n", st.Error("the metrics pipeline breaks at: "+r.Broken))
	}
	fold.Under(w, "  ", phrase.Capital(r.Answer)+".", width)
	fmt.Fprintln(w)
	told := false
	for i, l := range r.Links {
		if told {
			// What comes after the first broken link follows from it.
			l.Detail = ""
		}
		told = told || l.Name == r.Broken
		word := map[string]string{"ok": "ok", "broken": "BROKEN", "partly": "PARTLY", "unknown": "not known"}[l.Status]
		paint := map[string]func(string) string{"ok": st.Good, "broken": st.Error, "partly": st.Warning, "unknown": st.Faint}[l.Status]
		lead := fmt.Sprintf("  %d. %-29s ", i+1, l.Name)
		if l.Detail == "" {
			fmt.Fprintf(w, "%s%s\n", lead, paint(word))
			continue
		}
		fold.Under(w, lead+paint(word)+"  ", fold.Clip(l.Detail, 160), width)
	}
	for _, f := range r.Findings {
		if strings.HasPrefix(r.Answer, f.Message) && f.Severity != finding.Info && len(f.Evidence) > 0 {
			fmt.Fprintf(w, "\n  %s\n", st.Bold("Why we say so"))
			for _, e := range f.Evidence {
				fold.Under(w, "    ", fold.Clip(e, 300), width)
			}
		}
	}
	if len(r.Next) > 0 {
		fmt.Fprintf(w, "\n  %s\n", st.Bold("Next"))
	}
	for _, f := range r.Findings {
		if strings.HasPrefix(r.Answer, f.Message) && f.Severity != finding.Info {
			fold.Under(w, "    ", f.Remedy, width)
			break
		}
	}
	var done []string
	for _, c := range r.Next {
		if slices.Contains(done, c.Run) {
			continue
		}
		done = append(done, c.Run)
		if c.Note != "" {
			fmt.Fprintf(w, "    %s\n", st.Faint("# "+c.Note))
		}
		fmt.Fprintf(w, "    %s\n", c.Run)
	}
	fmt.Fprintln(w)
}

// tableRows is how many nodes the table shows before it keeps to the fullest;
// -o wide shows all.
const tableRows = 40

// usageTable shows all nodes by name, and of a fleet the fullest.
func usageTable(w io.Writer, s *pipeline.Snapshot, wide bool, columns int) error {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		output.Column("Node", false), output.Column("CPU", false), output.Column("Req", false), output.Column("Lim", false),
		output.Column("Mem", false), output.Column("Req", false), output.Column("Lim", false), output.Column("Allocatable", false),
		output.Column("Evict", false), output.Column("Pods", false), output.Column("Evict-All", true), output.Column("Kubelet", true),
	}}
	nodes := s.Nodes
	if len(nodes) > tableRows && !wide {
		nodes = slices.Clone(nodes)
		slices.SortStableFunc(nodes, func(a, b pipeline.Node) int { return cmp.Compare(fullness(b), fullness(a)) })
		nodes = nodes[:tableRows]
	}
	for _, n := range nodes {
		cpu, memory := n.Allocatable.Cpu(), n.Allocatable.Memory()
		useCPU, useMemory := "-", "-"
		if n.Usage != nil {
			useCPU = percent(n.Usage.CPUMilli, cpu.MilliValue())
			useMemory = percent(n.Usage.Memory, memory.Value())
		}
		part := func(of corev1.ResourceList, name corev1.ResourceName, all *resource.Quantity) string {
			if !s.PodsRead {
				return "-"
			}
			q := of[name]
			return percent(q.MilliValue(), all.MilliValue())
		}
		pods := "-"
		if s.PodsRead {
			pods = fmt.Sprint(n.Pods)
		}
		t.Rows = append(t.Rows, output.Row(n.Name,
			useCPU, part(n.Requests, corev1.ResourceCPU, cpu), part(n.Limits, corev1.ResourceCPU, cpu),
			useMemory, part(n.Requests, corev1.ResourceMemory, memory), part(n.Limits, corev1.ResourceMemory, memory),
			fmt.Sprintf("%s, %s", cpu, phrase.Bytes(uint64(max(0, memory.Value())))), orDash(n.Evict["memory.available"]),
			fmt.Sprintf("%s/%s", pods, n.Allocatable.Pods()), orDash(thresholds(n.Evict)), orDash(n.Kubelet)))
	}
	if err := output.Table(w, t, wide, columns, "Node"); err != nil {
		return err
	}
	if left := len(s.Nodes) - len(nodes); left > 0 {
		fmt.Fprintf(w, "... and %d less full nodes: -o wide lists all\n", left)
	}
	return nil
}

// fullness is the larger share of CPU and memory, by use or else by requests.
func fullness(n pipeline.Node) float64 {
	share := func(used, all int64) float64 { return float64(used) / float64(max(1, all)) }
	if n.Usage != nil {
		return max(share(n.Usage.CPUMilli, n.Allocatable.Cpu().MilliValue()), share(n.Usage.Memory, n.Allocatable.Memory().Value()))
	}
	return max(share(n.Requests.Cpu().MilliValue(), n.Allocatable.Cpu().MilliValue()), share(n.Requests.Memory().Value(), n.Allocatable.Memory().Value()))
}

// thresholds are all of a kubelet's eviction signals.
func thresholds(evict map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(evict)) {
		out = append(out, k+"<"+evict[k])
	}
	return strings.Join(out, ",")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func percent(n, of int64) string {
	if of <= 0 {
		return "-"
	}
	return fmt.Sprintf("%d%%", (n*100+of/2)/of)
}

func usageRest(w io.Writer, st cli.Style, r pipeline.Report, width int) {
	s := r.Snapshot
	fmt.Fprintf(w, "\nCPU and memory used, requested and limited are shares of what is allocatable;\nEVICT is the free memory below which the kubelet evicts.\n")
	if len(s.TopPods) > 0 {
		fmt.Fprintf(w, "\n%s\n", st.Bold("Largest pods"))
		for _, p := range s.TopPods {
			fmt.Fprintf(w, "  %6dMi  %5dm  %s/%s\n", p.Memory>>20, p.CPUMilli, p.Namespace, p.Name)
		}
	}
	fmt.Fprintf(w, "\n%s\n", st.Bold("Pods"))
	if !s.PodsRead {
		fmt.Fprintln(w, "  not known: they could not be read")
	} else {
		fold.Under(w, "  not ready                 ", podList(s.NotReady, s.NotReadyN), width)
		fold.Under(w, "  stuck terminating over 5m ", podList(s.Stuck, s.StuckN), width)
	}
	var rest []finding.Finding
	for _, f := range r.Findings {
		if !strings.HasPrefix(r.Answer, f.Message) && f.ID != "NH957" && f.ID != "NH958" {
			rest = append(rest, f)
		}
	}
	if len(rest) > 0 {
		fmt.Fprintf(w, "\n%s\n", st.Bold("Also"))
	}
	for _, f := range rest {
		lead := fmt.Sprintf("  %s %-8s", f.ID, f.Severity)
		fold.Under(w, lead, f.Message, width)
		for _, e := range f.Evidence {
			fold.Under(w, strings.Repeat(" ", len(lead)), fold.Clip(e, 300), width)
		}
	}
	fmt.Fprintf(w, "\n%s\n", st.Bold("Beyond this pipeline"))
	for _, l := range [][2]string{{"custom metrics", apiState(s.Custom)}, {"external metrics", apiState(s.External)},
		{"kube-state-metrics", podState(s, s.StateMetrics)}, {"Prometheus", podState(s, s.Prometheus)}} {
		fold.Under(w, fmt.Sprintf("  %-19s ", l[0]), l[1], width)
	}
	for _, p := range s.Probes {
		fold.Under(w, "not read: ", fmt.Sprintf("%s: %s (%s)", p.Name, p.Status, fold.Clip(p.Detail, 160)), width)
	}
}

// podList is how many pods there are, and the first of them with why.
func podList(pods []pipeline.PodRef, n int) string {
	if n == 0 {
		return "none"
	}
	var out []string
	for _, p := range pods[:min(3, len(pods))] {
		text := p.Namespace + "/" + p.Name
		if p.Why != "" {
			text += " (" + p.Why + ")"
		}
		out = append(out, text)
	}
	text := fmt.Sprintf("%d: %s", n, strings.Join(out, ", "))
	if n > len(out) {
		text += fmt.Sprintf(" and %d more: -o json lists %d", n-len(out), len(pods))
	}
	return text
}

func apiState(a *pipeline.APIService) string {
	switch {
	case a == nil:
		return "none registered"
	case a.Available:
		return "available, served by " + a.Namespace + "/" + a.Service
	}
	return "NOT available: " + fold.Clip(a.Why, 120)
}

func podState(s *pipeline.Snapshot, pods []string) string {
	switch {
	case !s.PodsRead:
		return "not known: the pods could not be read"
	case len(pods) == 0 && s.PodsOf != "":
		return "none on " + s.PodsOf + "; other nodes' pods were not read"
	case len(pods) == 0:
		return "none seen by the usual labels"
	}
	return pods[0]
}
