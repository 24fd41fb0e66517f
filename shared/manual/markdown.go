package manual

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// Markdown is the reference page of a plugin's commands.
func Markdown(root *cobra.Command) []byte {
	var b bytes.Buffer
	name := root.Name()
	fmt.Fprintf(&b, "# The commands of kubectl %s\n\nGenerated from the code by `make docs`: what `--help` says of each command. The guide is [%s.md](%s.md).\n\n", name, name, name)
	all := commands(root)
	for _, c := range all {
		fmt.Fprintf(&b, "- [`%s`](#%s): %s\n", c.CommandPath(), anchor(c.CommandPath()), escape(c.Short))
	}
	for _, c := range all {
		fmt.Fprintf(&b, "\n## %s\n", c.CommandPath())
		fmt.Fprintf(&b, "\n```text\n%s\n```\n", strings.Join(cli.Usages(c), "\n"))
		for _, p := range blocks(description(c)) {
			if p.raw {
				fmt.Fprintf(&b, "\n```text\n%s\n```\n", p.text)
			} else {
				fmt.Fprintf(&b, "\n%s\n", escape(p.text))
			}
		}
		if c.HasExample() {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", cli.Examples(c, 100))
		}
		own, cluster := flags(c)
		if len(own) > 0 {
			fmt.Fprint(&b, "\n| flag | |\n| --- | --- |\n")
		}
		for _, f := range own {
			short := ""
			if f.Shorthand != "" {
				short = "-" + f.Shorthand + ", "
			}
			fmt.Fprintf(&b, "| `%s--%s` | %s |\n", short, f.Name, strings.ReplaceAll(escape(f.Usage+defaultOf(f)), "|", `\|`))
		}
		if cluster {
			fmt.Fprint(&b, "\nkubectl's flags for choosing a cluster and a user (`--context`, `--kubeconfig`, `-n`, ...) are taken too.\n")
		}
	}
	return b.Bytes()
}

func anchor(path string) string { return strings.ReplaceAll(path, " ", "-") }

// escape keeps Markdown from reading more into a text than it says.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", "&lt;", "`", "\\`", "[", `\[`).Replace(s)
}
