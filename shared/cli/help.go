package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// help and usage are written by hand and not by templates: text/template
// switches off the linker's dead-code elimination, which would add a third to
// the size of every binary (style: 32 MB at most).

func help(c *cobra.Command, _ []string) {
	w := c.OutOrStdout()
	text := c.Long
	if text == "" {
		text = c.Short
	}
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintf(w, "%s\n\n", text)
	}
	writeUsage(w, c)
}

func usage(c *cobra.Command) error {
	writeUsage(c.OutOrStderr(), c)
	return nil
}

func writeUsage(w io.Writer, c *cobra.Command) {
	fmt.Fprintln(w, "Usage:")
	if c.Runnable() {
		fmt.Fprintf(w, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND [flags]\n", c.CommandPath())
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", indent(Dedent(c.Example)))
	}
	if c.HasAvailableSubCommands() {
		writeCommands(w, c)
	}
	own, cluster := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags = false
	for _, fs := range []*pflag.FlagSet{c.LocalFlags(), c.InheritedFlags()} {
		fs.VisitAll(func(f *pflag.Flag) {
			if inGroup(f, clusterGroup) {
				cluster.AddFlag(f)
			} else {
				own.AddFlag(f)
			}
		})
	}
	if own.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", own.FlagUsagesWrapped(80))
	}
	if cluster.HasAvailableFlags() {
		if c.HasParent() || !c.HasAvailableSubCommands() {
			fmt.Fprintf(w, "\nCluster flags (as in kubectl):\n%s", cluster.FlagUsagesWrapped(80))
		} else {
			fmt.Fprintf(w, "\nCluster flags, as in kubectl (--context, --kubeconfig, -n and so on), are accepted too.\n")
		}
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n'%s COMMAND --help' tells more about a command.\n", c.CommandPath())
	}
}

func writeCommands(w io.Writer, c *cobra.Command) {
	section := func(title, id string) {
		first := true
		for _, s := range c.Commands() {
			if !s.IsAvailableCommand() || s.GroupID != id {
				continue
			}
			if first {
				fmt.Fprintf(w, "\n%s\n", title)
				first = false
			}
			fmt.Fprintf(w, "  %-14s %s\n", s.Name(), s.Short)
		}
	}
	for _, g := range c.Groups() {
		section(g.Title, g.ID)
	}
	title := "Commands:"
	if len(c.Groups()) > 0 {
		title = "Other commands:"
	}
	section(title, "")
}

// Dedent removes the indentation that all non-empty lines of a raw string
// share, and blank lines at both ends, so that help texts can stand indented
// in the source.
func Dedent(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	cut := -1
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t")
		if lines[i] == "" {
			continue
		}
		n := len(l) - len(strings.TrimLeft(l, " \t"))
		if cut < 0 || n < cut {
			cut = n
		}
	}
	for i, l := range lines {
		if l != "" && cut > 0 {
			lines[i] = l[cut:]
		}
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

func indent(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = "  " + l
		}
	}
	return strings.Join(lines, "\n")
}
