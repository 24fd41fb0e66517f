package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/debugpod"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/dockermap"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// debugOptions are what crictl and shell have in common.
type debugOptions struct {
	cluster   *genericclioptions.ConfigFlags
	image     string
	namespace string
	stdin     bool
	tty       bool
}

func (o *debugOptions) addFlags(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&o.image, "image", "docker.io/library/busybox:1.36", "Image of the debug pod; it needs sleep and chroot")
	fs.StringVar(&o.namespace, "debug-namespace", "default", "Namespace of the debug pod; it has to admit privileged pods")
	fs.BoolVarP(&o.stdin, "stdin", "i", false, "Pass stdin to the program")
	fs.BoolVarP(&o.tty, "tty", "t", false, "Give the program a terminal")
	o.cluster = cli.ClusterFlags(fs)
}

// run starts the pod, runs the program made by argv from the kubelet's runtime
// endpoint, and passes its exit status through.
func (o *debugOptions) run(ctx context.Context, env *cli.Env, node string, argv func(endpoint string) []string) error {
	config, err := o.cluster.ToRESTConfig()
	if err != nil {
		return cli.Unknownf("kubeconfig: %w", err)
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
	progress := output.NewProgress(env.ErrOut, cli.IsTerminal(env.Out) && cli.IsTerminal(env.ErrOut))
	pod, err := debugpod.Start(ctx, config, debugpod.Options{
		Node: node, Namespace: o.namespace, Image: o.image,
		Notify: func(s string) { progress.Set("%s", s) },
	})
	progress.Stop()
	if errors.As(err, &impossible) {
		return cli.WithHint(cli.Unknownf("%w", impossible), impossible.Next)
	}
	if err != nil {
		return cli.Unknownf("%w", err)
	}
	code, err := o.exec(ctx, env, pod, argv(pre.Endpoint))
	if closeErr := pod.Close(); closeErr != nil {
		fmt.Fprintf(env.ErrOut, "warning: %v\n", closeErr)
	}
	if err != nil {
		return cli.Unknownf("%w", err)
	}
	return cli.Exit(code)
}

func (o *debugOptions) exec(ctx context.Context, env *cli.Env, pod *debugpod.Pod, argv []string) (int, error) {
	streams := debugpod.Streams{Out: env.Out, Err: env.ErrOut}
	if o.stdin {
		streams.In = env.In
	}
	if !o.tty {
		return pod.Exec(ctx, argv, streams)
	}
	tty := term.TTY{In: env.In, Out: env.Out, Raw: true}
	if !tty.IsTerminalIn() {
		fmt.Fprintln(env.ErrOut, "warning: -t without a terminal: stdin is none")
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

func newCrictl(env *cli.Env) *cobra.Command {
	o := &debugOptions{}
	var explain, format string
	c := &cobra.Command{
		Use:   "crictl NODE -- ARGS...",
		Short: "Run crictl on a node, without ssh and without anything left behind",
		Long: `Runs the node's own crictl, against the endpoint that its kubelet uses, in a
privileged debug pod that is removed in every case: by us when we end, by its own
deadline within a minute when we cannot. Output, exit status and stdin (-i) are
those of crictl.

With --explain it translates a docker command line instead, and needs no cluster.`,
		Example: `
			# The containers of a node, exited ones included
			kubectl nodehealth crictl kube-worker-1 -- ps -a

			# What was docker's command for that?
			kubectl nodehealth crictl --explain "docker ps -a"

			# The whole table
			kubectl nodehealth crictl --explain all`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if explain != "" {
				return explainDocker(env, explain, format)
			}
			if len(args) < 2 || cmd.ArgsLenAtDash() != 1 {
				return cli.WithHint(cli.Usagef("crictl: needs a node, --, and crictl's arguments"), "kubectl nodehealth crictl kube-worker-1 -- ps -a")
			}
			return o.run(cmd.Context(), env, args[0], func(endpoint string) []string { return debugpod.Crictl(endpoint, args[1:]) })
		},
	}
	c.Flags().StringVar(&explain, "explain", "", "Translate a docker command line (\"docker ps -a\"), or all of them (all)")
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format of --explain: text, json or yaml")
	o.addFlags(c)
	return c
}

func explainDocker(env *cli.Env, line, format string) error {
	answers := dockermap.All()
	if line != "all" {
		a, err := dockermap.Explain(words(line))
		if err != nil {
			return cli.WithHint(cli.Usagef("%w", err), "kubectl nodehealth crictl --explain all")
		}
		answers = []dockermap.Answer{a}
	}
	switch format {
	case "json":
		return finding.WriteJSON(env.Out, map[string]any{"items": answers})
	case "yaml":
		return finding.WriteYAML(env.Out, map[string]any{"items": answers})
	case "text":
	default:
		return cli.Usagef("-o %q: not one of text, json, yaml", format)
	}
	if line == "all" {
		return writeDockerTable(env.Out, answers)
	}
	writeDockerAnswer(env.Out, env.Style(env.Out), answers[0])
	return nil
}

func writeDockerAnswer(w io.Writer, st cli.Style, a dockermap.Answer) {
	if a.Crictl == "" {
		fmt.Fprintf(w, "%s\n%s has no counterpart in crictl\n", st.Bold("use "+a.Instead), a.Docker)
		return
	}
	fmt.Fprintf(w, "%s\n  %s\n", st.Bold(a.Crictl), a.What)
	for _, l := range a.Lost {
		fmt.Fprintf(w, "  no counterpart: %s\n", l)
	}
	for _, n := range a.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
}

func writeDockerTable(w io.Writer, answers []dockermap.Answer) error {
	for _, a := range answers {
		right := a.Crictl
		if right == "" {
			right = "- " + a.Instead
		}
		fmt.Fprintf(w, "%-18s %s\n", a.Docker, right)
		for _, n := range a.Notes {
			fmt.Fprintf(w, "%18s   %s\n", "", n)
		}
	}
	fmt.Fprintln(w, "\nOnly in crictl:")
	for _, o := range dockermap.Only {
		fmt.Fprintf(w, "%-42s %s\n", o[0], o[1])
	}
	return nil
}

// words splits a command line as a shell would, quotes included, without any
// expansion.
func words(line string) []string {
	var out []string
	var cur []rune
	var quote rune
	in := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			cur = append(cur, r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ' || r == '\t':
			if in {
				out = append(out, string(cur))
			}
			cur, in = nil, false
		default:
			cur, in = append(cur, r), true
		}
	}
	if in {
		out = append(out, string(cur))
	}
	return out
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
			return o.run(cmd.Context(), env, args[0], func(string) []string { return debugpod.Shell(args[1:]) })
		},
	}
	o.addFlags(c)
	return c
}
