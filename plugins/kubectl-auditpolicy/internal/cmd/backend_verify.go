package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/backend"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type verifyOptions struct {
	live, alerts bool
	wait         time.Duration
	timeout      time.Duration
	format       string
	cluster      *cli.Cluster
}

func newBackendVerify(env *cli.Env) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify --live [--wait 10s]",
		Short: "Is this API server auditing, dropping or failing?",
		Long: cli.Dedent(`
			Read the API server's own metrics twice and judge what its auditing did in
			between: apiserver_audit_event_total, _error_total, _level_total and
			_requests_rejected_total. The readings are requests themselves, so even an idle
			cluster has something to record.

			It needs permission to get the path /metrics. With several API servers behind one
			address, ask each: --server https://NODE:6443.`),
		Example: cli.Dedent(`
			kubectl auditpolicy backend verify --live

			# The alerts to set, as a PrometheusRule; needs no cluster
			kubectl auditpolicy backend verify --alerts | kubectl apply -f -`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), env) },
	}
	f := c.Flags()
	f.BoolVar(&o.live, "live", false, "Ask the cluster")
	f.BoolVar(&o.alerts, "alerts", false, "Print the alerts to set and stop")
	f.DurationVar(&o.wait, "wait", 10*time.Second, "Time between the two readings")
	f.DurationVar(&o.timeout, "timeout", 20*time.Second, "The most that one reading may take")
	addReportFormat(c, &o.format)
	o.cluster = cli.ClusterFlags(f)
	return c
}

func (o *verifyOptions) run(ctx context.Context, env *cli.Env) error {
	if err := checkReportFormat(o.format); err != nil {
		return err
	}
	if o.alerts {
		_, err := io.WriteString(env.Out, backend.Alerts)
		return err
	}
	if !o.live {
		return cli.WithHint(cli.Usagef("verify asks a cluster, and does so only with --live"), "'backend check' judges flags and manifests without one")
	}
	if o.wait < 100*time.Millisecond || o.wait > time.Hour {
		return cli.Usagef("--wait %s: between 100ms and 1h", o.wait)
	}
	if o.timeout <= 0 {
		return cli.Usagef("--timeout %s: above 0", o.timeout)
	}
	cfg, err := o.cluster.RESTConfig()
	if err != nil {
		return cli.WithHint(err, "'backend check' judges flags and manifests without a cluster")
	}
	d, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return cli.Unknownf("no cluster: %w", err)
	}
	read := func() (backend.Counters, error) {
		ctx, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		text, err := metrics(ctx, d.RESTClient())
		if err != nil {
			err = cli.Unknownf("read /metrics: %w", err)
			if apierrors.IsForbidden(err) {
				err = cli.WithHint(err, "it takes permission to get the non-resource URL /metrics: 'kubectl auth can-i get /metrics'")
			}
			return backend.Counters{}, err
		}
		c, err := backend.ReadMetrics(text)
		if err != nil {
			return c, cli.Unknownf("%s: %w", cfg.Host, err)
		}
		return c, nil
	}
	begin := env.Now()
	before, err := read()
	if err != nil {
		return err
	}
	done := env.Doing("watching the counters of %s for %s", cfg.Host, o.wait)
	defer done()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(o.wait):
	}
	after, err := read()
	done()
	if err != nil {
		return err
	}
	v := backend.Judge(before, after, env.Now().Sub(begin))
	doc := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Server     string `json:"server"`
		backend.Verdict
	}{apiVersion, "BackendVerdict", cfg.Host, v}
	switch o.format {
	case "json":
		err = finding.WriteJSON(env.Out, doc)
	case "yaml":
		err = finding.WriteYAML(env.Out, doc)
	default:
		writeVerdict(env, cfg.Host, v)
	}
	if err != nil {
		return err
	}
	switch v.State {
	case backend.Auditing:
		return nil
	case backend.Mixed:
		return cli.Exit(cli.ExitUnknown)
	}
	return cli.Exit(cli.ExitFindings)
}

func metrics(ctx context.Context, c rest.Interface) ([]byte, error) {
	return c.Get().AbsPath("/metrics").DoRaw(ctx)
}

func writeVerdict(env *cli.Env, host string, v backend.Verdict) {
	w, st := env.Out, env.Style(env.Out)
	state := strings.ToUpper(v.State)
	if v.State == backend.Auditing {
		state = st.Good(state)
	} else {
		state = st.Error(state)
	}
	fmt.Fprintf(w, "%s   %s\n", host, state)
	for _, why := range v.Why {
		fold.Under(w, "  ", why, env.Width())
	}
	if v.Remedy != "" {
		fold.Under(w, "  ", v.Remedy, env.Width())
	}
	if len(v.After.Levels) > 0 {
		fmt.Fprintf(w, "\n  %-16s %14s %12s\n", "LEVEL", "REQUESTS", "A SECOND")
		for _, l := range []string{"None", "Metadata", "Request", "RequestResponse"} {
			n := v.After.Levels[l]
			rate := 0.0
			if v.Seconds > 0 {
				rate = (n - v.Before.Levels[l]) / v.Seconds
			}
			fmt.Fprintf(w, "  %-16s %14s %12.1f\n", l, count(int64(n)), rate)
		}
	}
	fmt.Fprintln(w, "\n  The alerts to set: kubectl auditpolicy backend verify --alerts")
}
