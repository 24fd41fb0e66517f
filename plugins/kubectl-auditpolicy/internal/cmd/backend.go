package cmd

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/backend"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

func newBackend(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "backend",
		Short: "Switch auditing on, check how it is switched on, see whether it works",
		Long: cli.Dedent(`
			What stands around an audit policy: the API server's flags, the files and mounts
			that they need, values that fit the load, and whether it all works.`),
		Example: cli.Dedent(`
			# Flags, mounts and files for a log, for kubeadm
			kubectl auditpolicy backend log --for kubeadm --rate 100

			# What is wrong with this control plane's auditing?
			kubectl auditpolicy backend check /etc/kubernetes/manifests/kube-apiserver.yaml

			# Is this cluster auditing, dropping or failing?
			kubectl auditpolicy backend verify --live`),
	}
	c.AddCommand(newBackendLog(env), newBackendWebhook(env), newBackendCheck(env), newBackendVerify(env))
	return c
}

// loadFlags are the flags that describe a load.
type loadFlags struct {
	rate, perRequest, headroom float64
	eventSize, batch           int
	latency                    time.Duration
	assumed                    bool
}

func (l *loadFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.Float64Var(&l.rate, "rate", 100, "Requests a second to one API server; without it no buffer is made smaller than kube-apiserver's own")
	f.Float64Var(&l.perRequest, "events-per-request", 2, "Events a request: 2 with RequestReceived, about 1.1 without; replay tells")
	f.IntVar(&l.eventSize, "event-size", 1500, "Mean bytes of an event; replay tells")
	f.IntVar(&l.batch, "batch-size", 400, "Events a batch")
	f.DurationVar(&l.latency, "latency", 5*time.Second, "How long the backend may take for a batch")
	f.Float64Var(&l.headroom, "headroom", 1, "Multiply what the load needs, for peaks: 2 is sensible")
}

// size is what the load needs; assumed says that nobody has named it.
func (l *loadFlags) size(c *cobra.Command) (backend.Sizing, error) {
	l.assumed = !c.Flags().Changed("rate")
	if l.eventSize < 100 || l.eventSize > 10<<20 {
		return backend.Sizing{}, cli.Usagef("--event-size %d: an event has between 100 bytes and 10 MB", l.eventSize)
	}
	s, err := backend.Size(backend.Load{
		Rate: l.rate, EventsPerRequest: l.perRequest, EventSize: l.eventSize,
		BatchSize: l.batch, Latency: l.latency, Headroom: l.headroom,
	})
	if err != nil {
		return s, cli.Usagef("%w", err)
	}
	if l.assumed {
		s = s.OrDefaults(l.eventSize)
	}
	return s, nil
}

// planFlags are the flags that both backends have.
type planFlags struct {
	loadFlags
	platform, format   string
	policyPath, policy string
	mode               string
}

func (p *planFlags) add(c *cobra.Command, mode string) {
	f := c.Flags()
	f.StringVar(&p.platform, "for", "", "Write it for: "+strings.Join(backend.PlatformNames(), ", "))
	f.StringVar(&p.policyPath, "policy-path", "/etc/kubernetes/audit/policy.yaml", "Where the policy will stand on the control plane nodes")
	f.StringVar(&p.policy, "policy", "", "The policy itself, for talos and kops, whose configuration holds it")
	f.StringVar(&p.mode, "mode", mode, "batch, blocking or blocking-strict")
	p.loadFlags.add(c)
	addReportFormat(c, &p.format)
	_ = c.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(backend.PlatformNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"batch", "blocking", "blocking-strict"}, cobra.ShellCompDirectiveNoFileComp))
}

// policyText reads --policy, which must be one that kube-apiserver starts with.
func (p *planFlags) policyText(env *cli.Env) (string, *policy.Policy, error) {
	if p.policy == "" {
		return "", nil, nil
	}
	pol, err := runnablePolicy(env, p.policy)
	if err != nil {
		return "", nil, err
	}
	return string(pol.Text), pol, nil
}

func (p *planFlags) write(env *cli.Env, plan *backend.Plan) error {
	if err := checkReportFormat(p.format); err != nil {
		return err
	}
	text, pol, err := p.policyText(env)
	if err != nil {
		return err
	}
	if p.mode == "blocking-strict" && pol != nil {
		if omits := omitsReceived(pol); omits != "" {
			return cli.WithHint(cli.Usagef("--mode blocking-strict: %s, so the mode would do nothing (AP055)", omits), "take RequestReceived out of omitStages, or use --mode blocking")
		}
	}
	if p.platform != "" {
		out, err := backend.Render(plan, p.platform, text)
		if err != nil {
			return cli.Usagef("--for: %w", err)
		}
		if p.format != "text" {
			return cli.Usagef("-o %s: --for writes the platform's own format; leave one of the two out", p.format)
		}
		_, err = io.WriteString(env.Out, out)
		return err
	}
	doc := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		*backend.Plan
	}{apiVersion, "BackendPlan", plan}
	if done, err := env.WriteReport(p.format, cli.Report{Value: doc}); done {
		return err
	}
	writePlan(env, plan, p)
	return nil
}

func writePlan(env *cli.Env, plan *backend.Plan, p *planFlags) {
	w, st := env.Out, env.Style(env.Out)
	fmt.Fprintln(w, st.Bold("Add to kube-apiserver"))
	columns := env.Columns(w)
	for _, f := range plan.Flags {
		flag, why := "  "+f.String(), "# "+f.Why
		switch {
		case f.Why == "":
			fmt.Fprintln(w, flag)
		case columns == 0 || len(flag)+2+len(why) <= columns:
			fmt.Fprintf(w, "%s  %s\n", flag, st.Faint(why))
		default:
			fmt.Fprintf(w, "  %s\n%s\n", st.Faint(why), flag)
		}
	}
	fmt.Fprintln(w, "\n"+st.Bold("Mount into its container, from the host at the same path"))
	for _, m := range plan.Mounts {
		ro := ""
		if m.ReadOnly {
			ro = ", read-only"
		}
		fmt.Fprintf(w, "  %-40s %s%s\n", m.Path, m.Type, ro)
	}
	fmt.Fprintln(w, "\n"+st.Bold("Put on every control plane node first"))
	for _, f := range plan.Files {
		fold.Under(w, fmt.Sprintf("  %-40s ", f.Path), fmt.Sprintf("mode %s: %s", f.Mode, f.What), env.Width())
	}
	for _, f := range plan.Files {
		if f.Text != "" {
			fmt.Fprintf(w, "\n%s\n", st.Bold(f.Path))
			fmt.Fprintln(w, "  "+strings.ReplaceAll(strings.TrimRight(f.Text, "\n"), "\n", "\n  "))
		}
	}
	if s := plan.Sizing; s != nil {
		fmt.Fprintln(w, "\n"+st.Bold("Why these values"))
		load := ""
		if p.assumed {
			load = "assumed: "
		}
		fmt.Fprintf(w, "  %s%s requests/s x %s events each = %s events/s, %s/s, %s a day\n", load, trimFloat(p.rate), trimFloat(p.perRequest), trimFloat(s.EventsPerSecond), size(int64(s.BytesPerSecond)), size(int64(s.BytesPerSecond*86400)))
		if plan.Backend == "webhook" && p.mode == "batch" {
			fmt.Fprintf(w, "  in batches of %d: at least %s QPS\n", s.MaxSize, trimFloat(s.MinQPS))
		}
		if p.mode == "batch" {
			fmt.Fprintf(w, "  a backend that may take %s: a buffer of at least %s events (%s: %s)\n", p.latency, count(int64(s.MinBuffer)), count(int64(s.Buffer)), size(s.BufferBytes))
		}
	}
	fmt.Fprintln(w)
	for _, n := range plan.Notes {
		fold.Under(w, "", n, env.Width())
	}
	fold.Under(w, "", "--for writes this for your installer: "+strings.Join(backend.PlatformNames(), ", ")+".", env.Width())
}

func trimFloat(f float64) string {
	s := fmt.Sprintf("%.2f", f)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func newBackendLog(env *cli.Env) *cobra.Command {
	var p planFlags
	var path string
	var days, fileSize, backups int
	var disk string
	var compress bool
	c := &cobra.Command{
		Use:   "log [--for PLATFORM] [--rate N] [flags]",
		Short: "Everything that writes the audit log to disk",
		Example: cli.Dedent(`
			# Flags, mounts and files
			kubectl auditpolicy backend log

			# For kubeadm, keeping 30 days in at most 20 GB at 50 requests a second
			kubectl auditpolicy backend log --for kubeadm --rate 50 --days 30 --disk 20GB`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.size(cmd)
			if err != nil {
				return err
			}
			if disk == "" && p.assumed {
				// Without a load to compute from, what a disk can bear.
				disk = "10GB"
			}
			limit, err := parseSize(disk)
			if err != nil {
				return cli.Usagef("--disk %q: %w", disk, err)
			}
			switch {
			case days < 1 || days > 36500:
				return cli.Usagef("--days %d: between 1 and 36500", days)
			case backups < 0 || backups == 0 && cmd.Flags().Changed("backups"):
				return cli.Usagef("--backups %d: at least 1; 0 would keep every file", backups)
			case fileSize < 1 || fileSize > 1<<20:
				return cli.Usagef("--file-size %d: between 1 MB and 1 TB; 0 would switch rotation off", fileSize)
			case limit > 0 && limit < 2*int64(fileSize)<<20:
				return cli.Usagef("--disk %s: no room for two files of %d MB", disk, fileSize)
			}
			r := backend.Retain(s.BytesPerSecond, days, fileSize, limit)
			if backups > 0 {
				r.MaxBackups = backups
			}
			plan, err := backend.PlanLog(backend.Log{PolicyPath: p.policyPath, Path: path, Mode: p.mode, Compress: compress, Retain: r, Sizing: s})
			if err != nil {
				return cli.Usagef("%w", err)
			}
			if path != "-" {
				reach := r.Days(s.BytesPerSecond)
				note := fmt.Sprintf("The log takes at most %s and reaches back %s at %s/s.", size(r.Disk()), manyDays(reach), size(int64(s.BytesPerSecond)))
				if reach < float64(days)*0.99 {
					note += fmt.Sprintf(" That is less than %d days: give --rate and --event-size as 'replay' tells them, record less, give more --disk, or ship it.", days)
				}
				plan.Notes = append([]string{note}, plan.Notes...)
			}
			return p.write(env, plan)
		},
	}
	p.add(c, "blocking")
	f := c.Flags()
	f.StringVar(&path, "path", "/var/log/kubernetes/audit/audit.log", "The log file; - for stdout")
	f.IntVar(&days, "days", 30, "How many days to keep")
	f.IntVar(&fileSize, "file-size", 100, "MB at which a file is rotated")
	f.IntVar(&backups, "backups", 0, "Rotated files to keep; computed from rate and days unless given")
	f.StringVar(&disk, "disk", "", "The most that the log may take; 10GB unless --rate is given")
	f.BoolVar(&compress, "compress", false, "Compress rotated files")
	return c
}

// parseSize reads "20GB", "500Mi" or a number of bytes; "" is 0.
func parseSize(s string) (int64, error) {
	t := strings.TrimSpace(strings.ToUpper(s))
	if t == "" {
		return 0, nil
	}
	unit := float64(1)
	for _, u := range []struct {
		suffix string
		n      float64
	}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40}, {"KI", 1 << 10}, {"MI", 1 << 20}, {"GI", 1 << 30}, {"TI", 1 << 40},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"B", 1}} {
		if strings.HasSuffix(t, u.suffix) {
			unit, t = u.n, strings.TrimSpace(strings.TrimSuffix(t, u.suffix))
			break
		}
	}
	var v float64
	var rest string
	if n, _ := fmt.Sscanf(t, "%g%s", &v, &rest); n != 1 || !(v > 0) || v*unit > 1e18 {
		return 0, fmt.Errorf("not a size such as 20GB")
	}
	return int64(v * unit), nil
}

func newBackendWebhook(env *cli.Env) *cobra.Command {
	var p planFlags
	var w backend.Webhook
	var caFile string
	c := &cobra.Command{
		Use:   "webhook --url URL [--for PLATFORM] [--rate N] [flags]",
		Short: "Everything that sends audit events to a receiver",
		Example: cli.Dedent(`
			# The handbook's example: 100 requests/s of two events, batches of 100, a
			# receiver that may take 5 s: at least 2 QPS, a buffer of 1,000
			kubectl auditpolicy backend webhook --url https://audit.example.org/events --rate 100 --batch-size 100 --latency 5s

			# The receiver's kubeconfig alone
			kubectl auditpolicy backend webhook --url https://audit.example.org/events --kubeconfig-only`),
		Args: cobra.NoArgs,
	}
	var only bool
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := p.size(cmd)
		if err != nil {
			return err
		}
		if w.URL == "" {
			return cli.Usagef("--url is missing: the receiver's address, such as https://audit.example.org/events")
		}
		if caFile != "" {
			if w.CAPath != "" {
				return cli.Usagef("--ca-file and --ca-path: give one of the two")
			}
			if w.CAData, err = os.ReadFile(caFile); err != nil {
				return cli.Usagef("--ca-file: %w", err)
			}
			if !strings.Contains(string(w.CAData), "-----BEGIN CERTIFICATE-----") || strings.Contains(string(w.CAData), "PRIVATE KEY") {
				return cli.Usagef("--ca-file %s: not certificates in PEM and nothing else", caFile)
			}
		}
		if w.MaxEventSize < 1 {
			return cli.Usagef("--max-event-size %d: at least 1", w.MaxEventSize)
		}
		w.PolicyPath, w.Mode, w.Sizing = p.policyPath, p.mode, s
		plan, err := backend.PlanWebhook(w)
		if err != nil {
			return cli.Usagef("%w", err)
		}
		if p.assumed && p.mode == "batch" {
			plan.Notes = append([]string{"No --rate was given: buffer and QPS are kube-apiserver's defaults where the assumed load needs less. 'replay' tells your rate and event size."}, plan.Notes...)
		}
		if only {
			for _, f := range plan.Files {
				if f.Path == w.ConfigPath {
					_, err = io.WriteString(env.Out, f.Text)
				}
			}
			return err
		}
		return p.write(env, plan)
	}
	f := c.Flags()
	f.StringVar(&w.URL, "url", "", "The receiver, https://HOST[:PORT]/PATH")
	f.StringVar(&w.ConfigPath, "config-path", "/etc/kubernetes/audit/webhook.yaml", "Where the webhook's kubeconfig will stand")
	f.StringVar(&caFile, "ca-file", "", "CA certificate of the receiver, written into the kubeconfig")
	f.StringVar(&w.CAPath, "ca-path", "", "... or its path on the control plane nodes")
	f.StringVar(&w.CertPath, "client-cert-path", "", "Path of a client certificate on the control plane nodes")
	f.StringVar(&w.KeyPath, "client-key-path", "", "Path of its key")
	f.StringVar(&w.TokenPath, "token-path", "", "Path of a file with a bearer token")
	f.IntVar(&w.MaxEventSize, "max-event-size", 100<<10, "Bytes above which an event loses its bodies")
	f.BoolVar(&only, "kubeconfig-only", false, "Print the webhook's kubeconfig and nothing else")
	p.add(c, "batch")
	return c
}
