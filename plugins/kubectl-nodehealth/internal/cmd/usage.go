package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/pipeline"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// newUsage is `usage`: where resources go, and where the metrics pipeline
// breaks.
func newUsage(env *cli.Env) *cobra.Command {
	var format, failOn string
	o := pipeline.Options{}
	c := &cobra.Command{
		Use:   "usage [NODE...]",
		Short: "Requests, limits and use of nodes in one table, and where the metrics pipeline breaks",
		Long: `Follows the resource metrics from every kubelet through metrics-server to
metrics.k8s.io and names the first broken link; shows usage, requests, limits,
allocatable and the eviction threshold of each node, the largest pods, and answers
the handbook's kube-state-metrics queries (pods not ready, pods stuck terminating)
from the API.

CPU is the average over metrics-server's window, memory the working set; there is
no history in this pipeline.`,
		Example: `
			# Why does kubectl top fail?
			kubectl nodehealth usage

			# Two nodes, and the ten largest pods
			kubectl nodehealth usage kube-worker-1 kube-worker-2 --top 10`,
		Args: cobra.ArbitraryArgs,
	}
	fs := c.Flags()
	fs.StringVarP(&o.Selector, "selector", "l", "", "Label selector for nodes")
	fs.IntVar(&o.Top, "top", 5, "How many of the largest pods to list (by memory)")
	fs.StringVarP(&format, "output", "o", "text", "Output format: text, wide, json, yaml, sarif, github, junit")
	fs.StringVar(&failOn, "fail-on", "error", "Least severity that makes the exit status 1: error, warning, info or never")
	cluster := cli.ClusterFlags(fs)
	formats := append([]string{"wide"}, finding.Formats...)
	completeValues(c, "output", formats)
	completeValues(c, "fail-on", finding.FailOnValues)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(formats, format) {
			return cli.Usagef("-o %q: not one of %s", format, strings.Join(formats, ", "))
		}
		if !finding.FailOn(failOn).Valid() {
			return cli.Usagef("--fail-on %q: not one of %s", failOn, strings.Join(finding.FailOnValues, ", "))
		}
		config, err := cluster.ToRESTConfig()
		if err != nil {
			return cli.Unknownf("kubeconfig: %w", err)
		}
		o.Nodes = args
		s, err := pipeline.Collect(cmd.Context(), config, env.Now(), o)
		var status apierrors.APIStatus
		if err != nil && errors.As(err, &status) {
			return cli.Unknownf("list nodes: %w", err)
		}
		if err != nil {
			return cli.Unknownf("%s: %w", config.Host, err)
		}
		for _, want := range args {
			if !slices.ContainsFunc(s.Nodes, func(n pipeline.Node) bool { return n.Name == want }) {
				return cli.WithHint(cli.Usagef("node %q: there is none of this name", want), "kubectl get nodes")
			}
		}
		r := pipeline.Judge(s)
		if err := writeUsage(env, r, format, finding.FailOn(failOn)); err != nil {
			return err
		}
		if finding.FailOn(failOn).Fails(r.Findings) {
			return cli.Exit(cli.ExitFindings)
		}
		return nil
	}
	return c
}

func writeUsage(env *cli.Env, r pipeline.Report, format string, failOn finding.FailOn) error {
	switch format {
	case "json":
		return finding.WriteJSON(env.Out, r)
	case "yaml":
		return finding.WriteYAML(env.Out, r)
	case "sarif":
		return finding.WriteSARIF(env.Out, "kubectl-nodehealth", cli.Version, pipeline.Rules, r.Findings)
	case "github":
		return finding.WriteGitHub(env.Out, r.Findings)
	case "junit":
		return finding.WriteJUnit(env.Out, []finding.Case{{Suite: "usage", Name: "metrics pipeline", Findings: r.Findings, FailOn: failOn}})
	}
	usageHeadline(env.Out, env.Style(env.Out), r)
	if err := usageTable(env.Out, r.Snapshot, format == "wide"); err != nil {
		return err
	}
	usageRest(env.Out, env.Style(env.Out), r)
	return nil
}

func usageHeadline(w io.Writer, st cli.Style, r pipeline.Report) {
	if r.Broken == "" {
		fmt.Fprintf(w, "%s\n\n", st.Bold("the metrics pipeline works"))
	} else {
		fmt.Fprintf(w, "%s\n\n", st.Error("the metrics pipeline breaks at: "+r.Broken))
	}
	for i, l := range r.Links {
		mark := map[string]string{"ok": st.Good("ok"), "broken": st.Error("BROKEN"), "partly": st.Warning("PARTLY"), "unknown": st.Faint("not known")}[l.Status]
		detail := ""
		if l.Detail != "" {
			detail = "  " + firstLine(l.Detail, 120)
		}
		fmt.Fprintf(w, "  %d. %-27s %s%s\n", i+1, l.Name, mark, detail)
	}
	fmt.Fprintln(w)
}

func usageTable(w io.Writer, s *pipeline.Snapshot, wide bool) error {
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		output.Column("Node", false), output.Column("CPU", false), output.Column("Requested", false), output.Column("Limits", false),
		output.Column("Memory", false), output.Column("Requested", false), output.Column("Limits", false), output.Column("Evict", false),
		output.Column("Pods", false), output.Column("Allocatable CPU", true), output.Column("Allocatable Memory", true), output.Column("Kubelet", true),
	}}
	for _, n := range s.Nodes {
		cpu, memory := n.Allocatable.Cpu(), n.Allocatable.Memory()
		useCPU, useMemory := "-", "-"
		if n.Usage != nil {
			useCPU = percent(n.Usage.CPUMilli, cpu.MilliValue())
			useMemory = percent(n.Usage.Memory, memory.Value())
		}
		evict := n.Evict["memory.available"]
		if evict == "" {
			evict = "-"
		}
		t.Rows = append(t.Rows, output.Row(n.Name,
			useCPU, part(n.Requests, corev1.ResourceCPU, cpu), part(n.Limits, corev1.ResourceCPU, cpu),
			useMemory, part(n.Requests, corev1.ResourceMemory, memory), part(n.Limits, corev1.ResourceMemory, memory), evict,
			fmt.Sprintf("%d/%s", n.Pods, n.Allocatable.Pods()), cpu.String(), memory.String(), n.Kubelet))
	}
	return output.Table(w, t, wide)
}

func part(of corev1.ResourceList, name corev1.ResourceName, all *resource.Quantity) string {
	q := of[name]
	return percent(q.MilliValue(), all.MilliValue())
}

func percent(n, of int64) string {
	if of <= 0 {
		return "-"
	}
	return fmt.Sprintf("%d%%", (n*100+of/2)/of)
}

func usageRest(w io.Writer, st cli.Style, r pipeline.Report) {
	s := r.Snapshot
	if len(s.TopPods) > 0 {
		fmt.Fprintf(w, "\nLargest pods\n")
		for _, p := range s.TopPods {
			fmt.Fprintf(w, "  %6dMi  %5dm  %s/%s\n", p.Memory>>20, p.CPUMilli, p.Namespace, p.Name)
		}
	}
	if len(r.Findings) > 0 {
		fmt.Fprintln(w)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "  %s %s  %s\n", f.ID, severity(st, f.Severity), strings.ReplaceAll(cli.Wrap(f.Message, 62), "\n", "\n                 "))
		for _, e := range f.Evidence {
			if e != "" {
				fmt.Fprintf(w, "                 %s\n", st.Faint(firstLine(e, 100)))
			}
		}
		fmt.Fprintf(w, "                 next: %s\n", strings.ReplaceAll(cli.Wrap(f.Remedy, 56), "\n", "\n                       "))
	}
	fmt.Fprintf(w, "\nFull pipeline: custom metrics %s, external metrics %s, kube-state-metrics %s, Prometheus %s\n",
		apiState(s.Custom), apiState(s.External), podState(s.StateMetrics), podState(s.Prometheus))
	for _, p := range s.Probes {
		fmt.Fprintf(w, "not read: %s: %s (%s)\n", p.Name, p.Status, firstLine(p.Detail, 100))
	}
}

func apiState(a *pipeline.APIService) string {
	switch {
	case a == nil:
		return "none"
	case a.Available:
		return "available"
	}
	return "NOT available (" + firstLine(a.Why, 60) + ")"
}

func podState(pods []string) string {
	if len(pods) == 0 {
		return "none seen"
	}
	return pods[0]
}
