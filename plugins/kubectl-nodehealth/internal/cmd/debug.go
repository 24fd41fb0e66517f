package cmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/debugpod"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// debugOptions are what crictl and shell have in common.
type debugOptions struct {
	cluster   *cli.Cluster
	image     string
	namespace string
	stdin     bool
	tty       bool
}

func (o *debugOptions) addFlags(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&o.image, "image", "docker.io/library/busybox:1.36", "Image of the debug pod; it needs sh, sed, sleep and chroot, as busybox has them")
	fs.StringVar(&o.namespace, "debug-namespace", "default", "Namespace of the debug pod; it has to admit privileged pods")
	fs.BoolVarP(&o.stdin, "stdin", "i", false, "Pass stdin to the program")
	fs.BoolVarP(&o.tty, "tty", "t", false, "Give the program a terminal")
	o.cluster = cli.ClusterFlags(fs)
	_ = c.RegisterFlagCompletionFunc("debug-namespace", cli.CompleteNamespaces)
	c.ValidArgsFunction = cli.CompleteNodes(1)
}

// run starts the pod, has use do its work in it, and passes its exit status
// through. The pod is removed in every case.
func (o *debugOptions) run(ctx context.Context, env *cli.Env, node string, use func(context.Context, *debugpod.Preflight, *debugpod.Pod) (int, error)) error {
	config, err := o.cluster.RESTConfig()
	if err != nil {
		return err
	}
	pre, err := debugpod.Check(ctx, config, node)
	var impossible *debugpod.Impossible
	switch {
	case errors.Is(err, debugpod.ErrNoNode):
		return cli.WithHint(cli.Usagef("node %q: there is none of this name", node), "kubectl get nodes")
	case errors.As(err, &impossible):
		return cli.WithHint(cli.Unknownf("%w", err), impossible.Next)
	case err != nil:
		return cli.Unknownf("node %s: %w", node, err)
	}
	progress := output.NewProgress(env.ErrOut, env.Interactive())
	pod, err := debugpod.Start(ctx, config, debugpod.Options{
		Node: node, Host: pre.Node, Namespace: o.namespace, Image: o.image,
		Notify: func(s string) { progress.Set("%s", s) },
	})
	progress.Stop()
	if err != nil {
		return notPossible(err)
	}
	code, err := use(ctx, pre, pod)
	if closeErr := pod.Close(); closeErr != nil {
		env.Warn("%v", closeErr)
	}
	var known *cli.Error
	switch {
	case errors.As(err, &known):
		return err
	case err != nil:
		return cli.Unknownf("%w", err)
	}
	return cli.Exit(code)
}

// notPossible is the error of a debug pod that cannot be had, with what to do.
func notPossible(err error) error {
	var impossible *debugpod.Impossible
	if errors.As(err, &impossible) {
		return cli.WithHint(cli.Unknownf("%w", err), impossible.Next)
	}
	return cli.Unknownf("%w", err)
}

// shellWord quotes a word for the shell where it needs that.
func shellWord(s string) string {
	if strings.ContainsAny(s, " \t'\"$&;|<>()*?[#~\\") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

func (o *debugOptions) exec(ctx context.Context, env *cli.Env, pod *debugpod.Pod, argv []string) (int, error) {
	streams := debugpod.Streams{Out: env.Out, Err: env.ErrOut}
	if o.stdin {
		streams.In = env.In
	}
	if !o.tty {
		return pod.Exec(ctx, argv, streams)
	}
	tty := term.TTY{In: env.In, Out: cli.Beneath(env.Out), Raw: true}
	if !tty.IsTerminalIn() {
		env.Warn("-t without a terminal: stdin is none")
		return pod.Exec(ctx, argv, streams)
	}
	streams.In, streams.TTY, streams.Err = env.In, true, nil
	if size := tty.GetSize(); size != nil {
		streams.Resize = resizer{tty.MonitorSize(size)}
	}
	code := 0
	err := tty.Safe(func() error {
		var err error
		code, err = pod.Exec(ctx, argv, streams)
		return err
	})
	return code, err
}

// resizer hands the terminal's size on; both packages have a type of their own
// for the same interface.
type resizer struct{ q term.TerminalSizeQueue }

func (r resizer) Next() *remotecommand.TerminalSize {
	size := r.q.Next()
	if size == nil {
		return nil
	}
	return &remotecommand.TerminalSize{Width: size.Width, Height: size.Height}
}

func newShell(env *cli.Env) *cobra.Command {
	o := &debugOptions{}
	c := &cobra.Command{
		Use:   "shell NODE [-- PROGRAM ARGS...]",
		Short: "A shell, or one program, on a node, without ssh and without anything left behind",
		Long: `Runs a shell (or a program) in the node's own file system and namespaces, in a
privileged debug pod that is removed in every case: by us when we end, by its own
deadline within a minute when we cannot. The exit status is the program's.`,
		Example: `
			# A root shell on the node
			kubectl nodehealth shell kube-worker-1

			# One program
			kubectl nodehealth shell kube-worker-1 -- journalctl -u kubelet --since -10m`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if (dash < 0 && len(args) > 1) || dash > 1 || dash == 0 {
				return cli.WithHint(cli.Usagef("shell: one node, then -- and the program"), "kubectl nodehealth shell kube-worker-1 -- uptime")
			}
			if len(args) == 1 && !cmd.Flags().Changed("tty") && !cmd.Flags().Changed("stdin") {
				o.stdin, o.tty = true, cli.IsTerminal(env.In)
			}
			return o.run(cmd.Context(), env, args[0], func(ctx context.Context, _ *debugpod.Preflight, pod *debugpod.Pod) (int, error) {
				return o.exec(ctx, env, pod, debugpod.Shell(args[1:]))
			})
		},
	}
	o.addFlags(c)
	return c
}
