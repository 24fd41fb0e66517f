// Package lint judges audit policies: what kube-apiserver refuses, what it
// drops without a word, what can never match, and what is not recorded that
// should be, or is and should not. A check that is decided exactly carries a
// request that shows it; a heuristic says that it is one.
package lint

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/decide"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Rule is a check.
type Rule struct {
	finding.Rule
	// Check looks for it. The rule is the argument's, so that a check can
	// report without knowing where it stands in the table.
	Check func(c *Context, r finding.Rule)
}

// Options say what to judge a policy by.
type Options struct {
	// Minor is the minor version of Kubernetes 1 that the policy is for, 0 for
	// the newest that is known; then what older supported versions refuse is
	// said too.
	Minor int
	// Cluster is what a live cluster serves, nil offline.
	Cluster *apitable.Table
	// Disable are IDs that are not reported. Enable, where it is not empty, are
	// the only ones that are.
	Disable, Enable []string
	// Severity replaces the severity of checks.
	Severity map[string]finding.Severity
	// Work is the budget of the exact questions, 0 for decide.Work.
	Work int
}

// Result is a finding and what is needed to show and mend it.
type Result struct {
	finding.Finding
	// Width is the number of characters to underline at the finding's place, 0
	// where there is no place to show.
	Width int
	// Note is said beside the underline.
	Note string
	// Fix mends the finding, nil if only a person can.
	Fix *Fix
}

// Fix is a change of the text.
type Fix struct {
	Edits []yamldoc.Edit
	What  string
}

// Report is the judgement on one policy.
type Report struct {
	Policy  *policy.Policy
	Results []Result
	// Suppressed counts what comments in the policy silenced.
	Suppressed int
	// Credentials counts what the policy's rules write to the log of Secrets and
	// tokens, whether or not that is reported.
	Credentials int
	// Undecided are exact questions that the budget did not reach.
	Undecided []Open
}

// Open is a question that was not decided.
type Open struct {
	ID       string           `json:"id"`
	Severity finding.Severity `json:"severity"`
	Question string           `json:"question"`
}

// Findings are the report's findings.
func (r *Report) Findings() []finding.Finding {
	out := make([]finding.Finding, 0, len(r.Results))
	for _, x := range r.Results {
		out = append(out, x.Finding)
	}
	return out
}

// Context is what a check works on.
type Context struct {
	*decide.Analysis
	P     *policy.Policy
	Opt   Options
	Minor int
	Table *apitable.Table
	// reach is, for each rule, whether a request reaches it.
	reach []reached
	// explained are the paths whose uselessness some check has told already, so
	// that its consequences are not told again.
	explained   map[string]bool
	results     []Result
	undecided   []Open
	credentials int
}

// Run judges a policy by all rules.
func Run(p *policy.Policy, opt Options) *Report {
	c := &Context{P: p, Opt: opt, Minor: opt.Minor, explained: map[string]bool{}}
	if c.Minor == 0 {
		c.Minor = apitable.Newest
	}
	c.Table = opt.Cluster
	if c.Table == nil {
		c.Table = apitable.For(c.Minor)
	}
	c.Analysis = decide.New(p.Internal, c.Table, questions())
	if opt.Work > 0 {
		c.Budget.Left = opt.Work
	}
	c.findReach()
	for _, r := range inOrder() {
		rule := r.Rule
		if b := share[rule.ID]; b > 0 {
			// What only tidies up must not use up what decides.
			kept := c.Budget
			c.Budget = &space.Budget{Left: b}
			c.run(r)
			c.Budget = kept
			continue
		}
		if c.Budget.Left < 0 && opt.Work == 0 {
			// Each check has something to ask with.
			c.Budget.Left = 1_000_000
		}
		c.run(r)
	}
	rep := &Report{Policy: p, Undecided: c.undecided, Credentials: c.credentials}
	rep.Results, rep.Suppressed = c.select_()
	return rep
}

// run runs a check, and says if the budget left something of it open.
func (c *Context) run(r Rule) {
	before := c.Analysis.Undecided
	r.Check(c, r.Rule)
	if c.Analysis.Undecided > before && !c.off(r.ID) && r.ID != ap010Rule().ID { // findReach has said it
		c.undecide(r.Rule, "whether there is more to find of "+strconvQuote(r.Title))
	}
}

// inOrder are the rules in the order in which they run: those that look at
// single entries first, so that those that look at whole rules know what has
// been told.
func inOrder() []Rule {
	out := slices.Clone(Rules)
	slices.SortStableFunc(out, func(a, b Rule) int { return late(a.ID) - late(b.ID) })
	return out
}

func late(id string) int {
	if id >= "AP010" && id < "AP020" {
		return 1
	}
	return 0
}

// share are the budgets of the checks that can cost the square or the cube of
// the number of rules.
var share = map[string]int{"AP011": 8_000_000, "AP012": 8_000_000}

// off says that a check is not to be reported.
func (c *Context) off(id string) bool {
	return slices.Contains(c.Opt.Disable, id) || len(c.Opt.Enable) > 0 && !slices.Contains(c.Opt.Enable, id)
}

// select_ drops what is switched off, silenced or said twice, and sorts.
func (c *Context) select_() (out []Result, suppressed int) {
	sup := c.suppressions()
	// Behind an alias one place of the file is several of the policy.
	type key struct {
		id, path, message string
		line, column      int
	}
	seen := map[key]bool{}
	for _, r := range c.results {
		k := key{r.ID, r.Subject.Path, r.Message, 0, 0}
		if r.Subject.Line > 0 && c.P.Exact() {
			k = key{r.ID, "", r.Message, r.Subject.Line, r.Subject.Column}
		}
		if seen[k] || c.off(r.ID) {
			continue
		}
		seen[k] = true
		if s, ok := c.Opt.Severity[r.ID]; ok {
			r.Severity = s
		}
		if sup.silences(r) {
			suppressed++
			continue
		}
		out = append(out, r)
	}
	out = append(out, sup.complaints(c)...)
	slices.SortStableFunc(out, func(a, b Result) int {
		if a.Subject.Line != b.Subject.Line {
			// What concerns the whole policy has no line and comes last.
			switch {
			case a.Subject.Line == 0:
				return 1
			case b.Subject.Line == 0:
				return -1
			}
			return a.Subject.Line - b.Subject.Line
		}
		if a.Subject.Column != b.Subject.Column {
			return a.Subject.Column - b.Subject.Column
		}
		if d := b.Severity.Rank() - a.Severity.Rank(); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, suppressed
}

// report adds a finding at a path of the policy; node, where it is not nil, is
// what to point at instead of the path's value. The returned result can be
// added to until the next call.
func (c *Context) report(r finding.Rule, path string, node *yaml.Node, format string, args ...any) *Result {
	if node == nil && path != "" {
		node = c.P.Node(path)
	}
	line, col := c.P.Position(node)
	f := r.New(finding.Subject{Kind: "Policy", Name: c.P.Name, Path: path, Line: line, Column: col}, fmt.Sprintf(format, args...))
	// The rule's own remedy is its page's; a finding has one of its own or none.
	f.Remedy = ""
	width := policy.Width(node)
	if !c.P.Exact() {
		// The place is that of the string that holds the policy.
		width = 0
		if path != "" {
			f.Message += " (at " + path + ")"
		}
	}
	c.results = append(c.results, Result{Finding: f, Width: width})
	return &c.results[len(c.results)-1]
}

// explain marks paths as told.
func (c *Context) explain(path string) { c.explained[path] = true }

// told says whether something about a rule has been told that makes it match
// less than its author meant.
func (c *Context) told(rule int) bool {
	prefix := policy.RulePath(rule)
	for p := range c.explained {
		if p == prefix || strings.HasPrefix(p, prefix+".") {
			return true
		}
	}
	return false
}

// ruleName is how messages call a rule: by its number from 1.
func ruleName(i int) string {
	if i == policy.NoRule {
		return "no rule"
	}
	return fmt.Sprintf("rule %d", i+1)
}

// ruleNames joins rules: "rules 2, 4 and 5".
func ruleNames(rules []int) string {
	if len(rules) == 1 {
		return ruleName(rules[0])
	}
	var s []string
	for _, i := range rules {
		s = append(s, fmt.Sprint(i+1))
	}
	if len(s) > 6 {
		return fmt.Sprintf("rules %s and %d others", strings.Join(s[:5], ", "), len(s)-5)
	}
	return "rules " + strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

// rules are the policy's rules.
func (c *Context) rules() []audit.PolicyRule { return c.P.Internal.Rules }

// levelNode is where the level of a rule stands, else the rule.
func (c *Context) levelNode(i int) *yaml.Node {
	if p := policy.RulePath(i) + ".level"; c.P.Has(p) {
		return c.P.Node(p)
	}
	return c.P.RuleNode(i)
}
