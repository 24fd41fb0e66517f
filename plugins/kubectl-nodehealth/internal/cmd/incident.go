package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/bundle"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/compare"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/nodelog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/report"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// source is where timeline, compare and bundle take nodes from.
type source struct {
	from    string
	cluster *cli.Cluster
}

func (s *source) addFlags(c *cobra.Command, from bool) {
	if from {
		c.Flags().StringVar(&s.from, "from", "", "Read a capture (file, folder, archive, or - for stdin) instead of the cluster")
	}
	s.cluster = cli.ClusterFlags(c.Flags())
	c.ValidArgsFunction = completeNodes(&s.from, strings.Count(c.Use, " "))
}

// read returns the snapshot of the named nodes, in the order of the names.
func (s *source) read(ctx context.Context, env *cli.Env, names []string) (*snapshot.Snapshot, []*snapshot.Node, error) {
	for i, n := range names {
		names[i] = strings.TrimPrefix(strings.TrimPrefix(n, "node/"), "nodes/")
	}
	o := &diagnoseOptions{nodes: names, from: s.from, cluster: s.cluster, output: "text", failOn: "never"}
	snap, err := o.read(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	var nodes []*snapshot.Node
	for _, name := range names {
		i := slices.IndexFunc(snap.Nodes, func(n *snapshot.Node) bool { return n.Name == name })
		if i < 0 {
			return nil, nil, cli.WithHint(cli.Usagef("node %q: there is none of this name", name), "'kubectl nodehealth' lists the nodes, with --from those of the capture")
		}
		nodes = append(nodes, snap.Nodes[i])
	}
	return snap, nodes, nil
}

func newTimeline(env *cli.Env) *cobra.Command {
	s := &source{}
	var format string
	c := &cobra.Command{
		Use:   "timeline NODE",
		Short: "One node's incident as a story: conditions, taints, lease, events, pods, in order",
		Long: `Everything about a node that has a time, in order: transitions of conditions,
taints, the lease, events (those of type Normal too), pods that came or should be
gone, and who wrote the node last. As text, JSON, or a picture that stands alone.`,
		Example: `
			# The story, oldest first
			kubectl nodehealth timeline kube-worker-1

			# A picture for the ticket
			kubectl nodehealth timeline kube-worker-1 -o svg > incident.svg

			# From a capture
			kubectl nodehealth timeline kube-worker-1 --from examples/nodehealth/kube-worker-1.describe.txt`,
		Args: cobra.ExactArgs(1),
	}
	s.addFlags(c, true)
	formats := []string{"text", "json", "yaml", "svg", "html"}
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format: "+strings.Join(formats, ", "))
	completeValues(c, "output", formats)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(formats, format) {
			return cli.Usagef("-o %q: not one of %s", format, strings.Join(formats, ", "))
		}
		snap, nodes, err := s.read(cmd.Context(), env, args)
		if err != nil {
			return err
		}
		return writeTimeline(env, snap, nodes[0], format)
	}
	return c
}

func newCompare(env *cli.Env) *cobra.Command {
	s := &source{}
	var format string
	c := &cobra.Command{
		Use:   "compare NODE PEER",
		Short: "In what two nodes differ: versions, kubelet configuration, labels, taints, size",
		Example: `
			kubectl nodehealth compare kube-worker-1 kube-worker-2`,
		Args: cobra.ExactArgs(2),
	}
	s.addFlags(c, true)
	formats := []string{"text", "json", "yaml"}
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format: text, json, yaml")
	completeValues(c, "output", formats)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(formats, format) {
			return cli.Usagef("-o %q: not one of text, json, yaml", format)
		}
		_, nodes, err := s.read(cmd.Context(), env, args)
		if err != nil {
			return err
		}
		diffs := compare.Nodes(nodes[0], nodes[1])
		out := map[string]any{"apiVersion": snapshot.APIVersion, "kind": "NodeComparison", "a": args[0], "b": args[1], "differences": append([]compare.Difference{}, diffs...)}
		if done, err := env.WriteReport(format, cli.Report{Value: out}); done {
			return err
		}
		writeComparison(env, args[0], args[1], diffs, nodes)
		return nil
	}
	return c
}

func writeComparison(env *cli.Env, a, b string, diffs []compare.Difference, nodes []*snapshot.Node) {
	st := env.Style(env.Out)
	headline := fmt.Sprintf("%s and %s do not differ in what was read", a, b)
	if len(diffs) > 0 {
		headline = fmt.Sprintf("%s (1) and %s (2) differ in %s", a, b, phrase.Count(len(diffs), "place"))
	}
	fmt.Fprintln(env.Out, st.Bold(headline))
	area := ""
	for _, d := range diffs {
		if d.Area != area {
			area = d.Area
			fmt.Fprintf(env.Out, "\n  %s\n", area)
		}
		if row := fmt.Sprintf("    %-38s 1: %-20s 2: %s", d.Name, d.A, d.B); len(row) <= env.Width() {
			fmt.Fprintln(env.Out, row)
			continue
		}
		fmt.Fprintf(env.Out, "    %s\n", d.Name)
		fold.Under(env.Out, "      1: ", d.A, env.Width())
		fold.Under(env.Out, "      2: ", d.B, env.Width())
	}
	for _, n := range nodes {
		if n.Kubelet.Config == nil {
			fmt.Fprintf(env.Out, "\n  not compared: the configuration of the kubelet of %s could not be read\n", n.Name)
		}
	}
}

func newBundle(env *cli.Env) *cobra.Command {
	s := &source{}
	var out string
	var addresses bool
	c := &cobra.Command{
		Use:   "bundle NODE",
		Short: "Everything that a ticket about a node needs, in one archive without secrets",
		Long: `Packs the facts that the diagnosis used, its story, the timeline and the last
lines of the kubelet's and the runtime's log into one tar.gz. Tokens, credentials
and keys are taken out of all texts; Secrets and environment variables are never
read. "kubectl nodehealth --from ARCHIVE" tells the same story from it.`,
		Example: `
			# For a ticket
			kubectl nodehealth bundle kube-worker-1

			# Without addresses, to a name of your own
			kubectl nodehealth bundle kube-worker-1 --redact-addresses --out incident.tar.gz`,
		Args: cobra.ExactArgs(1),
	}
	s.addFlags(c, false)
	c.Flags().StringVar(&out, "out", "", "Name of the archive (default: NODE-TIME.tar.gz)")
	c.Flags().BoolVar(&addresses, "redact-addresses", false, "Replace IP addresses by ip-1, ip-2, ...")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		snap, nodes, err := s.read(cmd.Context(), env, args)
		if err != nil {
			return err
		}
		r := &bundle.Redactor{Addresses: addresses}
		name := r.Text(nodes[0].Name)
		if out == "" {
			out = fmt.Sprintf("%s-%s.tar.gz", name, snap.ObservedAt.UTC().Format("20060102T150405Z"))
		}
		return s.writeBundle(cmd.Context(), env, snap, nodes[0], out, r)
	}
	return c
}

// bundledLines is how many last lines of each log go into a bundle.
const bundledLines = 2000

func (s *source) writeBundle(ctx context.Context, env *cli.Env, snap *snapshot.Snapshot, n *snapshot.Node, out string, r *bundle.Redactor) error {
	// What is folded into lines could hide a secret from its pattern, so the story
	// and the timeline are told from what is redacted already.
	facts, err := bundle.Snapshot(snap, r)
	if err != nil {
		return err
	}
	var clean snapshot.Snapshot
	if err := json.Unmarshal([]byte(facts.Data), &clean); err != nil {
		return err
	}
	i := slices.IndexFunc(clean.Nodes, func(x *snapshot.Node) bool { return x.Name == r.Text(n.Name) })
	if i < 0 {
		return fmt.Errorf("node %s is not in its own bundle", n.Name)
	}
	files := []bundle.File{facts}
	draw := func(name string, write func(*cli.Env) error) error {
		var b bytes.Buffer
		plain := *env
		plain.Out = &b
		err := write(&plain)
		files = append(files, bundle.File{Name: name, Data: r.Text(b.String())})
		return err
	}
	if err := draw("story.txt", func(env *cli.Env) error {
		l := report.New(&clean)
		return report.Story(env.Out, l, l.Items[i], report.Paint{}, true, 80)
	}); err != nil {
		return err
	}
	for name, format := range map[string]string{"timeline.txt": "text", "timeline.svg": "svg"} {
		if err := draw(name, func(env *cli.Env) error { return writeTimeline(env, &clean, clean.Nodes[i], format) }); err != nil {
			env.Tell("%s: %s", name, err)
		}
	}
	slices.SortFunc(files[1:], func(a, b bundle.File) int { return strings.Compare(a.Name, b.Name) })
	units := []string{"kubelet", "containerd"}
	if n.Object != nil {
		units[1] = runtimeUnit(n.Object.Status.NodeInfo)
	}
	for _, unit := range units {
		text, err := s.log(ctx, env, n, unit)
		if err != nil {
			text = "not read: " + err.Error() + "\n"
			env.Tell("log of %s: %s", unit, strings.Join(strings.Fields(err.Error()), " "))
		}
		files = append(files, bundle.File{Name: "log-" + unit + ".txt", Data: r.Text(text)})
	}
	files = append(files, bundle.Readme(r.Text(n.Name), snap.ObservedAt, files, r.Addresses))
	if err := ctx.Err(); err != nil {
		return err
	}
	err = bundle.Create(out, strings.TrimSuffix(filepath.Base(out), ".tar.gz"), snap.ObservedAt, files)
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrExist):
		return cli.Usagef("--out %s: is there already; move it away, or give another name", out)
	case errors.As(err, &path) && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
		return cli.Usagef("--out %s: %w", out, path.Err)
	case err != nil:
		return cli.Unknownf("%s: %w", out, err)
	}
	fmt.Fprintf(env.Out, "created  %s   %s\n", out, phrase.Count(len(files), "file"))
	fmt.Fprintf(env.Out, "read it  kubectl nodehealth --from %s %s\n", out, r.Text(n.Name))
	return nil
}

func (s *source) log(ctx context.Context, env *cli.Env, n *snapshot.Node, unit string) (string, error) {
	config, err := s.cluster.RESTConfig()
	if err != nil {
		return "", err
	}
	fetch, err := nodelog.NewFetcher(config, n.Name)
	if err != nil {
		return "", err
	}
	fetch.Wait = 3 * time.Second
	distro := nodelog.Generic
	if n.Object != nil {
		distro = nodelog.DistroOf(n.Object.Status.NodeInfo)
	}
	q := nodelog.Query{Tail: bundledLines}
	o, err := fetch.Open(ctx, nodelog.PlaceOf(unit, distro), q)
	if err != nil {
		return "", err
	}
	defer o.Close()
	var b strings.Builder
	err = nodelog.Read(o, q, env.Now(), func(rec nodelog.Record) { b.WriteString(rec.Raw + "\n") })
	return b.String(), err
}
