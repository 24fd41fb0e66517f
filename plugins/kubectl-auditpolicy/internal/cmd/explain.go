package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/explain"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

func newExplain(env *cli.Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "explain POLICY",
		Short: "Say in plain words what each rule does, as kube-apiserver reads it",
		Long: cli.Dedent(`
			Say what each rule of a policy does: which requests it takes, what it records of
			them, what kube-apiserver dropped from it without a word, and from which later
			rules it takes requests.`),
		Example: cli.Dedent(`
			kubectl auditpolicy explain examples/auditpolicy/bad.yaml

			kubectl get configmap audit -n kube-system -o yaml | kubectl auditpolicy explain -`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkReportFormat(format); err != nil {
				return err
			}
			p, err := exactPolicy(env, args[0])
			if err != nil {
				return err
			}
			r, err := busy(cmd.Context(), env, "explaining "+p.Name, func() (*explain.Report, error) {
				return explain.Policy(p, apitable.For(0)), nil
			})
			if err != nil {
				return err
			}
			report := map[string]any{"apiVersion": apiVersion, "kind": "ExplainReport", "rules": r.Rules, "rest": r.Rest, "everywhere": r.Everywhere, "lenient": r.Lenient, "undecided": r.Undecided}
			switch format {
			case "json":
				err = finding.WriteJSON(env.Out, report)
			case "yaml":
				err = finding.WriteYAML(env.Out, report)
			default:
				writeExplain(env, p, r)
			}
			if err == nil && r.Undecided > 0 {
				err = cli.Exit(cli.ExitUnknown)
			}
			return err
		},
	}
	addReportFormat(c, &format)
	return c
}

func writeExplain(env *cli.Env, p *policy.Policy, r *explain.Report) {
	st, w := env.Style(env.Out), env.Out
	byLevel := map[audit.Level]int{}
	for _, x := range r.Rules {
		byLevel[x.Level]++
	}
	var counts []string
	for _, l := range policy.AllLevels {
		if byLevel[l] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", byLevel[l], l))
		}
	}
	width := env.Width()
	fold.Under(w, "", fmt.Sprintf("%s: %s, the first that matches decides: %s", p.Title(), plural(int64(len(r.Rules)), "rule"), strings.Join(counts, ", ")), width)
	for _, e := range r.Everywhere {
		fold.Under(w, "", "everywhere: "+e, width)
	}
	for _, l := range r.Lenient {
		fold.Under(w, "", st.Error("! ")+l, width)
	}
	para := func(text string) { fold.Under(w, "    ", text, width) }
	for _, x := range r.Rules {
		fmt.Fprintf(w, "\n%s\n", st.Bold(fmt.Sprintf("rule %d  %s", x.Index+1, x.Level))+st.Faint(fmt.Sprintf("  line %d", x.Line)))
		para(x.Words)
		for _, l := range x.Lenient {
			para(st.Error("! ") + l)
		}
		switch {
		case !x.Possible:
			para(st.Error("! ") + "Matches nothing: no request has what it asks for.")
		case !x.Reached:
			para(st.Error("! ") + "Never reached: earlier rules take all of it.")
		case len(x.TakesFrom) > 0:
			para("Comes before " + numbers(x.TakesFrom) + ", which would have decided part of it otherwise.")
		}
	}
	fmt.Fprintln(w)
	if r.Undecided > 0 {
		fold.Under(w, "", fmt.Sprintf("The budget for exact answers ended at rule %d: what is reached and taken from there on, and what is left over, was not decided.", r.Undecided), width)
		return
	}
	if r.Rest != "" {
		fmt.Fprintln(w, "rest: requests that no rule matches are not recorded (level None)")
		_, example, _ := strings.Cut(r.Rest, "for example: ")
		fmt.Fprintf(w, "try: kubectl auditpolicy match %s %s\n", matchArg(p), example)
		return
	}
	fmt.Fprintln(w, "rest: nothing is left over; every request meets a rule")
}

// numbers names rules by their numbers from 1: "rules 2, 4 and 5".
func numbers(rules []int) string {
	if len(rules) == 1 {
		return fmt.Sprintf("rule %d", rules[0]+1)
	}
	var s []string
	for i := 0; i < len(rules); i++ {
		j := i
		for j+1 < len(rules) && rules[j+1] == rules[j]+1 {
			j++
		}
		if j > i+1 {
			s = append(s, fmt.Sprintf("%d to %d", rules[i]+1, rules[j]+1))
			i = j
			continue
		}
		s = append(s, fmt.Sprint(rules[i]+1))
	}
	if len(s) == 1 {
		return "rules " + s[0]
	}
	return "rules " + strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}
