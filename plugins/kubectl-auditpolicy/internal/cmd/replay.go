package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/diff"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// reportFormats are the formats of reports that are not findings.
var reportFormats = []string{"text", "json", "yaml"}

// apiVersion is that of every report.
const apiVersion = "auditpolicy.clusterwright.dev/v1alpha1"

type replayOptions struct {
	policy   string
	recorded string
	logs     []string
	format   string
}

func newReplay(env *cli.Env) *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay POLICY --log LOG... [-o text|json|yaml]",
		Short: "Run audit logs through a policy: what would it keep, drop or add",
		Long: cli.Dedent(`
			Run audit logs through a policy and account for every event: which rule takes
			it, what the policy keeps of it, and what the log cannot tell.

			Logs are read as clusters leave them: JSON lines, EventList, CRI and Docker
			container logs, CloudWatch, AKS and other shippers' envelopes, .gz and .bz2,
			whole directories of rotated files, and stdin (-). Each request is rebuilt from
			its URI and judged by kube-apiserver's own evaluator.`),
		Example: cli.Dedent(`
			# What would this policy have kept of last night's log?
			kubectl auditpolicy replay policy.yaml --log /var/log/kubernetes/audit/

			# What changes if we go from the old policy to the new one?
			kubectl auditpolicy replay new.yaml --recorded old.yaml --log audit.log

			# From a stream, for a script
			zstd -dc audit.log.zst | kubectl auditpolicy replay policy.yaml --log - -o json`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.policy = args[0]
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context(), env)
		},
	}
	addLogFlag(c, &o.logs, "Audit log to replay")
	c.Flags().StringVar(&o.recorded, "recorded", "", "The policy under which the log was recorded: tells what it cannot have")
	addReportFormat(c, &o.format)
	return c
}

// addLogFlag adds --log.
func addLogFlag(c *cobra.Command, logs *[]string, usage string) {
	c.Flags().StringArrayVar(logs, "log", nil, usage+": a file, a directory or - for stdin; may be repeated")
	_ = c.MarkFlagFilename("log")
}

// addReportFormat adds -o with the formats of a report that has no findings.
func addReportFormat(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "output", "o", "text", "Output format: "+strings.Join(reportFormats, ", "))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(reportFormats, cobra.ShellCompDirectiveNoFileComp))
}

func checkReportFormat(format string) error {
	switch format {
	case "text", "json", "yaml":
		return nil
	}
	return cli.Usagef("-o %q: not one of %s", format, strings.Join(reportFormats, ", "))
}

func (o *replayOptions) validate() error {
	if len(o.logs) == 0 {
		return cli.WithHint(cli.Usagef("--log: no audit log given"), "--log takes files, directories and - for stdin")
	}
	from := 0
	for _, name := range append([]string{o.policy, o.recorded}, o.logs...) {
		if name == "-" {
			from++
		}
	}
	if from > 1 {
		return cli.Usagef("standard input can be read once only: policy, --recorded and --log cannot share it")
	}
	return checkReportFormat(o.format)
}

func (o *replayOptions) run(ctx context.Context, env *cli.Env) error {
	p, err := runnablePolicy(env, o.policy)
	if err != nil {
		return err
	}
	var recorded *policy.Policy
	if o.recorded != "" {
		if recorded, err = exactPolicy(env, o.recorded); err != nil {
			return err
		}
		if err := few(p); err != nil {
			return err
		}
	}
	e := policy.NewEvaluator(p.Internal)
	visitors, st, err := readLogs(ctx, env, o.logs, func() auditlog.Visitor { return replay.NewVisitor(e, p.Internal) })
	if err != nil {
		return err
	}
	own := make([]*replay.Visitor, len(visitors))
	for i, v := range visitors {
		own[i] = v.(*replay.Visitor)
	}
	r := replay.NewReport(own, st)
	r.APIVersion, r.Kind, r.Policy = apiVersion, "ReplayReport", p.Title()
	if recorded != nil {
		r.Recorded(unlogged(recorded, p))
	}
	for i := range r.Rules {
		r.Rules[i].Level = string(p.Internal.Rules[i].Level)
		r.Rules[i].Line = ruleLine(p, i)
	}
	if done, err := env.WriteReport(o.format, cli.Report{Value: r}); done {
		return err
	}
	writeReplay(env, p, r)
	return nil
}

// unlogged are the classes of requests that one policy leaves out and the other
// records, decided over all requests there can be.
func unlogged(recorded, p *policy.Policy) (classes []string, undecided bool) {
	d := diff.Compare(recorded.Internal, p.Internal, apitable.For(0))
	for _, c := range d.Changes {
		if c.From.Level == auditinternal.LevelNone && c.To.Level != auditinternal.LevelNone {
			classes = append(classes, c.Class)
		}
	}
	return classes, d.Undecided || d.More
}

func writeReplay(env *cli.Env, p *policy.Policy, r *replay.Report) {
	w, st := env.Out, env.Style(env.Out)
	total := r.Kept.Events + r.Dropped.Events + r.Unknowable.Events
	least := ""
	if r.Exactness.Bytes == replay.LowerBound {
		least = "at least "
	}
	fold.Under(w, "", st.Bold(fmt.Sprintf("%s keeps %s of %s (%s), %s%s of %s (%s)", r.Policy,
		count(r.Kept.Events), plural(total, "event"), percent(r.Kept.Events, total),
		least, size(r.Kept.Bytes), size(r.Log.EventBytes), percent(r.Kept.Bytes, r.Log.EventBytes))), env.Width())
	line := fmt.Sprintf("%s, %s of text, %s", plural(int64(r.Log.Files), "source"), size(r.Log.Bytes), plural(r.Log.Requests, "request"))
	if r.Log.Span() > 0 {
		line += fmt.Sprintf(", %s from %s", span(r.Log.Span()), r.Log.First.UTC().Format("2006-01-02T15:04:05Z"))
	}
	fold.Under(w, "  log      ", line, env.Width())
	if r.Added.Events > 0 {
		fmt.Fprintf(w, "  added    about %s, %s: stages that this log does not have\n", plural(r.Added.Events, "event"), size(r.Added.Bytes))
	}
	if r.KeptPerDay != nil {
		fmt.Fprintf(w, "  a day    %s, %s at the pace of this log\n", plural(r.KeptPerDay.Events, "event"), size(r.KeptPerDay.Bytes))
	}
	if n := r.Unknowable.Events; n > 0 {
		fmt.Fprintf(w, "  unknown  %s, %s\n", plural(n, "event"), size(r.Unknowable.Bytes))
	}

	if n := r.Log.Other; n > 0 {
		fmt.Fprintf(w, "  other    %s without an audit event\n", plural(n, "line"))
	}

	fmt.Fprintf(w, "\n%-16s %12s %12s %10s %7s\n", "LEVEL", "REQUESTS", "EVENTS", "BYTES", "KEPT")
	for _, l := range policy.AllLevels {
		v := r.ByLevel[string(l)]
		note := percent(v.Bytes, r.Log.EventBytes)
		if l == auditinternal.LevelNone {
			note = "dropped"
		}
		fmt.Fprintf(w, "%-16s %12s %12s %10s %7s\n", l, count(v.Requests), count(v.Events), size(v.Bytes), note)
	}

	fmt.Fprintf(w, "\n%4s %5s %-15s %10s %10s %9s  %s\n", "RULE", "LINE", "LEVEL", "TAKES", "KEEPS", "BYTES", "REQUESTS")
	var idle []string
	for i, rule := range r.Rules {
		if rule.Events == 0 {
			idle = append(idle, fmt.Sprint(i+1))
			continue
		}
		fmt.Fprintf(w, "%4d %5d %-15s %10s %10s %9s  %s\n", i+1, rule.Line, rule.Level, count(rule.Events), count(rule.Kept.Events), size(rule.Kept.Bytes), ruleSummary(&p.Internal.Rules[i], 20))
	}
	if n := r.NoRule.Events; n > 0 {
		fmt.Fprintf(w, "%4s %5s %-15s %10s %10s %9s  %s\n", "-", "", "None", count(n), "0", size(0), "no rule takes them")
	}
	if len(idle) > 0 {
		fold.Hang(w, "", "  ", fmt.Sprintf("take nothing of this log: %s %s", ruleWord(len(idle)), strings.Join(idle, ", ")), env.Width())
	}
	if len(r.Limits) > 0 {
		fmt.Fprintln(w, "\nWhat this log cannot show")
	} else {
		fmt.Fprintln(w, "\nexact: the recording policy left out nothing that this one records")
	}
	for _, l := range r.Limits {
		fold.Under(w, "  ", l.Message, env.Width())
	}
}

func ruleWord(n int) string {
	if n == 1 {
		return "rule"
	}
	return "rules"
}

// ruleLine is the line on which a rule begins in the file.
func ruleLine(p *policy.Policy, i int) int {
	line, _ := p.Position(p.RuleNode(i))
	return line
}

// ruleSummary names what a rule is about in a few words, cut at width.
func ruleSummary(r *auditinternal.PolicyRule, width int) string {
	var parts []string
	some := func(ss []string, n int) string {
		if len(ss) > n {
			return strings.Join(ss[:n], ",") + "..."
		}
		return strings.Join(ss, ",")
	}
	if len(r.Resources) > 0 {
		var rs []string
		for _, g := range r.Resources {
			switch {
			case len(g.Resources) == 0 && g.Group == "":
				rs = append(rs, "core/*")
			case len(g.Resources) == 0:
				rs = append(rs, g.Group+"/*")
			default:
				rs = append(rs, g.Resources...)
			}
		}
		parts = append(parts, some(rs, 3))
	}
	if len(r.NonResourceURLs) > 0 {
		parts = append(parts, some(r.NonResourceURLs, 3))
	}
	if len(r.Verbs) > 0 {
		parts = append(parts, some(r.Verbs, 3))
	}
	if len(r.Users) > 0 {
		parts = append(parts, "by "+some(r.Users, 1))
	}
	if len(r.UserGroups) > 0 {
		parts = append(parts, "by group "+some(r.UserGroups, 1))
	}
	if len(r.Namespaces) > 0 {
		parts = append(parts, "in "+some(r.Namespaces, 2))
	}
	s := strings.Join(parts, " ")
	if s == "" {
		s = "everything"
	}
	return fold.Clip(s, width)
}
