package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// server answers as an API server would; a path without a handler is 404.
type server map[string]http.HandlerFunc

func (s server) start(t *testing.T) *Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := s[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		status(404, "the server could not find the requested resource")(w, r)
	}))
	t.Cleanup(srv.Close)
	c, err := NewClient(&rest.Config{Host: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func status(code int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"code":%d}`, message, code)
	}
}

func text(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func json200(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}
}

// hang answers nothing until the client goes away.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// protobuf writes an object as the API server does.
func protobuf(w http.ResponseWriter, code int, o interface{ Marshal() ([]byte, error) }) {
	raw, err := o.Marshal()
	if err != nil {
		panic(err)
	}
	body, err := (&runtime.Unknown{Raw: raw}).Marshal()
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
	w.WriteHeader(code)
	_, _ = w.Write(append([]byte("k8s\x00"), body...))
}

func podPages(n, size int, broken int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &page)
		if page == broken {
			hang(w, r)
			return
		}
		l := &corev1.PodList{}
		for i := page * size; i < min(n, (page+1)*size); i++ {
			l.Items = append(l.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("p", i), Namespace: "d"}, Spec: corev1.PodSpec{NodeName: "n1"}})
		}
		if (page+1)*size < n {
			l.Continue = fmt.Sprint(page + 1)
		}
		protobuf(w, 200, l)
	}
}

func TestListPages(t *testing.T) {
	c := server{"/api/v1/pods": podPages(2500, 500, -1)}.start(t)
	n := 0
	p := each(t.Context(), lister{client: c, path: "/api/v1/pods"}, snapshot.SourcePods, func(*corev1.Pod) { n++ })
	if p.Status != snapshot.OK || n != 2500 {
		t.Errorf("%d pods, %+v", n, p)
	}
}

// A list that is read up to a limit says so: what stands beyond it is not known.
func TestListIsCut(t *testing.T) {
	c := server{"/api/v1/pods": podPages(2500, 500, -1)}.start(t)
	for limit, want := range map[int]string{1000: "only the first 1000 were read; there are more", 2500: "", 9000: ""} {
		n := 0
		p := each(t.Context(), lister{client: c, path: "/api/v1/pods", maxItems: limit}, snapshot.SourceEvents, func(*corev1.Pod) { n++ })
		if p.Status != snapshot.OK || p.Detail != want || n != min(limit, 2500) {
			t.Errorf("at most %d: %d pods, %+v", limit, n, p)
		}
		if notes := cutNotes(&snapshot.Snapshot{}, p); (len(notes) == 1) != (want != "") {
			t.Errorf("at most %d: notes %q", limit, notes)
		}
	}
}

// Credentials are for the API server, not for whom it or a kubelet points to.
func TestRedirectIsNotFollowed(t *testing.T) {
	followed := false
	c := server{
		"/api/v1/nodes/n1/proxy/healthz": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"/elsewhere":                     func(http.ResponseWriter, *http.Request) { followed = true },
	}.start(t)
	n := &snapshot.Node{Name: "n1"}
	c.askKubelet(t.Context(), n, time.Second)
	if p, _ := snapshot.Find(n.Probes, snapshot.SourceHealthz); followed || p.Status != snapshot.Unreachable || p.Reason != "" {
		t.Errorf("followed %v, %+v", followed, p)
	}
}

// Of the two versions of the metrics API the one that works counts.
func TestUsageOfTheOtherVersion(t *testing.T) {
	c := server{
		"/apis/metrics.k8s.io/v1beta1/nodes/n1": status(503, "service unavailable"),
		"/apis/metrics.k8s.io/v1/nodes/n1":      json200(`{"usage":{"cpu":"250m"}}`),
	}.start(t)
	if u, p := c.usage(t.Context(), "n1"); u == nil || u.CPUMilli != 250 || p.Status != snapshot.OK {
		t.Errorf("%+v %+v", u, p)
	}
}

func TestListStallsInTheMiddle(t *testing.T) {
	c := server{"/api/v1/pods": podPages(2500, 500, 2)}.start(t)
	n := 0
	began := time.Now()
	p := each(t.Context(), lister{client: c, path: "/api/v1/pods", deadline: 300 * time.Millisecond}, snapshot.SourcePods, func(*corev1.Pod) { n++ })
	if p.Status != snapshot.Timeout || n != 1000 || !strings.Contains(p.Detail, "after 1000 items") {
		t.Errorf("%d pods, %+v", n, p)
	}
	if time.Since(began) > 2*time.Second {
		t.Errorf("took %s", time.Since(began))
	}
}

func TestListInterrupted(t *testing.T) {
	c := server{"/api/v1/pods": hang}.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	each(ctx, lister{client: c, path: "/api/v1/pods"}, snapshot.SourcePods, func(*corev1.Pod) {})
	if time.Since(began) > time.Second {
		t.Errorf("took %s", time.Since(began))
	}
}

func TestListJSON(t *testing.T) {
	c := server{"/api/v1/pods": json200(`{"kind":"PodList","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}`)}.start(t)
	var names []string
	p := each(t.Context(), lister{client: c, path: "/api/v1/pods"}, snapshot.SourcePods, func(o *corev1.Pod) { names = append(names, o.Name) })
	if p.Status != snapshot.OK || strings.Join(names, ",") != "a,b" {
		t.Errorf("%q %+v", names, p)
	}
}

func TestListDeniedInProtobuf(t *testing.T) {
	c := server{"/api/v1/pods": func(w http.ResponseWriter, _ *http.Request) {
		protobuf(w, 403, &metav1.Status{Message: `pods is forbidden: User "u" cannot list resource "pods" in API group "" at the cluster scope`, Reason: metav1.StatusReasonForbidden})
	}}.start(t)
	p := each(t.Context(), lister{client: c, path: "/api/v1/pods"}, snapshot.SourcePods, func(*corev1.Pod) {})
	if p.Status != snapshot.Denied || p.Reason != snapshot.ReasonAPIServer || p.Detail != "needs the right to list pods" {
		t.Errorf("%+v", p)
	}
}

const nodeJSON = `{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1","creationTimestamp":"2026-01-01T00:00:00Z"},"status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"192.0.2.1"}]}}`

// healthy is an API server with one node that is well.
func healthy() server {
	lease := func(w http.ResponseWriter, r *http.Request) {
		json200(fmt.Sprintf(`{"metadata":{"name":"n1","namespace":"kube-node-lease"},"spec":{"holderIdentity":"n1","leaseDurationSeconds":40,"renewTime":%q}}`, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")))(w, r)
	}
	return server{
		"/version":         json200(`{"gitVersion":"v1.37.1"}`),
		"/api/v1/nodes/n1": json200(nodeJSON),
		"/api/v1/nodes":    json200(`{"items":[` + nodeJSON + `]}`),
		"/api/v1/pods":     json200(`{"items":[]}`),
		"/api/v1/events":   json200(`{"items":[]}`),
		"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1":                  lease,
		"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases":                     json200(`{"items":[]}`),
		"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager": lease,
		"/apis/certificates.k8s.io/v1/certificatesigningrequests":                            json200(`{"items":[]}`),
		"/api/v1/nodes/n1/proxy/healthz":                                                     text(200, "ok"),
		"/api/v1/nodes/n1/proxy/metrics":                                                     text(200, "kubelet_cgroup_version 2\n"),
		"/api/v1/nodes/n1/proxy/configz":                                                     json200(`{"kubeletconfig":{"maxPods":110}}`),
		"/api/v1/nodes/n1/proxy/stats/summary":                                               json200(`{"node":{"nodeName":"n1"},"pods":[]}`),
		"/api/v1/nodes/http:n1:1/proxy/":                                                     status(503, "error trying to reach service: dial tcp 192.0.2.1:1: connect: connection refused"),
		"/api/v1/nodes/http:n1:10256/proxy/healthz":                                          status(503, "error trying to reach service: dial tcp 192.0.2.1:10256: connect: connection refused"),
	}
}

func story(t *testing.T, s server) (*snapshot.Snapshot, *snapshot.Node, time.Duration) {
	t.Helper()
	began := time.Now()
	got, err := s.start(t).Nodes(t.Context(), []string{"n1"})
	if err != nil {
		t.Fatal(err)
	}
	return got, got.Nodes[0], time.Since(began)
}

func probe(s *snapshot.Snapshot, n *snapshot.Node, source string) string {
	p, ok := s.Probe(n, source)
	if !ok {
		return "missing"
	}
	if p.Reason != "" {
		return string(p.Status) + "/" + p.Reason
	}
	return string(p.Status)
}

// Every way in which a probe of a node ends is told apart from the others.
func TestStory(t *testing.T) {
	kubelet := func(h http.HandlerFunc) func(server) {
		return func(s server) {
			for _, p := range []string{"healthz", "metrics", "configz", "stats/summary", "statusz"} {
				s["/api/v1/nodes/n1/proxy/"+p] = h
			}
		}
	}
	for _, tc := range []struct {
		name string
		with func(server)
		want map[string]string
	}{
		{"well", func(server) {}, map[string]string{"node": "ok", "lease": "ok", "pods": "ok", "kubelet-healthz": "ok", "kubelet-configz": "ok", "kubelet-stats": "ok", "host": "ok", "metrics": "absent", "apiserver-version": "ok", "controller-manager": "ok", "peers": "absent"}},
		{"denied by the API server", kubelet(status(403, `nodes "n1" is forbidden: User "u" cannot get resource "nodes/proxy" in API group "" at the cluster scope`)), map[string]string{"kubelet-healthz": "denied/apiserver"}},
		{"denied by the kubelet", kubelet(text(403, "Forbidden (user=x, verb=get, resource=nodes, subresource(s)=[healthz proxy])")), map[string]string{"kubelet-healthz": "denied/kubelet"}},
		{"denied by an older kubelet", kubelet(text(403, "Forbidden (user=x, verb=get, resource=nodes, subresource=proxy)")), map[string]string{"kubelet-healthz": "denied/kubelet"}},
		{"denied by what stands between", kubelet(text(403, "egress: destination is not allowed")), map[string]string{"kubelet-healthz": "unreachable"}},
		{"kubelet cannot authorise", kubelet(text(500, "Authorization error (user=x, verb=get, resource=nodes, subresource=proxy)")), map[string]string{"kubelet-healthz": "denied/kubelet"}},
		{"refused", kubelet(status(503, "error trying to reach service: dial tcp 192.0.2.1:10250: connect: connection refused")), map[string]string{"kubelet-healthz": "unreachable/refused", "kubelet-stats": "unreachable/refused"}},
		{"no route", kubelet(status(503, "error trying to reach service: dial tcp 192.0.2.1:10250: connect: no route to host")), map[string]string{"kubelet-healthz": "unreachable/no-route"}},
		{"dial timeout", kubelet(status(503, "error trying to reach service: dial tcp 192.0.2.1:10250: i/o timeout")), map[string]string{"kubelet-healthz": "timeout/silent"}},
		{"handshake timeout", kubelet(status(503, "error trying to reach service: net/http: TLS handshake timeout")), map[string]string{"kubelet-healthz": "timeout/silent"}},
		{"no serving certificate", kubelet(status(503, "error trying to reach service: remote error: tls: internal error")), map[string]string{"kubelet-healthz": "unreachable/tls"}},
		{"untrusted certificate", kubelet(status(503, "error trying to reach service: tls: failed to verify certificate: x509: certificate signed by unknown authority")), map[string]string{"kubelet-healthz": "unreachable/tls"}},
		{"tunnel down", kubelet(status(500, "error dialing backend: No agent available")), map[string]string{"kubelet-healthz": "unreachable/tunnel"}},
		{"debug handlers off", kubelet(text(405, "Debug endpoints are disabled.\n")), map[string]string{"kubelet-configz": "disabled/kubelet"}},
		{"no statusz", func(s server) { s["/api/v1/nodes/n1/proxy/statusz"] = text(406, "not acceptable") }, map[string]string{"kubelet-statusz": "unsupported/kubelet"}},
		{"frozen", kubelet(hang), map[string]string{"kubelet-healthz": "timeout/silent", "lease": "ok", "host": "ok"}},
		{"failing health check", func(s server) {
			s["/api/v1/nodes/n1/proxy/healthz"] = text(500, "[+]ping ok\n[+]log ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n")
		}, map[string]string{"kubelet-healthz": "ok"}},
		{"events of default only", func(s server) {
			s["/api/v1/events"] = status(403, `events is forbidden: User "u" cannot list resource "events" in API group "" at the cluster scope`)
			s["/api/v1/namespaces/default/events"] = json200(`{"items":[{"metadata":{"name":"e"},"involvedObject":{"kind":"Node","name":"n1","uid":"n1"},"reason":"Rebooted"}]}`)
		}, map[string]string{"events": "ok"}},
		{"no lease", func(s server) { delete(s, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1") }, map[string]string{"lease": "absent"}},
		{"metrics v1 only", func(s server) {
			s["/apis/metrics.k8s.io/v1/nodes/n1"] = json200(`{"metadata":{"name":"n1"},"window":"20s","usage":{"cpu":"250m","memory":"1Gi"}}`)
		}, map[string]string{"metrics": "ok"}},
		{"API server slow: silence says nothing", func(s server) {
			kubelet(hang)(s)
			s["/api/v1/pods"] = hang
		}, map[string]string{"pods": "timeout", "kubelet-healthz": "timeout"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := healthy()
			tc.with(srv)
			s, n, took := story(t, srv)
			for source, want := range tc.want {
				if got := probe(s, n, source); got != want {
					p, _ := s.Probe(n, source)
					t.Errorf("%s: %s, want %s (%s)", source, got, want, p.Detail)
				}
			}
			if took > 3*time.Second {
				t.Errorf("took %s", took)
			}
			if tc.name == "failing health check" && (n.Kubelet.Healthz == nil || n.Kubelet.Healthz.OK || n.Kubelet.Healthz.Failed[0] != "syncloop") {
				t.Errorf("healthz %+v", n.Kubelet.Healthz)
			}
			if tc.name == "metrics v1 only" && (n.Usage == nil || n.Usage.CPUMilli != 250 || n.Usage.MemoryBytes != 1<<30 || n.Usage.Window != 20*time.Second) {
				t.Errorf("usage %+v", n.Usage)
			}
		})
	}
}

func TestNotFoundAndNeverRegistered(t *testing.T) {
	srv := healthy()
	delete(srv, "/api/v1/nodes/n1")
	s, n, _ := story(t, srv)
	if n.Object != nil || n.Lease == nil || probe(s, n, "node") != "absent" {
		t.Errorf("a lease without a node: %+v", n)
	}
	delete(srv, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1")
	_, err := srv.start(t).Nodes(t.Context(), []string{"n1"})
	var nf *NotFoundError
	if !errors.As(err, &nf) || nf.Name != "n1" {
		t.Errorf("%v", err)
	}
}

func TestSkewedClockIsCorrected(t *testing.T) {
	srv := healthy()
	ahead := 10 * time.Minute
	srv["/version"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		json200(`{"gitVersion":"v1.37.1"}`)(w, r)
	}
	s, _, _ := story(t, srv)
	if d := time.Until(s.ObservedAt) - ahead; d > 3*time.Second || d < -3*time.Second {
		t.Errorf("now is %s from the API server's clock", d)
	}
}

func TestNoAPIServer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{"silent": hang, "unauthorised": status(401, "Unauthorized")} {
		srv := server{"/version": h}
		c := srv.start(t)
		began := time.Now()
		_, err := c.Fleet(t.Context(), FleetOptions{})
		var na *NoAnswerError
		if !errors.As(err, &na) || time.Since(began) > 6*time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(began))
		}
	}
}

func TestFleet(t *testing.T) {
	srv := healthy()
	srv["/api/v1/pods"] = podPages(1200, 1000, -1)
	var asked bool
	srv["/api/v1/nodes/n1/proxy/healthz"] = func(w http.ResponseWriter, r *http.Request) {
		asked = true
		text(200, "ok")(w, r)
	}
	s, err := srv.start(t).Fleet(t.Context(), FleetOptions{Suspect: func(*snapshot.Snapshot, *snapshot.Node) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Nodes) != 1 || s.Nodes[0].Pods == nil || s.Nodes[0].Pods.Total != 1200 || len(s.Nodes[0].Pods.Rows) != 0 {
		t.Errorf("%+v", s.Nodes[0].Pods)
	}
	if !asked {
		t.Error("the kubelets of a small cluster are asked, suspicious or not")
	}
}

func TestFleetStalls(t *testing.T) {
	srv := healthy()
	srv["/api/v1/pods"] = podPages(5000, 1000, 2)
	began := time.Now()
	s, err := srv.start(t).Fleet(t.Context(), FleetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3500*time.Millisecond {
		t.Errorf("took %s", took)
	}
	if got := probe(s, s.Nodes[0], "pods"); got != "timeout" || !s.Nodes[0].Pods.Partial || s.Nodes[0].Pods.Total != 2000 {
		t.Errorf("pods %s, %+v", got, s.Nodes[0].Pods)
	}
}

func TestFew(t *testing.T) {
	srv := healthy()
	var asked string
	srv["/api/v1/nodes"] = func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("labelSelector")
		json200(`{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}`)(w, r)
	}
	if got := srv.start(t).Few(t.Context(), "pool=x"); len(got) != 2 || asked != "pool=x" {
		t.Errorf("%q for %q", got, asked)
	}
	many := `{"items":[` + strings.TrimSuffix(strings.Repeat(`{"metadata":{"name":"n"}},`, MaxSuspects+1), ",") + `]}`
	srv["/api/v1/nodes"] = json200(many)
	if got := srv.start(t).Few(t.Context(), "pool=x"); got != nil {
		t.Errorf("%d nodes are not few", len(got))
	}
}
