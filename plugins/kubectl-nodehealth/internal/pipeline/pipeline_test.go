package pipeline

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func working() *Snapshot {
	use := func() *Usage { return &Usage{CPUMilli: 100, Memory: 1 << 30, Time: now.Add(-20 * time.Second)} }
	return &Snapshot{
		ObservedAt: now, Answers: true, Version: "v1beta1",
		API:     &APIService{Name: "v1beta1.metrics.k8s.io", Namespace: "kube-system", Service: "metrics-server", Available: true},
		Servers: []Server{{Namespace: "kube-system", Name: "metrics-server-1", Ready: true}},
		Nodes:   []Node{{Name: "n1", Ready: true, Kubelet: "ok", Usage: use()}, {Name: "n2", Ready: true, Kubelet: "ok", Usage: use()}},
	}
}

func TestFirstBrokenLink(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Snapshot)
		broken string
		ids    string
	}{
		"works": {func(*Snapshot) {}, "", ""},
		"no metrics-server": {func(s *Snapshot) {
			s.API, s.Answers, s.Servers = nil, false, nil
			s.Nodes[0].Usage, s.Nodes[1].Usage = nil, nil
		}, "APIService metrics.k8s.io", "NH951"},
		"api down": {func(s *Snapshot) {
			s.API.Available, s.API.Why, s.Answers = false, "FailedDiscoveryCheck: x509", false
		}, "API available", "NH952"},
		"pod not ready": {func(s *Snapshot) {
			s.Servers[0].Ready, s.Servers[0].Why = false, "CrashLoopBackOff"
			s.API.Available, s.API.Why, s.Answers = false, "MissingEndpoints: none", false
		}, "metrics-server", "NH953"},
		"just started": {func(s *Snapshot) {
			s.Servers[0] = Server{Namespace: "kube-system", Name: "metrics-server-1", Running: true, Started: now.Add(-20 * time.Second)}
			s.API.Available, s.API.Why, s.Answers = false, "MissingEndpoints: none", false
		}, "", ""},
		"runs and reads nothing": {func(s *Snapshot) {
			s.Servers[0] = Server{Namespace: "kube-system", Name: "metrics-server-1", Running: true, Started: now.Add(-time.Hour), Why: "ContainersNotReady",
				Scrapes: []Scrape{{"n1", `status: "403 Forbidden"`}, {"n2", `status: "403 Forbidden"`}}}
			s.API.Available, s.API.Why, s.Answers = false, "MissingEndpoints: none", false
		}, "metrics-server reads kubelets", "NH959"},
		"many missing": {func(s *Snapshot) {
			for range 50 {
				s.Nodes = append(s.Nodes, Node{Name: "x", Ready: true, Kubelet: "ok"})
			}
		}, "every node has figures", "NH955"},
		"no pod": {func(s *Snapshot) {
			s.Servers = nil
			s.API.Available, s.API.Why, s.Answers = false, "MissingEndpoints: none", false
		}, "metrics-server", "NH953"},
		"kubelets forbid":   {func(s *Snapshot) { s.Nodes[0].Kubelet, s.Nodes[1].Kubelet = "denied", "denied" }, "kubelet /metrics/resource", "NH954 NH954"},
		"one kubelet down":  {func(s *Snapshot) { s.Nodes[1].Kubelet, s.Nodes[1].Usage, s.Nodes[1].Ready = "unreachable", nil, false }, "kubelet /metrics/resource", "NH954"},
		"one node missing":  {func(s *Snapshot) { s.Nodes[1].Usage = nil }, "every node has figures", "NH955"},
		"stale":             {func(s *Snapshot) { s.Nodes[1].Usage.Time = now.Add(-time.Hour) }, "every node has figures", "NH956"},
		"you may not proxy": {func(s *Snapshot) { s.Nodes[0].Kubelet, s.Nodes[1].Kubelet = "denied-to-you", "denied-to-you" }, "", ""},
		"you may not proxy, and more nodes than are asked": {func(s *Snapshot) {
			s.Nodes[0].Kubelet, s.Nodes[1].Kubelet = "denied-to-you", "not-asked"
		}, "", ""},
		"you may ask one kubelet": {func(s *Snapshot) { s.Nodes[1].Kubelet = "denied-to-you" }, "", ""},
		"you may not read the figures": {func(s *Snapshot) {
			s.Answers, s.Why, s.Probes = false, "nodes.metrics.k8s.io is forbidden", []Problem{{Name: sourceMetrics, Status: "denied"}}
		}, "", ""},
		"no endpoint, and another kubelet down": {func(s *Snapshot) {
			s.Nodes[1].Kubelet, s.Servers, s.Probes = "unreachable", nil, []Problem{{Name: "metrics-server", Status: "denied"}}
			s.API.Available, s.API.Why, s.Answers = false, "MissingEndpoints: none", false
		}, "kubelet /metrics/resource", "NH954 NH952"},
		"stuck pods": {func(s *Snapshot) { s.StuckN, s.Stuck = 5, []PodRef{{Namespace: "a", Name: "b"}} }, "", "NH957"},
	} {
		t.Run(name, func(t *testing.T) {
			s := working()
			c.change(s)
			r := Judge(s)
			var ids []string
			for _, f := range r.Findings {
				ids = append(ids, f.ID)
			}
			if r.Broken != c.broken || strings.Join(ids, " ") != c.ids {
				t.Errorf("breaks at %q with %v, want %q with %q: %+v", r.Broken, ids, c.broken, c.ids, r.Links)
			}
		})
	}
}

// TestDeniedIsUnknown: what may not be read is no fault of the pipeline.
func TestDeniedIsUnknown(t *testing.T) {
	s := working()
	s.Answers, s.Why, s.Probes = false, "nodes.metrics.k8s.io is forbidden", []Problem{{Name: sourceMetrics, Status: "denied"}}
	if r := Judge(s); !r.Unknown || !strings.Contains(r.Answer, "is forbidden") {
		t.Errorf("unknown %v: %s", r.Unknown, r.Answer)
	}
}

func TestContainerOfTheLog(t *testing.T) {
	for want, names := range map[string][]string{"metrics-server": {"nanny", "metrics-server"}, "adapter": {"adapter", "nanny"}} {
		p := &corev1.Pod{}
		for _, n := range names {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: n})
		}
		if got := container(p); got != want {
			t.Errorf("%v: %s, want %s", names, got, want)
		}
	}
}

func TestMissingNodeQuotesMetricsServer(t *testing.T) {
	s := working()
	s.Nodes[1].Usage = nil
	s.Servers[0].Scrapes = scrapes(`E1126 10:03:52.085166       1 scraper.go:149] "Failed to scrape node" err="Get \"https://10.0.0.2:10250/metrics/resource\": tls: failed to verify certificate: x509: cannot validate certificate for 10.0.0.2 because it doesn't contain any IP SANs" node="n2"`)
	s.Servers[0].Running = true
	r := Judge(s)
	if len(r.Findings) != 1 || r.Findings[0].ID != "NH959" || len(r.Findings[0].Evidence) != 1 || r.Broken != linkReads ||
		r.Answer != "metrics-server cannot read the kubelet of n2: the kubelets' serving certificates do not hold the nodes' addresses" {
		t.Errorf("%q %q %+v", r.Broken, r.Answer, r.Findings)
	}
}

func TestReadAPIServicesPrefersTheOneThatWorks(t *testing.T) {
	item := func(name, group, status string) string {
		return `{"metadata":{"name":"` + name + `"},"spec":{"group":"` + group + `","service":{"namespace":"ns","name":"svc"}},"status":{"conditions":[{"type":"Available","status":"` + status + `","reason":"R","message":"m"}]}}`
	}
	var s Snapshot
	err := s.readAPIServices([]byte(`{"items":[` + item("v1.metrics.k8s.io", "metrics.k8s.io", "False") + `,` + item("v1beta1.metrics.k8s.io", "metrics.k8s.io", "True") +
		`,` + item("v1beta1.custom.metrics.k8s.io", "custom.metrics.k8s.io", "False") + `,{"metadata":{"name":"v1.apps"},"spec":{"group":"apps"}}]}`))
	if err != nil || s.API == nil || s.API.Name != "v1beta1.metrics.k8s.io" || s.Custom == nil || s.Custom.Why != "R: m" || s.External != nil {
		t.Errorf("%+v %+v %v", s.API, s.Custom, err)
	}
}

func TestComplaints(t *testing.T) {
	got := scrapes("I0501 fine\nE0501 scraper.go] \"Failed to scrape node\" err=\"request failed, status: \\\"403 Forbidden\\\"\" node=\"n2\"\nmore\n" +
		"E0501 scraper.go] \"Failed to scrape node\" err=\"old\" node=\"n1\"\nE0501 scraper.go] \"Failed to scrape node\" err=\"new\" node=\"n1\"\n" +
		"E0501 manager.go:111] unable to fully collect metrics: unable to fully scrape metrics from source kubelet_summary:n3: unable to fetch metrics from Kubelet n3 (n3): dial tcp: lookup n3: no such host\n")
	if len(got) != 3 || got[0] != (Scrape{"n1", "new"}) || got[1].Node != "n2" || !strings.Contains(got[1].Error, `"403 Forbidden"`) || got[2].Node != "n3" {
		t.Errorf("%q", got)
	}
	if got := scrapes(`E1126 11:05:07.537284       1 authentication.go:75] "Unable to authenticate the request" err="[x509: certificate has expired or is not yet valid]"`); len(got) != 0 {
		t.Errorf("a complaint about the API server is none about a kubelet: %q", got)
	}
	for _, e := range []struct{ err, means string }{{got[1].Error, "lacks the right"}, {got[2].Error, "cannot resolve"}, {"something else", "something else"}} {
		if means, _ := cause(e.err); !strings.Contains(means, e.means) {
			t.Errorf("%q means %q", e.err, means)
		}
	}
}
