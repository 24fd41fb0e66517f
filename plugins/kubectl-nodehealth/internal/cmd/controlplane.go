package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

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
handbook's failure scenario that fits, and where each component's log is.`,
		Example: `
			# Is the control plane well?
			kubectl nodehealth controlplane

			# As a gate
			kubectl nodehealth controlplane --fail-on warning -o json`,
		Args: cobra.NoArgs,
	}
	fs := c.Flags()
	fs.StringVarP(&format, "output", "o", "text", "Output format: "+strings.Join(finding.Formats, ", "))
	fs.StringVar(&failOn, "fail-on", "error", "Least severity that makes the exit status 1: error, warning, info or never")
	cluster := cli.ClusterFlags(fs)
	completeValues(c, "output", finding.Formats)
	completeValues(c, "fail-on", finding.FailOnValues)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains(finding.Formats, format) {
			return cli.Usagef("-o %q: not one of %s", format, strings.Join(finding.Formats, ", "))
		}
		if !finding.FailOn(failOn).Valid() {
			return cli.Usagef("--fail-on %q: not one of %s", failOn, strings.Join(finding.FailOnValues, ", "))
		}
		config, err := cluster.ToRESTConfig()
		if err != nil {
			return cli.Unknownf("kubeconfig: %w", err)
		}
		s, err := controlplane.Collect(cmd.Context(), config, env.Now())
		if err != nil {
			return cli.Unknownf("%s: %w", config.Host, err)
		}
		if s.Readyz.Code == 0 && s.Livez.Code == 0 && s.Version.Git == "" {
			return cli.WithHint(cli.Unknownf("%s: the API server does not answer (%s)", s.Server, s.Probes[0].Detail),
				"kubectl nodehealth faults "+controlplane.APIServerDown)
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
	switch format {
	case "json":
		return finding.WriteJSON(env.Out, r)
	case "yaml":
		return finding.WriteYAML(env.Out, r)
	case "sarif":
		return finding.WriteSARIF(env.Out, "kubectl-nodehealth", cli.Version, controlplane.Rules, r.Findings)
	case "github":
		return finding.WriteGitHub(env.Out, r.Findings)
	case "junit":
		unknown := ""
		if r.Verdict == "Unknown" {
			unknown = "essential sources could not be read"
		}
		return finding.WriteJUnit(env.Out, []finding.Case{{Suite: "controlplane", Name: r.Snapshot.Server, Findings: r.Findings, FailOn: failOn, Unknown: unknown}})
	}
	controlPlaneText(env.Out, env.Style(env.Out), r)
	return nil
}

func controlPlaneText(w io.Writer, st cli.Style, r controlplane.Report) {
	s := r.Snapshot
	read := 0
	for _, p := range s.Probes {
		if p.Status == "ok" || p.Status == "absent" {
			read++
		}
	}
	paint := map[string]func(string) string{"Healthy": st.Good, "Degraded": st.Warning, "Unhealthy": st.Error, "Unknown": st.Warning}[r.Verdict]
	what := ""
	if r.Scenario != "" {
		for _, e := range controlplane.Scenarios() {
			if e.Name == r.Scenario {
				what = "   " + e.Phrase
			}
		}
	}
	fmt.Fprintf(w, "%s   %s%s   read %d of %d sources\n\n", st.Bold(s.Server), paint(strings.ToUpper(r.Verdict)), what, read, len(s.Probes))
	for _, f := range r.Findings {
		fmt.Fprintf(w, "  %s %s  %s\n", f.ID, severity(st, f.Severity), strings.ReplaceAll(cli.Wrap(f.Message, 62), "\n", "\n                 "))
		for _, e := range f.Evidence {
			fmt.Fprintf(w, "                 %s\n", st.Faint(e))
		}
		fmt.Fprintf(w, "                 next: %s\n", strings.ReplaceAll(cli.Wrap(f.Remedy, 56), "\n", "\n                       "))
	}
	if len(r.Findings) > 0 {
		fmt.Fprintln(w)
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	version := s.Version.Git
	if s.Version.Emulated != "" {
		version += ", emulates " + s.Version.Emulated
	}
	row("version", "%s", version)
	row("livez", "%s", healthLine(s.Livez))
	row("readyz", "%s", healthLine(s.Readyz))
	for i, l := range s.Leaders {
		name := ""
		if i == 0 {
			name = "leaders"
		}
		strategy := ""
		if l.Strategy != "" {
			strategy = ", " + l.Strategy
		}
		row(name, "%-24s renewed %s ago by %s%s", l.Name, s.ObservedAt.Sub(l.Renewed).Round(time.Second), l.Holder, strategy)
	}
	for _, c := range s.Candidates {
		row("", "candidate %s for %s: binary %s, emulates %s", c.Name, c.Lease, c.Binary, c.Emulation)
	}
	row("API servers", "%d with an identity lease", len(s.APIServers))
	row("kubelets", "%s", kubeletLine(s.Nodes))
	for _, c := range s.Certs {
		row("certificate", "%s until %s", c.Subject, c.NotAfter.UTC().Format("2006-01-02"))
	}
	row("aggregated", "%d APIs", len(s.APIServices))
	closed := 0
	for _, h := range s.Webhooks {
		if h.FailClosed {
			closed++
		}
	}
	row("webhooks", "%d, %d of them fail closed", len(s.Webhooks), closed)
	for _, p := range s.Proxies {
		row("kube-proxy", "%s on %s", p.Mode, p.Node)
	}
	for i, c := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		name := ""
		if i == 0 {
			name = "logs"
		}
		row(name, "%s: %s", c, controlplane.LogPlace(s, c))
	}
	for _, p := range s.Probes {
		if p.Status != "ok" && p.Status != "absent" {
			row("not read", "%s: %s", p.Name, p.Status)
		}
	}
	if r.Scenario != "" {
		fmt.Fprintf(w, "\n  kubectl nodehealth faults %s   the handbook's mitigations\n", r.Scenario)
	}
}

func healthLine(h controlplane.Health) string {
	if h.Code == 0 {
		return "no answer"
	}
	failed := []string{}
	for _, c := range h.Checks {
		if !c.OK {
			failed = append(failed, c.Name)
		}
	}
	if len(failed) > 0 {
		return fmt.Sprintf("status %d, fails: %s", h.Code, strings.Join(failed, ", "))
	}
	return fmt.Sprintf("%d checks pass", len(h.Checks))
}

func kubeletLine(nodes []controlplane.Node) string {
	counts := map[string]int{}
	for _, n := range nodes {
		counts[n.Kubelet]++
	}
	var parts []string
	for v, n := range counts {
		parts = append(parts, fmt.Sprintf("%s x%d", v, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
