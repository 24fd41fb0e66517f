package nodetools

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

func TestNodeTools(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "nodetools", Nodes: 2, APIServerFlags: []string{"--enable-aggregator-routing=true"}})
	u := user{t, program.Plugin(t, "nodehealth"), c.Kubeconfig}

	t.Run("shell", func(t *testing.T) { testShell(t, c, u) })
	// On nodes that no detector has written to yet.
	t.Run("npd", func(t *testing.T) { testManifest(t, c, u) })
	// Before the views, which hide ctr on a node: images are imported with it.
	t.Run("detector", func(t *testing.T) { testDetector(t, c, u) })
	t.Run("views without crictl", func(t *testing.T) { testViews(t, c, u) })
	t.Run("crictl", func(t *testing.T) { testCrictl(t, c, u) })
	t.Run("logs", func(t *testing.T) { testLogs(u) })
	t.Run("usage", func(t *testing.T) { testUsage(t, c, u) })
	t.Run("controlplane", func(t *testing.T) { testControlPlane(t, c, u) })
	t.Run("incident", func(t *testing.T) { testIncident(t, c, u) })
	t.Run("interrupted", func(t *testing.T) { testInterrupted(t, c, u) })
	t.Run("lost connection", func(t *testing.T) { testLostConnection(t, c, u) })
	t.Run("dead runtime", func(t *testing.T) { testDeadRuntime(t, c, u) })
	t.Run("frozen runtime", func(t *testing.T) { testFrozenRuntime(t, c, u) })
	t.Run("frozen kubelet", func(t *testing.T) { testFrozenKubelet(t, c, u) })
}

// Streams and the exit status are the program's, and nothing stays behind.
func testShell(t *testing.T, c *cluster.Cluster, u user) {
	out, errOut, code, _ := u.run("from stdin", "shell", one, "-i", "--", "sh", "-c", "hostname; cat; echo to stderr >&2; exit 7")
	if out != one+"\nfrom stdin" || errOut != "to stderr\n" || code != 7 {
		t.Errorf("%q %q exit status %d", out, errOut, code)
	}
	u.expect(2, "", "there is none of this name", "shell", "nobody", "--", "true")
	u.expect(3, "", "there is none", "shell", one, "--debug-namespace", "nowhere", "--", "true")
	u.expect(3, "", "--image", "shell", one, "--image", "registry.invalid/none:1", "--", "true")
	waitGone(t, c, 20*time.Second)
}

func testLogs(u user) {
	u.expect(0, "Starting", "from log query kubelet of "+one, "logs", one, "--grep", "Starting")
	u.expect(0, "Starting", "from /var/log/kubelet.log of "+two, "logs", two, "--grep", "Starting")
	u.expect(0, "kubelet.log", "", "logs", two, "--list")
	u.expect(0, "level=", "from /var/log/containerd.log", "logs", two, "--file", "containerd.log", "-o", "raw")
	u.expect(3, "", "log query is off on this kubelet (enableSystemLogQuery)", "logs", two, "--unit", "nothing")
	u.expect(3, "", "not there: tried log query nothing", "logs", one, "--unit", "nothing")
	u.expect(2, "", "files below /var/log only", "logs", one, "--file", "/etc/passwd")
	u.expect(2, "", "there is none of this name", "logs", "nobody")
	u.expect(3, "", "only a journal knows boots", "logs", one, "--boot", "-1")
	u.expect(3, "", "a folder, not a file", "logs", two, "--file", "pods")
	u.expect(3, "", "no journal of this unit", "logs", two, "--unit", "nothing", "--debug-pod")
	u.expect(0, "no known trouble", "", "logs", two, "--scan")
	u.expect(0, `"severity":"info"`, "", "logs", one, "--tail", "50", "-o", "json")
}

// A control plane that is well, then without a scheduler, then behind a webhook
// with nobody behind it.
func testControlPlane(t *testing.T, c *cluster.Cluster, u user) {
	ctx := context.Background()
	u.expect(0, "HEALTHY", "", "controlplane")
	if err := c.StopComponent(cluster.Scheduler); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.StartComponent(ctx, cluster.Scheduler); err != nil {
			t.Error(err)
		}
	}()
	time.Sleep(35 * time.Second) // twice the lease's duration
	u.expect(1, "kube-scheduler: nobody has renewed its lease", "", "controlplane")
	u.expect(1, `"scenario": "SupportingServiceDown"`, "", "controlplane", "-o", "json")

	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	none, fail := admissionv1.SideEffectClassNone, admissionv1.Fail
	hook := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "nobody-there"},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "gone.example.com", SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "default", Name: "gone"}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"example.com"}, APIVersions: []string{"*"}, Resources: []string{"things"}},
			}},
		}},
	}
	hooks := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := hooks.Create(ctx, hook, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hooks.Delete(ctx, hook.Name, metav1.DeleteOptions{}) }()
	u.expect(1, "gone.example.com: service default/gone has no ready endpoint", "", "controlplane")
}

// The API server takes the manifests of every kind.
func testManifest(t *testing.T, c *cluster.Cluster, u user) {
	u.expect(1, "nobody watches the 2 nodes", "", "npd", "status")
	for _, log := range []string{"kmsg", "journald", "file"} {
		out, errOut, code, _ := u.run("", "npd", "manifest", "--log", log, "--health-checks")
		if code != 0 {
			t.Fatalf("exit status %d: %s", code, errOut)
		}
		file := filepath.Join(t.TempDir(), "npd.yaml")
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		components, err := cluster.Binary("")
		if err != nil {
			t.Fatal(err)
		}
		apply := exec.Command(components, "kubectl", "apply", "--dry-run=server", "-f", file)
		apply.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
		if b, err := apply.CombinedOutput(); err != nil {
			t.Errorf("--log %s: %v\n%s", log, err, b)
		}
	}
}

// A hundred runs of the three verbs that start a pod, ended at random moments by
// Ctrl-C or SIGKILL: two minutes later there is nothing of them.
func testInterrupted(t *testing.T, c *cluster.Cluster, u user) {
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			node := []string{one, two}[i%2]
			args := []string{"shell", node, "--", "sleep", "600"}
			switch i % 5 {
			case 3:
				args = []string{"crictl", two, "--", "ps"}
			case 4:
				args = []string{"logs", two, "--unit", "nothing", "--debug-pod"}
			}
			run := u.command(context.Background(), args...)
			if err := run.Start(); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Millisecond)
			sig := []syscall.Signal{syscall.SIGINT, syscall.SIGKILL}[rand.IntN(2)]
			_ = run.Process.Signal(sig)
			_ = run.Wait()
		})
	}
	wg.Wait()
	waitGone(t, c, 2*time.Minute)
}

// On a node whose runtime is dead no pod can start: that is said within seconds
// and nothing stays.
func testDeadRuntime(t *testing.T, c *cluster.Cluster, u user) {
	ctx := context.Background()
	if err := c.Inject(ctx, "containerd-stopped", one); err != nil {
		t.Fatal(err)
	}
	defer repair(t, c, "containerd-stopped")
	_, errOut, code, took := u.run("", "crictl", one, "--", "ps")
	if code != 3 || !strings.Contains(errOut, "runtime of "+one) || took > 8*time.Second {
		t.Errorf("exit status %d after %s: %s", code, took, errOut)
	}
	waitGone(t, c, 5*time.Second)
	u.expect(0, "", "", "logs", one, "--tail", "5")
}

func testFrozenRuntime(t *testing.T, c *cluster.Cluster, u user) {
	if err := c.Inject(context.Background(), "containerd-frozen", one); err != nil {
		t.Fatal(err)
	}
	defer repair(t, c, "containerd-frozen")
	_, errOut, code, took := u.run("", "crictl", one, "--", "ps")
	if code != 3 || !strings.Contains(errOut, "the container runtime of "+one+" does not answer") || took > 10*time.Second {
		t.Errorf("exit status %d after %s: %s", code, took, errOut)
	}
	waitGone(t, c, 5*time.Second)
}

func testFrozenKubelet(t *testing.T, c *cluster.Cluster, u user) {
	ctx := context.Background()
	if err := c.Inject(ctx, "kubelet-frozen", one); err != nil {
		t.Fatal(err)
	}
	defer repair(t, c, "kubelet-frozen")
	for _, args := range [][]string{{"logs", one}, {"crictl", one, "--", "ps"}, {"shell", one, "--", "true"}} {
		_, errOut, code, took := u.run("", args...)
		if code != 3 || !strings.Contains(errOut, "does not answer") || took > 8*time.Second {
			t.Errorf("%s: exit status %d after %s: %s", strings.Join(args, " "), code, took, errOut)
		}
	}
	out, _, code, took := u.run("", "logs", one, "--scan")
	if code != 3 || !strings.Contains(out, "none of its logs could be read") || took > 8*time.Second {
		t.Errorf("logs --scan: exit status %d after %s\n%s", code, took, out)
	}
	out, _, code, took = u.run("", "usage")
	if code != 1 || !strings.Contains(out, "breaks at: kubelet /metrics/resource") || took > 10*time.Second {
		t.Errorf("usage: exit status %d after %s\n%s", code, took, out)
	}
}

func repair(t *testing.T, c *cluster.Cluster, fault string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := c.Repair(ctx, fault, one); err != nil {
		t.Fatal(err)
	}
	n, err := c.Node(one)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.WaitReady(ctx, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
}
