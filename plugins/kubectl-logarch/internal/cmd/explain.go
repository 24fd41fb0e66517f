package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/pattern"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

func newExplain(env *cli.Env) *cobra.Command {
	var format string
	var names []string
	for _, p := range pattern.All {
		names = append(names, p.Name)
	}
	c := &cobra.Command{
		Use:   "explain [PATTERN]",
		Short: "Explain the logging patterns: what each costs and what it loses",
		Example: `
			kubectl logarch explain
			kubectl logarch explain streaming`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: append(names, "tailers"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "tailers" && format != "text" {
				return cli.Usagef("explain tailers -o %s: the comparison is a table of text; leave out -o", format)
			}
			picked := pattern.All
			if len(args) == 1 && args[0] != "tailers" {
				for _, p := range pattern.All {
					if p.Name == args[0] {
						picked = []pattern.Pattern{p}
					}
				}
			}
			switch format {
			case "json":
				return finding.WriteJSON(env.Out, map[string]any{"items": picked})
			case "yaml":
				return finding.WriteYAML(env.Out, map[string]any{"items": picked})
			case "text":
			default:
				return oneOf("output", format, "text", "json", "yaml")
			}
			st := env.Style(env.Out)
			switch {
			case len(args) == 1 && args[0] == "tailers":
				writeMeasured(env.Out)
			case len(args) == 1:
				writePattern(env.Out, st, picked[0], env.Width())
			default:
				for _, p := range picked {
					fmt.Fprintf(env.Out, "%s  %s\n", st.Bold(fmt.Sprintf("%-10s", p.Name)), p.Title)
					fold.Under(env.Out, "            ", "choose it "+p.Choose, env.Width())
					fold.Under(env.Out, "            ", "kubectl logs: "+p.KubectlLogs, env.Width())
				}
				fmt.Fprintln(env.Out, "\n'kubectl logarch explain PATTERN' tells costs and losses,\n'kubectl logarch explain tailers' compares tails")
			}
			return nil
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "Output format: text, json, yaml")
	complete(c, "output", "text", "json", "yaml")
	return c
}

func writePattern(w io.Writer, st cli.Style, p pattern.Pattern, width int) {
	fmt.Fprintf(w, "%s\n\n", st.Bold(p.Name+": "+p.Title))
	fold.Under(w, "", p.How, width)
	fmt.Fprintln(w)
	fold.Hang(w, "", "  ", st.Bold("Choose it")+" "+p.Choose, width)
	fold.Hang(w, "", "  ", st.Bold("kubectl logs:")+" "+p.KubectlLogs, width)
	fmt.Fprintf(w, "\n%s\n", st.Bold("Costs"))
	for _, c := range p.Costs {
		fold.Under(w, "  - ", c, width)
	}
	fmt.Fprintf(w, "\n%s\n", st.Bold("What is lost"))
	for _, l := range p.Lost {
		fold.Under(w, fmt.Sprintf("  %-20s ", l.When), l.What, width)
	}
	fmt.Fprintf(w, "\n%s\n", st.Bold("Set it up"))
	for _, c := range p.Commands {
		fmt.Fprintf(w, "  %s\n", shell(c))
	}
}

// shell breaks a command so that it fits 80 columns and can still be pasted.
func shell(command string) string {
	return strings.ReplaceAll(fold.Wrap(command, 74), "\n", " \\\n    ")
}

func writeMeasured(w io.Writer) {
	for _, r := range pattern.Measured {
		fmt.Fprintf(w, "%-26s %-17s %-17s %s\n", r[0], r[1], r[2], r[3])
	}
	fmt.Fprintln(w, "\nmeasured with busybox 1.35 and coreutils 9.1;\n'kubectl logarch simulate' measures again, here")
}
