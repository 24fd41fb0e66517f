package request

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
)

func TestKubectlLines(t *testing.T) {
	for line, want := range map[string][]string{
		"kubectl get secrets -A":             {"GET /api/v1/secrets"},
		"kubectl get po web-0 -n prod":       {"GET /api/v1/namespaces/prod/pods/web-0"},
		"get deploy":                         {"GET /apis/apps/v1/namespaces/default/deployments"},
		"k get no":                           {"GET /api/v1/nodes"},
		"oc get no":                          {"GET /api/v1/nodes"},
		"/usr/bin/kubectl get no":            {"GET /api/v1/nodes"},
		"k3s kubectl get no":                 {"GET /api/v1/nodes"},
		"minikube kubectl -- get no":         {"GET /api/v1/nodes"},
		"sudo kubectl get no":                {"GET /api/v1/nodes"},
		"get po kubectl":                     {"GET /api/v1/namespaces/default/pods/kubectl"},
		"kubectl get deploy.v1.apps web":     {"GET /apis/apps/v1/namespaces/default/deployments/web"},
		"kubectl get nodes -w":               {"GET /api/v1/nodes", "GET /api/v1/nodes?watch=true"},
		"kubectl get ns prod":                {"GET /api/v1/namespaces/prod"},
		"kubectl exec -it web-0 -- rm -rf /": {"GET /api/v1/namespaces/default/pods/web-0", "GET /api/v1/namespaces/default/pods/web-0/exec", "POST /api/v1/namespaces/default/pods/web-0/exec"},
		"kubectl logs deploy/web":            {"GET /apis/apps/v1/namespaces/default/deployments/web", "GET /api/v1/namespaces/default/pods", "GET /api/v1/namespaces/default/pods/web-0/log"},
		"kubectl scale deployment web --replicas 3": {"GET /apis/apps/v1/namespaces/default/deployments/web",
			"PATCH /apis/apps/v1/namespaces/default/deployments/web/scale"},
		"kubectl create token builder -n ci":         {"POST /api/v1/namespaces/ci/serviceaccounts/builder/token"},
		"kubectl delete clusterrolebinding admin":    {"DELETE /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/admin", "GET /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/admin"},
		"kubectl delete po web-0 --wait=false":       {"DELETE /api/v1/namespaces/default/pods/web-0"},
		"kubectl cp prod/web-0:/etc/passwd .":        {"GET /api/v1/namespaces/prod/pods/web-0", "GET /api/v1/namespaces/prod/pods/web-0/exec", "POST /api/v1/namespaces/prod/pods/web-0/exec"},
		"kubectl create service clusterip web":       {"POST /api/v1/namespaces/default/services"},
		"kubectl top node n1":                        {"GET /apis/metrics.k8s.io/v1/nodes/n1", "GET /api/v1/nodes/n1"},
		"kubectl auth whoami":                        {"POST /apis/authentication.k8s.io/v1/selfsubjectreviews"},
		"kubectl apply configmap a --dry-run=client": {"GET /api/v1/namespaces/default/configmaps/a"},
		"kubectl cordon n1":                          {"GET /api/v1/nodes/n1", "PATCH /api/v1/nodes/n1"},
		"kubectl version":                            {"GET /version"},
		"kubectl get --raw=/readyz":                  {"GET /readyz"},
		"kubectl get --raw /readyz":                  {"GET /readyz"},
		"kubectl -v 6 get ns prod":                   {"GET /api/v1/namespaces/prod"},
		"kubectl get po web-0 -nprod -owide":         {"GET /api/v1/namespaces/prod/pods/web-0"},
		"kubectl get po web-0 -n=prod":               {"GET /api/v1/namespaces/prod/pods/web-0"},
		"kubectl logs -f web-0":                      {"GET /api/v1/namespaces/default/pods/web-0", "GET /api/v1/namespaces/default/pods/web-0/log"},
		"kubectl logs web-0 -p -n prod":              {"GET /api/v1/namespaces/prod/pods/web-0", "GET /api/v1/namespaces/prod/pods/web-0/log"},
		"kubectl label ns prod tier=gold owner-":     {"GET /api/v1/namespaces/prod", "PATCH /api/v1/namespaces/prod"},
		"kubectl taint nodes n1 a=b:NoSchedule":      {"GET /api/v1/nodes/n1", "PATCH /api/v1/nodes/n1"},
		"kubectl set image deploy/web web=nginx:1": {"GET /apis/apps/v1/namespaces/default/deployments/web",
			"PATCH /apis/apps/v1/namespaces/default/deployments/web"},
	} {
		rs, err := Kubectl(strings.Fields(line), Spec{}, apitable.For(0))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var got []string
		for _, r := range rs {
			m, u := HTTP(r)
			got = append(got, m+" "+u)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", line, got, want)
		}
	}
	for _, line := range []string{"kubectl", "kubectl apply -f x.yaml", "kubectl frobnicate", "kubectl get", "kubectl config view", "kubectl create cm a --dry-run=client", "kubectl cp a b", "kubectl auth reconcile"} {
		if _, err := Kubectl(strings.Fields(line), Spec{}, apitable.For(0)); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
}

// A URL becomes what kube-apiserver makes of it.
func TestURLs(t *testing.T) {
	for _, c := range []struct{ url, verb, want string }{
		{"/api/v1/namespaces/foo", "get", "get namespaces foo in foo"},
		{"/api/v1/pods?watch=1", "GET", "watch pods  in "},
		{"https://10.0.0.1:6443/apis/apps/v1/namespaces/x/deployments", "POST", "create deployments  in x"},
		{"/api/v1/namespaces/x/pods", "delete", "deletecollection pods  in x"},
		{"/api/v1", "get", "get /api/v1"},
	} {
		r, err := Make(Spec{URL: c.url, Verb: c.verb}, apitable.For(0))
		if err != nil {
			t.Fatal(err)
		}
		got := r.Verb + " " + r.Path
		if r.ResourceRequest {
			got = fmt.Sprintf("%s %s %s in %s", r.Verb, r.Resource, r.Name, r.Namespace)
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.verb, c.url, got, c.want)
		}
	}
	if _, err := Make(Spec{URL: "readyz"}, apitable.For(0)); err == nil {
		t.Error("a URL without a slash was taken")
	}
}

func TestRecord(t *testing.T) {
	table := apitable.For(0)
	for _, c := range []struct {
		spec           Spec
		level          audit.Level
		omit           []audit.Stage
		events         int
		request, reply bool
	}{
		{Spec{Verb: "get", Resource: "pods"}, audit.LevelRequest, nil, 2, false, false},
		{Spec{Verb: "get", Resource: "pods"}, audit.LevelRequestResponse, nil, 2, false, true},
		{Spec{Verb: "create", Resource: "pods"}, audit.LevelRequestResponse, []audit.Stage{audit.StageRequestReceived}, 1, true, true},
		{Spec{Verb: "create", Resource: "pods"}, audit.LevelRequestResponse, []audit.Stage{audit.StageResponseComplete}, 1, false, false},
		{Spec{Verb: "get", URL: "/healthz"}, audit.LevelRequestResponse, nil, 2, false, false},
		{Spec{Verb: "get", URL: "/api"}, audit.LevelRequestResponse, nil, 2, false, true},
		{Spec{Verb: "watch", Resource: "pods"}, audit.LevelRequestResponse, nil, 3, false, false},
		{Spec{Verb: "get", Resource: "pods/exec"}, audit.LevelRequestResponse, nil, 3, false, false},
		{Spec{Unauthenticated: true, Verb: "create", Resource: "pods"}, audit.LevelRequestResponse, nil, 1, false, false},
		{Spec{Unauthenticated: true, Verb: "create", Resource: "pods"}, audit.LevelMetadata, []audit.Stage{audit.StageResponseStarted}, 0, false, false},
		{Spec{Verb: "create", Resource: "pods"}, audit.LevelNone, nil, 0, false, false},
	} {
		r, err := Make(c.spec, table)
		if err != nil {
			t.Fatal(err)
		}
		got := Record(policy.Decision{Level: c.level, OmitStages: c.omit}, r)
		if len(got.Events) != c.events || got.RequestBody != c.request || got.ResponseBody != c.reply {
			t.Errorf("%+v at %s: %+v", c.spec, c.level, got)
		}
	}
}

// What is asked about is a request that a client sends: a create has no name in
// its URL, and what no request has is said with what to write instead.
func TestRequestsAsClientsSendThem(t *testing.T) {
	for _, c := range []struct {
		spec       Spec
		want, note string
	}{
		{Spec{Verb: "create", Resource: "configmaps", Name: "leader", Namespace: "a", NamespaceSet: true}, "POST /api/v1/namespaces/a/configmaps", `resourceNames do not see "leader"`},
		{Spec{Verb: "deletecollection", Resource: "pods", Name: "x", Namespace: "a", NamespaceSet: true}, "DELETE /api/v1/namespaces/a/pods", `resourceNames do not see "x"`},
		{Spec{Verb: "create", Resource: "serviceaccounts/token", Name: "x", Namespace: "a", NamespaceSet: true}, "POST /api/v1/namespaces/a/serviceaccounts/x/token", ""},
		{Spec{Verb: "delete", Resource: "pods", Name: "x", Namespace: "a", NamespaceSet: true}, "DELETE /api/v1/namespaces/a/pods/x", ""},
		{Spec{Verb: "get", Resource: "deployments.v1.apps", Name: "x", Namespace: "a", NamespaceSet: true}, "GET /apis/apps/v1/namespaces/a/deployments/x", ""},
		{Spec{Verb: "get", Resource: "pods.apps", Name: "x", Namespace: "a", NamespaceSet: true}, "GET /apis/apps/v1/namespaces/a/pods/x", "apps has no pods: the request fails"},
		{Spec{Verb: "get", Resource: "deploy.apps", Name: "x", Namespace: "a", NamespaceSet: true}, "GET /apis/apps/v1/namespaces/a/deployments/x", "deploy is deployments.apps"},
		{Spec{Verb: "get", Resource: "pods/foo", Name: "x", Namespace: "a", NamespaceSet: true}, "GET /api/v1/namespaces/a/pods/x/foo", "pods has no subresource foo"},
		{Spec{Verb: "list", URL: "/metrics"}, "GET /metrics", "the verb that kube-apiserver derives from this URL is get"},
		{Spec{Verb: "GET", Resource: "pods", Name: "x", Namespace: "a", NamespaceSet: true}, "GET /api/v1/namespaces/a/pods/x", "write get"},
		{Spec{Verb: "POST", Resource: "pods", Name: "x", Namespace: "a", NamespaceSet: true}, "POST /api/v1/namespaces/a/pods/x", "write create"},
		{Spec{Verb: "connect", Resource: "pods/exec", Name: "x", Namespace: "a", NamespaceSet: true}, "CONNECT /api/v1/namespaces/a/pods/x/exec", "get (websocket) or create (SPDY)"},
		{Spec{Verb: "use", Resource: "pods", Name: "x", Namespace: "a", NamespaceSet: true}, "USE /api/v1/namespaces/a/pods/x", "it is one of get, list"},
	} {
		c.spec.User = "ann"
		r, err := Make(c.spec, apitable.For(0))
		if err != nil {
			t.Fatal(err)
		}
		m, u := HTTP(r)
		notes := strings.Join(r.Notes, "; ")
		if m+" "+u != c.want || !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
			t.Errorf("%+v: %s %s (%s)", c.spec, m, u, notes)
		}
	}
}

// A pattern is no request.
func TestPatternsAreNoRequests(t *testing.T) {
	for _, r := range []string{"*", "pods/*", "*/scale", "*.apps"} {
		if _, err := Make(Spec{Verb: "get", Resource: r}, apitable.For(0)); err == nil {
			t.Errorf("%s was taken for a resource", r)
		}
	}
}

// The flags that show a request to a user make that request again.
func TestFlagsMakeTheRequestAgain(t *testing.T) {
	for _, s := range []Spec{
		{URL: "/api/v1/namespaces/a/configmaps/leader", Verb: "post"}, {URL: "/apis/apps/v1/namespaces/a/deployments/x%20y", Verb: "post"},
		{URL: "/api/v1/namespaces/a", Verb: "post"}, {URL: "/apis/rbac.authorization.k8s.io/v1/clusterroles/x", Verb: "post"},
		{URL: "/api/v1/namespaces/a/configmaps", Verb: "post"}, {URL: "/api/v1/namespaces/a/pods/x", Verb: "get"},
		{URL: "/api/v1/namespaces/a/serviceaccounts/x/token", Verb: "post"},
	} {
		r, err := Make(s, apitable.For(0))
		if err != nil {
			t.Fatal(err)
		}
		again := Spec{User: AnyUser, NamespaceSet: true}
		words := strings.Fields(space.Flags(r))
		for i := 0; i+1 < len(words); i += 2 {
			to := map[string]*string{"--user": &again.User, "--verb": &again.Verb, "--url": &again.URL, "--resource": &again.Resource, "--name": &again.Name, "-n": &again.Namespace}[words[i]]
			if to == nil {
				t.Fatalf("flags %q", words)
			}
			*to = strings.Trim(words[i+1], "'\"") // what a shell takes away
		}
		q, err := Make(again, apitable.For(0))
		if err != nil {
			t.Fatal(err)
		}
		if what := func(r *Request) string {
			return strings.Join([]string{r.Verb, r.APIGroup, r.Resource, r.Subresource, r.Namespace, r.Name}, "|")
		}; what(q) != what(r) {
			t.Errorf("%s: %q makes %s, not %s", s.URL, words, what(q), what(r))
		}
	}
}
