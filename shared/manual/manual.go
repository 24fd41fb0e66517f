// Package manual writes the manuals of a plugin from its commands: a page for
// man(1) and one in Markdown. Only tests and the release import it; the plugins
// carry their help and no more.
//
// cobra's own generators take a help text for Markdown, in which a path with
// two underscores becomes italics and a table of examples one paragraph; these
// keep a text's lines where it indents them.
package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// block is a paragraph of a help text, or lines that stand as they are.
type block struct {
	text string
	raw  bool
}

// blocks divides a help text: indented lines are raw.
func blocks(text string) []block {
	var out []block
	var cur []string
	raw := false
	flush := func() {
		if t := strings.Trim(strings.Join(cur, "\n"), "\n"); t != "" {
			if raw {
				t = cli.Dedent(t)
			}
			out = append(out, block{t, raw})
		}
		cur = nil
	}
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		indented := strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t")
		switch {
		case strings.TrimSpace(l) == "" && raw:
			cur = append(cur, "")
			continue
		case strings.TrimSpace(l) == "":
			flush()
			continue
		case indented != raw:
			flush()
			raw = indented
		}
		cur = append(cur, l)
	}
	flush()
	return out
}

// commands are those of a tree that a user can see, in the order of the help.
func commands(root *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, commands(c)...)
		}
	}
	return out
}

// description is what the help of a command begins with.
func description(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return c.Short
}

// flags are a command's own, without those that each has.
func flags(c *cobra.Command) (own []*pflag.Flag, cluster bool) {
	o, cl := cli.Flags(c)
	o.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && (c == c.Root() || f.Name != "help" && f.Name != "color") {
			own = append(own, f)
		}
	})
	return own, cl.HasAvailableFlags()
}

// defaultOf says what a flag is without being set, where its text does not.
func defaultOf(f *pflag.Flag) string {
	switch {
	case strings.Contains(f.Usage, "(default"):
		return ""
	case f.DefValue == "" || f.DefValue == "[]" || f.DefValue == "false" || f.DefValue == "0" || f.DefValue == "0s":
		return ""
	case f.Value.Type() == "string":
		return fmt.Sprintf(" (default %q)", f.DefValue)
	}
	return fmt.Sprintf(" (default %s)", f.DefValue)
}
