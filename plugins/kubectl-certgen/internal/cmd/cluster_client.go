package cmd

import (
	"context"

	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/live"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// openCluster makes a client of the cluster that the flags choose.
func openCluster(flags *genericclioptions.ConfigFlags) (*live.Cluster, error) {
	cfg, err := flags.ToRESTConfig()
	if err != nil {
		return nil, cli.WithHint(cli.Unknownf("no cluster: %w", err), "choose one with --kubeconfig or --context")
	}
	api, err := rawapi.New(cfg)
	if err != nil {
		return nil, cli.Unknownf("no cluster: %w", err)
	}
	return &live.Cluster{Config: cfg, Client: api}, nil
}

func collectLive(ctx context.Context, env *cli.Env, flags *genericclioptions.ConfigFlags) (*live.Snapshot, error) {
	c, err := openCluster(flags)
	if err != nil {
		return nil, err
	}
	p := output.NewProgress(env.ErrOut, cli.IsTerminal(env.Out) && cli.IsTerminal(env.ErrOut))
	defer p.Stop()
	p.Set("looking at the cluster's certificates")
	s, err := c.Collect(ctx)
	if err != nil {
		return nil, cli.Unknownf("%w", err)
	}
	return s, nil
}
