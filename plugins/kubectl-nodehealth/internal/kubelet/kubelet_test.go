package kubelet

import (
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

const metricsText = `# HELP kubelet_certificate_manager_client_ttl_seconds [ALPHA] Gauge of the TTL
# TYPE kubelet_certificate_manager_client_ttl_seconds gauge
kubelet_certificate_manager_client_ttl_seconds 2.6e+06
kubelet_certificate_manager_server_ttl_seconds +Inf
kubelet_certificate_manager_client_expiration_renew_errors 3
kubelet_pleg_last_seen_seconds 1.7e+09
kubelet_pleg_relist_duration_seconds_bucket{le="0.005"} 10
kubelet_pleg_relist_duration_seconds_bucket{le="1"} 95
kubelet_pleg_relist_duration_seconds_bucket{le="10"} 100
kubelet_pleg_relist_duration_seconds_bucket{le="+Inf"} 100
kubelet_pleg_relist_duration_seconds_sum 12
kubelet_pleg_relist_duration_seconds_count 100
kubelet_runtime_operations_total{operation_type="run_podsandbox"} 50
kubelet_runtime_operations_errors_total{operation_type="run_podsandbox"} 4
kubelet_evictions{eviction_signal="nodefs.available"} 2
kubelet_admission_rejections_total{reason="a \"quoted\\ \n reason"} 1
kubelet_cgroup_version 1
kubelet_cri_losing_support{version="1.38.0"} 1
process_start_time_seconds 1.69e+09
go_goroutines 9
a line that is none
`

func TestParseMetrics(t *testing.T) {
	m := ParseMetrics([]byte(metricsText))
	switch {
	case m.ClientTTL == nil || *m.ClientTTL != 2.6e6 || m.ClientTTLInf:
		t.Errorf("client %v %v", m.ClientTTL, m.ClientTTLInf)
	case m.ServerTTL != nil || !m.ServerTTLInf:
		t.Errorf("server %v %v: +Inf is no time to live", m.ServerTTL, m.ServerTTLInf)
	case m.ClientRenewErrs == nil || *m.ClientRenewErrs != 3 || m.ServerRenewErrs != nil:
		t.Errorf("renew errors %v %v: a series that is missing is not zero", m.ClientRenewErrs, m.ServerRenewErrs)
	case m.PLEGRelistP99 == nil || *m.PLEGRelistP99 != 1 || m.PLEGLastSeen.Unix() != 1_700_000_000:
		t.Errorf("PLEG %v %v", m.PLEGRelistP99, m.PLEGLastSeen)
	case m.RuntimeOps["run_podsandbox"] != 50 || m.RuntimeErrors["run_podsandbox"] != 4 || m.Evictions["nodefs.available"] != 2:
		t.Errorf("%+v", m)
	case m.Rejections["a \"quoted\\ \n reason"] != 1:
		t.Errorf("%v", m.Rejections)
	case m.CgroupVersion != 1 || m.LosingCRI != "1.38.0" || m.Started.Unix() != 1_690_000_000:
		t.Errorf("%+v", m)
	}
	hanging := strings.Replace(metricsText, `{le="10"} 100`, `{le="10"} 98`, 1)
	if m := ParseMetrics([]byte(hanging)); m.PLEGRelistP99 == nil || *m.PLEGRelistP99 != 10 {
		t.Errorf("two of a hundred took longer than 10s: %v", m.PLEGRelistP99)
	}
	if m := ParseMetrics(nil); m.ClientTTL != nil || m.ClientTTLInf || m.PLEGRelistP99 != nil {
		t.Errorf("nothing read gives %+v", m)
	}
}

func TestParseHealthz(t *testing.T) {
	for body, want := range map[string]struct {
		code   int
		ok     bool
		good   bool
		failed string
	}{
		"ok":   {200, true, true, ""},
		"ok\n": {200, true, true, ""},
		"[+]ping ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n": {500, true, false, "syncloop"},
		"Forbidden (user=x)": {403, false, false, ""},
		"":                   {502, false, false, ""},
	} {
		h, ok := ParseHealthz(Reply{Code: want.code, Body: []byte(body)})
		if ok != want.ok || ok && (h.OK != want.good || strings.Join(h.Failed, ",") != want.failed) {
			t.Errorf("%q: %v %+v", body, ok, h)
		}
	}
}

func TestParseConfigz(t *testing.T) {
	c, err := ParseConfigz([]byte(`{"kubeletconfig":{"evictionHard":{"memory.available":"100Mi"},"imageGCHighThresholdPercent":85,"maxPods":110,"podPidsLimit":-1,"containerRuntimeEndpoint":"unix:///run/containerd/containerd.sock","serverTLSBootstrap":true,"nodeStatusReportFrequency":"5m0s","memorySwap":{"swapBehavior":"NoSwap"},"failCgroupV1":false}}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.EvictionHard["memory.available"] != "100Mi" || *c.ImageGCHighPercent != 85 || *c.PodPidsLimit != -1 || !c.ServerTLSBootstrap || c.ReportEvery != 5*time.Minute ||
		c.SwapBehavior != "NoSwap" || c.FailCgroupV1 == nil || *c.FailCgroupV1 || c.SystemLogs || c.Raw["maxPods"] == nil {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{"", "ok", "{}", `{"kubeletconfig":"x"}`} {
		if _, err := ParseConfigz([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestParseStatusz(t *testing.T) {
	s := ParseStatusz([]byte(`{"kind":"Statusz","apiVersion":"config.k8s.io/v1beta1","startTime":"2026-11-21T06:48:47Z","binaryVersion":"1.37.1"}`))
	if s.Version != "1.37.1" || s.Started.IsZero() {
		t.Errorf("%+v", s)
	}
	s = ParseStatusz([]byte("kubelet statusz\nStarted: Sat Nov 21 06:48:47 UTC 2026\nUp: 1 hr\nBinary version: 1.33.0\n"))
	if s.Version != "1.33.0" || s.Started.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestDenialSaysWhichRight(t *testing.T) {
	for message, want := range map[string]string{
		`nodes "n1" is forbidden: User "u" cannot get resource "nodes/proxy" in API group "" at the cluster scope`:                                                                                                         "needs the right to get nodes/proxy",
		`leases.coordination.k8s.io "n1" is forbidden: User "u" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "kube-node-lease"`:                                                        "needs the right to get leases.coordination.k8s.io",
		`certificatesigningrequests.certificates.k8s.io is forbidden: User "u" cannot list resource "certificatesigningrequests" in API group "certificates.k8s.io" at the cluster scope: RBAC: clusterrole "x" not found`: "needs the right to list certificatesigningrequests.certificates.k8s.io",
		"admission webhook says no": "admission webhook says no",
	} {
		if got := denial(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(metricsText))
	f.Add([]byte(`{"node":{"nodeName":"n","fs":{"availableBytes":1,"capacityBytes":2}},"pods":[{"podRef":{"name":"a"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ParseMetrics(data)
		if st, _, err := ParseStats(data); err == nil && st.NodeFs != nil && st.NodeFs.Capacity == 0 {
			t.Error("a filesystem of no size")
		}
		_, _ = ParseConfigz(data)
		ParseStatusz(data)
		ParseHealthz(Reply{Code: 500, Body: data})
		if p := Classify(snapshot.SourceHealthz, Reply{Code: 503, Body: data}); p.Status == snapshot.OK || p.Status == "" {
			t.Errorf("a 503 is %q", p.Status)
		}
	})
}

// Why the API server does not reach a kubelet decides which fault is named: a
// resolver that refuses is no kubelet that is down.
func TestUnreachable(t *testing.T) {
	for message, want := range map[string]string{
		"error trying to reach service: dial tcp 10.0.0.7:10250: connect: connection refused":                                          snapshot.ReasonRefused,
		"error trying to reach service: dial tcp 10.0.0.7:10250: connect: no route to host":                                            snapshot.ReasonNoRoute,
		"error trying to reach service: dial tcp: lookup w1 on 10.0.0.2:53: no such host":                                              snapshot.ReasonNoName,
		"error trying to reach service: dial tcp: lookup w1 on 127.0.0.53:53: read udp 127.0.0.1:1->127.0.0.53:53: connection refused": snapshot.ReasonNoName,
		"error trying to reach service: net/http: TLS handshake timeout":                                                               snapshot.ReasonSilent,
		"error trying to reach service: remote error: tls: internal error":                                                             snapshot.ReasonTLS,
		"error trying to reach service: No agent available":                                                                            snapshot.ReasonTunnel,
		"error trying to reach service: EOF":                                                                                           "",
	} {
		if _, got, _ := Unreachable(message); got != want {
			t.Errorf("%s: %q, want %q", message, got, want)
		}
	}
}
