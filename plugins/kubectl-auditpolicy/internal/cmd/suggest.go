package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/suggest"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type suggestOptions struct {
	suggest.Options
	policy, format string
	logs           []string
	minPercent     float64
}

func newSuggest(env *cli.Env) *cobra.Command {
	var o suggestOptions
	c := &cobra.Command{
		Use:   "suggest [POLICY] --log LOG...",
		Short: "Find chatter in audit logs that a rule could drop, and what it saves",
		Long: cli.Dedent(`
			Find chatter in audit logs that a rule at level None could drop, with the events
			and bytes that it saves. With a policy, what that policy keeps of the log counts;
			without, the log as it is.

			It never suggests to drop a write, nor anything about secrets, config maps, roles,
			tokens, certificates, webhooks or streams into pods, nor what people did, nor
			classes in which something was refused or done under another's name.`),
		Example: cli.Dedent(`
			kubectl auditpolicy suggest policy.yaml --log /var/log/kubernetes/audit/

			# The rules alone, to paste above the others
			kubectl auditpolicy suggest --log audit.log -o rules`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.policy = args[0]
			}
			return o.run(cmd.Context(), env)
		},
	}
	addLogFlag(c, &o.logs, "Audit log to look at")
	f := c.Flags()
	f.BoolVar(&o.Leases, "leases", false, "Suggest dropping renewals of leases too, although they are writes")
	f.Float64Var(&o.minPercent, "min-share", 1, "Least share of bytes or events, in per cent, that a suggestion saves")
	f.IntVar(&o.Max, "max", 10, "Make at most so many suggestions")
	formats := append([]string{"rules"}, reportFormats...)
	f.StringVarP(&o.format, "output", "o", "text", "Output format: "+strings.Join(formats, ", "))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *suggestOptions) run(ctx context.Context, env *cli.Env) error {
	if o.format != "rules" {
		if err := checkReportFormat(o.format); err != nil {
			return err
		}
	}
	if len(o.logs) == 0 {
		return cli.WithHint(cli.Usagef("--log: no audit log given"), "--log takes files, directories and - for stdin")
	}
	if !(o.minPercent >= 0 && o.minPercent <= 100) {
		return cli.Usagef("--min-share %v: not between 0 and 100, in percent", o.minPercent)
	}
	if o.Max < 1 {
		return cli.Usagef("--max %d: not 1 or more", o.Max)
	}
	o.MinShare = o.minPercent / 100
	_, judge, err := judges(env, o.policy)
	if err != nil {
		return err
	}
	visitors, _, err := readLogs(ctx, env, o.logs, func() auditlog.Visitor {
		return suggest.NewVisitor(judge(), o.Options)
	})
	if err != nil {
		return err
	}
	own := make([]*suggest.Visitor, len(visitors))
	for i, v := range visitors {
		own[i] = v.(*suggest.Visitor)
	}
	r := suggest.NewReport(own, o.Options)
	r.APIVersion, r.Kind = apiVersion, "SuggestReport"
	switch o.format {
	case "json":
		return finding.WriteJSON(env.Out, r)
	case "yaml":
		return finding.WriteYAML(env.Out, r)
	case "rules":
		for _, s := range r.Suggestions {
			fmt.Fprintf(env.Out, "# %s: %s of bytes, %s of events\n%s", s.Title, percent(s.Saves.Bytes, r.Base.Bytes), percent(s.Saves.Events, r.Base.Events), s.YAML)
		}
		return nil
	}
	o.text(env, r)
	return nil
}

func (o *suggestOptions) text(env *cli.Env, r *suggest.Report) {
	w, st := env.Out, env.Style(env.Out)
	base := "the log"
	if o.policy != "" {
		base = "what " + o.policy + " keeps"
	}
	if len(r.Suggestions) == 0 && r.Stage == nil {
		fold.Under(w, "", st.Bold(fmt.Sprintf("nothing to cut: no chatter of components takes %s%% or more of %s", trimFloat(o.minPercent), base)), env.Width())
	} else {
		fold.Under(w, "", st.Bold(fmt.Sprintf("%s would save %s of %s (%s) and %s of %s (%s)", plural(int64(len(r.Suggestions)), "rule"),
			size(r.Saves.Bytes), size(r.Base.Bytes), percent(r.Saves.Bytes, r.Base.Bytes),
			count(r.Saves.Events), plural(r.Base.Events, "event"), percent(r.Saves.Events, r.Base.Events))), env.Width())
	}
	if len(r.Suggestions) > 0 {
		fmt.Fprint(w, "\n# Paste these above all other rules: the first rule that matches decides.\n")
	}
	for _, s := range r.Suggestions {
		fmt.Fprintln(w)
		fold.Hang(w, "# ", "# ", s.Title, env.Width())
		fmt.Fprintf(w, "# saves %s of bytes (%s), %s of events (%s)\n", percent(s.Saves.Bytes, r.Base.Bytes), size(s.Saves.Bytes), percent(s.Saves.Events, r.Base.Events), count(s.Saves.Events))
		if s.Review {
			fmt.Fprintln(w, "# review: this account is no part of Kubernetes; know what it does first")
		}
		fmt.Fprint(w, s.YAML)
	}
	if r.Stage != nil {
		fmt.Fprintf(w, "\n# omitStages: [RequestReceived] saves %s of bytes and %s of events;\n# what is recorded when a request is answered says the same and more.\n", percent(r.Stage.Bytes, r.Base.Bytes), percent(r.Stage.Events, r.Base.Events))
	}
	if len(r.Withheld) > 0 {
		fmt.Fprintln(w, "\nLeft alone")
		for _, h := range r.Withheld {
			fold.Under(w, fmt.Sprintf("  %7s of bytes  %7s of events  ", percent(h.Bytes, r.Base.Bytes), percent(h.Events, r.Base.Events)), h.Reason, env.Width())
		}
	}
}
