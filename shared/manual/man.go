package manual

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// Man is a plugin's page for man(1): all commands on one page, to be searched
// with /. It has no date, so that the same source gives the same bytes.
func Man(root *cobra.Command) []byte {
	var b bytes.Buffer
	name := "kubectl-" + root.Name()
	fmt.Fprintf(&b, ".\\\" Generated from the code by make docs.\n")
	fmt.Fprintf(&b, ".TH %s 1 \"\" Clusterwright \"kubectl plugins\"\n", strings.ToUpper(name))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", name, text(lowerFirst(root.Short)))
	fmt.Fprint(&b, ".SH SYNOPSIS\n")
	synopsis(&b, root)
	fmt.Fprint(&b, ".SH DESCRIPTION\n")
	prose(&b, description(root))
	examples(&b, root, ".SH EXAMPLES\n")
	options(&b, root, ".SH OPTIONS\n")
	fmt.Fprint(&b, ".SH COMMANDS\n")
	for _, c := range commands(root)[1:] {
		fmt.Fprintf(&b, ".SS %s\n", code(c.CommandPath()))
		synopsis(&b, c)
		fmt.Fprint(&b, ".PP\n")
		prose(&b, description(c))
		examples(&b, c, ".PP\nExamples:\n.PP\n")
		options(&b, c, ".PP\nOptions:\n")
	}
	fmt.Fprint(&b, exitStatus)
	fmt.Fprint(&b, ".SH SEE ALSO\n.BR kubectl (1)\n.PP\n")
	fmt.Fprintf(&b, "%s explains every finding.\n", bold("kubectl "+root.Name()+" checks"))
	return b.Bytes()
}

const exitStatus = `.SH EXIT STATUS
.TP
.B 0
Done, and nothing to report at or above \fB\-\-fail\-on\fR.
.TP
.B 1
Findings, or a negative answer.
.TP
.B 2
Wrong usage, or an input that cannot be read or is not what it claims to be.
.TP
.B 3
The question could not be answered: no cluster, or evidence denied or timed out.
.TP
.B 130
Interrupted.
.PP
On Windows kubectl turns every status but 0 into 1; the program called by its
own name has the real one.
.SH ENVIRONMENT
.TP
.B KUBECONFIG
As for kubectl.
.TP
.B NO_COLOR
No colour, whatever it is set to, unless --color=always is given.
.TP
.B TERM
Where it is dumb there is neither colour nor progress.
.TP
.B COLUMNS
Width to lay out for, in place of the terminal's (80 where there is none).
`

func clusterNote(b *bytes.Buffer) {
	fmt.Fprintf(b, ".PP\nThe flags of %s that choose a cluster and a user\n(%s, %s, %s and so on) are taken too.\n",
		"\\fBkubectl\\fR(1)", bold("--context"), bold("--kubeconfig"), bold("-n"))
}

func synopsis(b *bytes.Buffer, c *cobra.Command) {
	for i, u := range cli.Usages(c) {
		if i > 0 {
			fmt.Fprint(b, ".br\n")
		}
		path := c.CommandPath()
		fmt.Fprintf(b, "%s%s\n", bold(path), code(strings.TrimPrefix(u, path)))
	}
}

func prose(b *bytes.Buffer, s string) {
	for i, p := range blocks(s) {
		if i > 0 {
			fmt.Fprint(b, ".PP\n")
		}
		if p.raw {
			verbatim(b, p.text)
			continue
		}
		for _, l := range strings.Split(p.text, "\n") {
			fmt.Fprintf(b, "%s\n", text(l))
		}
	}
}

func examples(b *bytes.Buffer, c *cobra.Command, head string) {
	if !c.HasExample() {
		return
	}
	fmt.Fprint(b, head)
	verbatim(b, cli.Examples(c, 72))
}

func verbatim(b *bytes.Buffer, s string) {
	fmt.Fprint(b, ".RS 2\n.EX\n")
	for _, l := range strings.Split(s, "\n") {
		fmt.Fprintf(b, "%s\n", code(l))
	}
	fmt.Fprint(b, ".EE\n.RE\n")
}

func options(b *bytes.Buffer, c *cobra.Command, head string) {
	own, cluster := flags(c)
	if len(own) > 0 {
		fmt.Fprint(b, head)
	}
	for _, f := range own {
		fmt.Fprint(b, ".TP\n")
		if f.Shorthand != "" {
			fmt.Fprintf(b, "%s, ", bold("-"+f.Shorthand))
		}
		fmt.Fprint(b, bold("--"+f.Name))
		if t := f.Value.Type(); t != "bool" {
			fmt.Fprintf(b, " \\fI%s\\fR", code(t))
		}
		fmt.Fprintf(b, "\n%s\n", text(f.Usage+defaultOf(f)))
	}
	if cluster {
		clusterNote(b)
	}
}

func bold(s string) string { return "\\fB" + strings.TrimPrefix(code(s), `\&`) + "\\fR" }

// code is text to be typed: hyphens stay what the keyboard makes.
func code(s string) string {
	s = strings.ReplaceAll(text(s), "-", `\-`)
	return strings.NewReplacer("'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}

// text keeps roff from reading a line as a request.
func text(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\t", "    "), `\`, `\e`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
