package cmd

import (
	"context"

	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/inject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func readLive(ctx context.Context, cluster *genericclioptions.ConfigFlags, args []string) ([]source.Text, error) {
	return nil, nil
}

func oldestKubelet(ctx context.Context, cluster *genericclioptions.ConfigFlags) (int, error) {
	return inject.OldestMinor, nil
}

func dryRunServer(ctx context.Context, env *cli.Env, cluster *genericclioptions.ConfigFlags, outcomes []*inject.Outcome) error {
	return nil
}
