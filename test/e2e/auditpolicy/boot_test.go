package auditpolicy

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

func profiles(t *testing.T) []string {
	t.Helper()
	var list struct{ Items []struct{ Name string } }
	if err := json.Unmarshal([]byte(must(t, "init", "-o", "json")), &list); err != nil || len(list.Items) < 8 {
		t.Fatal(err, list)
	}
	var out []string
	for _, p := range list.Items {
		out = append(out, p.Name)
	}
	return out
}

func flags(t *testing.T, args ...string) []string {
	t.Helper()
	return strings.Fields(must(t, append(args, "--for", "flags")...))
}

type verdict struct {
	State    string
	Why      []string
	Events   float64
	Errors   map[string]float64
	Rejected float64
}

func verify(t *testing.T, c *cluster.Cluster, wait string) (v verdict, code int) {
	t.Helper()
	out, errOut, code := run(t, []string{"KUBECONFIG=" + c.Kubeconfig}, "backend", "verify", "--live", "--wait", wait, "-o", "json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s%s", err, out, errOut)
	}
	return v, code
}

// TestBoot starts a real kube-apiserver with everything that init and backend
// write, and asks it what its auditing does.
func TestBoot(t *testing.T) {
	dir := t.TempDir()
	policy, log := filepath.Join(dir, "policy", "policy.yaml"), filepath.Join(dir, "log", "audit.log")
	if err := os.MkdirAll(filepath.Dir(policy), 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(policy, must(t, "init", "minimal"))
	logFlags := func(more ...string) []string {
		return flags(t, append([]string{"backend", "log", "--policy-path", policy, "--path", log}, more...)...)
	}
	c := cluster.ForTest(t, cluster.Config{Name: "audit-boot", NoControllerManager: true, NoScheduler: true, APIServerFlags: logFlags()})
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	restart := func(t *testing.T, f []string) {
		t.Helper()
		c.Config.APIServerFlags = f
		if err := c.RestartComponent(ctx, cluster.APIServer); err != nil {
			t.Fatalf("kube-apiserver does not start with %v: %v", f, err)
		}
	}
	request := func(t *testing.T, n int) {
		t.Helper()
		k, err := c.Client()
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if _, err := k.CoreV1().Secrets("default").List(ctx, metav1.ListOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}

	for _, name := range profiles(t) {
		t.Run("profile "+name, func(t *testing.T) {
			put(policy, must(t, "init", name))
			if err := os.RemoveAll(filepath.Dir(log)); err != nil {
				t.Fatal(err)
			}
			restart(t, logFlags())
			request(t, 3)
			secrets := 0
			for _, e := range readLog(t, log) {
				if strings.Contains(e.RequestURI, "/namespaces/default/secrets") {
					secrets++
					if e.Level != "Metadata" {
						t.Errorf("a list of secrets is logged at %s", e.Level)
					}
				}
			}
			if secrets != 3 {
				t.Errorf("3 lists of secrets, %d events", secrets)
			}
			// What the server wrote, the replay of the same policy keeps.
			if r := replayJSON(t, policy, log); r.Dropped.Events != 0 || r.Unknowable.Events != 0 {
				t.Errorf("replay disagrees with the server: %+v", r)
			}
			// No credential may come through. The cluster's bootstrap writes
			// none, so ask for one.
			k, err := c.Client()
			if err != nil {
				t.Fatal(err)
			}
			secretsIn(t, ctx, k)
			if out, errOut, code := run(t, nil, "leaks", log, "-o", "json"); code != 0 {
				t.Errorf("leaks: exit status %d\n%s%s", code, out, errOut)
			}
		})
	}

	for _, mode := range []string{"blocking", "batch", "blocking-strict"} {
		t.Run("log "+mode, func(t *testing.T) {
			put(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")
			restart(t, logFlags("--mode", mode, "--compress", "--rate", "300"))
			request(t, 3)
			v, code := verify(t, c, "500ms")
			if v.State != "auditing" || code != 0 {
				t.Errorf("%+v, exit status %d", v, code)
			}
		})
	}

	t.Run("no policy", func(t *testing.T) {
		restart(t, []string{"--audit-policy-file-", "--audit-log-path=" + log})
		if v, code := verify(t, c, "300ms"); v.State != "not auditing" || code != 1 {
			t.Errorf("%+v, exit status %d", v, code)
		}
	})

	t.Run("policy of nothing", func(t *testing.T) {
		put(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n")
		restart(t, logFlags())
		if v, code := verify(t, c, "300ms"); v.State != "silent" || code != 1 {
			t.Errorf("%+v, exit status %d", v, code)
		}
	})

	t.Run("webhook", func(t *testing.T) {
		put(policy, must(t, "init", "minimal"))
		r := newReceiver()
		defer r.Close()
		ca := filepath.Join(dir, "ca.crt")
		put(ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})))
		config := filepath.Join(dir, "webhook", "webhook.yaml")
		args := []string{"backend", "webhook", "--url", r.URL + "/events", "--ca-file", ca, "--policy-path", policy, "--config-path", config, "--batch-size", "100", "--latency", "5s"}
		if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
			t.Fatal(err)
		}
		put(config, must(t, append(args, "--kubeconfig-only")...))
		f := append(flags(t, args...), "--audit-log-path-")
		restart(t, append(f, "--audit-webhook-batch-max-wait=1s", "--audit-webhook-initial-backoff=50ms"))
		request(t, 20)
		for end := time.Now().Add(20 * time.Second); r.events("/namespaces/default/secrets") < 20 && time.Now().Before(end); {
			time.Sleep(200 * time.Millisecond)
		}
		if n := r.events("/namespaces/default/secrets"); n != 20 {
			t.Errorf("20 requests, %d events received in %d batches", n, r.batches.Load())
		}
		if v, code := verify(t, c, "500ms"); v.State != "auditing" || code != 0 {
			t.Errorf("%+v, exit status %d", v, code)
		}
		// What the receiver took is a log too.
		if out := must(t, "replay", policy, "--log", r.dump(t), "-o", "json"); !strings.Contains(out, `"broken": 0`) {
			t.Error(out)
		}

		r.refuse.Store(true)
		request(t, 10)
		time.Sleep(time.Second)
		v, code := verify(t, c, "4s")
		if v.State != "failing" || code != 1 || v.Errors["webhook"] == 0 {
			t.Errorf("a receiver that refuses: %+v, exit status %d", v, code)
		}
		r.refuse.Store(false)

		// A throttle that lets one event through in ten seconds.
		restart(t, append(f, "--audit-webhook-batch-max-size=1", "--audit-webhook-batch-buffer-size=2", "--audit-webhook-batch-throttle-qps=0.1", "--audit-webhook-batch-throttle-burst=1"))
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(500 * time.Millisecond)
			request(t, 30)
		}()
		v, code = verify(t, c, "3s")
		<-done
		if v.State != "dropping" || code != 1 || v.Errors["buffered"] == 0 {
			t.Errorf("a full buffer: %+v, exit status %d", v, code)
		}
	})

	t.Run("unreachable", func(t *testing.T) {
		_, errOut, code := run(t, []string{"KUBECONFIG="}, "backend", "verify", "--live", "--server", "https://127.0.0.1:1", "--timeout", "3s")
		if code != 3 || strings.Count(errOut, "error:") != 1 {
			t.Errorf("exit status %d: %s", code, errOut)
		}
	})

	// What check calls an error, a real kube-apiserver refuses, for the same
	// reason. It gets an etcd that does not answer: flags are read before.
	t.Run("refused flags", func(t *testing.T) {
		noContext := filepath.Join(dir, "no-context.yaml")
		put(noContext, "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {server: \"https://127.0.0.1:1/\"}\n")
		dangling := filepath.Join(dir, "dangling.yaml")
		put(dangling, "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {server: \"https://127.0.0.1:1/\"}\ncurrent-context: other\n")
		start := func(flag string, wait time.Duration) string {
			t.Helper()
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			out, _ := exec.CommandContext(ctx, c.Binary, "kube-apiserver", "--etcd-servers=http://127.0.0.1:1", "--service-account-issuer=https://x", "--service-account-key-file="+c.PKI.Path("pki/sa.pub"),
				"--service-account-signing-key-file="+c.PKI.Key("sa"), "--service-cluster-ip-range=10.0.0.0/24", "--cert-dir="+dir, "--bind-address=127.0.0.1", "--secure-port=17399",
				"--audit-policy-file="+policy, "--audit-log-path="+log+".refused", flag).CombinedOutput()
			for _, l := range strings.Split(string(out), "\n") {
				if strings.Contains(l, "command failed") || strings.HasPrefix(l, "Error:") {
					return l
				}
			}
			return ""
		}
		if l := start("--audit-log-mode=batch", 8*time.Second); strings.Contains(l, "audit") {
			t.Fatalf("good flags are refused: %s", l)
		}
		for flag, reason := range map[string]string{
			"--audit-log-mode=async":                         "invalid audit log mode",
			"--audit-log-maxbackups=3":                       "unknown flag",
			"--audit-log-maxage=-1":                          "negative",
			"--audit-log-maxage=x":                           "invalid argument",
			"--audit-log-format=xml":                         "invalid audit log format",
			"--audit-log-version=audit.k8s.io/v1beta1":       "group version",
			"--audit-log-truncate-max-batch-size=10":         "truncate",
			"--audit-dynamic-configuration=true":             "unknown flag",
			"--audit-webhook-config-file=" + noContext:       "audit webhook",
			"--audit-webhook-config-file=" + dangling:        "audit webhook",
			"--audit-webhook-config-file=" + dir + "/absent": "audit webhook",
		} {
			args := []string{"backend", "check", "-o", "json", "--", "--audit-policy-file=" + policy, "--audit-log-path=" + log, flag}
			if file := strings.TrimPrefix(flag, "--audit-webhook-config-file="); file != flag {
				args = []string{"backend", "check", "-o", "json", file}
			}
			if out, _, code := run(t, nil, args...); code == 0 {
				t.Errorf("check lets %s pass: %s", flag, out)
			}
			if l := start(flag, 20*time.Second); !strings.Contains(l, reason) {
				t.Errorf("kube-apiserver with %s says %q, not %q", flag, l, reason)
			}
		}
	})
}

func tail(b []byte) string { return string(b[max(0, len(b)-600):]) }

// receiver is an audit webhook on loopback.
type receiver struct {
	*httptest.Server
	refuse  atomic.Bool
	batches atomic.Int64
	mu      sync.Mutex
	bodies  [][]byte
}

func newReceiver() *receiver {
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || r.refuse.Load() || req.URL.Path != "/events" {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		r.batches.Add(1)
		r.mu.Lock()
		r.bodies = append(r.bodies, body)
		r.mu.Unlock()
	}))
	return r
}

func (r *receiver) events(uri string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.bodies {
		var list struct {
			Items []struct{ RequestURI string }
		}
		_ = json.Unmarshal(b, &list)
		for _, e := range list.Items {
			if strings.Contains(e.RequestURI, uri) {
				n++
			}
		}
	}
	return n
}

func (r *receiver) dump(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, body := range r.bodies {
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(string(body)))
	}
	return write(t, "received.log", b.String())
}

// TestInstallers gives what backend writes for kubeadm to the real kubeadm, and
// judges the static pod that it makes of it. The other installers are no Go
// module of Kubernetes: their outputs must carry the same flags and mounts.
func TestInstallers(t *testing.T) {
	cluster.Require(t, false)
	binary, err := cluster.Binary("")
	if err != nil {
		t.Fatal(err)
	}
	kubeadm := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command(binary, append([]string{"kubeadm"}, args...)...)
		cmd.Env = append(os.Environ(), "KUBEADM_INIT_DRYRUN_DIR="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("kubeadm %v: %v\n%s", args, err, tail(out))
		}
		return string(out)
	}
	for _, backend := range [][]string{
		{"backend", "log"},
		{"backend", "webhook", "--url", "https://audit.example.org/events", "--ca-path", "/etc/kubernetes/audit-ca/ca.crt"},
	} {
		want := must(t, append(backend, "--for", "flags")...)
		config := write(t, "kubeadm.yaml", must(t, append(backend, "--for", "kubeadm")...)+"kubernetesVersion: v1.37.1\n")
		kubeadm("", "config", "validate", "--config", config)
		patches := t.TempDir()
		if err := os.WriteFile(filepath.Join(patches, "kube-apiserver0+json.yaml"), []byte(must(t, append(backend, "--for", "kubeadm-patch")...)), 0o644); err != nil {
			t.Fatal(err)
		}
		patched := write(t, "patched.yaml", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\npatches:\n  directory: "+patches+"\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.1\n")
		for how, config := range map[string]string{"kubeadm": config, "kubeadm-patch": patched} {
			dir := t.TempDir()
			out := kubeadm(dir, "init", "phase", "control-plane", "apiserver", "--dry-run", "--config", config)
			var manifest []byte
			_ = filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
				if filepath.Base(path) == "kube-apiserver.yaml" {
					manifest, _ = os.ReadFile(path)
				}
				return nil
			})
			if len(manifest) == 0 {
				t.Fatalf("%s: kubeadm made no manifest: %s", how, out)
			}
			file := write(t, "kube-apiserver.yaml", string(manifest))
			for _, f := range strings.Fields(want) {
				if !strings.Contains(string(manifest), "- "+f+"\n") {
					t.Errorf("%s: kubeadm's manifest lacks %s\n%s", how, f, manifest)
				}
			}
			if out, errOut, code := run(t, nil, "backend", "check", file, "--fail-on", "warning"); code != 0 {
				t.Errorf("%s: check finds in kubeadm's manifest:\n%s%s", how, out, errOut)
			}
		}
		for _, platform := range []string{"k3s", "rke2", "kind", "talos", "kops", "static-pod"} {
			var doc any
			text := must(t, append(backend, "--for", platform)...)
			if err := yaml.UnmarshalStrict([]byte(text), &doc); err != nil {
				t.Errorf("%s: %v\n%s", platform, err, text)
			}
		}
	}
}
