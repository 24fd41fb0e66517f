package finding

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the reference page of a plugin's checks. The page is
// generated; a test of each plugin holds the file in docs/ against it.
func WriteMarkdown(w io.Writer, plugin string, rules []Rule) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# The checks of kubectl %s\n\nGenerated from the code by `make docs`; `kubectl %s checks ID` prints one.\n\n", plugin, plugin)
	b.WriteString("| id | severity | check |\n| --- | --- | --- |\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Severity, strings.ReplaceAll(escape(r.Title), "|", `\|`))
	}
	for _, r := range rules {
		kind := "decided exactly"
		if r.Heuristic {
			kind = "heuristic"
		}
		fmt.Fprintf(&b, "\n## %s\n\n**%s** (%s, %s", r.ID, escape(r.Title), r.Severity, kind)
		if r.Since != "" {
			fmt.Fprintf(&b, ", Kubernetes %s", r.Since)
		}
		fmt.Fprintf(&b, ")\n\n%s\n", escape(Paragraphs(r.Rationale)))
		if r.Remedy != "" {
			fmt.Fprintf(&b, "\nWhat to do: %s\n", escape(Paragraphs(r.Remedy)))
		}
		example := func(title, text string) {
			if text = strings.Trim(text, "\n"); text != "" {
				fmt.Fprintf(&b, "\n%s:\n\n```\n%s\n```\n", title, text)
			}
		}
		example("Wrong", r.Bad)
		example("Right", r.Good)
		fmt.Fprintf(&b, "\nSource: %s.", escape(strings.TrimSuffix(r.Source, ".")))
		if r.Docs != "" {
			fmt.Fprintf(&b, " Read: <%s>", r.Docs)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Paragraphs takes the source's line breaks and indentation out of a text.
func Paragraphs(s string) string {
	var out []string
	for _, p := range strings.Split(s, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n\n")
}

// escape keeps globs from being read as emphasis and words in angle brackets as
// HTML, which pages leave out. An underscore stays: it may be a bare address's.
func escape(s string) string { return strings.NewReplacer("*", `\*`, "<", "&lt;").Replace(s) }
