package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// passing formats only hand on another message, which has an entry of its own.
var passing = regexp.MustCompile(`^[…:,. ()-]*$`)

var verb = regexp.MustCompile(`%[-+#.0-9]*[a-zA-Z]`)

// nextFile holds what a user does after each message whose command prints no
// hint of its own: a section for each plugin, and in it, in the order of the
// alphabet, a message ("…" in place of what differs) and in the line below it,
// behind a tab, the next step.
const nextFile = "hack/house/next.txt"

// errorPage is docs/errors.md. A message without a next step is an error, and so
// is a next step without a message.
func errorPage(repo string) ([]byte, error) {
	all, err := messages(repo)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(repo, nextFile))
	if err != nil {
		return nil, err
	}
	next, faults := readNext(string(data))
	var b bytes.Buffer
	fmt.Fprint(&b, `# Every error message, and what to do next

Generated from the code by `+"`make docs`"+`; a message without a next step fails the
lint. An error is one line on stderr, "error: ", with the exit status 2 (wrong
usage or input) or 3 (could not be determined); lines "hint: " may follow. Parts
that differ are written as "…". A message without a status is the cause at the
end of another one. What the input has wrong in it, where it is a policy, a
certificate or a manifest, is not an error but a finding: see the pages of checks.
`)
	plugin := ""
	seen := map[key]bool{}
	for _, m := range all {
		k := key{m.plugin, m.text}
		if passing.MatchString(m.text) || seen[k] {
			continue
		}
		seen[k] = true
		step, ok := next[k]
		switch {
		case ok && m.hint != "":
			faults = append(faults, fmt.Sprintf("the code has a hint, so take it out: %s: %s", m.plugin, m.text))
		case !ok && m.hint == "":
			faults = append(faults, fmt.Sprintf("no next step: %s: %s: %s", m.plugin, m.pkg, m.text))
		case !ok:
			step = m.hint
		}
		delete(next, k)
		wrong, err := unknownFlags(repo, step)
		if err != nil {
			return nil, err
		}
		for _, f := range wrong {
			faults = append(faults, fmt.Sprintf("there is no %s: %s", f, step))
		}
		if m.plugin != plugin {
			plugin = m.plugin
			title := plugin
			if plugin != sections[0] {
				title = "kubectl " + plugin
			}
			fmt.Fprintf(&b, "\n## %s\n\n| message | status | next | from |\n| --- | --- | --- | --- |\n", title)
		}
		status := ""
		if m.status != 0 {
			status = fmt.Sprint(m.status)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(m.text), status, cell(step), m.pkg)
	}
	for k := range next {
		faults = append(faults, fmt.Sprintf("no such message any more: %s: %s", k.plugin, k.text))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s:\n%s", nextFile, strings.Join(faults, "\n"))
	}
	return b.Bytes(), nil
}

// key names a message.
type key struct{ plugin, text string }

// readNext reads the next steps, and says what is wrong with the file.
func readNext(data string) (next map[key]string, faults []string) {
	next = map[key]string{}
	var k key
	for i, line := range strings.Split(strings.TrimSuffix(data, "\n"), "\n") {
		fault := func(what string) { faults = append(faults, fmt.Sprintf("line %d: %s: %s", i+1, what, line)) }
		step, isStep := strings.CutPrefix(line, "\t")
		section, isSection := strings.CutPrefix(line, "## ")
		switch {
		case line == "":
		case isSection:
			k = key{plugin: section}
		case isStep && (k.text == "" || next[k] != ""):
			fault("no message stands above it")
		case isStep && len(strings.Fields(step)) < 3:
			fault("that is no next step")
		case isStep:
			next[k] = step
		case next[key{k.plugin, line}] != "":
			fault("is there twice")
		case line < k.text:
			fault("out of the order of the alphabet")
		default:
			k.text = line
		}
	}
	return next, faults
}

// cell is a text in a table; what stands in backquotes is code, in which nothing
// but the table's own bar is escaped.
func cell(s string) string {
	outside := strings.NewReplacer("\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`)
	parts := strings.Split(strings.ReplaceAll(s, "|", `\|`), "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = outside.Replace(parts[i])
	}
	return strings.Join(parts, "`")
}
