// Command kubectl-logarch gets a workload's logs out and tells what would be
// lost.
package main

import (
	"os"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/cmd"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func main() { os.Exit(cli.Main(cmd.New, os.Args)) }
