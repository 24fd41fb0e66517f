// Package cmd is the command line of kubectl auditpolicy: one file a command, flags
// to options to a domain package and back to a printer.
package cmd

import (
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// New returns the command tree.
func New(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "auditpolicy",
		Short: "Know exactly what an audit policy records",
	}
	root.AddCommand(
		newReplay(env),
		newLint(env),
		newExplain(env),
		newMatch(env),
		newTest(env),
		newDiff(env),
		newCoverage(env),
		cli.NewChecksCommand(env, checks()),
		newInit(env),
		newSuggest(env),
		newSimulate(env),
		newLeaks(env),
		newBackend(env),
		cli.NewVersionCommand(env),
		cli.NewCompletionCommand(env),
	)
	return root
}
