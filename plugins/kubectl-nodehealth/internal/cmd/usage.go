package cmd

import (
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/pipeline"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
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
	fs.StringVarP(&o.Selector, "selector", "l", "", "Only nodes with these labels (key=value,...)")
	fs.IntVar(&o.Top, "top", 5, "How many of the largest pods to list (by memory)")
	fs.StringVarP(&format, "output", "o", "text", "Output format: text, wide, json, yaml, sarif, github, junit")
	fs.StringVar(&failOn, "fail-on", "error", "Least severity that makes the exit status 1: error, warning, info or never")
	cluster := cli.ClusterFlags(fs)
	c.ValidArgsFunction = cli.CompleteNodes(math.MaxInt)
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
		config, err := cluster.RESTConfig()
		if err != nil {
			return err
		}
		o.Nodes = args
		done := env.Doing("asking nodes, pods and the metrics API of %s", config.Host)
		s, err := pipeline.Collect(cmd.Context(), config, env.Now(), o)
		done()
		var status apierrors.APIStatus
		if err != nil && errors.As(err, &status) {
			return cli.Unknownf("list nodes: %w", err)
		}
		if err != nil {
			return cli.Unknownf("list nodes: %w", err)
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
		if r.Unknown {
			return cli.Exit(cli.ExitUnknown)
		}
		return nil
	}
	return c
}

func writeUsage(env *cli.Env, r pipeline.Report, format string, failOn finding.FailOn) error {
	unknown := ""
	if r.Unknown {
		unknown = r.Answer
	}
	written, err := env.WriteReport(format, cli.Report{Value: r, Rules: pipeline.Rules, Findings: r.Findings,
		Cases: []finding.Case{{Suite: "usage", Name: "metrics pipeline", Findings: r.Findings, FailOn: failOn, Unknown: unknown}}})
	if written {
		return err
	}
	usageHeadline(env.Out, env.Style(env.Out), r, env.Width())
	if err := usageTable(env.Out, r.Snapshot, format == "wide", env.Columns(env.Out)); err != nil {
		return err
	}
	usageRest(env.Out, env.Style(env.Out), r, env.Width())
	return nil
}
