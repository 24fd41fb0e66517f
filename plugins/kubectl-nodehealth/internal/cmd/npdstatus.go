package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/npd"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// newNPDStatus is `npd status`: who watches the nodes, and what nobody watches.
func newNPDStatus(env *cli.Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "status [NODE...]",
		Short: "Who watches the nodes (DaemonSet, static pods, the host's own, a vendor's), and what nobody watches",
		Long: `Reads the detectors' conditions on every node: which failure modes somebody
watches for, which nobody does, which conditions are stale (their writer fell
silent) or orphaned (left behind by a monitor that was removed). How the detector
runs is read from DaemonSets and pods; AKS and others run it on the host, where
only its conditions show it.

Exit status: 1 where a node is not watched, has stale conditions or a problem now.`,
		Example: `
			kubectl nodehealth npd status
			kubectl nodehealth npd status kube-worker-1 -o json`,
		Args: cobra.ArbitraryArgs,
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format: text, json, yaml")
	completeValues(c, "output", []string{"text", "json", "yaml"})
	cluster := cli.ClusterFlags(c.Flags())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains([]string{"text", "json", "yaml"}, format) {
			return cli.Usagef("-o %q: not one of text, json, yaml", format)
		}
		config, err := cluster.RESTConfig()
		if err != nil {
			return err
		}
		core, err := kube.New(config)
		if err != nil {
			return cli.Unknownf("no cluster: %w", err)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 30*time.Second)
		defer cancel()
		done := env.Doing("looking for detectors in %s", config.Host)
		defer done()
		nodes, err := listNodes(ctx, core, args)
		if err != nil {
			return err
		}
		sets, pods, notes := listDetectors(ctx, core)
		done()
		s := npd.Judge(nodes, sets, pods, env.Now())
		return writeNPDStatus(env, s, notes, format)
	}
	return c
}

func listNodes(ctx context.Context, core *kube.Client, names []string) ([]corev1.Node, error) {
	var nodes []corev1.Node
	next := ""
	for {
		list, err := kube.Nodes.List(ctx, core, "", metav1.ListOptions{Limit: 500, Continue: next})
		if err != nil {
			return nil, cli.Unknownf("list nodes: %w", err)
		}
		for _, n := range list.Items {
			if len(names) == 0 || slices.Contains(names, n.Name) {
				nodes = append(nodes, n)
			}
		}
		if next = list.Continue; next == "" {
			break
		}
	}
	for _, want := range names {
		if !slices.ContainsFunc(nodes, func(n corev1.Node) bool { return n.Name == want }) {
			return nil, cli.WithHint(cli.Usagef("node %q: there is none of this name", want), "kubectl get nodes")
		}
	}
	return nodes, nil
}

// listDetectors finds what may run a detector; what may not be read is noted.
func listDetectors(ctx context.Context, core *kube.Client) (sets []appsv1.DaemonSet, pods []corev1.Pod, notes []string) {
	if list, err := kube.DaemonSets.List(ctx, core, "", metav1.ListOptions{Limit: 1000}); err != nil {
		notes = append(notes, "DaemonSets could not be read: "+strings.Join(strings.Fields(err.Error()), " "))
	} else {
		sets = list.Items
	}
	if list, err := kube.Pods.List(ctx, core, "kube-system", metav1.ListOptions{Limit: 1000}); err != nil {
		notes = append(notes, "pods of kube-system could not be read: "+strings.Join(strings.Fields(err.Error()), " "))
	} else {
		pods = list.Items
	}
	return sets, pods, notes
}

func writeNPDStatus(env *cli.Env, s npd.Status, notes []string, format string) error {
	bad := false
	for _, n := range s.Nodes {
		bad = bad || n.Silent() || len(n.Stale) > 0 || len(n.Problems) > 0
	}
	var err error
	switch format {
	case "json", "yaml":
		out := map[string]any{"apiVersion": "nodehealth.clusterwright.dev/v1alpha1", "kind": "DetectorStatus", "headline": s.Headline(), "status": s, "notes": notes}
		if format == "yaml" {
			err = finding.WriteYAML(env.Out, out)
		} else {
			err = finding.WriteJSON(env.Out, out)
		}
	default:
		npdStatusText(env, s, notes)
	}
	if err != nil {
		return err
	}
	if bad {
		return cli.Exit(cli.ExitFindings)
	}
	return nil
}

func npdStatusText(env *cli.Env, s npd.Status, notes []string) {
	st, w := env.Style(env.Out), env.Out
	fmt.Fprintf(w, "%s\n\n", st.Bold(s.Headline()))
	runs := s.Runs
	if runs == "" {
		runs = "no detector was found"
	}
	fmt.Fprintf(w, "  runs       %s\n", runs)
	if s.Image != "" {
		fmt.Fprintf(w, "  image      %s\n", s.Image)
	}
	// Nodes of one kind are told together: a fleet has few kinds.
	type kind struct{ problems, watched, unwatched, stale, orphaned string }
	groups := map[kind][]string{}
	var order []kind
	for _, n := range s.Nodes {
		k := kind{strings.Join(n.Problems, ", "), strings.Join(n.Watched, ", "), strings.Join(n.Unwatched, "; "), strings.Join(n.Stale, ", "), strings.Join(n.Orphaned, ", ")}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], n.Name)
	}
	row := func(name, text string) {
		if text != "" {
			fold.Under(w, fmt.Sprintf("  %-10s ", name), text, env.Width())
		}
	}
	for _, k := range order {
		names := groups[k]
		label := strings.Join(names[:min(3, len(names))], ", ")
		if len(names) > 3 {
			label += fmt.Sprintf(" and %d more", len(names)-3)
		}
		fmt.Fprintf(w, "\n  %s\n", st.Bold(label))
		row("now", k.problems)
		row("watched", k.watched)
		row("stale", k.stale)
		row("orphaned", k.orphaned)
		row("unwatched", k.unwatched)
	}
	if s.Runs == "" {
		fmt.Fprintf(w, "\n  kubectl nodehealth npd manifest | kubectl apply -f -   installs one\n")
	}
	for _, n := range notes {
		row("note", n)
	}
}
