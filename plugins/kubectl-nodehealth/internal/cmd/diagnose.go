package cmd

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/capture"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/report"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// diagnoseFlags are what the command line gives.
type diagnoseFlags struct {
	selector string
	from     string
	now      string
	output   string
	failOn   string
	watch    bool
	askAll   bool
	cluster  *cli.Cluster
}

// diagnoseOptions are what the run needs.
type diagnoseOptions struct {
	nodes    []string
	selector string
	from     string
	now      time.Time
	output   string
	failOn   finding.FailOn
	watch    bool
	askAll   bool
	cluster  *cli.Cluster
}

// formats are the values of -o.
var formats = []string{"text", "wide", "json", "yaml", "name", "jsonpath=", "custom-columns=", "sarif", "github", "junit"}

func addDiagnose(env *cli.Env, root *cobra.Command) {
	f := &diagnoseFlags{}
	root.Use = "nodehealth [NODE...]"
	root.Short = "Find what is wrong with a node and prove it"
	root.Long = `Find what is wrong with a node and prove it.

Without a name: one line for each node of the cluster, worst first. With names:
the story of each, from its lease, status, events, pods and certificates, what
its kubelet and host answer, and the other nodes of its zone. Nothing is called
healthy because it was not looked at: what could not be read is said.

--from reads a capture instead of a cluster: a cluster-info dump (folder,
archive or output), kubectl get nodes,leases,pods,events -A -o json or yaml, a
must-gather or support bundle, the text of kubectl describe node, or - for
stdin. Reads only, ever.

Exit status: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or
input, 3 a node could not be judged.`
	root.Example = `
		# The whole cluster, worst first
		kubectl nodehealth
		# One node's story
		kubectl nodehealth kube-worker-1
		# From what somebody pasted into a ticket
		kubectl nodehealth --from examples/nodehealth/kube-worker-1.describe.txt
		kubectl describe node kube-worker-1 | kubectl nodehealth --from -
		# For a script
		kubectl nodehealth -l pool=gpu -o json --fail-on warning`
	root.Args = cobra.ArbitraryArgs
	fs := root.Flags()
	fs.StringVarP(&f.selector, "selector", "l", "", "Only nodes with these labels (key=value,...)")
	fs.StringVar(&f.from, "from", "", "Read a capture (file, folder, archive, or - for stdin) instead of the cluster")
	fs.StringVar(&f.now, "now", "", "With --from: when the capture was taken (RFC 3339); default: its own record, else its newest time")
	fs.StringVarP(&f.output, "output", "o", "text", "Output format: "+strings.Join(formats, ", "))
	fs.StringVar(&f.failOn, "fail-on", "error", "Least severity that makes the exit status 1: error, warning, info or never")
	fs.BoolVarP(&f.watch, "watch", "w", false, "Stay, and redraw on every change until Ctrl-C")
	fs.BoolVar(&f.askAll, "ask-all", false, "Ask every kubelet whether it answers, in a cluster of more than 500 nodes too")
	f.cluster = cli.ClusterFlags(fs)
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	_ = root.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(finding.FailOnValues, cobra.ShellCompDirectiveNoFileComp))
	root.ValidArgsFunction = completeNodes(&f.from, math.MaxInt)
	root.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := f.options(env, args)
		if err != nil {
			return err
		}
		return o.run(cmd.Context(), env)
	}
}

func (f *diagnoseFlags) options(env *cli.Env, args []string) (*diagnoseOptions, error) {
	o := &diagnoseOptions{selector: f.selector, from: f.from, output: f.output, failOn: finding.FailOn(f.failOn), watch: f.watch, askAll: f.askAll, cluster: f.cluster}
	for _, a := range args {
		name := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(a, "node/"), "nodes/"), "no/")
		if name == "" || strings.ContainsAny(name, "/ \t") {
			return nil, cli.Usagef("%q: not the name of a node such as kube-worker-1", a)
		}
		if !slices.Contains(o.nodes, name) {
			o.nodes = append(o.nodes, name)
		}
	}
	if !o.failOn.Valid() {
		return nil, cli.Usagef("--fail-on %q: not one of %s", f.failOn, strings.Join(finding.FailOnValues, ", "))
	}
	if err := validFormat(o.output); err != nil {
		return nil, err
	}
	if f.now != "" {
		if f.from == "" {
			return nil, cli.Usagef("--now needs --from: a live cluster has its own clock")
		}
		t, err := time.Parse(time.RFC3339, f.now)
		if err != nil {
			return nil, cli.Usagef("--now %q: not a time in RFC 3339, such as 2026-01-31T15:04:05Z", f.now)
		}
		o.now = t.UTC()
	}
	if len(o.nodes) > 0 && o.selector != "" {
		return nil, cli.Usagef("-l and names of nodes exclude each other; leave one of the two out")
	}
	if o.askAll && o.from != "" {
		return nil, cli.Usagef("--ask-all needs a cluster: a capture has no kubelets to ask")
	}
	if o.watch && o.from != "" {
		return nil, cli.Usagef("-w needs a cluster: a capture does not change")
	}
	if o.watch && o.output != "text" && o.output != "wide" {
		return nil, cli.Usagef("-w draws text: leave out -o %s", o.output)
	}
	return o, nil
}

func (o *diagnoseOptions) run(ctx context.Context, env *cli.Env) error {
	if o.watch {
		return o.stay(ctx, env)
	}
	s, err := o.read(ctx, env)
	if err != nil {
		return err
	}
	l := report.New(s)
	if err := o.show(env, l); err != nil {
		return err
	}
	return exit(l, o.failOn)
}

func exit(l *report.List, on finding.FailOn) error {
	failed, unknown := l.Exit(on)
	switch {
	case failed:
		return cli.Exit(cli.ExitFindings)
	case unknown:
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

// read makes the snapshot of what was asked for.
func (o *diagnoseOptions) read(ctx context.Context, env *cli.Env) (*snapshot.Snapshot, error) {
	if o.from == "" {
		return o.live(ctx, env)
	}
	s, err := capture.Open(o.from, capture.Options{Stdin: env.In})
	if err != nil {
		return nil, cli.Usagef("--from %w", err)
	}
	if !o.now.IsZero() {
		s.ObservedAt, s.Clock = o.now, snapshot.ClockGiven
		for _, n := range s.Nodes {
			n.ObservedAt = time.Time{}
		}
	}
	if err := o.pick(s); err != nil {
		return nil, err
	}
	return s, nil
}

// pick keeps the nodes that were asked for; the others stay as peers.
func (o *diagnoseOptions) pick(s *snapshot.Snapshot) error {
	if len(o.nodes) == 0 && o.selector == "" {
		return nil
	}
	match, err := selectNodes(o.selector)
	if err != nil {
		return err
	}
	peers := s.AllPeers()
	var keep []*snapshot.Node
	for _, n := range s.Nodes {
		if len(o.nodes) > 0 && slices.Contains(o.nodes, n.Name) || len(o.nodes) == 0 && match(n) {
			keep = append(keep, n)
		}
	}
	for _, name := range o.nodes {
		if !slices.ContainsFunc(s.Nodes, func(n *snapshot.Node) bool { return n.Name == name }) {
			return notFound(name, s.Source, peers)
		}
	}
	if len(keep) == 0 {
		return cli.Usagef("-l %s: none of the %d nodes has these labels", o.selector, len(s.Nodes))
	}
	s.Nodes, s.Cluster.Peers = keep, peers
	return nil
}

func notFound(name, where string, peers []snapshot.Peer) error {
	var names []string
	for _, p := range peers {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	err := cli.Usagef("node %q: not found in %s", name, where)
	if len(names) == 0 {
		return err
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("%d more", len(names)-5))
	}
	return cli.WithHint(err, "there are "+strings.Join(names, ", "))
}

// completeNodes completes up to max arguments with the nodes of the capture that
// --from names, or of the cluster. What cannot be read completes to nothing.
func completeNodes(from *string, max int) cobra.CompletionFunc {
	live := cli.CompleteNodes(max)
	return func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if *from == "" || *from == "-" || len(args) >= max {
			return live(c, args, prefix)
		}
		s, err := capture.Open(*from, capture.Options{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, n := range s.Nodes {
			if strings.HasPrefix(n.Name, prefix) && !slices.Contains(args, n.Name) {
				names = append(names, n.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
