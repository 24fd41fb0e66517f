package cmd

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/collect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// fleetMemory is the heap, in bytes, from which on garbage is collected eagerly.
const fleetMemory = 192 << 20

// client makes the client of the cluster that the flags choose.
func (o *diagnoseOptions) client() (*collect.Client, error) {
	cfg, err := o.cluster.RESTConfig()
	if err != nil {
		return nil, cli.WithHint(err, "--from FILE reads a capture and needs no cluster")
	}
	c, err := collect.NewClient(cfg)
	if err != nil {
		return nil, cli.Unknownf("no cluster: %w", err)
	}
	return c, nil
}

// live reads the cluster.
func (o *diagnoseOptions) live(ctx context.Context, env *cli.Env) (*snapshot.Snapshot, error) {
	c, err := o.client()
	if err != nil {
		return nil, err
	}
	return o.collect(ctx, env, c)
}

func (o *diagnoseOptions) collect(ctx context.Context, env *cli.Env, c *collect.Client) (*snapshot.Snapshot, error) {
	columns := env.Interactive()
	if o.watch {
		columns = 0
	}
	progress := output.NewProgress(env.ErrOut, columns)
	defer progress.Stop()
	var s *snapshot.Snapshot
	var err error
	if len(o.nodes) > 0 {
		progress.Set("asking %s", strings.Join(o.nodes, ", "))
		s, err = c.Nodes(ctx, o.nodes)
	} else {
		if _, err := labels.Parse(o.selector); err != nil {
			return nil, cli.Usagef("-l %q: %w", o.selector, err)
		}
		if o.selector != "" {
			// A few nodes are asked one by one, which is quicker than to list all
			// pods of the cluster, and tells more.
			if names := c.Few(ctx, o.selector); len(names) > 0 {
				if s, err = c.Nodes(ctx, names); err != nil {
					return nil, liveError(err)
				}
				return s, nil
			}
		}
		// A short life with a bounded heap: collecting garbage less often is
		// worth a quarter of the time on a large cluster.
		debug.SetGCPercent(300)
		debug.SetMemoryLimit(fleetMemory)
		s, err = c.Fleet(ctx, collect.FleetOptions{
			Selector: o.selector, Suspect: fault.Suspicious, AskAll: o.askAll,
			Progress: func(pods int) { progress.Set("%d pods", pods) },
		})
	}
	if err != nil {
		return nil, liveError(err)
	}
	if len(s.Nodes) == 0 && o.selector != "" {
		return nil, cli.Usagef("-l %s: no node has these labels", o.selector)
	}
	return s, nil
}

func liveError(err error) error {
	var nf *collect.NotFoundError
	if errors.As(err, &nf) {
		e := cli.Usagef("%w", err)
		if len(nf.Known) > 0 {
			return cli.WithHint(e, "there are "+nearest(nf.Name, nf.Known))
		}
		return e
	}
	var na *collect.NoAnswerError
	if errors.As(err, &na) {
		hints := []string{"'kubectl nodehealth controlplane' tells how far a request gets and what that proves; --from reads a capture"}
		switch na.Code {
		case http.StatusForbidden:
			hints = []string{"'kubectl nodehealth rbac' prints the rights it needs; --from reads a capture and needs no cluster"}
		case http.StatusUnauthorized:
			hints = []string{cli.LoginHint, "'kubectl nodehealth controlplane' tells why, such as a client certificate that has expired"}
		}
		return cli.WithHint(cli.Unknownf("%w", err), hints...)
	}
	return cli.Unknownf("%w", err)
}

// nearest lists a few names, those that share the most with what was typed
// first.
func nearest(typed string, names []string) string {
	common := func(a string) int {
		n := 0
		for n < len(a) && n < len(typed) && a[n] == typed[n] {
			n++
		}
		return n
	}
	sorted := append([]string(nil), names...)
	slices.SortStableFunc(sorted, func(a, b string) int {
		return cmp.Or(cmp.Compare(common(b), common(a)), strings.Compare(a, b))
	})
	if len(sorted) > 5 {
		return strings.Join(sorted[:5], ", ") + ", ..."
	}
	return strings.Join(sorted, ", ")
}
