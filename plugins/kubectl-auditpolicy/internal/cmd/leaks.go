package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/leaks"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type leaksOptions struct {
	logs   []string
	policy string
	format string
	failOn string
	limit  int
}

func newLeaks(env *cli.Env) *cobra.Command {
	var o leaksOptions
	c := &cobra.Command{
		Use:   "leaks LOG... [--policy POLICY]",
		Short: "Find credentials that already stand in audit logs",
		Long: cli.Dedent(`
			Find credentials that stand in audit logs: contents of Secrets, service account
			and other tokens, bootstrap tokens, passwords in arguments of exec and in manifests,
			private keys, keys of clouds and services.

			A credential is named by its kind, its place and its length, and recognised by the
			beginning of a hash; it is never printed, nor a part of it. With the policy under
			which the log was recorded, each comes with the rule that let it in.

			Events that are cut off or garbled cannot be looked through: then finding nothing
			proves nothing, and the exit status is 3.`),
		Example: cli.Dedent(`
			kubectl auditpolicy leaks /var/log/kubernetes/audit/

			# Which rule lets them in?
			kubectl auditpolicy leaks audit.log --policy policy.yaml`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.logs = args
			return o.run(cmd.Context(), env)
		},
	}
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "The policy under which the log was recorded")
	f.IntVar(&o.limit, "limit", 50, "How many of each kind the text shows; 0 for all")
	cli.AddReportFlags(c, &o.format, &o.failOn)
	return c
}

func (o *leaksOptions) run(ctx context.Context, env *cli.Env) error {
	if err := cli.CheckReportFlags(o.format, o.failOn); err != nil {
		return err
	}
	p, judge, err := judges(env, o.policy)
	if err != nil {
		return err
	}
	visitors, st, err := readLogs(ctx, env, o.logs, func() auditlog.Visitor {
		return leaks.NewVisitor(judge())
	})
	if err != nil {
		return err
	}
	own := make([]*leaks.Visitor, len(visitors))
	for i, v := range visitors {
		own[i] = v.(*leaks.Visitor)
	}
	found, events, overflow := leaks.Merge(own)
	fs := make([]finding.Finding, 0, len(found))
	for _, l := range found {
		fs = append(fs, o.finding(l, p))
	}
	if overflow > 0 {
		env.Warn("more credentials than are told apart; %s are not listed", plural(overflow, "more place"))
	}
	report := map[string]any{
		"apiVersion": apiVersion, "kind": "LeaksReport", "findings": fs, "summary": finding.Summarize(fs),
		"log": st, "eventsWithCredentials": events, "notListed": overflow,
	}
	written, err := env.WriteReport(o.format, cli.Report{Value: report, Rules: leaks.Rules, Findings: fs,
		Cases: []finding.Case{{Suite: "leaks", Name: strings.Join(o.logs, " "), Findings: fs, FailOn: finding.FailOn(o.failOn)}}})
	if !written {
		o.text(env, found, events, st, p)
	}
	if err != nil {
		return err
	}
	if finding.FailOn(o.failOn).Fails(fs) {
		return cli.Exit(cli.ExitFindings)
	}
	if st.Broken > 0 && o.failOn != "never" {
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

func (o *leaksOptions) finding(l *leaks.Leak, p *policy.Policy) finding.Finding {
	f := leaks.Rules[l.Rule].New(finding.Subject{Kind: "AuditEvent", Name: l.AuditID, Path: l.Path, File: l.File, Line: int(l.Line)},
		fmt.Sprintf("%s in %s of %q by %s", l.What, l.Path, l.Request, quoteUser(l.User)))
	f.Evidence = append(f.Evidence, measure(l))
	f.Evidence = append(f.Evidence, fmt.Sprintf("in %s, first at %s", plural(l.Events, "event"), l.Time.UTC().Format("2006-01-02T15:04:05Z")))
	if s := life(l); s != "" {
		f.Evidence = append(f.Evidence, s)
	}
	if s := letIn(l, p); s != "" {
		f.Evidence = append(f.Evidence, s)
	}
	return f
}

func quoteUser(u string) string {
	if u == "" {
		return "nobody (failed login)"
	}
	return u
}

func measure(l *leaks.Leak) string {
	s := plural(int64(l.Length), "character")
	if l.Hash != "" {
		s += ", sha256 " + l.Hash + "..."
	}
	return s
}

// life says whose a token is and how long it works.
func life(l *leaks.Leak) string {
	var parts []string
	if l.Subject != "" {
		parts = append(parts, l.Subject)
	}
	switch {
	case !l.Expires.IsZero():
		parts = append(parts, "valid until "+l.Expires.Format("2006-01-02T15:04:05Z"))
	case l.Rule == 1:
		parts = append(parts, "it does not expire")
	}
	return strings.Join(parts, ", ")
}

// letIn names the rule that recorded the event, and says where the policy at
// hand cannot be the one under which it was recorded.
func letIn(l *leaks.Leak, p *policy.Policy) string {
	switch {
	case p == nil || l.PolicyRule == leaks.NotAsked:
		return ""
	case l.PolicyRule < 0:
		return "no rule of the policy takes this request: the log was recorded under another one"
	}
	s := fmt.Sprintf("rule %d (line %d, %s) lets it in", l.PolicyRule+1, ruleLine(p, l.PolicyRule), l.PolicyLevel)
	uri := strings.HasPrefix(l.Path, "requestURI")
	switch {
	case l.PolicyLevel == "None", !uri && l.PolicyLevel == "Metadata", l.PolicyLevel == "Request" && strings.HasPrefix(l.Path, "responseObject"):
		s = fmt.Sprintf("rule %d (line %d, %s) takes this request now and would not: the log was recorded under another policy", l.PolicyRule+1, ruleLine(p, l.PolicyRule), l.PolicyLevel)
	case uri:
		s += "; the URI is recorded at every level, so only None would keep it out"
	}
	return s
}

func (o *leaksOptions) text(env *cli.Env, found []*leaks.Leak, events int64, st auditlog.Stats, p *policy.Policy) {
	w, style := env.Out, env.Style(env.Out)
	if len(found) == 0 {
		clean := style.Good("no credential found")
		if st.Broken > 0 {
			clean = style.Warning("no credential found in what could be read")
		}
		fmt.Fprintf(w, "%s: %s, %s looked through\n", clean, plural(st.Events, "event"), size(st.Bytes-st.BrokenBytes))
		return
	}
	fmt.Fprintf(w, "%s in %s of %s\n", style.Error(plural(int64(len(found)), "credential")), count(events), plural(st.Events, "event"))
	for i, rule := range leaks.Rules {
		var of []*leaks.Leak
		for _, l := range found {
			if l.Rule == i {
				of = append(of, l)
			}
		}
		if len(of) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s  %s\n", style.Bold(fmt.Sprintf("%s: %d", rule.Title, len(of))), style.Faint(rule.ID))
		for k, l := range of {
			if o.limit > 0 && k == o.limit {
				fmt.Fprintf(w, "  ... and %d more (--limit 0 shows all)\n", len(of)-k)
				break
			}
			at := l.File
			if l.Line > 0 {
				at = fmt.Sprintf("%s:%d", l.File, l.Line)
			}
			fmt.Fprintf(w, "  %s, %s\n", l.What, measure(l))
			part := func(name, text string) {
				fold.Under(w, fmt.Sprintf("    %-7s ", name), text, env.Width())
			}
			part("in", fmt.Sprintf("%s of %q by %s", l.Path, l.Request, quoteUser(l.User)))
			part("first", fmt.Sprintf("%s %s, %s; %s", l.Time.UTC().Format("2006-01-02T15:04:05Z"), l.AuditID, at, plural(l.Events, "event")))
			if s := life(l); s != "" {
				part("token", s)
			}
			if s := letIn(l, p); s != "" {
				part("policy", s)
			}
		}
		fold.Under(w, "  next    ", rule.Remedy, env.Width())
	}
	if p == nil {
		fmt.Fprintln(w, "\nWith --policy, each comes with the rule that let it in.")
	}
}
