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
	}
	root.AddCommand(
		newExplain(env),
		newAgent(env),
		newBeats(env),
		newDirect(env),
		newInject(env),
		newEject(env),
		newParse(env),
		newAdvise(env),
		newSimulate(env),
		cli.NewChecksCommand(env, check.All()),
		cli.NewVersionCommand(env),
		cli.NewCompletionCommand(env),
	)
	return root
}
