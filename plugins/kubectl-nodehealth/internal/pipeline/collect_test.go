package pipeline

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// cluster answers as an API server with two nodes and a pod on each would; paths
// that are not there are 404.
func cluster(t *testing.T, answers map[string]string) *rest.Config {
	t.Helper()
	pod := func(name, node string) string {
		return fmt.Sprintf(`{"metadata":{"namespace":"d","name":%q},"spec":{"nodeName":%q},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}]}}`, name, node)
	}
	all := map[string]string{
		"/api/v1/nodes?labelSelector=pool%3Da&limit=500": `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"a"}}]}`,
		"/api/v1/nodes?limit=500":                        `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}`,
		"/api/v1/pods?limit=500":                         `{"kind":"PodList","apiVersion":"v1","items":[` + pod("on-a", "a") + "," + pod("on-b", "b") + "," + pod("nowhere", "") + `]}`,
	}
	for k, v := range answers {
		all[k] = v
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, ok := all[r.URL.RequestURI()]
		switch {
		case !ok:
			w.WriteHeader(404)
			body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
		case body == "503":
			w.WriteHeader(503)
			body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"ServiceUnavailable","message":"the server is gone","code":503}`
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(srv.Close)
	return &rest.Config{Host: srv.URL}
}

const (
	nodeUse = `{"kind":"NodeMetricsList","items":[{"metadata":{"name":"a"},"window":"15s","usage":{"cpu":"1","memory":"1Gi"}}]}`
	podUse  = `{"kind":"PodMetricsList","items":[
		{"metadata":{"namespace":"d","name":"on-b"},"containers":[{"usage":{"memory":"2Gi"}}]},
		{"metadata":{"namespace":"d","name":"on-a"},"containers":[{"usage":{"memory":"1Gi"}}]}]}`
)

// Who asks for some nodes is told of their pods and not of the cluster's.
func TestSomeNodes(t *testing.T) {
	config := cluster(t, map[string]string{"/apis/metrics.k8s.io/v1beta1/nodes": nodeUse, "/apis/metrics.k8s.io/v1beta1/pods": podUse})
	for selector, want := range map[string]struct {
		notReady int
		largest  string
	}{"": {3, "on-b"}, "pool=a": {1, "on-a"}} {
		s, err := Collect(t.Context(), config, time.Now(), Options{Selector: selector, Top: 1})
		if err != nil {
			t.Fatal(err)
		}
		if s.NotReadyN != want.notReady || len(s.TopPods) != 1 || s.TopPods[0].Name != want.largest {
			t.Errorf("-l %q: %d not ready, largest %+v; want %+v", selector, s.NotReadyN, s.TopPods, want)
		}
	}
}

// Of two versions of the metrics API the one that works counts, and of none that
// works the one that is there says why.
func TestVersions(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]string
		version string
		why     string
	}{
		"v1 is gone":   {map[string]string{"/apis/metrics.k8s.io/v1/nodes": "503", "/apis/metrics.k8s.io/v1beta1/nodes": nodeUse}, "v1beta1", ""},
		"both":         {map[string]string{"/apis/metrics.k8s.io/v1/nodes": nodeUse, "/apis/metrics.k8s.io/v1beta1/nodes": nodeUse}, "v1", ""},
		"only v1 gone": {map[string]string{"/apis/metrics.k8s.io/v1/nodes": "503"}, "", "currently unable"},
	} {
		s, err := Collect(t.Context(), cluster(t, c.answers), time.Now(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Version != c.version || !strings.Contains(s.Why, c.why) || (c.why == "") != (s.Why == "") {
			t.Errorf("%s: version %q, why %q", name, s.Version, s.Why)
		}
	}
}
