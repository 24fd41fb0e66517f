package policy

import (
	"slices"
	"strconv"
	"sync"

	"k8s.io/apiserver/pkg/apis/audit"
	upstream "k8s.io/apiserver/pkg/audit/policy"

	auditcore "k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// NoRule is Decision.Rule where no rule matches.
const NoRule = -1

// AllStages are the four stages in the order in which a request meets them.
var AllStages = []audit.Stage{
	audit.StageRequestReceived, audit.StageResponseStarted, audit.StageResponseComplete, audit.StagePanic,
}

// AllLevels are the four levels from the least to the most.
var AllLevels = []audit.Level{audit.LevelNone, audit.LevelMetadata, audit.LevelRequest, audit.LevelRequestResponse}

// Rank orders levels: 0 None, 1 Metadata, 2 Request, 3 RequestResponse, -1
// anything else.
func Rank(l audit.Level) int { return slices.Index(AllLevels, l) }

// Decision is what a policy decides on one request.
type Decision struct {
	// Rule is the index of the rule that decided, from 0, or NoRule.
	Rule  int
	Level audit.Level
	// OmitStages is the union of the policy's and the rule's, in the order of
	// AllStages.
	OmitStages        []audit.Stage
	OmitManagedFields bool
}

// Omits says whether no event is made at a stage.
func (d Decision) Omits(s audit.Stage) bool { return slices.Contains(d.OmitStages, s) }

// Stages are the stages at which an event can be made, in their order; none at
// level None.
func (d Decision) Stages() []audit.Stage {
	if d.Level == audit.LevelNone {
		return nil
	}
	var out []audit.Stage
	for _, s := range AllStages {
		if !d.Omits(s) {
			out = append(out, s)
		}
	}
	return out
}

// SameOutcome says whether two decisions record the same, whichever rules made
// them. What a None omits does not matter.
func (d Decision) SameOutcome(o Decision) bool {
	if d.Level != o.Level {
		return false
	}
	if d.Level == audit.LevelNone {
		return true
	}
	if !slices.Equal(d.OmitStages, o.OmitStages) {
		return false
	}
	// Without bodies there are no managed fields to omit.
	return d.Level == audit.LevelMetadata || d.OmitManagedFields == o.OmitManagedFields
}

// Evaluator decides requests by k8s.io/apiserver/pkg/audit/policy.
type Evaluator struct {
	index     auditcore.PolicyRuleEvaluator
	single    func() []auditcore.PolicyRuleEvaluator
	decisions []Decision // one for each rule, the default last
}

// NewEvaluator builds an evaluator. The policy is not changed (upstream's
// constructor would).
func NewEvaluator(p *audit.Policy) *Evaluator {
	// Upstream says what a rule decided but not which rule it was. The level is
	// an opaque string to it, so a copy whose levels are the rules' numbers
	// makes it tell.
	marked := p.DeepCopy()
	e := &Evaluator{}
	for i := range marked.Rules {
		marked.Rules[i].Level = audit.Level(strconv.Itoa(i))
		e.decisions = append(e.decisions, RuleDecision(p, i))
	}
	e.decisions = append(e.decisions, RuleDecision(p, NoRule))
	e.index = upstream.NewPolicyRuleEvaluator(marked)
	e.single = sync.OnceValue(func() []auditcore.PolicyRuleEvaluator {
		var out []auditcore.PolicyRuleEvaluator
		for i := range p.Rules {
			r := p.Rules[i].DeepCopy()
			r.Level = matched
			out = append(out, upstream.NewPolicyRuleEvaluator(&audit.Policy{Rules: []audit.PolicyRule{*r}}))
		}
		return out
	})
	return e
}

// After decides a request as if the policy began behind a rule.
func (e *Evaluator) After(rule int, attrs authorizer.Attributes) Decision {
	for i := rule + 1; i < len(e.decisions)-1; i++ {
		if e.Matches(i, attrs) {
			return e.decisions[i]
		}
	}
	return e.decisions[len(e.decisions)-1]
}

// Matches says whether a rule matches a request by itself.
func (e *Evaluator) Matches(rule int, attrs authorizer.Attributes) bool {
	return e.single()[rule].EvaluatePolicyRule(attrs).Level == matched
}

// matched is the level of the rules of which Matches asks.
const matched audit.Level = "matched"

// Match decides a request.
func (e *Evaluator) Match(attrs authorizer.Attributes) Decision {
	i, err := strconv.Atoi(string(e.index.EvaluatePolicyRule(attrs).Level))
	if err != nil {
		// The level of no rule: upstream's default.
		i = len(e.decisions) - 1
	}
	return e.decisions[i]
}

// RuleDecision is what a rule decides on the requests that reach it; NoRule
// gives the default for those that no rule takes.
func RuleDecision(p *audit.Policy, rule int) Decision {
	d := Decision{Rule: rule, Level: upstream.DefaultAuditLevel, OmitManagedFields: p.OmitManagedFields}
	omit := slices.Clone(p.OmitStages)
	if rule != NoRule {
		r := &p.Rules[rule]
		d.Level = r.Level
		omit = append(omit, r.OmitStages...)
		if r.OmitManagedFields != nil {
			d.OmitManagedFields = *r.OmitManagedFields
		}
	}
	for _, s := range AllStages {
		if slices.Contains(omit, s) {
			d.OmitStages = append(d.OmitStages, s)
		}
	}
	return d
}
