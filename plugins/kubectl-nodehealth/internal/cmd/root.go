// Package cmd is the command line of kubectl nodehealth: one file a command, flags
// to options to a domain package and back to a printer.
package cmd

import (
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// New returns the command tree.
func New(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "nodehealth",
		Short: "Find what is wrong with a node and prove it",
	}
	addDiagnose(env, root)
	root.AddCommand(
		newChecks(env),
		newFaults(env),
		newRBAC(env),
		newControlPlane(env),
		newUsage(env),
		newTimeline(env),
		newBundle(env),
		newCompare(env),
		newNPD(env),
		newLogs(env),
		newCrictl(env),
		newShell(env),
		cli.NewVersionCommand(env),
		cli.NewCompletionCommand(env),
	)
	return root
}
