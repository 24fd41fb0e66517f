package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// help and usage are written by hand and not by templates: text/template
// switches off the linker's dead-code elimination, which would add a third to
// the size of every binary (32 MB at most).

func help(c *cobra.Command, _ []string) {
	w := c.OutOrStdout()
	text := c.Long
	if text == "" {
		text = c.Short
	}
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintf(w, "%s\n\n", fit(text))
	}
	writeUsage(w, c)
}

// helpCommand is "help COMMAND", for who types it by habit; the lists of
// commands leave it out.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show the help of a command", Hidden: true,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			var words []string
			if at, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, s := range at.Commands() {
					if s.IsAvailableCommand() {
						words = append(words, s.Name())
					}
				}
			}
			return offered(words, nil, prefix), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			at, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return WithHint(Usagef("help %s: there is no such command", strings.Join(args, " ")),
					fmt.Sprintf("'%s --help' lists them", root.CommandPath()))
			}
			return at.Help()
		},
	}
}

func usage(c *cobra.Command) error {
	writeUsage(c.OutOrStderr(), c)
	return nil
}

func writeUsage(w io.Writer, c *cobra.Command) {
	fmt.Fprintln(w, "Usage:")
	for _, u := range Usages(c) {
		fmt.Fprintf(w, "  %s\n", foldUse(u, helpWidth-2))
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", indent(Examples(c, helpWidth-2)))
	}
	if c.HasAvailableSubCommands() {
		writeCommands(w, c)
	}
	own, cluster := Flags(c)
	if own.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", own.FlagUsagesWrapped(helpWidth))
	}
	if cluster.HasAvailableFlags() {
		fmt.Fprintf(w, "\nCluster flags, as in kubectl ('kubectl options' explains them):\n%s\n", indent(fold.Wrap(names(cluster), helpWidth-2)))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n'%s COMMAND --help' tells more about a command.\n", c.CommandPath())
	}
}

// Usages are the forms in which a command may be called.
func Usages(c *cobra.Command) []string {
	var out []string
	if c.Runnable() && c.Annotations[onlyHolds] == "" {
		out = append(out, c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		out = append(out, c.CommandPath()+" COMMAND [flags]")
	}
	return out
}

// fit wraps the paragraphs that are wider than the help; the others stay as
// they were written.
func fit(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		for _, l := range strings.Split(p, "\n") {
			if len(l) > helpWidth {
				paragraphs[i] = fold.Wrap(p, helpWidth)
				break
			}
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// foldUse breaks a synopsis between its flags, not within brackets.
func foldUse(line string, width int) string {
	var out []string
	for len(line) > width {
		at, bar, deep := 0, 0, 0
		for i := range width {
			switch line[i] {
			case '[':
				deep++
			case ']':
				deep--
			case ' ':
				if strings.TrimSpace(line[:i]) == "" {
					continue
				}
				if deep <= 0 {
					at = i
				} else if strings.HasPrefix(line[i:], " | ") {
					bar = i
				}
			}
		}
		if at == 0 {
			at = bar
		}
		if at == 0 {
			break
		}
		out = append(out, line[:at])
		line = "    " + line[at+1:]
	}
	return strings.Join(append(out, line), "\n  ")
}

// helpWidth is the number of columns that a help fits in.
const helpWidth = 80

// Flags returns the flags of a command, those of kubectl that choose a cluster
// and a user apart from its own.
func Flags(c *cobra.Command) (own, cluster *pflag.FlagSet) {
	own, cluster = pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
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
	return own, cluster
}

func names(fs *pflag.FlagSet) string {
	var out []string
	fs.VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Hidden:
		case f.Name == f.Shorthand:
			out = append(out, "-"+f.Name)
		case f.Shorthand != "":
			out = append(out, "-"+f.Shorthand+"/--"+f.Name)
		default:
			out = append(out, "--"+f.Name)
		}
	})
	return strings.Join(out, ", ")
}

// Examples returns a command's examples, folded at a width in a way in which a
// shell still takes them.
func Examples(c *cobra.Command, width int) string {
	var out []string
	for _, line := range strings.Split(Dedent(c.Example), "\n") {
		if text, ok := strings.CutPrefix(line, "# "); ok {
			for _, l := range strings.Split(fold.Wrap(text, width-2), "\n") {
				out = append(out, "# "+l)
			}
			continue
		}
		out = append(out, foldCommand(line, width)...)
	}
	return strings.Join(out, "\n")
}

// foldCommand breaks a shell command at blanks outside quotes, before a flag or
// a pipe where it can.
func foldCommand(line string, width int) []string {
	var out []string
	for len(line) > width {
		at, good := 0, 0
		var quote byte
		for i := 1; i < len(line) && i <= width-2; i++ {
			switch c := line[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '\'' || c == '"':
				quote = c
			case c == ' ' && strings.TrimSpace(line[:i]) != "":
				at = i
				if strings.HasPrefix(line[i:], " -") || strings.HasPrefix(line[i:], " |") || strings.HasPrefix(line[i:], " >") {
					good = i
				}
			}
		}
		if good > width/2 {
			at = good
		}
		if at == 0 {
			break
		}
		out = append(out, line[:at]+" \\")
		line = "  " + line[at+1:]
	}
	return append(out, line)
}

// AddCommands adds commands to the group of root that has this id; its help
// lists them in this order.
func AddCommands(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
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
			const column = 15
			text := strings.ReplaceAll(fold.Wrap(s.Short, helpWidth-2-column), "\n", "\n"+strings.Repeat(" ", 2+column))
			fmt.Fprintf(w, "  %-*s %s\n", column-1, s.Name(), text)
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
