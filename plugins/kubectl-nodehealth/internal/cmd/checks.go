package cmd

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/controlplane"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/npd"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/pipeline"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func newChecks(env *cli.Env) *cobra.Command {
	c := cli.NewChecksCommand(env, slices.Concat(check.Rules(), npd.Rules, controlplane.Rules, pipeline.Rules))
	c.Example = `
		kubectl nodehealth checks
		kubectl nodehealth checks NH005`
	return c
}
