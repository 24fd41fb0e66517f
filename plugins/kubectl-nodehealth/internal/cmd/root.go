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
	root.AddGroup(
		&cobra.Group{ID: "look", Title: "Look further:"},
		&cobra.Group{ID: "node", Title: "On the node, without ssh:"},
		&cobra.Group{ID: "watch", Title: "Have it watched:"},
	)
	cli.AddCommands(root, "look", newTimeline(env), newCompare(env), newUsage(env), newControlPlane(env), newBundle(env))
	cli.AddCommands(root, "node", newLogs(env), newCrictl(env), newShell(env))
	cli.AddCommands(root, "watch", newNPD(env))
	root.AddCommand(newChecks(env), newFaults(env), newRBAC(env), cli.NewVersionCommand(env), cli.NewCompletionCommand(env))
	return root
}
