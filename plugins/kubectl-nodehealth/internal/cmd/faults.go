package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/controlplane"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// newFaults is `faults [NAME...]`: the catalogue of faults.
func newFaults(env *cli.Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "faults [NAME...]",
		Short: "List the faults that a diagnosis can name, or explain some",
		Long: `List the faults that a diagnosis can name, or explain some: what is broken, how
it shows, what it means for the workloads, and the handbook's mitigations.`,
		Example: `
			kubectl nodehealth faults
			kubectl nodehealth faults KubeletDown`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, e := range allFaults() {
				if strings.HasPrefix(strings.ToLower(e.Name), strings.ToLower(prefix)) {
					out = append(out, e.Name+"\t"+e.Phrase)
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			entries, err := pickFaults(args)
			if err != nil {
				return err
			}
			switch format {
			case "json":
				return finding.WriteJSON(env.Out, map[string]any{"items": entries})
			case "yaml":
				return finding.WriteYAML(env.Out, map[string]any{"items": entries})
			case "text":
			default:
				return cli.Usagef("-o %q: not one of text, json, yaml", format)
			}
			if len(args) == 0 {
				for _, e := range entries {
					fmt.Fprintf(env.Out, "%-27s  %-7s  %s\n", e.Name, e.Scope, e.Phrase)
				}
				return nil
			}
			for i, e := range entries {
				if i > 0 {
					fmt.Fprintln(env.Out)
				}
				writeFault(env.Out, env.Style(env.Out), e, env.Width())
			}
			return nil
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format: text, json, yaml")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// allFaults are those of nodes and the handbook's scenarios of the control
// plane.
func allFaults() []fault.Entry { return slices.Concat(fault.Catalogue(), controlplane.Scenarios()) }

func pickFaults(names []string) ([]fault.Entry, error) {
	all := allFaults()
	if len(names) == 0 {
		return all, nil
	}
	var out []fault.Entry
	for _, n := range names {
		i := slices.IndexFunc(all, func(e fault.Entry) bool { return strings.EqualFold(e.Name, n) })
		if i < 0 {
			return nil, cli.WithHint(cli.Usagef("fault %q: there is none of this name", n), "'kubectl nodehealth faults' lists them")
		}
		out = append(out, all[i])
	}
	return out, nil
}

func writeFault(w io.Writer, st cli.Style, e fault.Entry, width int) {
	fmt.Fprintf(w, "%s  %s\n", st.Bold(e.Name), e.Phrase)
	fmt.Fprintf(w, "%s fault, the verdict is %s\n\n", e.Scope, e.Verdict)
	fold.Under(w, "", e.Mode, width)
	part := func(title string, lines []string) {
		fmt.Fprintf(w, "\n%s\n", st.Bold(title))
		for _, l := range lines {
			fold.Under(w, "  - ", l, width)
		}
	}
	part("How it shows", e.Signs)
	part("What happens to the workloads", e.Consequences)
	part("What helps", e.Mitigations)
	fmt.Fprintf(w, "\n%s\n  %s\n", st.Bold("Read"), e.Docs)
}
