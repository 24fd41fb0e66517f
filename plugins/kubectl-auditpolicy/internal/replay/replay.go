package replay

import (
	"bytes"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
)

// The stages, in the order in which a request passes them.
const (
	received = iota
	started
	complete
	panicked
	stages
)

var stageNames = [stages]string{"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}

func stageIndex(s []byte) int {
	switch string(s) {
	case "RequestReceived":
		return received
	case "ResponseStarted":
		return started
	case "ResponseComplete":
		return complete
	case "Panic":
		return panicked
	}
	return -1
}

// The levels, in their order.
const (
	levelNone = iota
	levelMetadata
	levelRequest
	levelResponse
	levelUnknown
	levels = levelUnknown
)

var levelNames = [levels]auditinternal.Level{
	auditinternal.LevelNone, auditinternal.LevelMetadata, auditinternal.LevelRequest, auditinternal.LevelRequestResponse,
}

func levelIndex(s string) int {
	for i, n := range levelNames {
		if string(n) == s {
			return i
		}
	}
	return levelUnknown
}

// Amount is a number of events and their size as kube-apiserver writes them.
type Amount struct {
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
}

func (a *Amount) plus(events, bytes int64) {
	a.Events += events
	a.Bytes += bytes
}

// Add adds another amount.
func (a *Amount) Add(o Amount) { a.plus(o.Events, o.Bytes) }

// kind is what tells a request's stages: whether it is long-running, and
// whether it failed authentication, when it has one stage only.
const (
	ordinary = iota
	long
	unauthenticated
	kinds
)

// account is what became of the events that one rule takes.
type account struct {
	in, kept, dropped Amount
	byLevel           [levels]Amount
	byStage           [stages]Amount
	// seen counts events by kind of request and stage; base is the size of
	// the last stage's events without what earlier stages do not have.
	seen  [kinds][stages]int64
	base  [kinds]int64
	plain [kinds]int64
	// missingRequest and missingResponse count the kept events whose bodies
	// the policy wants and the log does not have.
	missingRequest, missingResponse int64
	omitted                         int64
	omit                            [4]bool
	level                           int
	used                            bool
}

func (a *account) add(o *account) {
	a.in.Add(o.in)
	a.kept.Add(o.kept)
	a.dropped.Add(o.dropped)
	for i := range a.byLevel {
		a.byLevel[i].Add(o.byLevel[i])
	}
	for i := range a.byStage {
		a.byStage[i].Add(o.byStage[i])
	}
	for k := range kinds {
		for i := range stages {
			a.seen[k][i] += o.seen[k][i]
		}
		a.base[k] += o.base[k]
		a.plain[k] += o.plain[k]
	}
	a.missingRequest += o.missingRequest
	a.missingResponse += o.missingResponse
	a.omitted += o.omitted
	if o.used {
		a.omit, a.level, a.used = o.omit, o.level, true
	}
}

// requests is how many requests the events are of: as many as the stage that
// most of them reached.
func (a *account) requests() int64 {
	var n int64
	for k := range kinds {
		n += a.requestsOf(k)
	}
	return n
}

func (a *account) requestsOf(k int) int64 {
	s := a.seen[k]
	return max(s[received], s[started], s[complete]+s[panicked])
}

// Visitor accounts for events. It implements auditlog.Visitor.
type Visitor struct {
	cache *cache
	// rules has one account a rule, and at the end one for requests that no
	// rule takes.
	rules      []account
	unknowable Amount
	logLevels  [levels + 1]int64
	stages     [stages]int64
	managed    int64
	first      time.Time
	last       time.Time
}

// NewVisitor makes a visitor for one worker. The policy is read for the
// strings it names; matching is the evaluator's.
func NewVisitor(d Evaluator, p *auditinternal.Policy) *Visitor {
	return &Visitor{cache: newCache(d, p), rules: make([]account, len(p.Rules)+1)}
}

// Visit accounts for one event.
func (r *Visitor) Visit(e *auditlog.Event) {
	size := e.Size()
	if t, ok := e.Time(); ok {
		if r.first.IsZero() || t.Before(r.first) {
			r.first = t
		}
		if t.After(r.last) {
			r.last = t
		}
	}
	logged, stage := levelIndex(string(e.Level)), stageIndex(e.Stage)
	r.logLevels[logged]++
	v := r.cache.verdict(e)
	if !v.ok || stage < 0 {
		r.unknowable.plus(1, size)
		return
	}
	r.stages[stage]++
	at := v.Rule
	if at < 0 {
		at = len(r.rules) - 1
	}
	a := &r.rules[at]
	level := levelIndex(string(v.Level))
	a.used, a.level, a.omit = true, level, v.omit
	a.in.plus(1, size)

	kind := ordinary
	switch {
	case len(e.Username) == 0:
		kind = unauthenticated
	case v.longRunning:
		kind = long
	}
	a.seen[kind][stage]++
	if stage == complete {
		a.plain[kind]++
		a.base[kind] += size - int64(e.RequestObject.Size+e.ResponseObject.Size+e.ResponseStatus.Size+e.Annotations.Size+e.ImpersonatedUser.Size)
	}
	if level == levelNone {
		a.dropped.plus(1, size)
		a.byLevel[levelNone].plus(1, size)
		return
	}
	if v.omit[stage] {
		a.dropped.plus(1, size)
		a.omitted++
		return
	}
	lost, managed := lost(e, v, logged, level)
	r.managed += managed
	if stage == complete || stage == panicked {
		if level >= levelRequest && logged < levelRequest && v.mayHaveRequest {
			a.missingRequest++
		}
		if level == levelResponse && logged < levelResponse && v.mayHaveResponse {
			a.missingResponse++
		}
	}
	a.kept.plus(1, size-lost)
	a.dropped.Bytes += lost
	a.byLevel[level].plus(1, size-lost)
	a.byStage[stage].plus(1, size-lost)
}

// lost is how many bytes of an event the policy leaves out of it, and of how
// many bodies it strips the managed fields.
func lost(e *auditlog.Event, v *verdict, logged, level int) (bytesLost, stripped int64) {
	n := 0
	if level < logged && logged < levelUnknown {
		n = len(levelNames[logged]) - len(levelNames[level])
	}
	keep := func(s auditlog.Span, from int, patch bool) {
		switch {
		case s.Value == nil:
		case level < from:
			n += s.Size
		case v.OmitManagedFields && !patch && bytes.Contains(s.Value, managedFields):
			m := auditlog.ManagedFields(s.Value)
			n += m
			if m > 0 {
				stripped++
			}
		}
	}
	keep(e.RequestObject, levelRequest, string(e.Verb) == "patch")
	keep(e.ResponseObject, levelResponse, false)
	return int64(max(n, 0)), stripped
}

var managedFields = []byte(`"managedFields"`)

// Keeps is how many bytes of an event a policy keeps by a decision, 0 for an
// event that it does not record.
func (j *Judge) Keeps(e *auditlog.Event) (bytes int64, ok bool) {
	v := j.cache.verdict(e)
	stage := stageIndex(e.Stage)
	if !v.ok || stage < 0 {
		return 0, false
	}
	level := levelIndex(string(v.Level))
	if level == levelNone || v.omit[stage] {
		return 0, true
	}
	n, _ := lost(e, v, levelIndex(string(e.Level)), level)
	return e.Size() - n, true
}

// Kept is how much of an event is kept, 0 where it is dropped or cannot be
// judged. Without a judge every event is kept as it is.
func (j *Judge) Kept(e *auditlog.Event) int64 {
	if j == nil {
		return e.Size()
	}
	n, _ := j.Keeps(e)
	return n
}
