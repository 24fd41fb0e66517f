package request

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

// Recording is what an audit log gets of a request that succeeds.
type Recording struct {
	// Events are the stages at which an event is made, without Panic.
	Events []audit.Stage `json:"events"`
	// RequestBody and ResponseBody say whether the bodies are in the events.
	RequestBody  bool `json:"requestBody"`
	ResponseBody bool `json:"responseBody"`
	// Why says what is missing that the level seems to promise.
	Why string `json:"why,omitempty"`
}

// LongRunning says whether kube-apiserver treats a request as long-running:
// one that makes an event when its response starts.
// Source: k8s.io/kubernetes cmd/kube-apiserver, BasicLongRunningRequestCheck.
func LongRunning(a authorizer.Attributes) bool {
	if !a.IsResourceRequest() {
		return strings.HasPrefix(a.GetPath(), "/debug/pprof/")
	}
	return slices.Contains([]string{"watch", "proxy"}, a.GetVerb()) ||
		slices.Contains([]string{"attach", "exec", "proxy", "log", "portforward"}, a.GetSubresource())
}

// Record says what a decision makes of a request.
func Record(d policy.Decision, a authorizer.Attributes) Recording {
	var r Recording
	if d.Level == audit.LevelNone {
		return r
	}
	add := func(stages ...audit.Stage) {
		for _, s := range stages {
			if !d.Omits(s) {
				r.Events = append(r.Events, s)
			}
		}
	}
	if a.GetUser() == nil {
		// Failed authentication is told by a handler of its own.
		add(audit.StageResponseStarted)
		r.Why = "a request that fails authentication makes one event, at ResponseStarted, and has no body in it"
		return r
	}
	add(audit.StageRequestReceived)
	if LongRunning(a) {
		add(audit.StageResponseStarted)
	}
	add(audit.StageResponseComplete)
	rank := policy.Rank(d.Level)
	if rank < 2 || len(r.Events) == 0 {
		return r
	}
	switch {
	case LongRunning(a):
		r.Why = "a stream has no body in the log, whatever the level"
		return r
	case d.Omits(audit.StageResponseComplete):
		r.Why = "bodies are in the event at ResponseComplete, which is omitted"
		return r
	case !a.IsResourceRequest():
		// Discovery goes through the writer that audits bodies (k8s.io/apiserver,
		// responsewriters); health, version and OpenAPI write their own answers.
		r.ResponseBody = rank == 3 && strings.HasPrefix(a.GetPath(), "/api")
	default:
		r.RequestBody = slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, a.GetVerb())
		if !r.RequestBody && rank == 2 {
			r.Why = a.GetVerb() + " has no request body, so Request is Metadata here"
		}
		r.ResponseBody = rank == 3
	}
	return r
}
