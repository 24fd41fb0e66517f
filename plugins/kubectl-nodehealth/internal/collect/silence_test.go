package collect

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// fallsSilent is a cluster whose API server stops answering, for whatever it is
// asked, as soon as the kubelets are asked for their health.
func fallsSilent() server {
	srv := healthy()
	var silent atomic.Bool
	for path, answer := range srv {
		srv[path] = func(w http.ResponseWriter, r *http.Request) {
			if silent.Load() {
				hang(w, r)
				return
			}
			answer(w, r)
		}
	}
	for path := range kubeletPaths {
		srv[path] = func(w http.ResponseWriter, r *http.Request) {
			silent.Store(true)
			hang(w, r)
		}
	}
	// A port of the host was refused before.
	srv["/api/v1/nodes/http:n1:1/proxy/"] = healthy()["/api/v1/nodes/http:n1:1/proxy/"]
	return srv
}

var kubeletPaths = map[string]bool{
	"/api/v1/nodes/n1/proxy/healthz": true, "/api/v1/nodes/n1/proxy/metrics": true,
	"/api/v1/nodes/n1/proxy/configz": true, "/api/v1/nodes/n1/proxy/stats/summary": true,
}

// An API server that falls silent while kubelets are asked looks like silent
// kubelets, with every other source read.
func TestSilenceOfTheAPIServer(t *testing.T) {
	c := fallsSilent().start(t)
	s, err := c.Fleet(t.Context(), FleetOptions{Suspect: func(*snapshot.Snapshot, *snapshot.Node) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	if got := probe(s, s.Nodes[0], "kubelet-healthz"); got != "timeout" {
		t.Errorf("the table: the kubelet's silence counts: %s", got)
	}

	srv := healthy()
	for path := range kubeletPaths {
		srv[path] = hang
	}
	// The lease is read before the kubelet is asked, and once more after.
	reads := atomic.Int32{}
	lease := "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
	first := srv[lease]
	srv[lease] = func(w http.ResponseWriter, r *http.Request) {
		if reads.Add(1) > 1 {
			hang(w, r)
			return
		}
		first(w, r)
	}
	got, n, took := story(t, srv)
	if p := probe(got, n, "kubelet-healthz"); p != "timeout" || probe(got, n, "lease") != "ok" {
		t.Errorf("the story: the kubelet's silence counts: %s, %+v", p, n.Probes)
	}
	if limit := ProbeDeadline + 2*confirmDeadline; took > limit {
		t.Errorf("took %s, limit %s", took, limit)
	}
}

// A kubelet that is silent while the API server answers stays suspect.
func TestSilenceOfTheKubelet(t *testing.T) {
	srv := healthy()
	for path := range kubeletPaths {
		srv[path] = hang
	}
	s, err := srv.start(t).Fleet(t.Context(), FleetOptions{Suspect: func(*snapshot.Snapshot, *snapshot.Node) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	if got := probe(s, s.Nodes[0], "kubelet-healthz"); got != "timeout/silent" {
		t.Errorf("the kubelet's silence does not count: %s", got)
	}
}
