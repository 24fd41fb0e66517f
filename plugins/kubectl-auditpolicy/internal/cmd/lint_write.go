package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/lint"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
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
	switch o.format {
	case "json", "yaml":
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
		if o.format == "yaml" {
			return finding.WriteYAML(env.Out, report)
		}
		return finding.WriteJSON(env.Out, report)
	case "sarif":
		return finding.WriteSARIF(env.Out, "kubectl-auditpolicy", cli.Version, checks(), fs)
	case "github":
		return finding.WriteGitHub(env.Out, fs)
	case "junit":
		var cases []finding.Case
		for _, j := range all {
			c := finding.Case{Suite: "lint", Name: j.name, Findings: j.report.Findings(), FailOn: finding.FailOn(o.failOn)}
			if len(j.report.Undecided) > 0 {
				c.Unknown = "not decided within the budget: " + j.report.Undecided[0].Question
			}
			cases = append(cases, c)
		}
		return finding.WriteJUnit(env.Out, cases)
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
			writeResult(w, st, j.source, r)
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
		fmt.Fprintf(env.ErrOut, "note: %s holds no policy, only the API server that runs one: lint the policy's own file too\n", all[0].name)
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
		line += strings.Repeat(" ", max(2, 76-len(line)-len(strings.Join(hints, ", ")))) + "(" + strings.Join(hints, ", ") + ")"
	}
	fmt.Fprintln(w, line)
}

// writeResult writes one finding: FILE:LINE:COLUMN first, so that editors can
// jump to it, then the source, then the request that shows it. Infos are one
// line each.
func writeResult(w io.Writer, st cli.Style, source []byte, r lint.Result) {
	sev := string(r.Severity)
	switch r.Severity {
	case finding.Error:
		sev = st.Error(sev)
	case finding.Warning:
		sev = st.Warning(sev)
	default:
		sev = st.Info(sev)
	}
	fmt.Fprintf(w, "%s: %s: %s %s\n", st.Bold(r.Subject.Location()), sev, r.Message, st.Faint("["+r.ID+"]"))
	if r.Severity == finding.Info {
		if r.Note != "" {
			fmt.Fprintf(w, "      | %s\n", r.Note)
		}
		return
	}
	note := r.Note
	if note == "" {
		note = r.Remedy
	} else if r.Remedy != "" {
		note += "; " + r.Remedy
	}
	shown := ""
	if r.Width > 0 {
		shown = finding.Snippet(source, r.Subject.Line, r.Subject.Column, r.Width, note)
	}
	fmt.Fprint(w, shown)
	if shown == "" && note != "" {
		fmt.Fprintf(w, "      = %s\n", note)
	}
	for _, e := range r.Evidence {
		for _, l := range strings.Split(e, "\n") {
			if strings.HasPrefix(l, "->") {
				l = "     " + l
			}
			fmt.Fprintf(w, "      | %s\n", l)
		}
	}
}
