package cmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/backend"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

type checkOptions struct {
	files            []string
	args             []string
	policy           string
	target, format   string
	failOn           string
	rate, perRequest float64
}

func newBackendCheck(env *cli.Env) *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check [FILE...] [-- FLAG...]",
		Short: "Judge the audit flags and mounts of an API server",
		Long: cli.Dedent(`
			Judge how auditing is switched on: flags that kube-apiserver refuses or ignores,
			missing or wrong mounts, logs without bounds, buffers that drop.

			It reads the API server's pod, as a manifest or from kubectl get -o yaml, kubeadm
			configurations, also those in objects of Cluster API, those of k3s, RKE2, kind,
			Talos and kops, text with flags (a unit file, a script), stdin (-), or flags given
			after --.`),
		Example: cli.Dedent(`
			kubectl auditpolicy backend check /etc/kubernetes/manifests/kube-apiserver.yaml

			# With the policy too, and the load
			kubectl auditpolicy backend check kube-apiserver.yaml --policy policy.yaml --rate 200

			kubectl auditpolicy backend check -- --audit-log-path=/var/log/audit.log --audit-log-maxage=7`),
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				o.files, o.args = args[:at], args[at:]
			}
			return o.run(env)
		},
	}
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "The audit policy, for what depends on it (AP055)")
	f.StringVar(&o.target, "target-version", "1.37", "Kubernetes version of the API server: its defaults differ")
	f.Float64Var(&o.rate, "rate", 0, "Requests a second to one API server, to judge the buffers by")
	f.Float64Var(&o.perRequest, "events-per-request", 2, "Events a request")
	cli.AddReportFlags(c, &o.format, &o.failOn)
	return c
}

// minorVersion reads "1.37", "v1.37.1" or "37".
func minorVersion(s string) (int, error) {
	t := strings.TrimPrefix(s, "v")
	parts := strings.Split(t, ".")
	if len(parts) >= 2 && parts[0] == "1" {
		parts = parts[1:]
	}
	n, err := strconv.Atoi(parts[0])
	if err != nil || n < 10 || n > 99 {
		return 0, fmt.Errorf("not a Kubernetes version such as 1.37")
	}
	return n, nil
}

func (o *checkOptions) run(env *cli.Env) error {
	minor, err := minorVersion(o.target)
	if err != nil {
		return cli.Usagef("--target-version %q: %w", o.target, err)
	}
	if err := cli.CheckReportFlags(o.format, o.failOn); err != nil {
		return err
	}
	if !(o.rate >= 0 && o.rate <= 1e6) {
		return cli.Usagef("--rate %v: between 0 and a million", o.rate)
	}
	if !(o.perRequest > 0 && o.perRequest <= 4) {
		return cli.Usagef("--events-per-request %v: above 0, at most 4", o.perRequest)
	}
	if len(o.files) == 0 && len(o.args) == 0 {
		return cli.WithHint(cli.Usagef("nothing to check"), "give a file, - for stdin, or flags after --")
	}
	opt := backend.Options{Minor: minor, Rate: o.rate, EventsPerRequest: o.perRequest}
	if o.policy != "" {
		p, err := runnablePolicy(env, o.policy)
		if err != nil {
			return err
		}
		opt.OmitsReceived = omitsReceived(p)
	}
	var servers []*backend.Server
	for _, name := range o.files {
		data, _, err := readInput(env, name)
		if err != nil {
			return err
		}
		s, err := backend.ReadServer(name, data)
		if err != nil {
			return cli.Usagef("%w", err)
		}
		servers = append(servers, s)
	}
	if len(o.args) > 0 {
		s, err := backend.ReadServer("command line", []byte(strings.Join(o.args, "\n")))
		if err != nil {
			return cli.Usagef("%w", err)
		}
		servers = append(servers, s)
	}
	var all []finding.Finding
	for _, s := range servers {
		fs := backend.Check(s, opt)
		finding.Sort(fs)
		all = append(all, fs...)
	}
	if err := o.write(env, servers, all); err != nil {
		return err
	}
	if finding.FailOn(o.failOn).Fails(all) {
		return cli.Exit(cli.ExitFindings)
	}
	return nil
}

func (o *checkOptions) write(env *cli.Env, servers []*backend.Server, fs []finding.Finding) error {
	if fs == nil {
		fs = []finding.Finding{}
	}
	var cases []finding.Case
	for _, s := range servers {
		c := finding.Case{Suite: "backend check", Name: s.Name, FailOn: finding.FailOn(o.failOn)}
		for _, f := range fs {
			if f.Subject.Name == s.Name {
				c.Findings = append(c.Findings, f)
			}
		}
		cases = append(cases, c)
	}
	report := map[string]any{"apiVersion": apiVersion, "kind": "BackendReport", "findings": fs, "summary": finding.Summarize(fs)}
	if written, err := env.WriteReport(o.format, cli.Report{Value: report, Rules: backend.Rules, Findings: fs, Cases: cases}); written {
		return err
	}
	for _, f := range fs {
		shown := cli.Shown{Finding: f}
		for _, s := range servers {
			if s.Name == f.Subject.Name && f.Subject.Line > 0 && s.Name != "command line" {
				shown.Source, shown.Mark = s.Text, max(1, len(f.Subject.Path))
			}
		}
		if f.Severity != finding.Info {
			shown.Below = []string{f.Remedy}
		}
		env.WriteFinding(shown)
	}
	for _, s := range servers {
		if s.Webhook && (len(servers) > 1 || len(fs) == 0) {
			fmt.Fprintf(env.Out, "%s: %s\n", s.Name, s.Kind)
		} else if len(servers) > 1 || len(fs) == 0 {
			fmt.Fprintf(env.Out, "%s: %s, %s\n", s.Name, s.Kind, plural(int64(len(s.Flags)), "audit flag"))
		}
	}
	fmt.Fprintln(env.Out, finding.Summarize(fs))
	return nil
}

// omitsReceived says in words for what a policy omits RequestReceived, "" for
// nothing. Rules at level None make no event at any stage.
func omitsReceived(p *policy.Policy) string {
	if slices.Contains(p.Internal.OmitStages, auditinternal.StageRequestReceived) {
		return "the policy omits RequestReceived"
	}
	for i, r := range p.Internal.Rules {
		if r.Level != auditinternal.LevelNone && slices.Contains(r.OmitStages, auditinternal.StageRequestReceived) {
			return fmt.Sprintf("rule %d of the policy omits RequestReceived", i+1)
		}
	}
	return ""
}
