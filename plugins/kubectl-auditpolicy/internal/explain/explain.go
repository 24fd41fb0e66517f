// Package explain says in plain words what the rules of an audit policy do, as
// kube-apiserver reads them.
package explain

import (
	"fmt"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/decide"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
)

// Rule is what one rule does.
type Rule struct {
	// Index counts from 0.
	Index int         `json:"rule"`
	Path  string      `json:"path"`
	Line  int         `json:"line,omitempty"`
	Level audit.Level `json:"level"`
	// Words say which requests the rule matches and what it does with them.
	Words string `json:"words"`
	// Lenient says what kube-apiserver dropped from the rule.
	Lenient []string `json:"lenient,omitempty"`
	// TakesFrom are later rules that would have decided some of its requests
	// otherwise.
	TakesFrom []int `json:"takesFrom,omitempty"`
	// Reached says whether it decides any request; Witness is one.
	Reached bool `json:"reached"`
	// Possible says whether any request has what the rule asks for, whatever
	// stands before it.
	Possible bool   `json:"possible"`
	Witness  string `json:"witness,omitempty"`
}

// Report explains a policy.
type Report struct {
	Rules []Rule `json:"rules"`
	// Rest says what happens to requests that no rule matches, "" if there are
	// none.
	Rest string `json:"rest,omitempty"`
	// Everywhere are what holds for all rules.
	Everywhere []string `json:"everywhere,omitempty"`
	// Lenient says what kube-apiserver dropped from the policy outside its rules.
	Lenient []string `json:"lenient,omitempty"`
	// Undecided is the number of the first rule, from 1, of which not everything
	// was decided within the budget; 0 where everything was.
	Undecided int `json:"undecided,omitempty"`
}

// Policy explains a policy; the table makes witnesses read well.
func Policy(p *policy.Policy, table *apitable.Table) *Report { return within(p, table, work) }

// work is the budget of an explanation: which later rules each rule takes from
// costs the square of their number.
const work = decide.Work / 8

// within explains a policy within a budget.
func within(p *policy.Policy, table *apitable.Table, budget int) *Report {
	a := decide.New(p.Internal, table, nil)
	a.Budget.Left = budget
	r := &Report{}
	for _, s := range p.Internal.OmitStages {
		r.Everywhere = append(r.Everywhere, "no event at stage "+string(s))
	}
	if p.Internal.OmitManagedFields {
		r.Everywhere = append(r.Everywhere, "managed fields are left out of bodies unless a rule says otherwise")
	}
	for _, line := range p.ExtraDocuments {
		r.Lenient = append(r.Lenient, fmt.Sprintf("what starts in line %d is another YAML document: kube-apiserver does not read it", line))
	}
	for _, d := range p.Dropped {
		if !strings.HasPrefix(d.Path, "rules[") {
			r.Lenient = append(r.Lenient, dropped(d, "", "policy"))
		}
	}
	for i := range p.Internal.Rules {
		x := Rule{Index: i, Path: policy.RulePath(i), Level: p.Internal.Rules[i].Level, Words: Words(&p.Internal.Rules[i])}
		x.Line, _ = p.Position(p.RuleNode(i))
		x.Words += unrecorded(a.Decisions[i])
		for _, d := range p.Dropped {
			if strings.HasPrefix(d.Path, x.Path+".") {
				x.Lenient = append(x.Lenient, dropped(d, x.Path+".", "rule"))
			}
		}
		w, ans := authorizer.AttributesRecord{}, space.Undecided
		if a.Budget.Left >= 0 {
			w, ans = a.Reaches(i, decide.All)
		}
		if x.Reached = ans != space.Empty; ans == space.Found {
			x.Witness = space.Flags(w)
		}
		if ans == space.Found {
			x.Possible = true
		} else if a.Budget.Left >= 0 {
			_, x.Possible = a.Possible(i)
		}
		x.Possible = x.Possible || a.Budget.Left < 0
		if x.Reached {
			x.TakesFrom = takesFrom(a, i)
		}
		if a.Budget.Left < 0 && r.Undecided == 0 {
			r.Undecided = i + 1
		}
		r.Rules = append(r.Rules, x)
	}
	w, ans := a.Reaches(policy.NoRule, decide.All)
	if ans == space.Undecided && r.Undecided == 0 {
		r.Undecided = len(r.Rules) + 1
	}
	if ans == space.Found {
		r.Rest = "requests that no rule matches are not recorded (level None), for example: " + space.Flags(w)
	}
	return r
}

// dropped says what lenient decoding dropped from a rule or the policy, and where
// in it: the path without what leads to the rule.
func dropped(d policy.Problem, prefix, from string) string {
	text := d.Message
	if d.Kind == policy.UnknownField {
		text += ", dropped: the " + from + " is read without it"
	}
	if at := strings.LastIndexByte(d.Path, '.'); at > len(prefix) {
		text = "in " + d.Path[len(prefix):at] + ": " + text
	}
	return text
}

// unrecorded says what a level promises and the omitted stages, the policy's
// among them, take away.
func unrecorded(d policy.Decision) string {
	switch {
	case d.Level == audit.LevelNone || !d.Omits(audit.StageResponseComplete):
		return ""
	case d.Omits(audit.StageRequestReceived) && d.Omits(audit.StageResponseStarted):
		return " No stage is left: nothing is recorded."
	case d.Omits(audit.StageRequestReceived):
		return " ResponseStarted is left, which only long requests have (watch, exec, log): of all others nothing is recorded."
	case policy.Rank(d.Level) > policy.Rank(audit.LevelMetadata):
		return " Bodies are in the event at ResponseComplete, which is omitted: none is recorded."
	}
	return ""
}

// takesFrom are the later rules that match requests which a rule decides, and
// would give them something else.
func takesFrom(a *decide.Analysis, i int) []int {
	var out []int
	for _, j := range a.Meeting(i+1, a.Rules[i]) {
		if a.Budget.Left < 0 {
			break
		}
		if a.Decisions[i].SameOutcome(a.Decisions[j]) {
			continue
		}
		a.Budget.Left -= len(a.Rules[i]) * len(a.Rules[j])
		if both := a.Rules[i].And(a.Rules[j]); len(both) > 0 && a.Left(both, i) == space.Found {
			out = append(out, j)
		}
	}
	return out
}

// Words say which requests a rule matches.
func Words(r *audit.PolicyRule) string {
	var b strings.Builder
	switch r.Level {
	case audit.LevelNone:
		b.WriteString("Drops ")
	case audit.LevelMetadata:
		b.WriteString("Records who, what and when of ")
	case audit.LevelRequest:
		b.WriteString("Records request bodies of ")
	case audit.LevelRequestResponse:
		b.WriteString("Records request and response bodies of ")
	default:
		fmt.Fprintf(&b, "Level %q: ", string(r.Level))
	}
	if len(r.Verbs) > 0 {
		b.WriteString(list(literal(r.Verbs), "and") + " requests")
	} else {
		b.WriteString("all requests")
	}
	switch {
	case len(r.Resources) > 0:
		var parts []string
		for _, gr := range r.Resources {
			parts = append(parts, resource(gr))
		}
		b.WriteString(" for " + strings.Join(parts, "; "))
	case len(r.Namespaces) > 0:
		b.WriteString(" for all resources")
	case len(r.NonResourceURLs) > 0:
		b.WriteString(" for " + paths(r.NonResourceURLs))
	default:
		if len(r.Verbs)+len(r.Users)+len(r.UserGroups) == 0 {
			b.WriteString(", resources and paths alike")
		} else {
			b.WriteString(" for resources and paths alike")
		}
	}
	if len(r.Namespaces) > 0 {
		var ns []string
		for _, n := range r.Namespaces {
			if n == "" {
				n = "no namespace (cluster-scoped, or -A)"
			}
			ns = append(ns, n)
		}
		b.WriteString(", in " + list(literal(ns), "or"))
	}
	if len(r.Users) > 0 {
		b.WriteString(", by " + list(literal(r.Users), "or"))
	}
	if len(r.UserGroups) > 0 {
		b.WriteString(", by members of " + list(literal(r.UserGroups), "or"))
	}
	b.WriteString(".")
	if len(r.OmitStages) > 0 && r.Level != audit.LevelNone {
		var s []string
		for _, x := range r.OmitStages {
			s = append(s, string(x))
		}
		b.WriteString(" No event at " + list(s, "or") + ".")
	}
	if r.OmitManagedFields != nil && r.Level != audit.LevelNone {
		if *r.OmitManagedFields {
			b.WriteString(" Managed fields are left out.")
		} else {
			b.WriteString(" Managed fields are kept.")
		}
	}
	return b.String()
}

func resource(gr audit.GroupResources) string {
	group := " of the core group"
	switch gr.Group {
	case "":
	case "*":
		group = " of any group"
	default:
		group = " of " + gr.Group
	}
	if len(gr.Resources) == 0 {
		return "everything" + group
	}
	var parts []string
	for _, r := range gr.Resources {
		name, sub, has := strings.Cut(r, "/")
		switch {
		case r == "*":
			r = "all resources and subresources"
		case r == "*/*" || strings.Contains(sub, "/") || has && (name == "" || sub == "") || !has && strings.Contains(r, "*"):
			r += " (which matches nothing)"
		case has && sub == "*":
			r = name + " and all its subresources"
		case has && name == "*":
			r = "the subresource " + sub + " of everything"
		}
		parts = append(parts, r)
	}
	s := list(parts, "and") + group
	if len(gr.ResourceNames) > 0 {
		s += " named " + list(literal(gr.ResourceNames), "or")
	}
	return s
}

func paths(in []string) string {
	var exact, begin []string
	for _, u := range in {
		switch {
		case u == "*":
			return "all paths that are no resources"
		case strings.HasSuffix(u, "*"):
			begin = append(begin, strings.TrimRight(u, "*"))
		default:
			exact = append(exact, u)
		}
	}
	var parts []string
	if len(exact) > 0 {
		parts = append(parts, plural(exact, "the path ", "the paths ")+list(exact, "and"))
	}
	if len(begin) > 0 {
		parts = append(parts, "all paths that begin with "+list(begin, "or"))
	}
	return strings.Join(parts, " and ")
}

func plural(of []string, one, many string) string {
	if len(of) == 1 {
		return one
	}
	return many
}

// literal marks the values with a * in them, where it is no wildcard.
func literal(in []string) []string {
	out := make([]string, 0, len(in))
	for _, v := range in {
		if strings.Contains(v, "*") {
			v += " (taken literally)"
		}
		out = append(out, v)
	}
	return out
}

func list(words []string, last string) string {
	if len(words) > 10 {
		words = append(append([]string(nil), words[:9]...), fmt.Sprintf("%d more", len(words)-9))
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
