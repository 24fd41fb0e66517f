// Command kubectl-nodehealth finds what is wrong with a node and proves it.
package main

import (
	"os"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/cmd"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func main() { os.Exit(cli.Main(cmd.New, os.Args)) }
