package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	authnv1 "k8s.io/api/authentication/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

func load(t *testing.T, text string) *auditinternal.Policy {
	t.Helper()
	ps, err := policy.Load("test.yaml", []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\n"+text))
	if err != nil || len(ps[0].Refused) > 0 {
		t.Fatal(err, ps[0].Refused)
	}
	return ps[0].Internal
}

func run(t *testing.T, p *auditinternal.Policy, log string) *Report {
	t.Helper()
	e := policy.NewEvaluator(p)
	src := auditlog.Source{Name: "log", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(log)), nil }}
	vs, st, err := auditlog.Read(context.Background(), []auditlog.Source{src}, auditlog.Options{}, func() auditlog.Visitor { return NewVisitor(e, p) })
	if err != nil {
		t.Fatal(err)
	}
	var own []*Visitor
	for _, v := range vs {
		own = append(own, v.(*Visitor))
	}
	r := NewReport(own, st)
	total := Amount{}
	total.Add(r.Kept)
	total.Add(r.Dropped)
	total.Add(r.Unknowable.Amount)
	if total.Events != st.Events+st.Broken || total.Bytes != r.Log.EventBytes {
		t.Errorf("kept, dropped and unknowable are %+v, the log has %d events and %d bytes", total, st.Events, r.Log.EventBytes)
	}
	byRule := Amount{}
	for _, rule := range append(r.Rules, r.NoRule) {
		byRule.Add(rule.Kept)
	}
	if byRule != r.Kept {
		t.Errorf("the rules keep %+v, all keep %+v", byRule, r.Kept)
	}
	return r
}

// ev is an audit event for tests, with the fields in kube-apiserver's order.
type ev struct {
	Kind           string            `json:"kind"`
	APIVersion     string            `json:"apiVersion"`
	Level          string            `json:"level"`
	AuditID        string            `json:"auditID"`
	Stage          string            `json:"stage"`
	RequestURI     string            `json:"requestURI"`
	Verb           string            `json:"verb"`
	User           authnv1.UserInfo  `json:"user"`
	Impersonated   *authnv1.UserInfo `json:"impersonatedUser,omitempty"`
	ObjectRef      json.RawMessage   `json:"objectRef,omitempty"`
	Status         json.RawMessage   `json:"responseStatus,omitempty"`
	RequestObject  json.RawMessage   `json:"requestObject,omitempty"`
	ResponseObject json.RawMessage   `json:"responseObject,omitempty"`
	Received       string            `json:"requestReceivedTimestamp"`
	Staged         string            `json:"stageTimestamp"`
}

func (e ev) String() string {
	if e.Kind == "" {
		e.Kind, e.APIVersion = "Event", "audit.k8s.io/v1"
	}
	if e.Level == "" {
		e.Level = "RequestResponse"
	}
	if e.Stage == "" {
		e.Stage = "ResponseComplete"
	}
	e.Received, e.Staged = "2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:05.000000Z"
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func alice() authnv1.UserInfo {
	return authnv1.UserInfo{Username: "alice", Groups: []string{"dev", "system:authenticated"}}
}

// TestBytes predicts, byte for byte, the event that a lower level would have
// written.
func TestBytes(t *testing.T) {
	full := ev{
		AuditID: "a", RequestURI: "/api/v1/namespaces/d/configmaps", Verb: "create", User: alice(),
		RequestObject:  json.RawMessage(`{"kind":"ConfigMap","metadata":{"name":"c","managedFields":[{"manager":"x"}]},"data":{"a":"}"}}`),
		ResponseObject: json.RawMessage(`{"kind":"ConfigMap","metadata":{"managedFields":[{"manager":"x"}],"name":"c"},"data":{"managedFields":"no"}}`),
	}
	for _, c := range []struct {
		policy string
		want   func(e *ev)
	}{
		{"rules: [{level: RequestResponse}]", func(e *ev) {}},
		{"rules: [{level: Request}]", func(e *ev) { e.Level, e.ResponseObject = "Request", nil }},
		{"rules: [{level: Metadata}]", func(e *ev) { e.Level, e.RequestObject, e.ResponseObject = "Metadata", nil, nil }},
		{"omitManagedFields: true\nrules: [{level: RequestResponse}]", func(e *ev) {
			e.RequestObject = json.RawMessage(`{"kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"}"}}`)
			e.ResponseObject = json.RawMessage(`{"kind":"ConfigMap","metadata":{"name":"c"},"data":{"managedFields":"no"}}`)
		}},
		{"omitManagedFields: true\nrules: [{level: Request, omitManagedFields: false}]", func(e *ev) { e.Level, e.ResponseObject = "Request", nil }},
	} {
		want := full
		c.want(&want)
		r := run(t, load(t, c.policy), full.String())
		if r.Kept.Events != 1 || r.Kept.Bytes != int64(len(want.String())) || r.Exactness.Bytes != Exact {
			t.Errorf("%s: %+v, want %d bytes", c.policy, r.Kept, len(want.String()))
		}
	}
	// A patch is logged as it was sent.
	full.Verb, full.ResponseObject = "patch", nil
	r := run(t, load(t, "omitManagedFields: true\nrules: [{level: RequestResponse}]"), full.String())
	if r.Kept.Bytes != int64(len(full.String())) {
		t.Errorf("patch: %+v", r.Kept)
	}
}

func TestManagedFieldsOfLists(t *testing.T) {
	for in, want := range map[string]string{
		`{"kind":"PodList","metadata":{},"items":[{"metadata":{"name":"a","managedFields":[{}]}},{"metadata":{"managedFields":[{}],"x":1}},{"metadata":{}}]}`: `{"kind":"PodList","metadata":{},"items":[{"metadata":{"name":"a"}},{"metadata":{"x":1}},{"metadata":{}}]}`,
		`{"kind":"Table","rows":[{"cells":["a"],"object":{"metadata":{"managedFields":[1],"name":"b"}}}]}`:                                                    `{"kind":"Table","rows":[{"cells":["a"],"object":{"metadata":{"name":"b"}}}]}`,
		`{"metadata":{"managedFields":null}}`:                             `{"metadata":{"managedFields":null}}`,
		`{"spec":{"template":{"metadata":{"managedFields":[{}],"a":1}}}}`: `{"spec":{"template":{"metadata":{"managedFields":[{}],"a":1}}}}`,
		`[1]`: `[1]`,
	} {
		if got := auditlog.ManagedFields([]byte(in)); got != len(in)-len(want) {
			t.Errorf("%s: %d, want %d", in, got, len(in)-len(want))
		}
	}
}

// TestWhoAndWhat holds the traps of matching a log: who the user is, and what
// the request was.
func TestWhoAndWhat(t *testing.T) {
	bob := &authnv1.UserInfo{Username: "bob", Groups: []string{"ops"}}
	for name, c := range map[string]struct {
		e    ev
		rule string
		want bool
	}{
		"the user, not the impersonated one": {ev{RequestURI: "/api/v1/pods", Verb: "list", User: alice(), Impersonated: bob}, "users: [alice]", true},
		"the impersonated user":              {ev{RequestURI: "/api/v1/pods", Verb: "list", User: alice(), Impersonated: bob}, "users: [bob]", false},
		"no user matches no user":            {ev{RequestURI: "/api/v1/pods", Verb: "list", Stage: "ResponseStarted"}, `users: [""]`, false},
		"no user is not unauthenticated":     {ev{RequestURI: "/api/v1/pods", Verb: "list", Stage: "ResponseStarted"}, `userGroups: ["system:unauthenticated"]`, false},
		"the name is not the body's": {ev{RequestURI: "/api/v1/namespaces/d/secrets", Verb: "create", User: alice(),
			ObjectRef: json.RawMessage(`{"resource":"secrets","namespace":"d","name":"s","apiVersion":"v1"}`)},
			`resources: [{group: "", resources: [secrets], resourceNames: [s]}]`, false},
		"a field selector names":          {ev{RequestURI: "/api/v1/namespaces/d/secrets?fieldSelector=metadata.name%3Ds\u0026watch=true", Verb: "watch", User: alice()}, `resources: [{group: "", resources: [secrets], resourceNames: [s]}]`, true},
		"an escaped field selector names": {ev{RequestURI: "/api/v1/namespaces/d/secrets?field%53elector=metadata.name%3Ds", Verb: "list", User: alice()}, `resources: [{group: "", resources: [secrets], resourceNames: [s]}]`, true},
		"deletecollection has no name":    {ev{RequestURI: "/api/v1/namespaces/d/secrets?fieldSelector=metadata.name%3Ds", Verb: "deletecollection", User: alice()}, `resources: [{group: "", resources: [secrets], resourceNames: [s]}]`, false},
		"a namespace's own request":       {ev{RequestURI: "/api/v1/namespaces/d", Verb: "get", User: alice()}, `namespaces: [d]`, true},
		"list over all namespaces":        {ev{RequestURI: "/api/v1/secrets?limit=500", Verb: "list", User: alice()}, `namespaces: [d]`, false},
		"discovery is no resource":        {ev{RequestURI: "/apis/apps/v1?timeout=32s", Verb: "get", User: alice()}, `nonResourceURLs: ["/apis/*"]`, true},
		"escapes in a path":               {ev{RequestURI: "/api/v1/namespaces/d/configmaps/a%3Ab", Verb: "get", User: alice()}, `resources: [{group: "", resources: [configmaps], resourceNames: ["a:b"]}]`, true},
		"the old watch path":              {ev{RequestURI: "/api/v1/watch/namespaces/d/pods", Verb: "watch", User: alice()}, `verbs: [watch]`, true},
		"a subresource":                   {ev{RequestURI: "/api/v1/namespaces/d/pods/p/exec?command=ls", Verb: "get", User: alice()}, `resources: [{group: "", resources: [pods/exec]}]`, true},
	} {
		r := run(t, load(t, "rules: [{level: Metadata, "+c.rule+"}]"), c.e.String())
		if got := r.Kept.Events == 1; got != c.want {
			t.Errorf("%s: kept %v", name, got)
		}
	}
}

func TestUnknowableAndMissing(t *testing.T) {
	e := ev{RequestURI: "/api/v1/namespaces/d/pods", Verb: "create", User: alice(), Level: "Metadata"}
	log := e.String() + ev{RequestURI: "::", Verb: "get", AuditID: "x"}.String() + ev{RequestURI: "/api", Verb: "get", Stage: "Odd"}.String() + e.String()[:150]
	r := run(t, load(t, "rules: [{level: RequestResponse}]"), log)
	if r.Kept.Events != 1 || r.Unknowable.Events != 3 || r.Rules[0].Unknowable.Bodies != 1 || r.Unknowable.Bodies != 1 {
		t.Errorf("%+v", r)
	}
	if r.Exactness.Bytes != LowerBound || r.Exactness.Events != LowerBound || r.Exactness.Unlogged != Unknown {
		t.Errorf("%+v", r.Exactness)
	}
	// The log lacks RequestReceived, which this policy records.
	if r.Added.Events != 1 || r.Exactness.Added != Estimate {
		t.Errorf("added %+v", r.Added)
	}
	r = run(t, load(t, "omitStages: [RequestReceived]\nrules: [{level: Metadata}]"), e.String())
	if r.Added.Events != 0 || r.Exactness.Bytes != Exact {
		t.Errorf("%+v", r)
	}
}

func TestStages(t *testing.T) {
	watch := ev{RequestURI: "/api/v1/pods?watch=true", Verb: "watch", User: alice(), AuditID: "w"}
	get := ev{RequestURI: "/api/v1/namespaces/d/pods/p", Verb: "get", User: alice(), AuditID: "g"}
	failed := ev{RequestURI: "/api/v1/namespaces/d/pods/p", Verb: "get", AuditID: "f", Stage: "ResponseStarted"}
	var log string
	for _, s := range stageNames[:3] {
		watch.Stage = s
		log += watch.String()
		if get.Stage = s; s != "ResponseStarted" {
			log += get.String()
		}
	}
	log += failed.String()
	r := run(t, load(t, "omitStages: [ResponseStarted]\nrules: [{level: Metadata}]"), log)
	if r.Kept.Events != 4 || r.Dropped.Events != 2 || r.Log.Requests != 3 || r.ByLevel["Metadata"].Requests != 3 {
		t.Errorf("%+v", r)
	}
	if r.ByStage["ResponseStarted"].Events != 0 || r.ByStage["ResponseComplete"].Events != 2 || r.ByStage["RequestReceived"].Events != 2 {
		t.Errorf("%+v", r.ByStage)
	}
}

// TestClasses compares the caches with an evaluator that is asked about every
// event by itself, for policies and requests that name the same few things.
func TestClasses(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	pick := func(ss ...string) string { return ss[rnd.IntN(len(ss))] }
	list := func(ss ...string) string {
		var out []string
		for _, s := range ss {
			if rnd.IntN(2) == 0 {
				out = append(out, fmt.Sprintf("%q", s))
			}
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	n := 300
	if testing.Short() {
		n = 30
	}
	for range n {
		var b strings.Builder
		b.WriteString("rules:\n")
		for range 1 + rnd.IntN(6) {
			fmt.Fprintf(&b, "- level: %s\n  users: %s\n  userGroups: %s\n  verbs: %s\n", pick("None", "Metadata", "Request", "RequestResponse"),
				list("alice", "bob"), list("dev", "system:authenticated"), list("get", "list", "create", "watch"))
			switch rnd.IntN(3) {
			case 0:
				fmt.Fprintf(&b, "  nonResourceURLs: %s\n", list("/api*", "/healthz", "/apis/apps/*", "*"))
			case 1:
				fmt.Fprintf(&b, "  namespaces: %s\n  resources:\n  - group: %q\n    resources: %s\n", list("d", "kube-system", ""), pick("", "apps"), list("pods", "pods/*", "*/status", "deployments"))
			case 2:
				fmt.Fprintf(&b, "  resources:\n  - group: %q\n    resources: [%q]\n    resourceNames: %s\n", pick("", "apps"), pick("pods", "*"), list("p", "q"))
			}
		}
		p := load(t, b.String())
		e := policy.NewEvaluator(p)
		cached := newCache(e, p)
		for range 200 {
			x := ev{Verb: pick("get", "list", "create", "watch", "delete"), User: authnv1.UserInfo{Username: pick("", "alice", "bob", "carol")}}
			x.RequestURI = pick("/api/v1", "/apis/apps/v1", "/healthz", "/healthz/etcd", "/version", "/apis/apps/x") + pick("", "?a=b")
			if rnd.IntN(4) > 0 {
				x.RequestURI = pick("/api/v1", "/apis/apps/v1") + pick("", "/namespaces/d", "/namespaces/e", "/namespaces/kube-system") + "/" +
					pick("pods", "deployments", "nodes") + pick("", "/p", "/q", "/r", "/p/status", "/p/log") + pick("", "?fieldSelector=metadata.name%3Dp", "?x=1", "?resourceVersion=7&fieldSelector=metadata.name%3Dq&timeoutSeconds=30", "?fieldSelector=metadata.name%3Dp&timeoutSeconds=x", "?limit=500&fieldSelector=spec.nodeName%3Dp&watch=true")
			}
			if rnd.IntN(4) == 0 {
				x.RequestURI = pick("/api/v1/namespaces/d/status", "/api/v1/namespaces/p/finalize", "/api/v1/watch/pods", "/api/v1/watch/namespaces/d/pods/p", "/api/v1/namespaces//pods", "/api/v1/pods/",
					"/apis/apps/v1/namespaces/d/deployments/p/scale", "/api/v1/namespaces/d/pods/p/proxy/q/r", "/api/v1/namespaces/d/services/q/proxy", "/api/v1/namespaces", "/api/v1/namespaces/d", "/api/v1/namespaces/d/pods/%70",
					"/api/v1/nodes/p/status", "//api/v1/pods", "/api/v1/namespaces/d/pods/p/", "/apis/apps", "/apis/apps/v1/deployments", "/api/v1/pods/p/a/b/c/d/e/f/g/h/i/j")
			}
			if rnd.IntN(2) == 0 {
				x.User.Groups = []string{pick("dev", "ops"), pick("system:authenticated", "dev")}
			}
			event := auditlog.Parse([]byte(x.String()))[0]
			a, err := Attributes(event)
			if err != nil {
				t.Fatal(err)
			}
			want := e.Match(&a)
			for range 2 {
				v := cached.verdict(event)
				if !v.ok || v.Rule != want.Rule || v.Level != want.Level {
					t.Fatalf("%s\n%s\n got rule %d, want %d", b.String(), x, v.Rule, want.Rule)
				}
				req, resp := bodies(&a)
				if v.longRunning != longRunning(&a) || v.mayHaveRequest != req || v.mayHaveResponse != resp {
					t.Fatalf("%s: traits differ in one class", x)
				}
			}
		}
	}
}
