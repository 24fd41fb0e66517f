package cmd

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type lintOptions struct {
	format  string
	failOn  string
	disable []string
	fix     bool
}

func newLint(env *cli.Env) *cobra.Command {
	o := &lintOptions{}
	c := &cobra.Command{
		Use:   "lint FILE... [--fix]",
		Short: "Judge cfssl JSON, openssl and easyrsa files, scripts with their commands, and certificates",
		Long: fold.Wrap(`Judge what is fed to cfssl, openssl and easyrsa before a certificate is made of
it: CSR and config JSON, csr.conf and extension files, vars and x509-types, and
shell scripts, Makefiles and Markdown pages that call the tools. Certificates
(PEM or DER) are judged too.

The files of one call are looked at together: a leaf that outlives its CA or has
its name, a profile that no config has. A folder stands for the files in it.
--fix mends what has only one right form and leaves every other byte alone.`, 79),
		Example: `
			kubectl certgen lint csr.conf
			kubectl certgen lint ca-config.json ca-csr.json server-csr.json
			kubectl certgen lint --fix make-certs.sh
			kubectl certgen lint pki/ -o sarif`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return o.run(env, args) },
	}
	fl := c.Flags()
	fl.BoolVar(&o.fix, "fix", false, "Write the fixes into the files")
	fl.StringSliceVar(&o.disable, "disable", nil, "Checks to leave out, by id")
	cli.AddReportFlags(c, &o.format, &o.failOn)
	_ = c.RegisterFlagCompletionFunc("disable", completeChecks)
	return c
}

func completeChecks(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	for _, r := range certlint.Rules() {
		if strings.HasPrefix(r.ID, strings.ToUpper(prefix)) {
			ids = append(ids, r.ID+"\t"+r.Title)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func (o *lintOptions) run(env *cli.Env, args []string) error {
	if err := cli.CheckReportFlags(o.format, o.failOn); err != nil {
		return err
	}
	for i, id := range o.disable {
		o.disable[i] = strings.ToUpper(id)
		if !slices.ContainsFunc(certlint.Rules(), func(r finding.Rule) bool { return r.ID == o.disable[i] }) {
			return cli.WithHint(cli.Usagef("--disable %s: there is no such check", id), "'kubectl certgen checks' lists them")
		}
	}
	if o.fix && slices.Contains(args, "-") {
		return cli.WithHint(cli.Usagef("--fix: standard input is no file that the fixes could be written into"), "name the file")
	}
	set, err := readLintSet(env, args)
	if err != nil {
		return err
	}
	issues := o.judge(env, set)
	fixed := 0
	if o.fix {
		if issues, fixed, err = o.mend(env, set, issues); err != nil {
			return err
		}
	}
	return o.print(env, set, issues, fixed)
}

// mend writes the fixes into the files, and says what is left. A fix may stand
// in the way of another, which then comes in the next round; the files are
// written when all is done.
func (o *lintOptions) mend(env *cli.Env, set *lintSet, issues []certlint.Issue) (left []certlint.Issue, fixed int, err error) {
	mended := map[int][]byte{}
	for round := 0; round < 4; round++ {
		n := 0
		for i, f := range set.files {
			data, k := certlint.Fixed(f, issues)
			if k == 0 {
				continue
			}
			if set.files[i], err = input.Parse(f.Name, data); err != nil {
				return nil, 0, cli.Unknownf("%s: the fixes would break the file (%w); nothing was written", f.Name, err)
			}
			mended[i], n = data, n+k
		}
		if n == 0 {
			break
		}
		fixed += n
		issues = o.judge(env, set)
	}
	for i, f := range set.files {
		if data, ok := mended[i]; ok {
			if err := replaceFile(f.Name, data); err != nil {
				return nil, 0, cli.Usagef("%s: cannot write the fixes: %w", f.Name, err)
			}
		}
	}
	return issues, fixed, nil
}

func (o *lintOptions) judge(env *cli.Env, set *lintSet) []certlint.Issue {
	all := append(certlint.Lint(set.files), set.certIssues(env.Now())...)
	return slices.DeleteFunc(all, func(i certlint.Issue) bool { return slices.Contains(o.disable, i.ID) })
}

const stdinName = "<stdin>"

// lintSet is what one call judges.
type lintSet struct {
	files []*input.File
	certs []certFile
	names []string
}

func readLintSet(env *cli.Env, args []string) (*lintSet, error) {
	set := &lintSet{}
	for _, a := range args {
		if a == "-" {
			data, err := readAsIs(env, a)
			if err != nil {
				return nil, err
			}
			if err := set.add(stdinName, data); err != nil {
				return nil, err
			}
			continue
		}
		st, err := os.Stat(a)
		if err != nil {
			return nil, cli.Usagef("%s: %w", a, cause(err))
		}
		if !st.IsDir() {
			data, err := readAsIs(env, a)
			if err != nil {
				return nil, err
			}
			if err := set.add(a, data); err != nil {
				return nil, err
			}
			continue
		}
		if err := set.addFolder(a); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// addFolder takes the files of a folder that are of one of the formats; others
// claim nothing and are passed over.
func (s *lintSet) addFolder(dir string) error {
	n := len(s.names)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return cli.Usagef("%s: %w", p, cause(err))
		}
		if d.IsDir() {
			// Second copies, by serial number, would be judged twice.
			if p != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "certs_by_serial" || d.Name() == "newcerts") {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if st, err := d.Info(); err != nil || st.Size() > input.MaxBytes || st.Size() == 0 {
			return nil //nolint:nilerr // gone since the folder was listed, or nothing to judge
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return cli.Usagef("%s: %w", p, cause(err))
		}
		trial := &lintSet{}
		if trial.add(p, data) == nil {
			s.files, s.certs, s.names = append(s.files, trial.files...), append(s.certs, trial.certs...), append(s.names, p)
		}
		return nil
	})
	if err == nil && len(s.names) == n {
		err = cli.Usagef("%s: no file in it that cfssl, openssl or easyrsa read, and no certificate", dir)
	}
	return err
}

func (s *lintSet) add(name string, data []byte) error {
	if isCertData(data) {
		cf, err := parseCertFile(name, data)
		if err != nil {
			return err
		}
		s.certs, s.names = append(s.certs, cf), append(s.names, name)
		return nil
	}
	f, err := input.Parse(name, data)
	if err != nil {
		// PEM with other text in front of it.
		if bytes.Contains(data, []byte("-----BEGIN CERTIFICATE")) {
			if cf, cerr := parseCertFile(name, data); cerr == nil {
				s.certs, s.names = append(s.certs, cf), append(s.names, name)
				return nil
			}
		}
		return cli.Usagef("%w", err)
	}
	s.files, s.names = append(s.files, f), append(s.names, name)
	return nil
}

type lintItem struct {
	Kind     string            `json:"kind"`
	Name     string            `json:"name"`
	Format   string            `json:"format"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
}

func (o *lintOptions) print(env *cli.Env, set *lintSet, issues []certlint.Issue, fixed int) error {
	all := []finding.Finding{}
	for _, i := range issues {
		all = append(all, i.Finding)
	}
	var items []lintItem
	var cases []finding.Case
	for _, n := range set.names {
		it := lintItem{Kind: "Lint", Name: n, Format: set.formatOf(n), Findings: []finding.Finding{}}
		for _, f := range all {
			if f.Subject.Name == n || f.Subject.File == n {
				it.Findings = append(it.Findings, f)
			}
		}
		it.Summary = finding.Summarize(it.Findings)
		items = append(items, it)
		cases = append(cases, finding.Case{Suite: "lint", Name: n, Findings: it.Findings, FailOn: finding.FailOn(o.failOn)})
	}
	report := map[string]any{
		"apiVersion": apiVersion, "kind": "LintReport", "items": items, "findings": all, "summary": finding.Summarize(all), "fixed": fixed,
	}
	written, err := env.WriteReport(o.format, cli.Report{Value: report, Rules: certlint.Rules(), Findings: all, Cases: cases})
	if !written {
		writeIssues(env, set, issues, fixed, o.fix)
	}
	if err != nil {
		return err
	}
	if finding.FailOn(o.failOn).Fails(all) {
		return cli.Exit(cli.ExitFindings)
	}
	return nil
}

func (s *lintSet) formatOf(name string) string {
	for _, f := range s.files {
		if f.Name == name {
			return string(f.Kind)
		}
	}
	return "certificate"
}

func writeIssues(env *cli.Env, set *lintSet, issues []certlint.Issue, fixed int, fixing bool) {
	st := env.Style(env.Out)
	fixable := 0
	var all []finding.Finding
	for _, i := range issues {
		all = append(all, i.Finding)
		if len(i.Fix) > 0 {
			fixable++
		}
		shown := cli.Shown{Finding: i.Finding, Note: i.Note}
		if shown.Note == "" {
			shown.Note = "try: " + i.Remedy
		}
		var why string
		shown.Head, why = splitMessage(i.Message)
		if i.File != nil {
			shown.Source, shown.Mark = i.File.Data, 1
			if i.At.End > i.At.Start {
				shown.Mark = len([]rune(string(i.File.Data[i.At.Start:i.At.End])))
			}
			shown.Below = []string{why}
		} else {
			shown.Note, shown.Below = why, []string{shown.Note}
		}
		env.WriteFinding(shown)
	}
	what := fmt.Sprintf("%d %s", len(set.names), plural(len(set.names), "file", "files"))
	switch {
	case len(issues) == 0 && fixed == 0:
		fmt.Fprintf(env.Out, "%s in %s\n", st.Good("nothing to object to"), what)
	default:
		tail := "(checks ID explains)"
		if fixable > 0 && !fixing {
			tail = fmt.Sprintf("(checks ID explains, --fix mends %d)", fixable)
		}
		if fixed > 0 {
			tail = fmt.Sprintf("(%d mended)", fixed)
		}
		fold.Hang(env.Out, "", "  ", fmt.Sprintf("%s in %s  %s", st.Bold(finding.Summarize(all).String()), what, st.Faint(tail)), env.Columns(env.Out))
	}
}

// splitMessage cuts a message at its first colon: what is wrong stands in the
// first line, why it matters below the source.
func splitMessage(m string) (head, why string) {
	quoted := false
	for i := 0; i+1 < len(m); i++ {
		switch {
		case m[i] == '"':
			quoted = !quoted
		case m[i] == ':' && m[i+1] == ' ' && !quoted:
			return m[:i], m[i+2:]
		}
	}
	return m, ""
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
