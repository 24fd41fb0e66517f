package pipeline

import (
	"strings"
	"testing"
	"time"
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
		}, "metrics-server", "NH953 NH952"},
		"no pod":            {func(s *Snapshot) { s.Servers = nil; s.API.Available, s.Answers = false, false }, "metrics-server", "NH953 NH952"},
		"kubelets forbid":   {func(s *Snapshot) { s.Nodes[0].Kubelet, s.Nodes[1].Kubelet = "denied", "denied" }, "kubelet /metrics/resource", "NH954 NH954"},
		"one kubelet down":  {func(s *Snapshot) { s.Nodes[1].Kubelet, s.Nodes[1].Usage, s.Nodes[1].Ready = "unreachable", nil, false }, "kubelet /metrics/resource", "NH954"},
		"one node missing":  {func(s *Snapshot) { s.Nodes[1].Usage = nil }, "every node has figures", "NH955"},
		"stale":             {func(s *Snapshot) { s.Nodes[1].Usage.Time = now.Add(-time.Hour) }, "every node has figures", "NH956"},
		"you may not proxy": {func(s *Snapshot) { s.Nodes[0].Kubelet, s.Nodes[1].Kubelet = "denied-to-you", "denied-to-you" }, "", ""},
		"stuck pods":        {func(s *Snapshot) { s.StuckN, s.Stuck = 5, []PodRef{{Namespace: "a", Name: "b"}} }, "", "NH957"},
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

func TestMissingNodeQuotesMetricsServer(t *testing.T) {
	s := working()
	s.Nodes[1].Usage = nil
	s.Servers[0].Complaints = []string{`E0501 scraper.go:149] "Failed to scrape node" err="x509: cannot validate certificate for 10.0.0.2" node="n2"`}
	r := Judge(s)
	if len(r.Findings) != 1 || len(r.Findings[0].Evidence) != 1 {
		t.Errorf("%+v", r.Findings)
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
	got := complaints("I0501 fine\nE0501 scraper.go] \"Failed to scrape node\" node=\"n2\"\nmore\n")
	if len(got) != 1 || !strings.Contains(got[0], "n2") {
		t.Errorf("%q", got)
	}
}
