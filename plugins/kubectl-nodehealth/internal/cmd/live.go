package cmd

import (
	"context"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func (o *diagnoseOptions) live(_ context.Context, _ *cli.Env) (*snapshot.Snapshot, error) {
	return nil, cli.Unknownf("no cluster")
}
