package cmd

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/controlplane"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/npd"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/pipeline"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

func newChecks(env *cli.Env) *cobra.Command {
	c := cli.NewChecksCommand(env, allRules())
	c.Example = `
		kubectl nodehealth checks
		kubectl nodehealth checks NH005`
	return c
}

// allRules are the checks of every verb, by id.
func allRules() []finding.Rule {
	return slices.Concat(check.Rules(), npd.Rules, controlplane.Rules, pipeline.Rules)
}
