package cmd

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/lint"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// lintReport is the report on one policy.
type lintReport struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Policy     *lintedPolicy     `json:"policy,omitempty"`
	Findings   []finding.Finding `json:"findings"`
	Summary    finding.Summary   `json:"summary"`
	Suppressed int               `json:"suppressed,omitempty"`
	Undecided  []lint.Open       `json:"undecided,omitempty"`
}

type lintedPolicy struct {
	File   string `json:"file"`
	Origin string `json:"origin,omitempty"`
	Rules  int    `json:"rules"`
}

// lintReportList is the report on several.
type lintReportList struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Items      []lintReport    `json:"items"`
	Summary    finding.Summary `json:"summary"`
}

func (j *judged) json() lintReport {
	r := lintReport{APIVersion: apiVersion, Kind: "LintReport", Findings: j.report.Findings(), Suppressed: j.report.Suppressed, Undecided: j.report.Undecided}
	r.Summary = finding.Summarize(r.Findings)
	if p := j.report.Policy; p != nil {
		r.Policy = &lintedPolicy{File: p.Name, Origin: p.Origin, Rules: j.rules}
	}
	return r
}

func (o *lintOptions) write(env *cli.Env, all []judged) error {
	var fs []finding.Finding
	for _, j := range all {
		fs = append(fs, j.report.Findings()...)
	}
	var report any
	if len(all) == 1 && len(o.files) == 1 {
		report = all[0].json()
	} else {
		list := lintReportList{APIVersion: apiVersion, Kind: "LintReportList", Items: []lintReport{}, Summary: finding.Summarize(fs)}
		for i := range all {
			list.Items = append(list.Items, all[i].json())
		}
		report = list
	}
	var cases []finding.Case
	for _, j := range all {
		c := finding.Case{Suite: "lint", Name: j.name, Findings: j.report.Findings(), FailOn: finding.FailOn(o.failOn)}
		if len(j.report.Undecided) > 0 {
			c.Unknown = "not decided within the budget: " + j.report.Undecided[0].Question
		}
		cases = append(cases, c)
	}
	if written, err := env.WriteReport(o.format, cli.Report{Value: report, Rules: checks(), Findings: fs, Cases: cases}); written {
		return err
	}
	o.text(env, all)
	return nil
}

func (o *lintOptions) text(env *cli.Env, all []judged) {
	st := env.Style(env.Out)
	w := env.Out
	var total finding.Summary
	rules, fixable, suppressed := 0, 0, 0
	files := map[string]bool{}
	for _, j := range all {
		files[j.file] = true
		for _, r := range j.report.Results {
			writeResult(env, j.source, r)
			if r.Fix != nil {
				fixable++
			}
		}
		for _, q := range j.report.Undecided {
			fmt.Fprintf(w, "%s: not decided within the budget: %s %s\n", j.name, q.Question, st.Faint("["+q.ID+"]"))
		}
		total = total.Add(finding.Summarize(j.report.Findings()))
		rules += max(j.rules, 0)
		suppressed += j.report.Suppressed
	}
	in := plural(int64(rules), "rule")
	if len(files) > 1 {
		in += fmt.Sprintf(" of %d files", len(files))
	}
	if rules == 0 && len(all) == 1 && all[0].rules < 0 {
		in = all[0].name
		env.Note("%s holds no policy, only the API server that runs one: lint the policy's own file too", all[0].name)
	}
	line := fmt.Sprintf("%s in %s", total, in)
	var hints []string
	if suppressed > 0 {
		hints = append(hints, fmt.Sprintf("%d silenced by comments", suppressed))
	}
	if total != (finding.Summary{}) {
		hints = append(hints, "checks ID explains")
	}
	if fixable > 0 && !o.fix {
		hints = append(hints, fmt.Sprintf("--fix mends %d", fixable))
	}
	if len(hints) > 0 {
		hint := "(" + strings.Join(hints, ", ") + ")"
		if gap := min(env.Width(), 80) - 2 - len(line) - len(hint); gap >= 2 {
			hint = strings.Repeat(" ", gap-1) + hint
		}
		line += " " + hint
	}
	fold.Hang(w, "", "  ", line, env.Columns(w))
}

// writeResult writes one finding, its source and the request that shows it.
// Infos have no source, so that they do not push the others off the screen.
func writeResult(env *cli.Env, source []byte, r lint.Result) {
	shown := cli.Shown{Finding: r.Finding, Note: r.Note}
	if r.Severity != finding.Info {
		shown.Source, shown.Mark, shown.Below = source, r.Width, r.Evidence
		if r.Remedy != "" {
			switch {
			case strings.HasSuffix(shown.Note, "?"):
				shown.Note += " "
			case shown.Note != "":
				shown.Note += "; "
			}
			shown.Note += r.Remedy
		}
	}
	env.WriteFinding(shown)
}
