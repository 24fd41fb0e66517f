package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// AddReportFlags adds -o and --fail-on of a command that reports findings.
func AddReportFlags(c *cobra.Command, format, failOn *string) {
	c.Flags().StringVarP(format, "output", "o", "text", "Output format: "+strings.Join(finding.Formats, ", "))
	c.Flags().StringVar(failOn, "fail-on", "error", "Least severity that makes the exit status 1: error, warning, info or never")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(finding.Formats, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(finding.FailOnValues, cobra.ShellCompDirectiveNoFileComp))
}

// CheckReportFlags says which of them has no such value.
func CheckReportFlags(format, failOn string) error {
	if !slices.Contains(finding.Formats, format) {
		return Usagef("-o %q: not one of %s", format, strings.Join(finding.Formats, ", "))
	}
	if !finding.FailOn(failOn).Valid() {
		return Usagef("--fail-on %q: not one of %s", failOn, strings.Join(finding.FailOnValues, ", "))
	}
	return nil
}

// Report is what a command found, for the formats that other programs read.
type Report struct {
	// Value is the document of json and yaml.
	Value any
	// Rules are the checks that the command knows, for sarif.
	Rules    []finding.Rule
	Findings []finding.Finding
	// Cases are the test cases of junit.
	Cases []finding.Case
}

// WriteReport writes a report in one of those formats, and says whether the
// format is one: text, and what only one command has, is for the command itself.
func (e *Env) WriteReport(format string, r Report) (written bool, err error) {
	switch format {
	case "json":
		return true, finding.WriteJSON(e.Out, r.Value)
	case "yaml":
		return true, finding.WriteYAML(e.Out, r.Value)
	case "sarif":
		return true, finding.WriteSARIF(e.Out, e.plugin, Version, r.Rules, r.Findings)
	case "github":
		return true, finding.WriteGitHub(e.Out, r.Findings)
	case "junit":
		return true, finding.WriteJUnit(e.Out, r.Cases)
	}
	return false, nil
}
