// Command kubectl-certgen makes and looks after the certificates of a cluster.
package main

import (
	"os"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/cmd"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func main() { os.Exit(cli.Main(cmd.New, os.Args)) }
