package cmd

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

// The reference of the checks is written from the checks themselves.
func TestDocsOfChecks(t *testing.T) {
	var b bytes.Buffer
	rules := checks()
	fmt.Fprint(&b, "# The checks of kubectl auditpolicy\n\nGenerated from the code; `make docs` rewrites it. `kubectl auditpolicy checks ID` prints an entry.\n\n")
	fmt.Fprintln(&b, "| ID | severity | decided | what it finds |\n| --- | --- | --- | --- |")
	how := func(heuristic bool) string {
		if heuristic {
			return "by heuristic"
		}
		return "exactly"
	}
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Severity, how(r.Heuristic), strings.ReplaceAll(r.Title, "*", `\*`))
	}
	for _, r := range rules {
		fmt.Fprintf(&b, "\n## %s\n\n**%s**: %s, decided %s", r.ID, strings.ReplaceAll(r.Title, "*", `\*`), r.Severity, how(r.Heuristic))
		if r.Since != "" {
			fmt.Fprintf(&b, " (Kubernetes %s)", r.Since)
		}
		fmt.Fprintf(&b, "\n\n%s\n\nWhat to do: %s\n", cli.Dedent(r.Rationale), r.Remedy)
		if r.Bad != "" {
			fmt.Fprintf(&b, "\nWrong:\n\n```\n%s\n```\n", cli.Dedent(r.Bad))
		}
		if r.Good != "" {
			fmt.Fprintf(&b, "\nRight:\n\n```\n%s\n```\n", cli.Dedent(r.Good))
		}
		fmt.Fprintf(&b, "\nSource: %s\n", r.Source)
	}
	clitest.Golden(t, "../../../../docs/auditpolicy-checks.md", b.Bytes())
}

// The manual speaks of no command that is not there.
func TestDocsOfManual(t *testing.T) {
	manual, err := os.ReadFile("../../../../docs/auditpolicy.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, c := range New(cli.NewEnv()).Commands() {
		known[c.Name()] = true
	}
	for _, line := range strings.Split(string(manual), "\n") {
		for _, part := range strings.Split(line, "`") {
			rest, ok := strings.CutPrefix(strings.TrimSpace(part), "kubectl auditpolicy ")
			if !ok {
				continue
			}
			if verb := strings.Fields(rest)[0]; !known[verb] {
				t.Errorf("the manual speaks of %q, which is no command: %s", verb, line)
			}
		}
	}
}
