package replay

import (
	"fmt"
	"strings"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
)

// Report is the result of a replay. Of the log's events, kept, dropped and
// unknowable are all, in number and in bytes.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Policy     string `json:"policy"`
	Log        Log    `json:"log"`
	// Kept is what the policy would have recorded of the log's events, Dropped
	// what it would not: whole events, and the bodies of kept ones.
	Kept    Amount `json:"kept"`
	Dropped Amount `json:"dropped"`
	// Added is what the policy would have recorded beyond the log: stages that
	// the log lacks of requests that it has. It is an estimate.
	Added Amount `json:"added"`
	// Unknowable is what the log does not let one tell.
	Unknowable Unknowable `json:"unknowable"`
	Exactness  Exactness  `json:"exactness"`
	// ByLevel has what each level keeps, and under None what the rules at
	// level None drop.
	ByLevel map[string]Level  `json:"byLevel"`
	ByStage map[string]Amount `json:"byStage"`
	// Rules has one entry for each rule of the policy, in order; NoRule is
	// what none of them takes.
	Rules  []Rule  `json:"rules"`
	NoRule Rule    `json:"noRule"`
	Limits []Limit `json:"limits"`
	// KeptPerDay is Kept and Added at the log's own pace, where it spans a
	// minute or more.
	KeptPerDay *Amount `json:"keptPerDay,omitempty"`
}

// Unknowable is what a log does not let one tell.
type Unknowable struct {
	// Amount is the events that could not be judged: without a usable request
	// URI or stage, cut or garbled. They belong to no rule.
	Amount
	// Bodies counts the kept events of which the policy asks for a body that
	// the log does not have: their bytes are more than is counted.
	Bodies int64 `json:"bodies"`
}

// Log is what was replayed.
type Log struct {
	auditlog.Stats
	// EventBytes is the size of the events as kube-apiserver writes them.
	EventBytes int64 `json:"eventBytes"`
	// Requests is how many requests the events are of.
	Requests int64 `json:"requests"`
	// ByLevel counts the events by the level at which they were logged.
	ByLevel map[string]int64 `json:"byLevel"`
	First   *time.Time       `json:"first,omitempty"`
	Last    *time.Time       `json:"last,omitempty"`
}

// Span is the time from the first to the last event.
func (l *Log) Span() time.Duration {
	if l.First == nil || l.Last == nil {
		return 0
	}
	return l.Last.Sub(*l.First)
}

// Level is what one level has.
type Level struct {
	Requests int64 `json:"requests"`
	Amount
}

// Rule is what one rule does.
type Rule struct {
	// Index counts from 0, as rules[N] in the file does; -1 is no rule.
	Index    int    `json:"index"`
	Line     int    `json:"line,omitempty"`
	Level    string `json:"level"`
	Requests int64  `json:"requests"`
	// Amount is what the rule takes of the log, whatever it does with it.
	Amount
	Kept       Amount     `json:"kept"`
	Dropped    Amount     `json:"dropped"`
	Added      Amount     `json:"added"`
	Unknowable Unknowable `json:"unknowable"`
}

// Exactness says how far figures can be trusted: "exact", "lower bound",
// "estimate" or "unknown".
type Exactness struct {
	// Events is about the number of the log's events that are kept.
	Events string `json:"events"`
	// Bytes is about their size.
	Bytes string `json:"bytes"`
	Added string `json:"added"`
	// Unlogged is about requests that the log does not have because the policy
	// under which it was recorded left them out: "none", "some" or "unknown".
	Unlogged string `json:"unlogged"`
}

// The values of Exactness.
const (
	Exact      = "exact"
	LowerBound = "lower bound"
	Estimate   = "estimate"
	Unknown    = "unknown"
)

// Limit is something that this log cannot show, or shows in part.
type Limit struct {
	Reason string `json:"reason"`
	Events int64  `json:"events,omitempty"`
	// Message says it in a sentence.
	Message string `json:"message"`
}

// NewReport puts together what the visitors of one reading gathered. The
// caller adds the names and lines that only it knows.
func NewReport(visitors []*Visitor, st auditlog.Stats) *Report {
	sum := visitors[0]
	for _, v := range visitors[1:] {
		sum.merge(v)
	}
	r := &Report{
		Log:     Log{Stats: st, ByLevel: map[string]int64{}},
		ByLevel: map[string]Level{}, ByStage: map[string]Amount{}, Limits: []Limit{},
		Exactness: Exactness{Exact, Exact, Exact, Unknown},
	}
	for i, n := range sum.logLevels {
		name := "unknown"
		if i < levels {
			name = string(levelNames[i])
		}
		if n > 0 {
			r.Log.ByLevel[name] = n
		}
	}
	if !sum.first.IsZero() {
		r.Log.First, r.Log.Last = &sum.first, &sum.last
	}
	r.Unknowable.Amount = sum.unknowable
	r.Unknowable.plus(st.Broken, st.BrokenBytes)
	levelSum := [levels]Level{}
	stageSum := [stages]Amount{}
	for i := range sum.rules {
		a := &sum.rules[i]
		rule := Rule{
			Index: i, Requests: a.requests(), Amount: a.in, Kept: a.kept, Dropped: a.dropped,
			Added: a.added(), Unknowable: Unknowable{Bodies: max(a.missingRequest, a.missingResponse)},
		}
		r.Unknowable.Bodies += rule.Unknowable.Bodies
		if a.used {
			rule.Level = string(levelNames[a.level])
			levelSum[a.level].Requests += rule.Requests
		}
		for l, amount := range a.byLevel {
			levelSum[l].Add(amount)
		}
		for s, amount := range a.byStage {
			stageSum[s].Add(amount)
		}
		if i == len(sum.rules)-1 {
			rule.Index, rule.Level = -1, string(auditinternal.LevelNone)
			r.NoRule = rule
		} else {
			r.Rules = append(r.Rules, rule)
		}
		r.Kept.Add(a.kept)
		r.Dropped.Add(a.dropped)
		r.Added.Add(rule.Added)
		r.Log.EventBytes += a.in.Bytes
		r.Log.Requests += rule.Requests
	}
	r.Log.EventBytes += r.Unknowable.Bytes
	for i, l := range levelSum {
		r.ByLevel[string(levelNames[i])] = l
	}
	for i, s := range stageSum {
		r.ByStage[stageNames[i]] = s
	}
	r.limits(sum)
	if span := r.Log.Span(); span >= time.Minute {
		days := span.Hours() / 24
		r.KeptPerDay = &Amount{
			Events: int64(float64(r.Kept.Events+r.Added.Events) / days),
			Bytes:  int64(float64(r.Kept.Bytes+r.Added.Bytes) / days),
		}
	}
	return r
}

func (r *Visitor) merge(o *Visitor) {
	for i := range r.rules {
		r.rules[i].add(&o.rules[i])
	}
	r.unknowable.Add(o.unknowable)
	for i := range r.logLevels {
		r.logLevels[i] += o.logLevels[i]
	}
	for i := range r.stages {
		r.stages[i] += o.stages[i]
	}
	r.managed += o.managed
	if r.first.IsZero() || !o.first.IsZero() && o.first.Before(r.first) {
		r.first = o.first
	}
	if o.last.After(r.last) {
		r.last = o.last
	}
}

// added estimates the stages that the policy records and the log lacks: every
// request is received, and completes or panics; long-running ones start to
// answer before; one that fails authentication has ResponseStarted alone. A
// log's edges cut some requests in two, so a shortage of less than one in
// twenty is none.
func (a *account) added() Amount {
	var out Amount
	if !a.used || a.level == levelNone {
		return out
	}
	for k := range kinds {
		n := a.requestsOf(k)
		if n == 0 {
			continue
		}
		size := int64(0)
		if a.plain[k] > 0 {
			size = a.base[k] / a.plain[k]
		} else if a.in.Events > 0 {
			size = a.in.Bytes / a.in.Events
		}
		lack := func(stage int, have int64) {
			if a.omit[stage] || have*20 >= n*19 {
				return
			}
			out.plus(n-have, (n-have)*size)
		}
		if k != unauthenticated {
			lack(received, a.seen[k][received])
			lack(complete, a.seen[k][complete]+a.seen[k][panicked])
		}
		if k != ordinary {
			lack(started, a.seen[k][started])
		}
	}
	return out
}

// Recorded says which classes of requests the policy records that the one under
// which the log was recorded left out; undecided says that there may be more.
// Without this the report must leave open how many such requests there were.
func (r *Report) Recorded(classes []string, undecided bool) {
	limit := &r.Limits[len(r.Limits)-1] // the last one is about these
	switch {
	case len(classes) > 0:
		r.Exactness.Unlogged = "some"
		r.Exactness.Events, r.Exactness.Bytes = LowerBound, LowerBound
		shown := classes[:min(len(classes), 5)]
		limit.Message = fmt.Sprintf("the recording policy left out requests that this policy records, so all counts are lower bounds: %s", strings.Join(shown, "; "))
		if len(classes) > len(shown) {
			limit.Message += fmt.Sprintf("; and %d more ('diff' lists them)", len(classes)-len(shown))
		}
	case undecided:
	default:
		r.Exactness.Unlogged = "none"
		r.Limits = r.Limits[:len(r.Limits)-1]
	}
}

func (r *Report) limits(v *Visitor) {
	add := func(reason string, n int64, format string, args ...any) {
		r.Limits = append(r.Limits, Limit{Reason: reason, Events: n, Message: fmt.Sprintf(format, args...)})
	}
	var missingRequest, missingResponse int64
	for i := range v.rules {
		missingRequest += v.rules[i].missingRequest
		missingResponse += v.rules[i].missingResponse
	}
	if missingRequest > 0 {
		r.Exactness.Bytes = LowerBound
		add("request-bodies-missing", missingRequest, "events whose request body the policy records and the log does not have: %d; kept bytes are a lower bound", missingRequest)
	}
	if missingResponse > 0 {
		r.Exactness.Bytes = LowerBound
		add("response-bodies-missing", missingResponse, "events whose response body the policy records and the log does not have: %d; kept bytes are a lower bound", missingResponse)
	}
	if n := v.logLevels[levelUnknown]; n > 0 {
		r.Exactness.Bytes = LowerBound
		add("level-missing", n, "events that do not say at which level they were logged: %d", n)
	}
	if r.Added.Events > 0 {
		r.Exactness.Added = Estimate
		add("stages-missing", r.Added.Events, "events of stages that the policy records and the log does not have: about %d", r.Added.Events)
	}
	if n := v.unknowable.Events; n > 0 {
		r.Exactness.Events, r.Exactness.Bytes = LowerBound, LowerBound
		add("not-rebuildable", n, "events without a request URI or stage, so that their request cannot be rebuilt: %d", n)
	}
	if r.Log.Broken > 0 {
		r.Exactness.Events, r.Exactness.Bytes = LowerBound, LowerBound
		add("broken", r.Log.Broken, "events that are cut off or garbled: %d", r.Log.Broken)
	}
	add("unlogged", 0, "requests that the recording policy left out are not in the log, and how many of them this policy would record is unknown (--recorded POLICY tells which)")
}
