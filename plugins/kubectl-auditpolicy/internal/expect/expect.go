// Package expect holds an audit policy against a table of expectations, as unit
// tests hold a program.
package expect

import (
	"fmt"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apiserver/pkg/apis/audit"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/request"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Table is a file of expectations.
type Table struct {
	// Policy is the file of the policy, relative to the table's.
	Policy string `json:"policy"`
	Tests  []Test `json:"tests"`
}

// Test is one expectation.
type Test struct {
	Name    string  `json:"name"`
	Request Request `json:"request"`
	Expect  Expect  `json:"expect"`
	// Line is where the test stands, from 1.
	Line int `json:"-"`
}

// Request is the request of a test: a resource or a URL with a verb, or a line
// of kubectl, for all of whose requests the expectation must hold.
type Request struct {
	User            string   `json:"user"`
	Groups          []string `json:"groups"`
	Unauthenticated bool     `json:"unauthenticated"`
	Verb            string   `json:"verb"`
	Resource        string   `json:"resource"`
	Name            string   `json:"name"`
	Namespace       *string  `json:"namespace"`
	URL             string   `json:"url"`
	Kubectl         string   `json:"kubectl"`
}

// Expect is what must be decided. At least one field is set.
type Expect struct {
	Level   audit.Level `json:"level"`
	AtLeast audit.Level `json:"atLeast"`
	AtMost  audit.Level `json:"atMost"`
	// Rule is the number of the rule from 1, 0 for no rule.
	Rule *int `json:"rule"`
	// Stages are the stages at which an event is made, Panic left out.
	Stages []audit.Stage `json:"stages"`
	// RequestBody and ResponseBody say whether a body is recorded.
	RequestBody       *bool `json:"requestBody"`
	ResponseBody      *bool `json:"responseBody"`
	OmitManagedFields *bool `json:"omitManagedFields"`
}

// Parse reads a table. Unknown fields are errors: a test that checks nothing
// must not pass.
func Parse(name string, data []byte) (*Table, error) {
	f, err := yamldoc.Parse(name, data)
	if err != nil {
		return nil, err
	}
	if len(f.Docs) > 0 && f.Docs[0].Root != nil && yamldoc.Resolve(f.Docs[0].Root).Kind != yamlv3.MappingNode {
		return nil, fmt.Errorf("%s: not a table of tests, which has the keys policy and tests", name)
	}
	var t Table
	if err := yaml.UnmarshalStrict(data, &t); err != nil {
		return nil, fmt.Errorf("%s: %s", name, plain(err))
	}
	if t.Policy == "" {
		return nil, fmt.Errorf("%s: no policy named: write policy: FILE, relative to this file", name)
	}
	if len(t.Tests) == 0 {
		return nil, fmt.Errorf("%s: no tests in it", name)
	}
	docs := 0
	for _, d := range f.Docs {
		if d.Root == nil {
			continue
		}
		if docs++; docs > 1 {
			return nil, fmt.Errorf("%s:%d: a second YAML document, whose tests would not be run: make it a file of its own", name, d.Root.Line)
		}
		tests, _ := yamldoc.Get(d.Root, "tests")
		if tests = yamldoc.Resolve(tests); tests != nil {
			for i, n := range tests.Content {
				if i < len(t.Tests) {
					t.Tests[i].Line = n.Line
				}
			}
		}
	}
	for i, x := range t.Tests {
		if err := x.check(); err != nil {
			return nil, fmt.Errorf("%s:%d: test %s: %w", name, x.Line, x.title(i), err)
		}
		t.Tests[i].Name = x.title(i)
	}
	return &t, nil
}

func (t Test) title(i int) string {
	if t.Name != "" {
		return t.Name
	}
	return fmt.Sprintf("#%d", i+1)
}

func (t Test) check() error {
	e := t.Expect
	for _, l := range []audit.Level{e.Level, e.AtLeast, e.AtMost} {
		if l != "" && policy.Rank(l) < 0 {
			return fmt.Errorf("level %q: not one of None, Metadata, Request, RequestResponse", l)
		}
	}
	for _, s := range e.Stages {
		if !slices.Contains(policy.AllStages, s) || s == audit.StagePanic {
			return fmt.Errorf("stage %q: not one of RequestReceived, ResponseStarted, ResponseComplete", s)
		}
	}
	if e.Level == "" && e.AtLeast == "" && e.AtMost == "" && e.Rule == nil && e.Stages == nil && e.RequestBody == nil && e.ResponseBody == nil && e.OmitManagedFields == nil {
		return fmt.Errorf("expect is empty: give one of level, atLeast, atMost, rule, stages, requestBody, responseBody or omitManagedFields")
	}
	return nil
}

func plain(err error) string {
	s := err.Error()
	for _, cut := range []string{"error unmarshaling JSON: while decoding JSON: ", "error converting YAML to JSON: ", "json: ", "yaml: "} {
		s = strings.TrimPrefix(s, cut)
	}
	s = strings.ReplaceAll(s, "Go struct field ", "")
	if i := strings.Index(s, " of type "); i > 0 {
		s = s[:i]
	}
	return s
}

// Result is the outcome of one test.
type Result struct {
	Test Test
	// Failures say what is not as expected; none is a pass.
	Failures []string
	// Rules are the rules that its requests reached.
	Rules []int
	// Invalid says why the request cannot be made.
	Invalid error
}

// Run runs the tests of a table.
func Run(t *Table, p *policy.Policy, table *apitable.Table) []Result {
	e := policy.NewEvaluator(p.Internal)
	var out []Result
	for _, x := range t.Tests {
		r := Result{Test: x}
		reqs, err := x.Request.make(table)
		r.Invalid = err
		for _, q := range reqs {
			d := e.Match(q)
			r.Rules = append(r.Rules, d.Rule)
			for _, f := range x.Expect.failures(d, q) {
				if len(reqs) > 1 {
					method, uri := request.HTTP(q)
					f = method + " " + uri + ": " + f
				}
				r.Failures = append(r.Failures, f)
			}
		}
		out = append(out, r)
	}
	return out
}

func (r Request) make(table *apitable.Table) ([]*request.Request, error) {
	if r.Unauthenticated && (r.User != "" || len(r.Groups) > 0) {
		return nil, fmt.Errorf("unauthenticated: a request whose authentication fails has no user and no groups")
	}
	s := request.Spec{User: r.User, Groups: r.Groups, Unauthenticated: r.Unauthenticated, Verb: r.Verb, Resource: r.Resource, Name: r.Name, URL: r.URL}
	if r.Namespace != nil {
		s.Namespace, s.NamespaceSet = *r.Namespace, true
	}
	if r.Kubectl != "" {
		if r.Verb+r.Resource+r.Name+r.URL != "" {
			return nil, fmt.Errorf("kubectl stands for the whole request: leave verb, resource, name and url out")
		}
		return request.Kubectl(strings.Fields(r.Kubectl), s, table)
	}
	if r.URL != "" && (r.Resource != "" || r.Name != "" || r.Namespace != nil) {
		return nil, fmt.Errorf("url stands for the whole request: leave resource, name and namespace out")
	}
	q, err := request.Make(s, table)
	if err != nil {
		return nil, err
	}
	return []*request.Request{q}, nil
}

func (e Expect) failures(d policy.Decision, q *request.Request) (out []string) {
	by := "no rule"
	if d.Rule != policy.NoRule {
		by = fmt.Sprintf("rule %d", d.Rule+1)
	}
	fail := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if e.Level != "" && d.Level != e.Level {
		fail("level %s from %s, expected %s", d.Level, by, e.Level)
	}
	if e.AtLeast != "" && policy.Rank(d.Level) < policy.Rank(e.AtLeast) {
		fail("level %s from %s, expected %s or more", d.Level, by, e.AtLeast)
	}
	if e.AtMost != "" && policy.Rank(d.Level) > policy.Rank(e.AtMost) {
		fail("level %s from %s, expected %s or less", d.Level, by, e.AtMost)
	}
	if e.Rule != nil && *e.Rule != d.Rule+1 {
		fail("%s decides, expected %s", by, map[bool]string{true: "no rule", false: fmt.Sprintf("rule %d", *e.Rule)}[*e.Rule == 0])
	}
	rec := request.Record(d, q)
	if e.Stages != nil && !slices.Equal(sorted(rec.Events), sorted(e.Stages)) {
		fail("events at %s, expected %s", names(rec.Events), names(e.Stages))
	}
	if e.RequestBody != nil && *e.RequestBody != rec.RequestBody {
		fail("request body recorded: %v, expected %v (level %s from %s)", rec.RequestBody, *e.RequestBody, d.Level, by)
	}
	if e.ResponseBody != nil && *e.ResponseBody != rec.ResponseBody {
		fail("response body recorded: %v, expected %v (level %s from %s)", rec.ResponseBody, *e.ResponseBody, d.Level, by)
	}
	if e.OmitManagedFields != nil && *e.OmitManagedFields != d.OmitManagedFields {
		fail("omitManagedFields %v from %s, expected %v", d.OmitManagedFields, by, *e.OmitManagedFields)
	}
	return out
}

func sorted(s []audit.Stage) []audit.Stage {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func names(stages []audit.Stage) string {
	if len(stages) == 0 {
		return "no stage"
	}
	var out []string
	for _, s := range stages {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}

// Unreached are the rules, from 0, that no test reached.
func Unreached(p *policy.Policy, results []Result) []int {
	var out []int
	for i := range p.Internal.Rules {
		if !slices.ContainsFunc(results, func(r Result) bool { return slices.Contains(r.Rules, i) }) {
			out = append(out, i)
		}
	}
	return out
}
