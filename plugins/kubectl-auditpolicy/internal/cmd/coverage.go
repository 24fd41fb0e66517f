package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/coverage"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

var coverageFailOn = []string{"blind", "partial", "cis", "never"}

func newCoverage(env *cli.Env) *cobra.Command {
	var format, failOn, target string
	c := &cobra.Command{
		Use:   "coverage POLICY [--fail-on blind|partial|cis|never]",
		Short: "Say which well-known detections cannot work on what a policy records",
		Long: cli.Dedent(`
			Say for well-known detections (Falco, Elastic, CIS 3.2.2, MITRE ATT&CK) whether the
			requests that they look for are recorded: at all, at a level that has what they
			read, at a stage that comes in time. Requests are those of a user, and for an
			object, that the policy does not name.

			covered  every such request is recorded as the detection needs
			partial  some are not: the line shows one
			BLIND    none is: the detection cannot work`),
		Example: cli.Dedent(`
			kubectl auditpolicy coverage examples/auditpolicy/bad.yaml

			# In CI: the key concerns of CIS 3.2.2 must be recorded
			kubectl auditpolicy coverage examples/auditpolicy/good.yaml --fail-on cis`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkReportFormat(format); err != nil {
				return err
			}
			if !slices.Contains(coverageFailOn, failOn) {
				return cli.Usagef("--fail-on %q: not one of %s", failOn, strings.Join(coverageFailOn, ", "))
			}
			minor, err := minorVersion(target)
			if err != nil {
				return cli.Usagef("--target-version %q: %w", target, err)
			}
			p, err := exactPolicy(env, args[0])
			if err != nil {
				return err
			}
			results := coverage.Of(p.Internal, apitable.For(minor))
			if err := writeCoverage(env, p, results, format); err != nil {
				return err
			}
			return coverageExit(results, failOn)
		},
	}
	c.Flags().StringVar(&failOn, "fail-on", "never", "What makes the exit status 1: "+strings.Join(coverageFailOn, ", "))
	c.Flags().StringVar(&target, "target-version", "1.37", "Kubernetes version whose resources are meant")
	_ = c.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(coverageFailOn, cobra.ShellCompDirectiveNoFileComp))
	addReportFormat(c, &format)
	return c
}

func coverageExit(results []coverage.Result, failOn string) error {
	undecided := false
	for _, r := range results {
		bad := r.Status == coverage.Blind && failOn != "cis" || r.Status == coverage.Partial && failOn == "partial" ||
			r.CIS && failOn == "cis" && (r.Status == coverage.Blind || r.Status == coverage.Partial)
		if bad && failOn != "never" {
			return cli.Exit(cli.ExitFindings)
		}
		undecided = undecided || r.Status == coverage.Undecided && (failOn != "cis" || r.CIS)
	}
	if undecided && failOn != "never" {
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

func writeCoverage(env *cli.Env, p *policy.Policy, results []coverage.Result, format string) error {
	n := map[coverage.Status]int{}
	missed, open := false, false // of what CIS 3.2.2 asks for
	for _, r := range results {
		n[r.Status]++
		missed = missed || r.CIS && (r.Status == coverage.Blind || r.Status == coverage.Partial)
		open = open || r.CIS && r.Status == coverage.Undecided
	}
	report := map[string]any{"apiVersion": apiVersion, "kind": "CoverageReport", "items": results,
		"summary": map[string]int{"covered": n[coverage.Covered], "partial": n[coverage.Partial], "blind": n[coverage.Blind], "undecided": n[coverage.Undecided]},
		"cis322":  !missed && !open}
	if done, err := env.WriteReport(format, cli.Report{Value: report}); done {
		return err
	}
	st, w := env.Style(env.Out), env.Out
	verdict := "CIS 3.2.2 is met"
	switch {
	case missed:
		verdict = "CIS 3.2.2 is not met"
	case open:
		verdict = "CIS 3.2.2 was not decided"
	}
	undecided := ""
	if u := n[coverage.Undecided]; u > 0 {
		undecided = fmt.Sprintf(", %d not decided", u)
	}
	fold.Under(w, "", fmt.Sprintf("%d of %d detections are covered, %d in part, %d not%s; %s", n[coverage.Covered], len(results), n[coverage.Partial], n[coverage.Blind], undecided, verdict), env.Width())
	fmt.Fprintln(w)
	for _, r := range results {
		mark := string(r.Status)
		switch r.Status {
		case coverage.Blind:
			mark = st.Error("BLIND  ")
		case coverage.Partial:
			mark = st.Warning("partial")
		case coverage.Covered:
			mark = st.Good("covered")
		}
		cisMark := "   "
		if r.CIS {
			cisMark = "CIS"
		}
		fmt.Fprintf(w, "%s  %s  %s\n", mark, cisMark, r.Name)
		if r.Status == coverage.Covered {
			continue
		}
		if r.Why != "" {
			fold.Under(w, "              ", ruleOf(r.Rule)+": "+r.Why, env.Width())
			fmt.Fprintf(w, "              %s\n", st.Faint("try: kubectl auditpolicy match "+matchArg(p)+" "+r.Witness))
		}
	}
	return nil
}
