package capture

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// People paste documents into tickets between fences of Markdown, with the
// prompt of their shell around them, and with a mark before every line. All are
// cut off here.

var (
	fence = lazyregexp.New("^[ \t>]*(```+|~~~+)")
	// prompt is a line of a shell: "ops@bastion:~$ kubectl get node", "$", "# exit",
	// "[root@cp ~]# kubectl get node".
	prompt  = lazyregexp.New(`^(?:\([\w.-]+\) ?)?(?:\[[^\s\]"',]+@[^\]"',]*\] ?|(?:PS )?[A-Z]:\\[^\s{}"',>]* ?|[^\s:{}"',]*(?:[@:][^\s{}"',]*)? ?)?[$#%>❯➜] *(?:(?:sudo |watch )?(?:kubectl|oc|k|k3s|microk8s|minikube|cat|exit|logout)\b.*)?$`)
	command = lazyregexp.New(`^(?:kubectl|oc|k3s kubectl|microk8s kubectl) [a-z].*$`)
)

// fenced returns the bodies of the fenced blocks of a Markdown text that are
// documents of a known form, nil for none.
func fenced(text string) []string {
	// Most texts have none, and a whole cluster's is long.
	if !strings.Contains(text, "```") && !strings.Contains(text, "~~~") {
		return nil
	}
	var out []string
	var cur strings.Builder
	in := false
	for l := range strings.Lines(text) {
		if fence.MatchString(l) {
			if in && sniff(cur.String()) != formUnknown {
				out = append(out, cur.String())
			}
			cur.Reset()
			in = !in
			continue
		}
		if in {
			cur.WriteString(l)
		}
	}
	return out
}

// lineMarks are what stands before every line where a text was quoted, put into
// a list or printed by a CI job.
var lineMarks = lazyregexp.New(`^[ \t]*(?:[>*|](?: |$)|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z(?: |$))`)

// unmarked takes the mark away that every line has, and says whether there was
// one.
func unmarked(text string) (string, bool) {
	lines := strings.Split(text, "\n")
	some := false
	for i, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		m := lineMarks.FindStringIndex(l)
		if m == nil {
			return text, false
		}
		lines[i], some = l[m[1]:], true
	}
	return strings.Join(lines, "\n"), some
}

// isPrompt says whether a line belongs to a shell and not to a document.
func isPrompt(line string) bool {
	line = strings.TrimRight(line, " \t\r\n")
	return line != "" && (prompt.MatchString(line) || command.MatchString(line))
}

// withoutPrompts puts a document separator in the place of each prompt.
func withoutPrompts(text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		if c := l[0]; c != ' ' && c != '\t' && c != '-' && isPrompt(l) {
			b.WriteString("---\n")
			continue
		}
		b.WriteString(l)
	}
	return b.String()
}
