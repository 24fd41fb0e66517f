package cmd

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/controlplane"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// newControlPlane is `controlplane`: the health of what runs the cluster.
func newControlPlane(env *cli.Env) *cobra.Command {
	var format, failOn string
	c := &cobra.Command{
		Use:   "controlplane",
		Short: "The control plane: API server checks, etcd, leaders, versions, certificates, webhooks",
		Long: `Reads the API server's own named checks (livez, readyz: etcd among them), the
leases of scheduler and controller-manager, versions and their skew, the serving
certificate on the wire, aggregated APIs, and webhooks that fail closed; names the
handbook's failure scenario that fits, and where each component's log is.

Where the API server does not answer it says how far a request gets (name,
connection, TLS, certificate, credentials) and what that proves. On a machine of
the control plane it also asks the static pods where they listen and reads
until when the certificates below /etc/kubernetes are valid.`,
		Example: `
			# Is the control plane well?
			kubectl nodehealth controlplane

			# As a gate
			kubectl nodehealth controlplane --fail-on warning -o json`,
		Args: cobra.NoArgs,
	}
	fs := c.Flags()
	cli.AddReportFlags(c, &format, &failOn)
	cluster := cli.ClusterFlags(fs)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.CheckReportFlags(format, failOn); err != nil {
			return err
		}
		config, err := cluster.RESTConfig()
		// On a control plane's own machine there is something to tell without.
		if err != nil && !errors.Is(err, cli.ErrNoneNamed) {
			return err
		}
		done := env.Doing("asking %s and what stands behind it", config.Host)
		s, err := controlplane.Collect(cmd.Context(), config, env.Now())
		done()
		if err != nil {
			return cli.Unknownf("control plane: %w", err)
		}
		r := controlplane.Judge(s)
		if err := writeControlPlane(env, r, format, finding.FailOn(failOn)); err != nil {
			return err
		}
		switch {
		case finding.FailOn(failOn).Fails(r.Findings):
			return cli.Exit(cli.ExitFindings)
		case r.Verdict == "Unknown":
			return cli.Exit(cli.ExitUnknown)
		}
		return nil
	}
	return c
}

func writeControlPlane(env *cli.Env, r controlplane.Report, format string, failOn finding.FailOn) error {
	unknown := ""
	if r.Verdict == "Unknown" {
		unknown = r.Answer
	}
	written, err := env.WriteReport(format, cli.Report{Value: r, Rules: controlplane.Rules, Findings: r.Findings,
		Cases: []finding.Case{{Suite: "controlplane", Name: r.Snapshot.Server, Findings: r.Findings, FailOn: failOn, Unknown: unknown}}})
	if written {
		return err
	}
	controlPlaneText(env.Out, env.Style(env.Out), r, env.Width())
	return nil
}
