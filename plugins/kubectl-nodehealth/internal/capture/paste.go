package capture

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// People paste documents into tickets between fences of Markdown and with the
// prompt of their shell around them. Both are cut off here.

var (
	fence = lazyregexp.New("^[ \t>]*(```+|~~~+)")
	// prompt is a line of a shell: "ops@bastion:~$ kubectl get node", "$", "# exit".
	prompt  = lazyregexp.New(`^(?:[^\s:{}"',]*(?:[@:][^\s{}"',]*)? ?)?[$#%>❯➜] *(?:(?:sudo |watch )?(?:kubectl|oc|k|k3s|microk8s|minikube|cat|exit|logout)\b.*)?$`)
	command = lazyregexp.New(`^(?:kubectl|oc|k3s kubectl|microk8s kubectl) [a-z].*$`)
)

// fenced returns the bodies of the fenced blocks of a Markdown text that are
// documents of a known form, nil for none.
func fenced(text string) []string {
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
