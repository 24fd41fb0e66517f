package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/backend"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/leaks"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/lint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

type lintOptions struct {
	files           []string
	target          string
	live            bool
	fix, dryRun     bool
	disable, enable []string
	failOn, format  string
	config          string

	cluster *cli.Cluster
	rules   lint.Options
}

func newLint(env *cli.Env) *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Use:   "lint FILE... [--target-version 1.37] [--live] [--fix] [--disable ID,...] [--enable ID,...]",
		Short: "Find what is wrong with audit policies, all at once, with place, reason and fix",
		Long: cli.Dedent(`
			Find what is wrong with audit policies: what kube-apiserver refuses, what it
			drops without a word, rules that can never match, credentials that end up in
			the log, key events that do not.

			A file is a policy, or holds some: a ConfigMap or Secret, a Talos, kops, RKE,
			Rancher or Cluster API object, cloud-init, a List, a here-document of a script or
			of Terraform, a block of a Markdown page. "-" is stdin. The audit flags and
			mounts in such a file, or in a static pod or a kubeadm, k3s or kind
			configuration, are checked too. No cluster is needed; --live asks one for its
			custom resources.

			A comment silences a check, with a reason, for a line, a rule or the file:

			  # auditpolicy:ignore AP053 we want the moment a request came in
			  # auditpolicy:ignore-file AP061 volume does not matter to us

			Defaults are read from .auditpolicy.yaml in this folder or one above it:
			targetVersion, failOn, disable, enable, severity (a map of ID to severity).`),
		Example: cli.Dedent(`
			kubectl auditpolicy lint examples/auditpolicy/bad.yaml

			# The policy of a running cluster's ConfigMap, with its custom resources
			kubectl get configmap audit -n kube-system -o yaml | kubectl auditpolicy lint - --live

			# Mend what can be mended safely, and see what that changes
			kubectl auditpolicy lint examples/auditpolicy/bad.yaml --fix --dry-run

			# In CI
			kubectl auditpolicy lint examples/auditpolicy/good.yaml --fail-on warning -o sarif > audit.sarif`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			if err := o.configure(cmd); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context(), env)
		},
	}
	f := c.Flags()
	f.StringVar(&o.target, "target-version", "", "Kubernetes version that will run the policy (default: 1.37, and warn of what older supported versions refuse)")
	f.StringSliceVar(&o.disable, "disable", nil, "Checks to leave out, by id")
	f.StringSliceVar(&o.enable, "enable", nil, "IDs of the only checks to run")
	f.BoolVar(&o.fix, "fix", false, "Rewrite the files: mend what can be mended safely; comments and layout stay")
	f.BoolVar(&o.dryRun, "dry-run", false, "With --fix: print the mended file instead of writing it")
	cli.AddReportFlags(c, &o.format, &o.failOn)
	f.StringVar(&o.config, "config", "", "Configuration file (default: .auditpolicy.yaml in this folder or one above it)")
	f.BoolVar(&o.live, "live", false, "Ask a cluster which groups, resources and verbs it serves")
	o.cluster = cli.ClusterFlags(f)
	for _, name := range []string{"disable", "enable"} {
		_ = c.RegisterFlagCompletionFunc(name, completeChecks)
	}
	_ = c.RegisterFlagCompletionFunc("target-version", cobra.FixedCompletions(versions(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func versions() []string {
	var out []string
	for m := apitable.Newest; m >= apitable.Oldest; m-- {
		out = append(out, fmt.Sprintf("1.%d", m))
	}
	return out
}

func completeChecks(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, r := range checks() {
		if strings.HasPrefix(r.ID, strings.ToUpper(prefix)) {
			out = append(out, r.ID+"\t"+r.Title)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// checks are the checks of policies, of flags and mounts, and of logs, by ID.
func checks() []finding.Rule {
	out := slices.Concat(lint.Catalogue(), backend.Rules, leaks.Rules)
	slices.SortFunc(out, func(a, b finding.Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (o *lintOptions) validate() error {
	if o.target != "" {
		minor, err := minorVersion(o.target)
		if err != nil {
			return cli.Usagef("--target-version %q: %w", o.target, err)
		}
		o.rules.Minor = minor
	}
	if err := cli.CheckReportFlags(o.format, o.failOn); err != nil {
		return err
	}
	if o.dryRun && !o.fix {
		return cli.Usagef("--dry-run is for --fix: lint itself changes nothing")
	}
	if o.fix && slices.Contains(o.files, "-") {
		o.dryRun = true
	}
	if o.dryRun && len(o.files) > 1 {
		return cli.Usagef("--fix --dry-run prints one file: give one")
	}
	all := checks()
	for _, list := range []*[]string{&o.disable, &o.enable} {
		for i, id := range *list {
			(*list)[i] = strings.ToUpper(strings.TrimSpace(id))
			if !slices.ContainsFunc(all, func(r finding.Rule) bool { return r.ID == (*list)[i] }) {
				return cli.WithHint(cli.Usagef("check %q: there is none of this id", id), "'kubectl auditpolicy checks' lists them")
			}
		}
	}
	for id := range o.rules.Severity {
		if !slices.ContainsFunc(all, func(r finding.Rule) bool { return r.ID == id }) {
			return cli.WithHint(cli.Usagef("configuration: severity: check %q: there is none of this id", id), "'kubectl auditpolicy checks' lists them")
		}
	}
	o.rules.Disable, o.rules.Enable = o.disable, o.enable
	return nil
}

// judged is one policy, or the API server of a file, and what was found.
type judged struct {
	name   string
	file   string
	source []byte
	rules  int // -1 for an API server
	report *lint.Report
}

func (o *lintOptions) run(ctx context.Context, env *cli.Env) error {
	if o.live {
		table, err := liveTable(ctx, o.cluster)
		if err != nil {
			return err
		}
		o.rules.Cluster = table
	}
	var all []judged
	var bad []error
	for _, name := range o.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, shown, err := readInput(env, name)
		if err == nil {
			var js []judged
			js, err = busy(ctx, env, "judging "+shown, func() ([]judged, error) { return o.judge(shown, data) })
			if err == nil {
				if o.fix {
					js, err = o.mend(env, name, shown, data, js)
				}
				all = append(all, js...)
			}
		}
		if err != nil {
			bad = append(bad, err)
		}
	}
	if o.dryRun && len(bad) == 0 {
		return o.exit(all)
	}
	if len(all) > 0 || o.format != "text" && len(bad) < len(o.files) {
		if err := o.write(env, all); err != nil {
			return err
		}
	}
	if len(bad) > 0 {
		for _, err := range bad[1:] {
			text, _ := cli.Tell(err)
			env.Fail("%s", text)
		}
		return bad[0]
	}
	return o.exit(all)
}

func (o *lintOptions) exit(all []judged) error {
	var fs []finding.Finding
	for _, j := range all {
		fs = append(fs, j.report.Findings()...)
	}
	if finding.FailOn(o.failOn).Fails(fs) {
		return cli.Exit(cli.ExitFindings)
	}
	for _, j := range all {
		for _, q := range j.report.Undecided {
			if o.failOn != "never" && q.Severity.Rank() >= finding.Severity(o.failOn).Rank() {
				return cli.Exit(cli.ExitUnknown)
			}
		}
	}
	return nil
}

// stdinName is how messages call what came from stdin.
const stdinName = "<stdin>"

// shownName is how messages call an input.
func shownName(name string) string {
	if name == "-" {
		return stdinName
	}
	return name
}

// readInput reads a file, or stdin for "-", and says how to call it.
func readInput(env *cli.Env, name string) (data []byte, shown string, err error) {
	shown = shownName(name)
	if data, err = readBytes(env, name); err != nil {
		return nil, shown, cli.Usagef("%s: %w", shown, err)
	}
	return data, shown, nil
}

// readBytes reads a file, or stdin for "-". What is too large to be read whole
// comes with more than policy.MaxBytes, which what parses it refuses. An error
// is the reason alone.
func readBytes(env *cli.Env, name string) ([]byte, error) {
	in := env.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, reason(err)
		}
		defer f.Close()
		if st, err := f.Stat(); err == nil && st.IsDir() {
			return nil, syscall.EISDIR // Windows says "Incorrect function."
		}
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, policy.MaxBytes+1))
	if len(data) <= policy.MaxBytes { // what is cut off keeps the length that tells
		data = widetext.Decode(data)
	}
	if err == nil && len(bytes.TrimSpace(data)) == 0 {
		err = errors.New("the file is empty")
	}
	return data, reason(err)
}

// reason is an error of the file system without the operation and path, which
// the message names already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// judge lints all policies of a file, and the API server that it describes.
func (o *lintOptions) judge(name string, data []byte) ([]judged, error) {
	ps, err := policy.Load(name, data)
	var not *policy.NotPolicyError
	if err != nil && !errors.As(err, &not) {
		return nil, cli.Usagef("%w", err)
	}
	var out []judged
	omits := ""
	for _, p := range ps {
		if err := few(p); err != nil {
			return nil, err
		}
		rep := lint.Run(p, o.rules)
		out = append(out, judged{name: p.Title(), file: name, source: data, rules: len(p.Internal.Rules), report: rep})
		if omits == "" {
			omits = omitsReceived(p)
		}
	}
	if len(ps) == 1 && ps[0].Origin == "" {
		return out, nil
	}
	// What holds policies, or names one, may describe an API server too.
	if s, serr := backend.ReadServer(name, data); serr == nil && len(s.Flags) > 0 && s.Kind != "flags" {
		minor := o.rules.Minor
		if minor == 0 {
			minor = apitable.Newest
		}
		rep := &lint.Report{}
		for _, f := range backend.Check(s, backend.Options{Minor: minor, OmitsReceived: omits}) {
			if slices.Contains(o.disable, f.ID) || len(o.enable) > 0 && !slices.Contains(o.enable, f.ID) {
				continue
			}
			if sev, ok := o.rules.Severity[f.ID]; ok {
				f.Severity = sev
			}
			rep.Results = append(rep.Results, lint.Result{Finding: f, Width: max(1, len(f.Subject.Path))})
		}
		out = append(out, judged{name: name + " (" + s.Kind + ")", file: name, source: data, rules: -1, report: rep})
	}
	if len(out) == 0 {
		return nil, cli.Usagef("%w", err)
	}
	return out, nil
}
