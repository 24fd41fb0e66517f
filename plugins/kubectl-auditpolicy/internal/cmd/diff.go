package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/diff"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

var diffFailOn = []string{"any", "loss", "never"}

type diffOptions struct {
	old, new, failOn, format string
}

func newDiff(env *cli.Env) *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff OLD NEW [--fail-on any|loss|never]",
		Short: "Say which requests two policies record differently",
		Long: cli.Dedent(`
			Compare what two policies record, not their texts: the classes of requests whose
			level, stages or managed fields differ, each with a request that shows it. What
			is recorded less than before is marked LOST and comes first.

			The answer is exact. Two policies without a difference are the same to
			kube-apiserver however differently they are written.`),
		Example: cli.Dedent(`
			kubectl auditpolicy diff examples/auditpolicy/bad.yaml examples/auditpolicy/good.yaml

			# In CI: more may be recorded, less may not
			git show HEAD:policy.yaml | kubectl auditpolicy diff - policy.yaml --fail-on loss`),
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.old, o.new = args[0], args[1]
			return o.run(cmd.Context(), env)
		},
	}
	c.Flags().StringVar(&o.failOn, "fail-on", "any", "What makes the exit status 1: "+strings.Join(diffFailOn, ", "))
	_ = c.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(diffFailOn, cobra.ShellCompDirectiveNoFileComp))
	addReportFormat(c, &o.format)
	return c
}

type diffChange struct {
	Class   string       `json:"class"`
	What    string       `json:"what"`
	Loss    bool         `json:"loss"`
	From    diff.Outcome `json:"from"`
	To      diff.Outcome `json:"to"`
	OldRule int          `json:"oldRule"`
	NewRule int          `json:"newRule"`
	Witness string       `json:"witness"`
}

func (o *diffOptions) run(ctx context.Context, env *cli.Env) error {
	if err := checkReportFormat(o.format); err != nil {
		return err
	}
	if !slices.Contains(diffFailOn, o.failOn) {
		return cli.Usagef("--fail-on %q: not one of %s", o.failOn, strings.Join(diffFailOn, ", "))
	}
	if o.old == "-" && o.new == "-" {
		return cli.Usagef("both policies cannot come from stdin; give one of the two as a file")
	}
	a, err := exactPolicy(env, o.old)
	if err != nil {
		return err
	}
	b, err := exactPolicy(env, o.new)
	if err != nil {
		return err
	}
	d, err := busy(ctx, env, "comparing "+a.Name+" with "+b.Name, func() (*diff.Report, error) {
		return diff.Compare(a.Internal, b.Internal, apitable.For(0)), nil
	})
	if err != nil {
		return err
	}
	changes := []diffChange{}
	lost := 0
	for _, c := range d.Changes {
		if c.Loss {
			lost++
		}
		changes = append(changes, diffChange{Class: c.Class, What: c.What(), Loss: c.Loss, From: c.From, To: c.To, OldRule: c.OldRule, NewRule: c.NewRule,
			Witness: "match " + matchArg(b) + " " + space.Flags(c.Witness)})
	}
	report := map[string]any{"apiVersion": apiVersion, "kind": "DiffReport", "equal": len(changes) == 0 && !d.Undecided, "changes": changes,
		"summary": map[string]int{"changes": len(changes), "lost": lost}, "undecided": d.Undecided, "more": d.More}
	switch o.format {
	case "json":
		err = finding.WriteJSON(env.Out, report)
	case "yaml":
		err = finding.WriteYAML(env.Out, report)
	default:
		o.text(env, b, d, lost)
	}
	if err != nil {
		return err
	}
	switch {
	case o.failOn == "any" && len(changes) > 0, o.failOn == "loss" && lost > 0:
		return cli.Exit(cli.ExitFindings)
	case d.Undecided && o.failOn != "never":
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

func (o *diffOptions) text(env *cli.Env, b *policy.Policy, d *diff.Report, lost int) {
	st, w := env.Style(env.Out), env.Out
	if len(d.Changes) == 0 {
		if d.Undecided {
			fmt.Fprintln(w, "no difference found, but not all could be compared within the budget")
			return
		}
		fmt.Fprintln(w, "no difference: every request is recorded the same by both")
		return
	}
	n := plural(int64(len(d.Changes)), "class") + " of requests"
	verb := "differ"
	if len(d.Changes) == 1 {
		verb = "differs"
	}
	more := ""
	if d.More {
		more = " or more"
	}
	fmt.Fprintf(w, "%s%s %s; %s\n", st.Bold(n), more, verb, lostWords(lost))
	for _, c := range d.Changes {
		mark := "changed"
		switch {
		case c.Loss:
			mark = st.Error("LOST")
		case policy.Rank(c.To.Level) > policy.Rank(c.From.Level):
			mark = "more"
		}
		fmt.Fprintf(w, "\n%s  %s   (%s, then %s)\n", mark, outcomes(c), ruleOf(c.OldRule), ruleOf(c.NewRule))
		fold.Under(w, "  ", c.Class, env.Width())
		fmt.Fprintf(w, "  %s\n", st.Faint("try: kubectl auditpolicy match "+matchArg(b)+" "+space.Flags(c.Witness)))
	}
	if d.Undecided {
		fmt.Fprintln(w, "\nnot all could be compared within the budget: there may be further differences")
	}
}

func lostWords(n int) string {
	switch n {
	case 0:
		return "nothing is recorded less than before"
	case 1:
		return "1 is recorded less than before"
	}
	return fmt.Sprintf("%d are recorded less than before", n)
}

func ruleOf(i int) string {
	if i == policy.NoRule {
		return "no rule"
	}
	return fmt.Sprintf("rule %d", i+1)
}

func outcomes(c diff.Change) string {
	switch c.What() {
	case "level":
		return fmt.Sprintf("%s -> %s", c.From.Level, c.To.Level)
	case "stages":
		var lost, won []string
		for _, s := range c.From.Stages {
			if !slices.Contains(c.To.Stages, s) {
				lost = append(lost, string(s))
			}
		}
		for _, s := range c.To.Stages {
			if !slices.Contains(c.From.Stages, s) {
				won = append(won, string(s))
			}
		}
		// In words: a sign before a name is not heard.
		text := string(c.From.Level)
		if len(lost) > 0 {
			text += ", no longer at stage " + strings.Join(lost, " and ")
		}
		if len(won) > 0 {
			text += ", now at stage " + strings.Join(won, " and ")
		}
		return text
	}
	if c.To.OmitManagedFields {
		return fmt.Sprintf("%s, managed fields no longer recorded", c.From.Level)
	}
	return fmt.Sprintf("%s, managed fields recorded", c.From.Level)
}
