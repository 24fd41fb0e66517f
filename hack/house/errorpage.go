package main

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// passing formats only hand on another message, which has an entry of its own.
var passing = regexp.MustCompile(`^[%swdq:,. ()-]*$`)

var verb = regexp.MustCompile(`%[-+.0-9]*[a-zA-Z]`)

// errorPage is docs/errors.md. A message for which nobody has said what to do
// next is an error.
func errorPage(repo string) ([]byte, error) {
	all, err := messages(repo)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprint(&b, `# Every error message, and what to do next

Generated from the code by `+"`make docs`"+`; a message without a next step fails the
lint. An error is one line on stderr, "error: ", with the exit status 2 (wrong
usage or input) or 3 (could not be determined); lines "hint: " may follow. Parts
that differ are written as "…". A message without a status is the cause at the
end of another one. "said" means that the message itself names what to give, to
leave out or to choose. What the input has wrong in it, where it is a policy, a
certificate or a manifest, is not an error but a finding: see the pages of checks.
`)
	var missing []string
	plugin := ""
	seen := map[string]bool{}
	for _, m := range all {
		if passing.MatchString(m.text) || seen[m.plugin+m.text] {
			continue
		}
		seen[m.plugin+m.text] = true
		next := nextOf(m)
		if next == "" {
			missing = append(missing, fmt.Sprintf("%s: %q", m.file, m.text))
		}
		if m.plugin != plugin {
			plugin = m.plugin
			title := plugin
			if plugin != "all four" {
				title = "kubectl " + plugin
			}
			fmt.Fprintf(&b, "\n## %s\n\n| message | status | next | from |\n| --- | --- | --- | --- |\n", title)
		}
		status := ""
		if m.status != 0 {
			status = fmt.Sprint(m.status)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(m.text), status, cell(next), path.Base(path.Dir(m.file)))
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("nobody has said what to do after these messages (hack/house/next.go):\n%s", strings.Join(missing, "\n"))
	}
	return b.Bytes(), nil
}

func nextOf(m message) string {
	if m.hint != "" {
		return m.hint
	}
	if passedOn.MatchString(m.text) {
		return correctFlag
	}
	if selfSaid.MatchString(m.text) {
		return "said"
	}
	for _, a := range append(specific[:len(specific):len(specific)], advices...) {
		if a.match.MatchString(m.text) {
			return a.next
		}
	}
	return ""
}

func cell(s string) string {
	s = verb.ReplaceAllString(strings.ReplaceAll(s, "%%", "%"), "…")
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`).Replace(s)
}
