// Package cmd is the command line of kubectl certgen: one file a command, flags
// to options to a domain package and back to a printer.
package cmd

import (
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// New returns the command tree.
func New(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "certgen",
		Short: "Make and look after the certificates of a cluster",
	}
	root.AddCommand(
		newCA(env),
		newServer(env),
		newClient(env),
		newNode(env),
		newCluster(env),
		newSA(env),
		newCSR(env),
		newSign(env),
		newConvert(env),
		newInspect(env),
		newVerify(env),
		newExpiry(env),
		newRequest(env),
		newRenew(env),
		newTrust(env),
		newRotate(env),
		newLint(env),
		cli.NewChecksCommand(env, certlint.Rules()),
		cli.NewVersionCommand(env),
		cli.NewCompletionCommand(env),
	)
	return root
}
