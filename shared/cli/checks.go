package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// NewChecksCommand is `checks [ID...]`: the table of a plugin's checks, or the
// reference page of some.
func NewChecksCommand(env *Env, rules []finding.Rule) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "checks [ID...]",
		Short: "List the checks, or explain some",
		Args:  cobra.ArbitraryArgs,
		ValidArgsFunction: func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, r := range rules {
				if strings.HasPrefix(r.ID, strings.ToUpper(prefix)) {
					ids = append(ids, r.ID+"\t"+r.Title)
				}
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			picked, err := pick(cmd, rules, args)
			if err != nil {
				return err
			}
			switch format {
			case "text":
				if len(args) == 0 {
					return listRules(env.Out, picked)
				}
				for i, r := range picked {
					if i > 0 {
						fmt.Fprintln(env.Out)
					}
					WriteRule(env.Out, env.Style(env.Out), r)
				}
				return nil
			case "json":
				return finding.WriteJSON(env.Out, map[string]any{"items": picked})
			case "yaml":
				return finding.WriteYAML(env.Out, map[string]any{"items": picked})
			}
			return Usagef("-o %q: not one of text, json, yaml", format)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format: text, json, yaml")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func pick(cmd *cobra.Command, rules []finding.Rule, ids []string) ([]finding.Rule, error) {
	if len(ids) == 0 {
		return rules, nil
	}
	var out []finding.Rule
	for _, id := range ids {
		found := false
		for _, r := range rules {
			if strings.EqualFold(r.ID, id) {
				out, found = append(out, r), true
			}
		}
		if !found {
			return nil, WithHint(Usagef("check %q: there is none of this id", id),
				fmt.Sprintf("'%s' lists them", cmd.CommandPath()))
		}
	}
	return out, nil
}

// listIndent is the width of an id and a severity in the list.
const listIndent = 16

func listRules(w io.Writer, rules []finding.Rule) error {
	for _, r := range rules {
		note := ""
		if r.Heuristic {
			note = " (heuristic)"
		}
		title := strings.ReplaceAll(fold.Wrap(r.Title+note, helpWidth-listIndent), "\n", "\n"+strings.Repeat(" ", listIndent))
		if _, err := fmt.Fprintf(w, "%s  %-8s %s\n", r.ID, r.Severity, title); err != nil {
			return err
		}
	}
	return nil
}

// WriteRule writes a rule's reference page.
func WriteRule(w io.Writer, st Style, r finding.Rule) {
	kind := "decided exactly"
	if r.Heuristic {
		kind = "heuristic"
	}
	fmt.Fprintf(w, "%s  %s\n", st.Bold(r.ID), st.Bold(r.Title))
	fmt.Fprintf(w, "%s, %s", r.Severity, kind)
	if r.Since != "" {
		fmt.Fprintf(w, ", Kubernetes %s", r.Since)
	}
	fmt.Fprintf(w, "\n\n%s\n", fold.Wrap(finding.Paragraphs(r.Rationale), 78))
	part := func(title, text string) {
		if text = Dedent(text); text != "" {
			fmt.Fprintf(w, "\n%s\n%s\n", st.Bold(title), indent(text))
		}
	}
	part("What to do", fold.Wrap(finding.Paragraphs(r.Remedy), 76))
	part("Wrong", r.Bad)
	part("Right", r.Good)
	part("Source", fold.Wrap(r.Source, 76))
	part("Read", r.Docs)
}
