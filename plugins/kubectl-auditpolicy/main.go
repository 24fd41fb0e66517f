// Command kubectl-auditpolicy tells exactly what a Kubernetes audit policy
// records.
package main

import (
	"os"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/cmd"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func main() { os.Exit(cli.Main(cmd.New, os.Args)) }
