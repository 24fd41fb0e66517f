package suggest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
)

func event(user, groups, verb, uri string, code int, extra string) *auditlog.Event {
	s := fmt.Sprintf(`{"kind":"Event","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":%q,"verb":%q,"user":{"username":%q,"groups":[%s]},"responseStatus":{"metadata":{},"code":%d}%s}`, uri, verb, user, groups, code, extra)
	return auditlog.Parse([]byte(s))[0]
}

var options = Options{MinShare: 0, Max: 1000}

func report(o Options, events []*auditlog.Event) *Report {
	a, b := NewVisitor(nil, o), NewVisitor(nil, o)
	for i, e := range events {
		if i%2 == 0 {
			a.Visit(e)
		} else {
			b.Visit(e)
		}
	}
	return NewReport([]*Visitor{a, b}, o)
}

// rulesOf makes the policy that a user would: the suggestions above a rule that
// keeps everything.
func rulesOf(t *testing.T, r *Report) *policy.Policy {
	t.Helper()
	text := "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
	for _, s := range r.Suggestions {
		text += s.YAML
	}
	ps, err := policy.Load("p", []byte(text+"- level: RequestResponse\n"))
	if err != nil || len(ps[0].Refused)+len(ps[0].Dropped) > 0 {
		t.Fatal(err, text)
	}
	return ps[0]
}

// TestEffect takes logs of everything by everybody, pastes the suggestions and
// asks the evaluator: exactly what was promised may be gone, and nothing that
// is sacred.
func TestEffect(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	pick := func(ss ...string) string { return ss[rnd.IntN(len(ss))] }
	for round := range 60 {
		var events []*auditlog.Event
		for range 400 {
			user := pick("alice", "system:anonymous", "", "system:node:n1", "system:node:n2", "system:kube-scheduler", "system:kube-controller-manager", "system:serviceaccount:kube-system:a", "system:serviceaccount:web:b", "system:masters")
			groups := `"system:authenticated"`
			if strings.HasPrefix(user, "system:node:") && rnd.IntN(10) > 0 {
				groups = `"system:nodes","system:authenticated"`
			}
			verb := pick("get", "list", "watch", "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
			uri := pick("/api/v1/nodes", "/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/secrets/s", "/api/v1/namespaces/d/configmaps", "/apis/apps/v1/deployments", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
				"/api/v1/namespaces/d/pods/p/exec?command=id", "/api/v1/namespaces/d/pods/p/log", "/api/v1/nodes/n/status", "/apis/coordination.k8s.io/v1/namespaces/x/leases/n", "/api/v1/namespaces/d/serviceaccounts/s/token",
				"/apis/authentication.k8s.io/v1/tokenreviews", "/healthz", "/livez/etcd", "/version", "/apis/apps/v1", "/metrics", "/logs/x", "/apis/certificates.k8s.io/v1/certificatesigningrequests")
			if !strings.Contains(uri, "v1/") && verb != "get" {
				verb = pick("get", "post")
			}
			code, extra := 200, ""
			switch rnd.IntN(60) {
			case 0:
				code = 403
			case 1:
				extra = `,"impersonatedUser":{"username":"x"}`
			}
			events = append(events, event(user, groups, verb, uri, code, extra))
		}
		o := options
		o.Leases = round%2 == 0
		r := report(o, events)
		if len(r.Suggestions) == 0 {
			t.Fatal("no suggestion")
		}
		p := rulesOf(t, r)
		j := replay.NewJudge(policy.NewEvaluator(p.Internal), p.Internal)
		var gone replay.Amount
		for _, e := range events {
			d, ok := j.Decide(e)
			if !ok || d.Level != "None" {
				continue
			}
			gone.Events++
			gone.Bytes += e.Size()
			a, err := replay.Attributes(e)
			if err != nil {
				t.Fatal(err)
			}
			health := strings.HasPrefix(a.Path, "/healthz") || strings.HasPrefix(a.Path, "/livez")
			lease := o.Leases && a.Resource == "leases"
			person := !strings.HasPrefix(string(e.Username), "system:node:") && !strings.HasPrefix(string(e.Username), "system:kube-") && !strings.HasPrefix(string(e.Username), "system:serviceaccount:")
			switch {
			case a.ResourceRequest && a.Verb != "get" && a.Verb != "list" && a.Verb != "watch" && !lease:
				t.Errorf("a write is dropped: %s", e.Raw)
			case a.Resource == "secrets" || a.Resource == "configmaps" || a.APIGroup == "rbac.authorization.k8s.io" || a.Subresource == "exec" || a.Subresource == "log" || a.Subresource == "token" || a.Resource == "tokenreviews" || a.Resource == "certificatesigningrequests":
				t.Errorf("what is protected is dropped: %s", e.Raw)
			case person && !health:
				t.Errorf("what a person did is dropped: %s", e.Raw)
			case (e.ImpersonatedUser.Value != nil || code(e.ResponseStatus.Value) == 403) && !health:
				t.Errorf("a refusal or an act for others is dropped: %s", e.Raw)
			}
		}
		if gone != r.Saves {
			t.Errorf("promised to save %+v, saves %+v\n%+v", r.Saves, gone, r.Suggestions)
		}
	}
}

func TestReview(t *testing.T) {
	r := report(options, []*auditlog.Event{
		event("system:serviceaccount:web:b", "", "list", "/api/v1/pods", 200, ""),
		event("system:serviceaccount:kube-system:c", "", "watch", "/api/v1/pods?watch=true", 200, ""),
	})
	if len(r.Suggestions) != 2 || r.Base.Events != 2 {
		t.Fatalf("%+v", r)
	}
	for _, s := range r.Suggestions {
		if s.Review != strings.Contains(s.YAML, ":web:") {
			t.Errorf("%+v", s)
		}
	}
}

func TestSmallSharesAndStages(t *testing.T) {
	var events []*auditlog.Event
	for range 99 {
		events = append(events, event("alice", "", "create", "/api/v1/namespaces/d/pods", 201, ""))
	}
	events = append(events, event("system:kube-scheduler", "", "list", "/api/v1/pods", 200, ""))
	if r := report(Options{MinShare: 0.05, Max: 10}, events); len(r.Suggestions) != 0 || r.Stage != nil || len(r.Withheld) != 1 {
		t.Errorf("%+v", r)
	}
	e := strings.Replace(string(events[0].Raw), "ResponseComplete", "RequestReceived", 1)
	if r := report(Options{MinShare: 0.05, Max: 10}, append(events[:5:5], auditlog.Parse([]byte(e))[0])); r.Stage == nil || r.Stage.Events != 1 {
		t.Errorf("%+v", r)
	}
}

// A shipper that writes JSON anew puts blanks after colons.
func TestRefusedInSpacedJSON(t *testing.T) {
	for status, want := range map[string]int{`{"code":403}`: 403, `{"reason": "Forbidden", "code": 403}`: 403, `{"metadata": {}}`: 0, `{"code": null}`: 0} {
		if got := code([]byte(status)); got != want {
			t.Errorf("%s: %d, want %d", status, got, want)
		}
	}
}

// A worker without room for more classes may have met a refusal that it could
// not note: what it has not counted is not suggested, and the report says so.
func TestTooManyClasses(t *testing.T) {
	read := func(who string, code int) *auditlog.Event {
		return event("system:serviceaccount:kube-system:"+who, "", "list", "/api/v1/pods", code, "")
	}
	a, b := NewVisitor(nil, options), NewVisitor(nil, options)
	a.max = 1
	a.Visit(read("seen", 200))
	a.Visit(read("refused", 403)) // no room
	b.Visit(read("seen", 200))
	b.Visit(read("refused", 200))
	r := NewReport([]*Visitor{a, b}, options)
	if len(r.Suggestions) != 1 || !strings.Contains(r.Suggestions[0].YAML, ":seen") {
		t.Errorf("%+v", r.Suggestions)
	}
	why := ""
	for _, w := range r.Withheld {
		why += fmt.Sprint(w.Reason, w.Events, ";")
	}
	if why != "chatter, but not all of its events were looked at1;more kinds of reads than are told apart1;" {
		t.Error(why)
	}
}
