package controlplane

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// healthy is a control plane that nothing is wrong with.
func healthy() *Snapshot {
	lease := func(name string) Lease {
		return Lease{Name: name, Holder: "cp-1", Renewed: now.Add(-2 * time.Second), Duration: 15 * time.Second, Seconds: 15}
	}
	return &Snapshot{
		ObservedAt: now, Server: "https://api:6443", Version: Version{Git: "v1.37.1", Emulated: "1.37"},
		Livez:   Health{200, []HealthCheck{{"ping", true, ""}, {"etcd", true, ""}}},
		Readyz:  Health{200, []HealthCheck{{"ping", true, ""}, {"etcd-readiness", true, ""}}},
		Leaders: []Lease{lease("kube-controller-manager"), lease("kube-scheduler")},
		Pods:    []Pod{{Component: "kube-apiserver", Name: "kube-apiserver-cp-1", Version: "v1.37.1", Ready: true}, {Component: "etcd", Name: "etcd-cp-1", Version: "3.7.0-0", Ready: true}},
		Certs:   []Certificate{{Where: "kube-apiserver", Subject: "CN=kube-apiserver", NotAfter: now.AddDate(0, 6, 0)}},
		Nodes:   []Node{{Name: "n1", Kubelet: "v1.37.1"}, {Name: "n2", Kubelet: "v1.34.0"}},
		Probes:  []Probe{{Name: "leases", Status: "ok"}, {Name: "readyz", Status: "ok"}, {Name: "nodes", Status: "ok"}, {Name: "version", Status: "ok"}},
		Reach:   Reach{Layer: Answered, Address: "api:6443"}, Etcd: "ok", Asked: 2,
	}
}

// cutOff is a snapshot of a server that requests do not get to.
func cutOff(s *Snapshot, layer string, m *Machine) {
	s.Reach.Layer, s.Machine = layer, m
	s.Livez, s.Readyz, s.Version, s.Etcd, s.Asked = Health{}, Health{}, Version{}, "", 0
	s.Leaders, s.Nodes, s.Pods = nil, nil, nil
	for i := range s.Probes {
		s.Probes[i].Status = "unreachable"
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*Snapshot)
		verdict  string
		id       string
		says     string
		scenario string
	}{
		"healthy": {func(*Snapshot) {}, "Healthy", "", "", ""},
		"etcd": {func(s *Snapshot) {
			s.Livez = Health{500, []HealthCheck{{"ping", true, ""}, {"etcd", false, "failed: reason withheld"}}}
			s.Etcd = "internal server error: context deadline exceeded"
		}, "Unhealthy", "NH901", "cannot use etcd", StorageLost},
		"etcd's check alone is denied": {func(s *Snapshot) {
			s.Livez = Health{500, []HealthCheck{{"ping", true, ""}, {"etcd", false, "failed: reason withheld"}}}
			s.Etcd = ""
		}, "Unhealthy", "NH901", `check "etcd" fails`, StorageLost},
		"etcd failed a moment ago": {func(s *Snapshot) {
			s.Livez = Health{500, []HealthCheck{{"ping", true, ""}, {"etcd", false, "failed: reason withheld"}}}
		}, "Degraded", "NH901", "answers now", ""},
		"etcd hangs": {func(s *Snapshot) {
			s.Probes[0].Status, s.Probes[2].Status, s.Readyz.Code = "timeout", "timeout", 0
		}, "Unhealthy", "NH901", "etcd hangs", StorageLost},
		"one list is late":  {func(s *Snapshot) { s.Probes[2].Status = "timeout" }, "Healthy", "", "", ""},
		"refused":           {func(s *Snapshot) { cutOff(s, Refused, nil) }, "Unhealthy", "NH912", "nobody listens", APIServerDown},
		"hung":              {func(s *Snapshot) { cutOff(s, Hung, nil) }, "Unhealthy", "NH912", "takes connections", APIServerDown},
		"silent":            {func(s *Snapshot) { cutOff(s, Silent, nil) }, "Unknown", "NH912", "your VPN", ""},
		"no such name":      {func(s *Snapshot) { cutOff(s, NoName, nil) }, "Unknown", "NH912", "does not resolve", ""},
		"another authority": {func(s *Snapshot) { cutOff(s, NotTrusted, nil) }, "Unknown", "NH912", "another cluster's kubeconfig", ""},
		"expired on the wire": {func(s *Snapshot) {
			cutOff(s, NotTrusted, nil)
			s.Certs[0].NotAfter = now.Add(-time.Hour)
		}, "Unhealthy", "NH905", "expired on 2026-05-01 11:00", APIServerCertificateExpired},
		"etcd of this machine": {func(s *Snapshot) {
			cutOff(s, Refused, &Machine{Components: []Local{{Name: "etcd", Answer: "refused: it does not run"}, {Name: "kube-scheduler", Answer: "ok"}}})
		}, "Unhealthy", "NH912 NH918", "nobody listens", StorageLost},
		"no kubeconfig on a broken machine": {func(s *Snapshot) {
			cutOff(s, NoCluster, &Machine{Folder: "/etc/kubernetes", Components: []Local{{Name: "kube-apiserver", Answer: "refused: it does not run"}}})
		}, "Unhealthy", "NH918 NH912", "kube-apiserver on this machine: refused", ""},
		"nothing runs here": {func(s *Snapshot) {
			cutOff(s, Refused, &Machine{Components: []Local{{Name: "kube-apiserver", Answer: "refused: it does not run"}, {Name: "etcd", Answer: "refused: it does not run"}}})
		}, "Unhealthy", "NH912 NH918 NH918", "nobody listens", APIServerDown},
		"no kubeconfig on a machine that is well": {func(s *Snapshot) {
			cutOff(s, NoCluster, &Machine{Folder: "/etc/kubernetes", Components: []Local{{Name: "kube-apiserver", Answer: "ok"}}})
		}, "Unknown", "NH912", "/etc/kubernetes/admin.conf", ""},
		"another port than kubeadm's": {func(s *Snapshot) {
			s.Machine = &Machine{Components: []Local{{Name: "etcd", Answer: "refused: it does not run"}}}
		}, "Degraded", "NH918", "etcd on this machine", ""},
		"you will expire": {func(s *Snapshot) {
			s.You = &Certificate{Where: "your client certificate", NotAfter: now.Add(50 * time.Hour)}
		}, "Degraded", "NH913", "expires in 2 days", ""},
		"a token is short-lived": {func(s *Snapshot) { s.You = &Certificate{Where: "your token", NotAfter: now.Add(time.Hour)} }, "Healthy", "", "", ""},
		"an API server gone": {func(s *Snapshot) {
			s.APIServers = []Lease{{Name: "a", Holder: "cp-1", Renewed: now, Duration: time.Hour}, {Name: "b", Holder: "cp-2", Renewed: now.Add(-10 * time.Minute), Duration: time.Minute}}
		}, "Degraded", "NH914", "cp-2 has not renewed", ""},
		"strangers": {func(s *Snapshot) { s.Refusals = []Refusal{{"n1", "Unauthorized"}, {"n2", "Unauthorized"}} }, "Unhealthy", "NH915", "2 of 2 kubelets", ""},
		"expired bundle": {func(s *Snapshot) {
			s.Webhooks = []Webhook{{Config: "c/x", Name: "w", FailClosed: true, Service: "ns/w", Endpoints: 1, Bundle: now.Add(-time.Hour)}}
		}, "Unhealthy", "NH916", "is refused", OperatorError},
		"expired bundle, ignored": {func(s *Snapshot) {
			s.Webhooks = []Webhook{{Config: "c/x", Name: "w", Service: "ns/w", Endpoints: 1, Bundle: now.Add(-time.Hour)}}
		}, "Degraded", "NH916", "never asked", ""},
		"slow webhook": {func(s *Snapshot) {
			s.Webhooks = []Webhook{{Config: "c/x", Name: "w", Service: "ns/w", Endpoints: 1, Timeout: 30, Catches: []string{"pods"}}}
		}, "Healthy", "NH917", "for 30 s", ""},
		"no scheduler":     {func(s *Snapshot) { s.Leaders[1].Renewed = now.Add(-10 * time.Minute) }, "Unhealthy", "NH902", "kube-scheduler: nobody has renewed its lease for 10m0s", SupportingServiceDown},
		"change of leader": {func(s *Snapshot) { s.Leaders[1].Renewed = now.Add(-20 * time.Second) }, "Healthy", "", "", ""},
		"no lease":         {func(s *Snapshot) { s.Leaders = s.Leaders[:1] }, "Degraded", "NH903", "kube-scheduler has no lease", ""},
		"leases denied":    {func(s *Snapshot) { s.Leaders = nil; s.Probes[0].Status = "denied" }, "Unknown", "", "", ""},
		"old kubelet":      {func(s *Snapshot) { s.Nodes[1].Kubelet = "v1.33.9" }, "Degraded", "NH904", "4 minors older", ""},
		"new kubelet":      {func(s *Snapshot) { s.Nodes[1].Kubelet = "v1.38.0" }, "Degraded", "NH904", "newer than", ""},
		"old scheduler": {func(s *Snapshot) {
			s.Pods = append(s.Pods, Pod{Component: "kube-scheduler", Name: "x", Version: "v1.35.0", Ready: true})
		}, "Degraded", "NH904", "kube-scheduler v1.35.0", ""},
		"expires": {func(s *Snapshot) { s.Certs[0].NotAfter = now.AddDate(0, 0, 20) }, "Degraded", "NH905", "expires in 20 days", ""},
		"expired": {func(s *Snapshot) { s.Certs[0].NotAfter = now.AddDate(0, 0, -1) }, "Unhealthy", "NH905", "expired on 2026-04-30", APIServerCertificateExpired},
		"apiservice": {func(s *Snapshot) {
			s.APIServices = []APIService{{Name: "v1beta1.metrics.k8s.io", Service: "kube-system/metrics-server", Why: "MissingEndpoints: none"}}
		}, "Degraded", "NH906", "MissingEndpoints", ""},
		"dead webhook": {func(s *Snapshot) {
			s.Webhooks = []Webhook{{Config: "c", Name: "w", FailClosed: true, Service: "ns/w", Endpoints: 0}}
		}, "Unhealthy", "NH907", "no ready endpoint", OperatorError},
		"ignored webhook": {func(s *Snapshot) { s.Webhooks = []Webhook{{Name: "w", Service: "ns/w"}} }, "Healthy", "", "", ""},
		"wide webhook": {func(s *Snapshot) {
			s.Webhooks = []Webhook{{Name: "w", FailClosed: true, Service: "ns/w", Endpoints: 2, Catches: []string{"leases"}}}
		}, "Degraded", "NH908", "matches leases", ""},
		"pod":      {func(s *Snapshot) { s.Pods[0].Ready = false; s.Pods[0].Why = "CrashLoopBackOff" }, "Unhealthy", "NH909", "CrashLoopBackOff", ""},
		"emulated": {func(s *Snapshot) { s.Version.Emulated = "1.36" }, "Healthy", "NH910", "behaves as 1.36", ""},
		"proxies":  {func(s *Snapshot) { s.Proxies = []Proxy{{"n1", "iptables"}, {"n2", "nftables"}} }, "Degraded", "NH911", "iptables on n1, nftables on n2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			c.change(s)
			r := Judge(s)
			if r.Verdict != c.verdict || r.Scenario != c.scenario {
				t.Errorf("%s %q, want %s %q: %+v", r.Verdict, r.Scenario, c.verdict, c.scenario, r.Findings)
			}
			if c.id == "" {
				if len(r.Findings) != 0 {
					t.Errorf("findings: %+v", r.Findings)
				}
				return
			}
			var ids []string
			for _, f := range r.Findings {
				ids = append(ids, f.ID)
			}
			if strings.Join(ids, " ") != c.id || !strings.Contains(r.Findings[0].Message, c.says) {
				t.Errorf("%+v, want %s %q", r.Findings, c.id, c.says)
			}
		})
	}
}

func TestParseHealth(t *testing.T) {
	got := parseHealth("[+]ping ok\n[-]etcd failed: reason withheld\n[+]poststarthook/start ok\nlivez check failed\n")
	if len(got) != 3 || got[1].OK || got[1].Name != "etcd" || got[1].Why != "failed: reason withheld" {
		t.Errorf("%+v", got)
	}
}

func TestParseAPIServices(t *testing.T) {
	got, err := parseAPIServices([]byte(`{"items":[
		{"metadata":{"name":"v1."},"spec":{}},
		{"metadata":{"name":"v1beta1.metrics.k8s.io"},"spec":{"service":{"namespace":"kube-system","name":"metrics-server"}},
		 "status":{"conditions":[{"type":"Available","status":"False","reason":"MissingEndpoints","message":"none"}]}}]}`))
	if err != nil || len(got) != 1 || got[0].Available || got[0].Why != "MissingEndpoints: none" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestRulesAndScenariosAreComplete(t *testing.T) {
	var ids []string
	for _, r := range Rules {
		if r.Title == "" || r.Rationale == "" || r.Remedy == "" || r.Source == "" || r.Docs == "" || slices.Contains(ids, r.ID) {
			t.Errorf("%+v", r)
		}
		ids = append(ids, r.ID)
	}
	for _, e := range Scenarios() {
		if e.Mode == "" || len(e.Signs) == 0 || len(e.Consequences) == 0 || len(e.Mitigations) == 0 {
			t.Errorf("%+v", e)
		}
	}
}
