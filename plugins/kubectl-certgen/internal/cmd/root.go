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
			kubectl certgen server --ip 203.0.113.10

			kubectl certgen cluster --control-plane cp1=10.0.0.10 --worker w1
		`),
	}
	root.AddGroup(
		&cobra.Group{ID: "make", Title: "Make:"},
		&cobra.Group{ID: "elsewhere", Title: "Have it signed, or sign for others:"},
		&cobra.Group{ID: "after", Title: "Look after:"},
	)
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
	groups := map[string]string{
		"ca": "make", "server": "make", "client": "make", "node": "make", "cluster": "make", "sa": "make", "convert": "make",
		"csr": "elsewhere", "sign": "elsewhere", "request": "elsewhere",
		"inspect": "after", "verify": "after", "expiry": "after", "renew": "after", "rotate": "after", "trust": "after", "lint": "after",
	}
	for _, c := range root.Commands() {
		c.GroupID = groups[c.Name()]
	}
	return root
}
