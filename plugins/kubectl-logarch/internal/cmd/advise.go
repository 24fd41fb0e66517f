package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/advise"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

type adviseFlags struct {
	files          []string
	recursive, all bool
	rate, maxSize  string
	maxFiles       int64
	window         time.Duration
	sample         int
	nodeStats      bool
	timeout        time.Duration
	output, failOn string
}

type adviseOptions struct {
	flags  *adviseFlags
	judge  advise.Options
	failOn finding.FailOn
}

const adviseLong = `Say of each workload how its logs get out now (stdout, a streaming sidecar, an
agent, a file that nobody reads), what is wrong with that, and what would be
lost: how many minutes kubectl logs reaches back, what a crash, an eviction and
the loss of the node destroy, and whether the logs alone can evict the pod.

With -f it looks at manifests, with -n or -A at a cluster. There it reads a few
minutes of one pod's log per workload to measure the rate. --node-stats asks the
kubelets for their real rotation settings; it needs nodes/proxy, a permission
that also allows running commands in any container, so it is off by default.`

func newAdvise(env *cli.Env) *cobra.Command {
	f := &adviseFlags{}
	var cluster *cli.Cluster
	c := &cobra.Command{
		Use:   "advise",
		Short: "Say how workloads' logs get out now, what is wrong, and what would be lost",
		Long:  adviseLong,
		Example: `
			# Manifests, before they are applied; log rate assumed
			kubectl logarch advise -f deploy/ --rate 1Mi
			# A namespace, or all of them
			kubectl logarch advise -n shop
			kubectl logarch advise -A -o json
			# With the kubelets' own rotation settings
			kubectl logarch advise -A --node-stats
			# Rotation of the system components' own logs
			kubectl logarch advise system`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options(cmd)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), env, cluster)
		},
	}
	fs := c.Flags()
	fs.StringSliceVarP(&f.files, "filename", "f", nil, "Manifest: a file, a directory, a URL, or - for stdin")
	fs.BoolVarP(&f.recursive, "recursive", "R", false, "Read directories with those below them")
	fs.BoolVarP(&f.all, "all-namespaces", "A", false, "All namespaces of the cluster")
	fs.StringVar(&f.rate, "rate", "", "Log bytes a minute of a container, where it is not measured (such as 1Mi)")
	fs.StringVar(&f.maxSize, "max-size", "10Mi", "containerLogMaxSize, where no kubelet was asked")
	fs.Int64Var(&f.maxFiles, "max-files", 5, "containerLogMaxFiles, where no kubelet was asked")
	fs.DurationVar(&f.window, "window", 5*time.Minute, "How much of a log is read to measure its rate")
	fs.IntVar(&f.sample, "sample", 100, "How many workloads' logs are measured; 0 reads none")
	fs.BoolVar(&f.nodeStats, "node-stats", false, "Ask the kubelets for rotation settings and log sizes (needs nodes/proxy)")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Second, "Deadline of each request to the cluster")
	fs.StringVarP(&f.output, "output", "o", "text", "Output format: text, json, yaml, sarif, github, junit")
	fs.StringVar(&f.failOn, "fail-on", "error", "Least severity that makes the exit status 1: error, warning, info or never")
	cluster = cli.ClusterFlags(fs)
	complete(c, "output", finding.Formats...)
	complete(c, "fail-on", finding.FailOnValues...)
	c.AddCommand(newAdviseSystem(env))
	return c
}

func (f *adviseFlags) options(cmd *cobra.Command) (*adviseOptions, error) {
	o := &adviseOptions{flags: f, failOn: finding.FailOn(f.failOn)}
	if !o.failOn.Valid() {
		return nil, cli.Usagef("--fail-on %q: not one of error, warning, info, never", f.failOn)
	}
	if err := oneOf("output", f.output, finding.Formats...); err != nil {
		return nil, err
	}
	if len(f.files) > 0 && (f.all || cmd.Flags().Changed("namespace")) {
		return nil, cli.Usagef("-f and a namespace: manifests or a cluster, not both")
	}
	if f.rate != "" {
		q, err := quantity("rate", f.rate)
		if err != nil {
			return nil, err
		}
		o.judge.Rate = q.AsApproximateFloat64()
	}
	q, err := resource.ParseQuantity(f.maxSize)
	if err != nil || q.Sign() <= 0 {
		return nil, cli.Usagef("--max-size %q: not a size such as 10Mi", f.maxSize)
	}
	if f.maxFiles < 2 {
		return nil, cli.Usagef("--max-files %d: the kubelet wants at least 2", f.maxFiles)
	}
	o.judge.Kubelet = advise.Kubelet{MaxSize: q.Value(), MaxFiles: f.maxFiles, Source: advise.DefaultKubelet.Source}
	if cmd.Flags().Changed("max-size") || cmd.Flags().Changed("max-files") {
		o.judge.Kubelet.Source = "--max-size and --max-files"
	}
	if f.window < time.Second {
		return nil, cli.Usagef("--window %s: not 1s or more", f.window)
	}
	if f.sample < 0 {
		return nil, cli.Usagef("--sample %d: not 0 or more", f.sample)
	}
	if f.timeout <= 0 {
		return nil, cli.Usagef("--timeout %v: not a time such as 10s", f.timeout)
	}
	return o, nil
}

func (o *adviseOptions) run(ctx context.Context, env *cli.Env, cluster *cli.Cluster) error {
	var snap *advise.Snapshot
	var texts []source.Text
	var err error
	if len(o.flags.files) > 0 {
		if texts, err = source.Read(ctx, env.In, o.flags.files, o.flags.recursive); err != nil {
			return cli.Usagef("%w", err)
		}
		if snap, err = advise.Load(texts); err != nil {
			return cli.Usagef("%w", err)
		}
		if len(snap.Workloads) == 0 && len(snap.Notes) == 0 {
			return cli.Usagef("no workloads in these manifests: nothing to advise on")
		}
	} else if snap, err = o.collect(ctx, env, cluster); err != nil {
		return err
	}
	items, general := advise.Judge(snap, o.judge)
	rep := newAdviceReport(items, general, snap)
	if err := o.show(env, rep); err != nil {
		return err
	}
	switch {
	case o.failOn.Fails(rep.all()):
		return cli.Exit(cli.ExitFindings)
	case snap.Unread > 0:
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

func (o *adviseOptions) collect(ctx context.Context, env *cli.Env, cluster *cli.Cluster) (*advise.Snapshot, error) {
	config, err := cluster.RESTConfig()
	if err != nil {
		return nil, cli.WithHint(err, "advise on manifests with -f FILE")
	}
	// Lists and short reads only: the client's own brake would only slow them.
	config.QPS = -1
	// All pods of a large cluster come several times as fast in the binary form.
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, cli.Unknownf("advise: %w", err)
	}
	ns := ""
	if !o.flags.all {
		if ns, err = cluster.Namespace(); err != nil {
			return nil, cli.Unknownf("advise: %w", err)
		}
	}
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	p.Set("reading workloads and measuring their logs")
	snap, err := advise.Collect(ctx, client, advise.CollectOptions{
		Namespace: ns, Window: o.flags.window, Sample: o.flags.sample, NodeStats: o.flags.nodeStats, Timeout: o.flags.timeout, Now: env.Now,
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, cli.WithHint(cli.Unknownf("advise: %w", err), "advise on manifests with -f FILE")
	}
	return snap, nil
}

// newAdviseSystem is `advise system`.
func newAdviseSystem(env *cli.Env) *cobra.Command {
	var size, format string
	var keep int
	c := &cobra.Command{
		Use:   "system",
		Short: "Print the rotation of the system components' own logs",
		Long: `Print the configuration that rotates the logs of system components on a node:
journald for what runs under systemd, logrotate (daily, or at 100 MB) for what
writes to files in /var/log, and kube-log-runner, which rotates without loss.
Container logs are rotated by the kubelet and are not meant here.`,
		Example: `
			kubectl logarch advise system
			kubectl logarch advise system --size 50M --keep 14 -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if keep < 1 {
				return cli.Usagef("--keep %d: at least 1", keep)
			}
			if q, err := resource.ParseQuantity(size); err != nil || q.Sign() <= 0 || size[len(size)-1] != 'M' && size[len(size)-1] != 'G' {
				return cli.Usagef("--size %q: not a size such as 100M or 1G", size)
			}
			files := advise.System(size, keep)
			switch format {
			case "json":
				return finding.WriteJSON(env.Out, map[string]any{"items": files})
			case "text":
				return writeSystem(env.Out, env.Style(env.Out), files)
			}
			return cli.Usagef("-o %q: not one of text, json", format)
		},
	}
	c.Flags().StringVar(&size, "size", "100M", "Size at which a file is rotated before the day is over")
	c.Flags().IntVar(&keep, "keep", 7, "How many rotated files are kept")
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format: text, json")
	complete(c, "output", "text", "json")
	return c
}

func writeSystem(w io.Writer, st cli.Style, files []advise.SystemFile) error {
	for i, f := range files {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\n", st.Bold("# "+f.Path))
		for _, l := range splitLines(fold.Wrap(f.About, 76)) {
			fmt.Fprintf(w, "%s\n", st.Faint("# "+l))
		}
		if _, err := io.WriteString(w, f.Text); err != nil {
			return err
		}
	}
	return nil
}
