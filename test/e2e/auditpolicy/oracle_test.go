package auditpolicy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authnv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

const fullPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: RequestResponse
`

// loader is the user whose requests are the same in every run.
const loader = "system:serviceaccount:oracle:loader"

type amount struct{ Requests, Events, Bytes int64 }

type replayReport struct {
	Kept, Dropped, Added, Unknowable amount
	ByLevel                          map[string]amount
	ByStage                          map[string]amount
	Rules                            []struct {
		Index  int
		Events int64
	}
	Exactness struct{ Events, Bytes, Added, Unlogged string }
}

func replayJSON(t *testing.T, policy, log string) (r replayReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, "replay", policy, "--log", log, "-o", "json")), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOracle is the proof of replay: an API server records a workload in full,
// and another one, under GCE's policy, the same workload again. Replaying the
// first log through the policy has to predict the second: for the workload's
// own user every event of every level and stage, and the bytes but for what
// differs between two runs (times, resource versions, UIDs); for the whole
// server, whose controllers and bootstrap never run quite the same, within the
// noise.
func TestOracle(t *testing.T) {
	gce, err := filepath.Abs("testdata/gce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	full := record(t, "oracle-full", write(t, "full.yaml", fullPolicy))
	actual := record(t, "oracle-gce", gce)

	// The workload's own requests: exact.
	mine := func(events []loggedEvent) (out []loggedEvent) {
		for _, e := range events {
			if e.User.Username == loader || strings.Contains(e.RequestURI, "oracle-anonymous") {
				out = append(out, e)
			}
		}
		return out
	}
	predicted := replayJSON(t, gce, writeEvents(t, "full.log", mine(full)))
	byLevel, byStage, bytes := tally(mine(actual))
	t.Logf("workload: predicted %v, %v; recorded %v, %v", predicted.ByLevel, predicted.ByStage, byLevel, byStage)
	for _, l := range []string{"Metadata", "Request", "RequestResponse"} {
		if byLevel[l] == 0 {
			t.Errorf("the workload has nothing at level %s, so this proves little", l)
		}
		if predicted.ByLevel[l].Events != byLevel[l] {
			t.Errorf("level %s: replay predicts %d events, the server recorded %d", l, predicted.ByLevel[l].Events, byLevel[l])
		}
	}
	for _, s := range []string{"RequestReceived", "ResponseStarted", "ResponseComplete"} {
		if predicted.ByStage[s].Events != byStage[s] {
			t.Errorf("stage %s: replay predicts %d events, the server recorded %d", s, predicted.ByStage[s].Events, byStage[s])
		}
	}
	if d := math.Abs(float64(predicted.Kept.Bytes-bytes)) / float64(bytes); d > 0.02 {
		t.Errorf("replay predicts %d bytes, the server recorded %d (%.1f%% apart)", predicted.Kept.Bytes, bytes, 100*d)
	}
	if predicted.Dropped.Events == 0 || predicted.Unknowable.Events != 0 || predicted.Added.Events != 0 || predicted.Exactness.Bytes != "exact" {
		t.Errorf("%+v", predicted)
	}

	// The whole server: within the noise of two runs.
	predicted = replayJSON(t, gce, writeEvents(t, "all.log", full))
	byLevel, _, _ = tally(actual)
	t.Logf("server: predicted %v, recorded %v", predicted.ByLevel, byLevel)
	for l, n := range byLevel {
		p := float64(predicted.ByLevel[l].Events)
		if d := math.Abs(p - float64(n)); d > 12 && d > 0.15*float64(n) {
			t.Errorf("level %s: replay predicts %.0f events, the server recorded %d", l, p, n)
		}
	}

	// And from the smaller log back: what it lacks must be said, not guessed.
	back := replayJSON(t, write(t, "full.yaml", fullPolicy), writeEvents(t, "gce.log", actual))
	if back.Exactness.Bytes != "lower bound" || back.Exactness.Unlogged != "unknown" || back.Added.Events == 0 {
		t.Errorf("replaying a thinned log under a full policy claims too much: %+v", back)
	}
	received := int64(0)
	for _, e := range full {
		if e.Stage == "RequestReceived" && e.User.Username != "" {
			received++
		}
	}
	t.Logf("back: %d added events estimated from the thinned log, %d RequestReceived in the full one", back.Added.Events, received)
}

func tally(events []loggedEvent) (byLevel, byStage map[string]int64, bytes int64) {
	byLevel, byStage = map[string]int64{}, map[string]int64{}
	for _, e := range events {
		byLevel[e.Level]++
		byStage[e.Stage]++
		bytes += int64(len(e.line))
	}
	return byLevel, byStage, bytes
}

// record runs the workload against an API server under a policy and returns
// what it logged.
func record(t *testing.T, name, policy string) []loggedEvent {
	t.Helper()
	c := cluster.ForTest(t, cluster.Config{
		Name: name, NoScheduler: true,
		APIServerFlags: []string{"--audit-policy-file=" + policy},
	})
	workload(t, c)
	// Stopping writes out what is open: watches end, and their events with
	// them. The log is read before ForTest's cleanup.
	if err := c.StopComponent(cluster.ControllerManager); err != nil {
		t.Fatal(err)
	}
	if err := c.StopComponent(cluster.APIServer); err != nil {
		t.Fatal(err)
	}
	return readLog(t, c.AuditLog())
}

// workload makes every kind of request that the policies in question tell
// apart, the same ones in the same order each time.
func workload(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	admin, err := c.Client()
	check(err)
	_, err = admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "oracle"}}, metav1.CreateOptions{})
	check(err)
	_, err = admin.CoreV1().ServiceAccounts("oracle").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "loader"}}, metav1.CreateOptions{})
	check(err)
	_, err = admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "oracle"},
		RoleRef:    rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "loader", Namespace: "oracle"}},
	}, metav1.CreateOptions{})
	check(err)
	tok, err := admin.CoreV1().ServiceAccounts("oracle").CreateToken(ctx, "loader", &authnv1.TokenRequest{}, metav1.CreateOptions{})
	check(err)
	base, err := c.RESTConfig()
	check(err)
	cfg := rest.AnonymousClientConfig(base)
	cfg.BearerToken, cfg.QPS, cfg.Burst = tok.Status.Token, 500, 500
	k, err := kubernetes.NewForConfig(cfg)
	check(err)

	for i := range 20 {
		n := fmt.Sprintf("item-%02d", i)
		meta := metav1.ObjectMeta{Name: n, Labels: map[string]string{"oracle": "yes"}}
		_, err = k.CoreV1().ConfigMaps("oracle").Create(ctx, &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"a": strings.Repeat("b", 500)}}, metav1.CreateOptions{})
		check(err)
		_, err = k.CoreV1().Secrets("oracle").Create(ctx, &corev1.Secret{ObjectMeta: meta, StringData: map[string]string{"password": "hunter2hunter2"}}, metav1.CreateOptions{})
		check(err)
		_, err = k.CoreV1().Secrets("oracle").Get(ctx, n, metav1.GetOptions{})
		check(err)
		_, err = k.CoreV1().ServiceAccounts("oracle").Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
		check(err)
		_, err = k.CoreV1().ServiceAccounts("oracle").CreateToken(ctx, n, &authnv1.TokenRequest{}, metav1.CreateOptions{})
		check(err)
		_, err = k.CoreV1().Services("oracle").Create(ctx, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, metav1.CreateOptions{})
		check(err)
		_, err = k.CoreV1().Services("oracle").Patch(ctx, n, types.MergePatchType, []byte(`{"metadata":{"labels":{"patched":"yes"}}}`), metav1.PatchOptions{})
		check(err)
		_, err = k.CoreV1().Services("oracle").List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + n})
		check(err)
		_, err = k.RbacV1().Roles("oracle").Create(ctx, &rbacv1.Role{ObjectMeta: meta}, metav1.CreateOptions{})
		check(err)
		w, err := k.CoreV1().Pods("oracle").Watch(ctx, metav1.ListOptions{TimeoutSeconds: new(int64(1))})
		check(err)
		w.Stop()
		// Answers that are no: a missing pod, an exec into one, and a GET that
		// is the websocket way of doing so.
		_, _ = k.CoreV1().Pods("oracle").Get(ctx, n, metav1.GetOptions{})
		_ = k.CoreV1().RESTClient().Post().Namespace("oracle").Resource("pods").Name(n).SubResource("exec").Param("command", "id").Do(ctx).Error()
		_ = k.CoreV1().RESTClient().Get().Namespace("oracle").Resource("pods").Name(n).SubResource("exec").Param("command", "id").Do(ctx).Error()
		check(k.CoreV1().ConfigMaps("oracle").Delete(ctx, n, metav1.DeleteOptions{}))
		for _, path := range []string{"/healthz", "/livez/ping", "/version", "/apis/apps/v1", "/openapi/v3", "/metrics"} {
			check(k.CoreV1().RESTClient().Get().AbsPath(path).Do(ctx).Error())
		}
	}
	check(k.CoreV1().Secrets("oracle").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "oracle"}))

	// Impersonation: the rule must be chosen by the loader.
	as := rest.CopyConfig(cfg)
	as.Impersonate = rest.ImpersonationConfig{UserName: "kubecfg", Groups: []string{"system:authenticated"}}
	ki, err := kubernetes.NewForConfig(as)
	check(err)
	for range 5 {
		_, _ = ki.CoreV1().Services("oracle").List(ctx, metav1.ListOptions{})
	}

	// Failed logins: no user at all.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for i := range 7 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/api/v1/namespaces/oracle-anonymous-%d/secrets", base.Host, i), nil)
		check(err)
		req.Header.Set("Authorization", "Bearer nonsense")
		resp, err := client.Do(req)
		check(err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a nonsense token gets %s", resp.Status)
		}
	}
}
