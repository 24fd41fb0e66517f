package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/dockermap"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

func explainDocker(env *cli.Env, line, format string) error {
	answers := dockermap.All()
	if line != "all" {
		a, err := dockermap.Explain(words(line))
		if err != nil {
			return cli.WithHint(cli.Usagef("%w", err), "kubectl nodehealth crictl --explain all")
		}
		answers = []dockermap.Answer{a}
	}
	switch format {
	case "json":
		return finding.WriteJSON(env.Out, map[string]any{"items": answers})
	case "yaml":
		return finding.WriteYAML(env.Out, map[string]any{"items": answers})
	case "text":
	default:
		return cli.Usagef("-o %q: not one of text, json, yaml", format)
	}
	if line == "all" {
		writeDockerTable(env.Out, answers, env.Width())
	} else {
		writeDockerAnswer(env.Out, env.Style(env.Out), answers[0], env.Width())
	}
	return nil
}

func writeDockerAnswer(w io.Writer, st cli.Style, a dockermap.Answer, width int) {
	if a.Crictl == "" {
		fmt.Fprintln(w, st.Bold(a.Docker+" has no counterpart in crictl"))
		fold.Under(w, "  instead: ", a.Instead, width)
		return
	}
	fmt.Fprintf(w, "%s\n  %s\n", st.Bold(a.Crictl), a.What)
	for _, l := range a.Lost {
		fold.Under(w, "  no counterpart: ", l, width)
	}
	if len(a.Unsupported) > 0 {
		fold.Under(w, "  crictl has not: ", strings.Join(a.Unsupported, ", "), width)
	}
	for _, n := range a.Notes {
		fold.Under(w, "  note: ", n, width)
	}
}

func writeDockerTable(w io.Writer, answers []dockermap.Answer, width int) {
	for _, a := range answers {
		right := a.Crictl
		if right == "" {
			right = "- " + a.Instead
		}
		fold.Under(w, fmt.Sprintf("%-18s ", a.Docker), right, width)
		if len(a.Unsupported) > 0 {
			fold.Under(w, fmt.Sprintf("%18s   has not: ", ""), strings.Join(a.Unsupported, ", "), width)
		}
		for _, n := range a.Notes {
			fold.Under(w, fmt.Sprintf("%18s   ", ""), n, width)
		}
	}
	fmt.Fprintln(w, "\nOnly in crictl:")
	for _, o := range dockermap.Only {
		fold.Under(w, fmt.Sprintf("%-42s ", o[0]), o[1], width)
	}
}

// words splits a command line as a shell would, quotes included, without any
// expansion.
func words(line string) []string {
	var out []string
	var cur []rune
	var quote rune
	in := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			cur = append(cur, r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ' || r == '\t':
			if in {
				out = append(out, string(cur))
			}
			cur, in = nil, false
		default:
			cur, in = append(cur, r), true
		}
	}
	if in {
		out = append(out, string(cur))
	}
	return out
}
