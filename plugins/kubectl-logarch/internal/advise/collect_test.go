package advise

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// aCluster answers as an API server and its kubelets do: logs holds for each container
// the bytes a second that it writes, and since when its newest file is.
func aCluster(t *testing.T, pods string, logs map[string]struct{ perSecond, seconds int }) *kubernetes.Clientset {
	t.Helper()
	mux := http.NewServeMux()
	var begins atomic.Int32
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch p := r.URL.Path; {
		case strings.HasSuffix(p, "/log"):
			name := r.URL.Query().Get("container")
			log := logs[name]
			if r.URL.Query().Get("sinceSeconds") == "" {
				if name == "turned" && begins.Add(1) == 1 {
					log.seconds = 1 << 20 // it is rotated after the first look
				}
				fmt.Fprintf(w, "%s", now.Add(-time.Duration(log.seconds)*time.Second).Format(time.RFC3339Nano))
				return
			}
			since, _ := strconv.Atoi(r.URL.Query().Get("sinceSeconds"))
			limit, _ := strconv.Atoi(r.URL.Query().Get("limitBytes"))
			// A line of 100 bytes on disk is 91 here.
			lines := min(since, log.seconds) * log.perSecond / 100
			line := strings.Repeat("x", 90) + "\n"
			text := strings.Repeat(line, min(lines, limit/len(line)+1))
			_, _ = w.Write([]byte(text[:min(len(text), limit)]))
		case p == "/api/v1/pods":
			fmt.Fprintf(w, `{"kind":"PodList","apiVersion":"v1","items":[%s]}`, pods)
		case p == "/apis/apps/v1/daemonsets":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
		default:
			kind := map[string]string{"deployments": "DeploymentList", "statefulsets": "StatefulSetList", "replicasets": "ReplicaSetList", "jobs": "JobList", "cronjobs": "CronJobList"}[path.Base(p)]
			fmt.Fprintf(w, `{"kind":"%s","apiVersion":"%s","items":[]}`, kind, strings.TrimPrefix(path.Dir(p), "/apis/"))
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	c, err := kubernetes.NewForConfig(&rest.Config{Host: srv.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func collect(t *testing.T, c kubernetes.Interface) *Snapshot {
	t.Helper()
	s, err := Collect(t.Context(), c, CollectOptions{Window: 5 * time.Minute, Sample: 10, Timeout: 10 * time.Second, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMeasure(t *testing.T) {
	pod := `{"metadata":{"name":"web","namespace":"shop"},"spec":{"nodeName":"n",
		"initContainers":[{"name":"sidecar","restartPolicy":"Always"},{"name":"setup"}],
		"containers":[{"name":"slow"},{"name":"fast"},{"name":"begun"},{"name":"young"},{"name":"mad"},{"name":"turned"}]},
		"status":{"phase":"Running","startTime":"2026-11-01T00:00:00Z","containerStatuses":[
		{"name":"young","state":{"running":{"startedAt":"2026-11-01T11:59:00Z"}}}]}}`
	s := collect(t, aCluster(t, pod, map[string]struct{ perSecond, seconds int }{
		"sidecar": {1000, 1 << 20},
		"slow":    {1000, 1 << 20},
		"fast":    {700_000, 14},   // the newest of several files of 10 MB
		"begun":   {700_000, 3},    // its newest file has only just been begun
		"young":   {1000, 60},      // it was restarted a minute ago
		"mad":     {9_000_000, 30}, // more than can be measured
		"turned":  {700_000, 3},    // it is rotated while it is measured
	}))
	if len(s.Workloads) != 1 {
		t.Fatalf("%d workloads", len(s.Workloads))
	}
	rates := s.Workloads[0].Rates
	for name, want := range map[string]float64{"sidecar": 60_000, "slow": 60_000, "fast": 42_000_000, "begun": 42_000_000, "young": 60_000, "turned": 42_000_000} {
		if got := rates[name]; got.AtLeast || got.BytesPerMinute < 0.9*want || got.BytesPerMinute > 1.1*want {
			t.Errorf("%s: %+v, want about %.0f a minute", name, got, want)
		}
	}
	if got := rates["mad"]; !got.AtLeast || got.BytesPerMinute < 100e6 {
		t.Errorf("mad: %+v", got)
	}
	if _, ok := rates["setup"]; ok {
		t.Error("an init container that has ended was measured")
	}
	if s.Unread != 1 || !slices.Contains(s.Notes, "could not list daemonsets: denied") {
		t.Errorf("%d not listed, notes %q", s.Unread, s.Notes)
	}
}

// TestStaticPods: a node owns its static pods, and each is a workload.
func TestStaticPods(t *testing.T) {
	var pods []string
	for _, name := range []string{"etcd-n", "kube-apiserver-n"} {
		pods = append(pods, `{"metadata":{"name":"`+name+`","namespace":"kube-system","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"u","controller":true}]},"spec":{"containers":[{"name":"c"}]}}`)
	}
	// Of a controller that is not asked for, the pods are one workload.
	for _, name := range []string{"a", "b"} {
		pods = append(pods, `{"metadata":{"name":"`+name+`","namespace":"shop","labels":{"app":"x"},"ownerReferences":[{"apiVersion":"v1","kind":"ReplicationController","name":"rc","uid":"v","controller":true}]},"spec":{"containers":[{"name":"c"}]}}`)
	}
	var got []string
	for _, w := range collect(t, aCluster(t, strings.Join(pods, ","), nil)).Workloads {
		got = append(got, w.Kind+"/"+w.Name)
	}
	if want := []string{"Pod/etcd-n", "Pod/kube-apiserver-n", "ReplicationController/rc"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
