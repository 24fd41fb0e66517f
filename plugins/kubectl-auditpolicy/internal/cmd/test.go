package cmd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/expect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

type testOptions struct {
	files          []string
	policy, target string
	all            bool
	format         string
}

func newTest(env *cli.Env) *cobra.Command {
	var o testOptions
	c := &cobra.Command{
		Use:   "test TESTS... [--policy POLICY] [-o text|json|yaml|junit]",
		Short: "Hold a policy against a table of expectations",
		Long: cli.Dedent(`
			Hold a policy against a table of expectations, as unit tests hold a program, and
			say which rules no test reaches. kube-apiserver's own evaluator decides.

			A table is a YAML file:

			  policy: policy.yaml             # relative to this file
			  tests:
			  - name: reading a Secret is recorded, without its content
			    request: {user: alice, verb: get, resource: secrets, namespace: prod}
			    expect: {level: Metadata, rule: 3}
			  - name: an exec is recorded when it begins
			    request: {kubectl: exec web-0 -- sh}
			    expect: {atLeast: Metadata, responseBody: false}

			request: user, groups, unauthenticated, verb, resource, name, namespace, url, or
			kubectl for a line of it. expect: level, atLeast, atMost, rule (its number from 1,
			0 for none), stages, requestBody, responseBody, omitManagedFields.`),
		Example: cli.Dedent(`
			kubectl auditpolicy test examples/auditpolicy/tests.yaml

			# The same expectations for another policy, in CI
			kubectl auditpolicy test examples/auditpolicy/tests.yaml --policy examples/auditpolicy/good.yaml -o junit > junit.xml`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.files = args
			return o.run(env)
		},
	}
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "Policy to test instead of the one that the table names")
	f.StringVar(&o.target, "target-version", "1.37", "Kubernetes version whose resources are meant")
	f.BoolVar(&o.all, "all", false, "Show passing tests too")
	f.StringVarP(&o.format, "output", "o", "text", "Output format: text, json, yaml, junit")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "yaml", "junit"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagFilename("policy")
	return c
}

// suite is one table and its results.
type suite struct {
	file      string
	policy    *policy.Policy
	results   []expect.Result
	unreached []int
}

func (o *testOptions) run(env *cli.Env) error {
	switch o.format {
	case "text", "json", "yaml", "junit":
	default:
		return cli.Usagef("-o %q: not one of text, json, yaml, junit", o.format)
	}
	minor, err := minorVersion(o.target)
	if err != nil {
		return cli.Usagef("--target-version %q: %w", o.target, err)
	}
	var suites []suite
	failed := false
	for _, file := range o.files {
		data, shown, err := readInput(env, file)
		if err != nil {
			return err
		}
		t, err := expect.Parse(shown, data)
		if err != nil {
			var syntax *yamldoc.SyntaxError
			if errors.As(err, &syntax) {
				return cli.Usagef("%w", err)
			}
			return cli.WithHint(cli.Usagef("%w", err), "'kubectl auditpolicy test --help' shows the form of a table")
		}
		name := o.policy
		if name == "" {
			if name = t.Policy; !filepath.IsAbs(name) && file != "-" {
				name = filepath.Join(filepath.Dir(file), name)
			}
		}
		p, err := runnablePolicy(env, name)
		if err != nil {
			return err
		}
		s := suite{file: shown, policy: p, results: expect.Run(t, p, apitable.For(minor))}
		for _, r := range s.results {
			if r.Invalid != nil {
				return cli.Usagef("%s:%d: test %s: %w", shown, r.Test.Line, r.Test.Name, r.Invalid)
			}
			failed = failed || len(r.Failures) > 0
		}
		s.unreached = expect.Unreached(p, s.results)
		suites = append(suites, s)
	}
	if err := o.write(env, suites); err != nil {
		return err
	}
	if failed {
		return cli.Exit(cli.ExitFindings)
	}
	return nil
}

type testedCase struct {
	Name     string   `json:"name"`
	Line     int      `json:"line"`
	Passed   bool     `json:"passed"`
	Failures []string `json:"failures,omitempty"`
	Rules    []int    `json:"rules"`
}

type testedSuite struct {
	File      string       `json:"file"`
	Policy    string       `json:"policy"`
	Tests     []testedCase `json:"tests"`
	Unreached []int        `json:"unreached"`
	Passed    int          `json:"passed"`
	Failed    int          `json:"failed"`
}

func (o *testOptions) write(env *cli.Env, suites []suite) error {
	if o.format == "junit" {
		return writeTestJUnit(env, suites)
	}
	var items []testedSuite
	passed, failed := 0, 0
	for _, s := range suites {
		t := testedSuite{File: s.file, Policy: s.policy.Name, Tests: []testedCase{}, Unreached: s.unreached}
		if t.Unreached == nil {
			t.Unreached = []int{}
		}
		for _, r := range s.results {
			c := testedCase{Name: r.Test.Name, Line: r.Test.Line, Passed: len(r.Failures) == 0, Failures: r.Failures, Rules: r.Rules}
			if c.Passed {
				t.Passed++
			} else {
				t.Failed++
			}
			t.Tests = append(t.Tests, c)
		}
		passed, failed = passed+t.Passed, failed+t.Failed
		items = append(items, t)
	}
	report := map[string]any{"apiVersion": apiVersion, "kind": "TestReport", "items": items, "summary": map[string]int{"passed": passed, "failed": failed}}
	if done, err := env.WriteReport(o.format, cli.Report{Value: report}); done {
		return err
	}
	st, w := env.Style(env.Out), env.Out
	if failed == 0 {
		fmt.Fprintln(w, st.Good(fmt.Sprintf("PASS  %s", plural(int64(passed), "test"))))
	} else {
		fmt.Fprintln(w, st.Error(fmt.Sprintf("FAIL  %d of %d tests", failed, passed+failed)))
	}
	for _, t := range items {
		for _, c := range t.Tests {
			switch {
			case !c.Passed:
				fold.Hang(w, "", "      ", fmt.Sprintf("%s:%d: %s %s", t.File, c.Line, st.Error("FAIL"), c.Name), env.Columns(w))
				for _, f := range c.Failures {
					fold.Under(w, "      ", f, env.Width())
				}
			case o.all:
				fmt.Fprintf(w, "%s:%d: %s %s\n", t.File, c.Line, st.Good("pass"), c.Name)
			}
		}
		switch n := len(t.Unreached); {
		case n == 0:
			fmt.Fprintf(w, "%s: every rule is reached by a test\n", t.Policy)
		case n == 1:
			fold.Hang(w, "", "  ", fmt.Sprintf("%s: %s is reached by no test", t.Policy, numbers(t.Unreached)), env.Columns(w))
		default:
			fold.Hang(w, "", "  ", fmt.Sprintf("%s: %s are reached by no test", t.Policy, numbers(t.Unreached)), env.Columns(w))
		}
	}
	return nil
}

// writeTestJUnit writes a test case for each expectation.
func writeTestJUnit(env *cli.Env, suites []suite) error {
	type failure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testCase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *failure `xml:"failure,omitempty"`
	}
	type testSuite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	out := struct {
		XMLName  xml.Name    `xml:"testsuites"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Suites   []testSuite `xml:"testsuite"`
	}{}
	for _, s := range suites {
		ts := testSuite{Name: s.file}
		for _, r := range s.results {
			c := testCase{Class: s.file, Name: r.Test.Name}
			if len(r.Failures) > 0 {
				c.Failure = &failure{Message: r.Failures[0], Text: fmt.Sprintf("%s:%d\n%s", s.file, r.Test.Line, strings.Join(r.Failures, "\n"))}
				ts.Failures++
			}
			ts.Tests++
			ts.Cases = append(ts.Cases, c)
		}
		out.Tests, out.Failures = out.Tests+ts.Tests, out.Failures+ts.Failures
		out.Suites = append(out.Suites, ts)
	}
	if _, err := fmt.Fprint(env.Out, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(env.Out)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(env.Out)
	return err
}
