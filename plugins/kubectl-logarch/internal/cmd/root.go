// Package cmd is the command line of kubectl logarch: one file a command, flags
// to options to a domain package and back to a printer.
package cmd

import (
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// New returns the command tree.
func New(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "logarch",
		Short: "Get a workload's logs out, and know what would be lost",
		Long: cli.Dedent(`
			Get a workload's logs out, and know what would be lost. Manifests are changed
			by inserting text, nothing else, and changed back byte for byte. Logs are read
			without a line dropped.
		`),
		Example: cli.Dedent(`
			# A file inside the container, for kubectl logs
			kubectl logarch inject -f examples/logarch/web.yaml --log /var/log/nginx/access.log

			# What would be lost today?
			kubectl logarch advise -f examples/logarch/web.yaml

			# Why does the kubelet complain?
			journalctl -u kubelet | kubectl logarch parse --severity warning -
		`),
	}
	root.AddGroup(
		&cobra.Group{ID: "workload", Title: "A workload's logs:"},
		&cobra.Group{ID: "node", Title: "Every container's logs:"},
		&cobra.Group{ID: "read", Title: "Read logs:"},
	)
	cli.AddCommands(root, "workload", newInject(env), newEject(env), newAdvise(env), newSimulate(env), newExplain(env),
		newDirect(env))
	cli.AddCommands(root, "node", newAgent(env), newBeats(env))
	cli.AddCommands(root, "read", newParse(env))
	root.AddCommand(cli.NewChecksCommand(env, check.All()), cli.NewVersionCommand(env), cli.NewCompletionCommand(env))
	return root
}
