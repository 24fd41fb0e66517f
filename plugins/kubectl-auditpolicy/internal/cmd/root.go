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
		Long: cli.Dedent(`
			Know exactly what an audit policy records: what is wrong with it, which rule
			decides a request, what a change loses, what it makes of last night's log.
			Reads files; a cluster is asked only where --live says so.
		`),
		Example: cli.Dedent(`
			# What is wrong with it, all at once, and the fix
			kubectl auditpolicy lint examples/auditpolicy/bad.yaml

			# Who sees this request, and how much of it?
			kubectl auditpolicy match examples/auditpolicy/good.yaml -- kubectl delete secret db -n prod

			# A policy to start from
			kubectl auditpolicy init security > policy.yaml
		`),
	}
	root.AddGroup(
		&cobra.Group{ID: "read", Title: "Read and change a policy:"},
		&cobra.Group{ID: "logs", Title: "Hold it against audit logs:"},
		&cobra.Group{ID: "backend", Title: "Switch auditing on:"},
	)
	cli.AddCommands(root, "read", newLint(env), newExplain(env), newMatch(env), newTest(env), newDiff(env),
		newCoverage(env), newInit(env))
	cli.AddCommands(root, "logs", newReplay(env), newSuggest(env), newLeaks(env))
	cli.AddCommands(root, "backend", newBackend(env), newSimulate(env))
	root.AddCommand(cli.NewChecksCommand(env, checks()), cli.NewVersionCommand(env), cli.NewCompletionCommand(env))
	return root
}
