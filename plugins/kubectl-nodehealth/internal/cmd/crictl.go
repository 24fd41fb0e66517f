package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/debugpod"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func newCrictl(env *cli.Env) *cobra.Command {
	o := &debugOptions{}
	var explain, format string
	var views bool
	c := &cobra.Command{
		Use:   "crictl NODE -- ARGS...",
		Short: "Run crictl on a node, without ssh and without anything left behind",
		Long: `Runs the node's own crictl, against the endpoint that its kubelet uses, in a
privileged debug pod that is removed in every case: by us when we end, by its own
deadline within a minute when we cannot. Output, exit status and stdin (-i) are
those of crictl.

Where the node has no crictl the views that matter are made here: ` + viewNames + `.
They ask the CRI socket itself, through a program of the host that connects to it
(socat, ncat, nc, python3 or perl), else containerd's ctr, else the kubelet; which
one is said on stderr. What changes something (exec, stop, rm, pull, ...) needs
crictl.

With --explain it translates a docker command line instead, and needs no cluster.`,
		Example: `
			# The containers of a node, exited ones included
			kubectl nodehealth crictl kube-worker-1 -- ps -a

			# A shell in a container
			kubectl nodehealth crictl kube-worker-1 -it -- exec -it 3f1c sh

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
			return o.run(cmd.Context(), env, args[0], func(ctx context.Context, pre *debugpod.Preflight, pod *debugpod.Pod) (int, error) {
				return o.crictl(ctx, env, pre, pod, args[1:], views)
			})
		},
	}
	c.Flags().StringVar(&explain, "explain", "", "Translate a docker command line (\"docker ps -a\"), or all of them (all)")
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format of --explain: text, json, yaml")
	c.Flags().BoolVar(&views, "without-crictl", false, "Make the views here even where the node has crictl")
	o.addFlags(c)
	completeValues(c, "output", []string{"text", "json", "yaml"})
	return c
}

// exitNotInstalled is a shell's exit status for a command that is not there.
const exitNotInstalled = 127

// crictl runs the host's crictl, or makes the view here where there is none.
func (o *debugOptions) crictl(ctx context.Context, env *cli.Env, pre *debugpod.Preflight, pod *debugpod.Pod, args []string, views bool) (int, error) {
	host, err := pod.Look(ctx)
	if err != nil {
		return 0, err
	}
	if host.Crictl != nil && !views {
		return o.exec(ctx, env, pod, host.RunCrictl(pre.Endpoint, args))
	}
	v, err := parseView(args)
	if err != nil {
		if host.Crictl == nil {
			env.Fail("crictl is not installed on %s; without it: %v", pre.Node.Name, err)
		} else {
			env.Fail("without crictl: %v", err)
		}
		for _, h := range viewHints(args, pre.Node.Name, host) {
			env.Hint(h)
		}
		return exitNotInstalled, nil
	}
	said := env.Tell
	if v.quiet {
		said = func(string, ...any) {}
	}
	return 0, v.show(ctx, env, &viewNode{pre: pre, pod: pod, host: host, said: said})
}
