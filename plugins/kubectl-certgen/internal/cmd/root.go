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
		Long: cli.Dedent(`
			Make and look after the certificates of a cluster: accepted by every client,
			in the layout that the folder already has. No cluster, network or openssl is
			needed to make them.
		`),
		Example: cli.Dedent(`
			# An API server's certificate, and a CA if there is none
			kubectl certgen server --ip 203.0.113.10

			# The whole PKI of a cluster
			kubectl certgen cluster --control-plane cp1=10.0.0.10 --worker w1

			# When does what expire?
			kubectl certgen expiry /etc/kubernetes
		`),
	}
	root.AddGroup(
		&cobra.Group{ID: "make", Title: "Make:"},
		&cobra.Group{ID: "elsewhere", Title: "Have it signed, or sign for others:"},
		&cobra.Group{ID: "after", Title: "Look after:"},
	)
	cli.AddCommands(root, "make", newServer(env), newCA(env), newClient(env), newNode(env), newCluster(env), newSA(env),
		newConvert(env))
	cli.AddCommands(root, "elsewhere", newCSR(env), newSign(env), newRequest(env))
	cli.AddCommands(root, "after", newInspect(env), newVerify(env), newExpiry(env), newRenew(env), newRotate(env),
		newTrust(env), newLint(env))
	root.AddCommand(cli.NewChecksCommand(env, certlint.Rules()), cli.NewVersionCommand(env), cli.NewCompletionCommand(env))
	return root
}
