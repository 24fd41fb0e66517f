package nodehealth

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// Fifty looks at a healthy cluster must not find one error.
func testHealthy(t *testing.T, r runner) {
	var slowest time.Duration
	for i := range 50 {
		args := []string{broken, intact}
		if i%2 == 1 {
			args = nil
		}
		a := r.json(t, args...)
		inTime(t, a, answerTime)
		slowest = max(slowest, a.took)
		if a.code != 0 {
			t.Errorf("run %d: exit %d\n%s", i, a.code, a.stderr)
		}
		for _, h := range a.Items {
			notBlamed(t, a, h.Metadata.Name)
			if h.Verdict != "Healthy" {
				t.Errorf("run %d: %s is %s: %+v", i, h.Metadata.Name, h.Verdict, h.Findings)
			}
		}
		if len(a.Items) != 2 || a.Cluster.Fault != nil || len(errorsIn(a.Cluster.Findings)) > 0 {
			t.Errorf("run %d: %d nodes, cluster fault %v, findings %v", i, len(a.Items), a.Cluster.Fault, a.Cluster.Findings)
		}
		if t.Failed() {
			t.Fatalf("%s", a.stdout)
		}
		time.Sleep(200 * time.Millisecond) // to meet leases of all ages
	}
	t.Logf("the slowest of 50 answers took %s", slowest.Round(time.Millisecond))
}

func testUsage(t *testing.T, r runner) {
	a := r.raw(t, "no-such-node")
	first, _, _ := strings.Cut(a.stderr, "\n")
	if a.code != 2 || a.stdout != "" || !strings.Contains(first, "no-such-node") {
		t.Errorf("a node that does not exist: exit %d, want 2\nstdout: %s\nstderr: %s", a.code, a.stdout, a.stderr)
	}
}

// With the reader role, and nothing else, the API server denies nodes/proxy:
// that is no fault of the node, but the coverage falls and it is said. Without
// any role there is no verdict at all.
func testLeastPrivilege(t *testing.T, c *cluster.Cluster, r runner) {
	full := r.json(t, broken)
	nobody, err := c.KubeconfigFor("nobody", 0)
	if err != nil {
		t.Fatal(err)
	}
	a := runner{r.bin, nobody}.raw(t, broken, "-o", "json")
	inTime(t, a, answerTime)
	if a.code != 3 || !strings.Contains(a.stdout+a.stderr, "denied") && !strings.Contains(a.stdout+a.stderr, "forbidden") {
		t.Errorf("with no rights: exit %d, want 3 and to be told\n%s%s", a.code, a.stdout, a.stderr)
	}

	roles := r.raw(t, "rbac")
	manifest := filepath.Join(t.TempDir(), "rbac.yaml")
	if err := os.WriteFile(manifest, []byte(roles.stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "", "apply", "-f", manifest)
	c.Kubectl(t, "", "create", "clusterrolebinding", "reader", "--clusterrole=nodehealth-reader", "--user=reader")
	reader, err := c.KubeconfigFor("reader", 0)
	if err != nil {
		t.Fatal(err)
	}
	denied := func(a answer) bool { return a.node(t, broken).probe("kubelet-healthz") == "denied" }
	limited := runner{r.bin, reader}
	// A new binding takes effect when the API server's cache has it.
	b := eventually(t, limited, 5*time.Second, func(a answer) bool { return denied(a) && a.node(t, broken).probe("lease") == "ok" }, broken)
	h := b.node(t, broken)
	if h.Fault != nil || len(errorsIn(h.Findings)) > 0 {
		t.Errorf("a denied permission is blamed on the node: %+v %q", h.Fault, h.Findings)
	}
	if !denied(b) || h.probe("lease") != "ok" || h.probe("node") != "ok" {
		t.Errorf("probes: %+v", h.Probes)
	}
	if h.Coverage >= full.node(t, broken).Coverage {
		t.Errorf("coverage %.2f with nodes/proxy denied, %.2f with it", h.Coverage, full.node(t, broken).Coverage)
	}
	if story := limited.raw(t, broken); !strings.Contains(story.stdout, "nodes/proxy") {
		t.Errorf("the story does not say which right is missing:\n%s", story.stdout)
	}

	c.Kubectl(t, "", "create", "clusterrolebinding", "prober", "--clusterrole=nodehealth-prober", "--user=reader")
	d := eventually(t, limited, 5*time.Second, func(a answer) bool { return !denied(a) }, broken)
	if got, want := d.node(t, broken).Coverage, full.node(t, broken).Coverage; got != want {
		t.Errorf("coverage %.2f with both printed roles, %.2f as administrator: %+v", got, want, d.node(t, broken).Probes)
	}
}

// An API server that stalls in the middle of a list, or says nothing at all:
// a bounded answer that does not pretend.
func testStalled(t *testing.T, c *cluster.Cluster, r runner) {
	proxy, err := c.NewStallingProxy(0)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	kubeconfig, err := c.KubeconfigVia(c.Kubeconfig, proxy.URL, "stall")
	if err != nil {
		t.Fatal(err)
	}
	via := runner{r.bin, kubeconfig}
	// Whether an API server is there at all may take a second or two longer to
	// know than what a node does. The whole cluster's table may take as
	// long as the lists do; but not longer when nothing comes.
	for _, row := range []struct {
		args  []string
		limit time.Duration
	}{{[]string{broken}, 5 * time.Second}, {nil, 12 * time.Second}} {
		before := proxy.Passed()
		if a := via.json(t, row.args...); a.code != 0 {
			t.Fatalf("through the proxy: exit %d\n%s%s", a.code, a.stdout, a.stderr)
		}
		whole := proxy.Passed() - before
		// The first stalls fall into the handshake and the first list; in the
		// last ones it depends on the order of the answers what is missing.
		for _, limit := range []int64{2000, 8000, whole / 2, whole * 9 / 10} {
			proxy.SetLimit(limit)
			a := via.raw(t, append([]string{"-o", "json"}, row.args...)...)
			proxy.SetLimit(0)
			what := fmt.Sprintf("%v, stalled after %d of %d bytes: exit %d", row.args, limit, whole, a.code)
			inTime(t, a, row.limit)
			if a.code == 0 && limit < 10000 {
				t.Errorf("%s, want 3\n%s", what, a.stdout)
			}
			if marked := regexp.MustCompile("(?i)timeout|timed out|did not answer|does not answer|no answer|stalled"); !marked.MatchString(a.stdout + a.stderr) {
				t.Errorf("%s: the answer is not marked\n%s%s", what, a.stdout, a.stderr)
			}
			if strings.Contains(a.stdout, `"fault": {`) {
				t.Errorf("%s: a node is blamed\n%s", what, a.stdout)
			}
		}
		proxy.SetLimit(8000)
		a := via.interrupt(t, 700*time.Millisecond, row.args...)
		proxy.SetLimit(0)
		if a.code != 130 || a.took > time.Second {
			t.Errorf("%v: Ctrl-C in mid-list: exit %d after %s, want 130 at once\n%s%s", row.args, a.code, a.took, a.stdout, a.stderr)
		}
	}

	ctx := withTimeout(t, time.Minute)
	if err := c.Inject(ctx, "apiserver-frozen", ""); err != nil {
		t.Fatal(err)
	}
	a := r.raw(t)
	b := r.interrupt(t, 500*time.Millisecond, broken)
	if err := c.Repair(ctx, "apiserver-frozen", ""); err != nil {
		t.Fatal(err)
	}
	inTime(t, a, 12*time.Second)
	if a.code != 3 {
		t.Errorf("a frozen API server: exit %d, want 3\n%s%s", a.code, a.stdout, a.stderr)
	}
	if b.code != 130 || b.took > time.Second {
		t.Errorf("Ctrl-C with a frozen API server: exit %d after %s, want 130 at once\n%s%s", b.code, b.took, b.stdout, b.stderr)
	}
	repaired(t, c)
}

// -w shows a change and ends cleanly on Ctrl-C.
func testWatch(t *testing.T, c *cluster.Cluster, r runner) {
	ctx := withTimeout(t, time.Minute)
	var out, errs bytes.Buffer
	cmd := r.command("-w")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if err := c.Inject(ctx, "cordoned", broken); err != nil {
		t.Fatal(err)
	}
	defer repaired(t, c, "cordoned")
	time.Sleep(5 * time.Second)
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Errorf("it ended by itself: %v", err)
	}
	timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait() //nolint:errcheck // the exit status is looked at
	if code := cmd.ProcessState.ExitCode(); code != 130 && code != 0 || time.Since(begin) > time.Second {
		t.Errorf("Ctrl-C: exit %d after %s", code, time.Since(begin))
	}
	text := out.String()
	if !strings.Contains(text, "healthy") || !strings.Contains(strings.ToLower(text), "cordoned") {
		t.Errorf("the change was not shown:\n%s%s", text, errs.String())
	}
}

// A clock set apart is told from the API alone, and is not taken for a fault.
func testClockSkew(t *testing.T, c *cluster.Cluster, r runner) {
	ctx := withTimeout(t, 2*time.Minute)
	if err := c.Inject(ctx, "clock-skewed", broken); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Repair(ctx, "clock-skewed", broken); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second) // the next lease is right again
		repaired(t, c)
	}()
	skewed := func(a answer) bool {
		for _, f := range a.node(t, broken).Findings {
			if strings.Contains(f.Title+f.Message, "clock") {
				return true
			}
		}
		return false
	}
	a := eventually(t, r, 25*time.Second, skewed, broken, intact)
	if !skewed(a) {
		t.Errorf("a clock 2 minutes ahead is not told:\n%s", a.stdout)
	}
	notBlamed(t, a, intact)
	if f := a.node(t, broken).Fault; f != nil {
		t.Errorf("a clock set apart is taken for %s: %q", f.Name, f.Evidence)
	}
}

// Every kubelet of the zone, which is the whole cluster, is dead: the node
// lifecycle controller then takes the NoExecute taints away and evicts nothing.
func testZoneDown(t *testing.T, c *cluster.Cluster, r runner) {
	ctx := withTimeout(t, 3*time.Minute)
	if err := c.Inject(ctx, "zone-dead", broken); err != nil {
		t.Fatal(err)
	}
	defer repaired(t, c, "zone-dead")
	for _, n := range c.Nodes {
		if err := n.WaitCondition(ctx, time.Minute, corev1.NodeReady, corev1.ConditionUnknown); err != nil {
			t.Fatal(err)
		}
	}
	// The controller goes round every five seconds. It misses a taint that it has
	// set in the same round as it finds the whole cluster dead.
	if err := after(6*time.Second)(ctx, c); err != nil {
		t.Fatal(err)
	}
	tainted := 0
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range list.Items {
		if slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return taint.Effect == corev1.TaintEffectNoExecute }) {
			tainted++
		}
	}
	if tainted == len(list.Items) {
		t.Fatalf("eviction is not paused: all %d nodes are tainted", tainted)
	}
	a := r.json(t)
	inTime(t, a, answerTime)
	if a.Cluster.Fault == nil || a.Cluster.Fault.Name != "ZoneDown" {
		t.Errorf("cluster fault %+v, want ZoneDown", a.Cluster.Fault)
	}
	if want := fmt.Sprintf("%d of 2 carry NoExecute", tainted); a.Cluster.Fault != nil && !strings.Contains(strings.Join(a.Cluster.Fault.Evidence, "\n"), want) {
		t.Errorf("the evidence does not say %q: %q", want, a.Cluster.Fault.Evidence)
	}
	if a.code != 1 {
		t.Errorf("exit %d, want 1", a.code)
	}
	for _, name := range []string{broken, intact} {
		if h := a.node(t, name); h.Verdict != "Unhealthy" {
			t.Errorf("%s: %s, want Unhealthy", name, h.Verdict)
		}
	}
	story := r.raw(t, broken)
	inTime(t, story, answerTime)
	if strings.Contains(story.stdout, "1 of 1 other nodes") {
		t.Errorf("the dead neighbour is called well:\n%s", story.stdout)
	}
	for _, out := range []answer{r.raw(t), story} {
		text := strings.ToLower(strings.Join(strings.Fields(out.stdout), " "))
		if !strings.Contains(text, "zone") || !strings.Contains(text, "evict") {
			t.Errorf("it is not said that the zone is down and eviction paused:\n%s", out.stdout)
		}
	}
	t.Logf("\n%s\n%s", r.raw(t).stdout, story.stdout)
}

// A dead kubelet under a frozen controller-manager: the API says Ready=True and
// the lease says otherwise, and so does the controller's own lease.
func testControlPlaneStale(t *testing.T, c *cluster.Cluster, r runner) {
	ctx := withTimeout(t, 4*time.Minute)
	for _, f := range []string{"controller-manager-frozen", "kubelet-stopped"} {
		if err := c.Inject(ctx, f, broken); err != nil {
			t.Fatal(err)
		}
	}
	defer repaired(t, c, "controller-manager-frozen", "kubelet-stopped")
	// The default grace period is what a reader of the API must assume.
	if err := after(65*time.Second)(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := readyIs(corev1.ConditionTrue, time.Second)(ctx, c); err != nil {
		t.Fatalf("somebody marked the node: %v", err)
	}
	a := r.json(t)
	inTime(t, a, answerTime)
	if f := a.Cluster.Fault; f == nil || f.Name != "ControlPlaneStale" {
		t.Errorf("cluster fault %+v, want ControlPlaneStale", f)
	} else if all := strings.Join(f.Evidence, "\n"); !strings.Contains(all, "Ready") || !strings.Contains(all, "lease") || !strings.Contains(all, "controller-manager") {
		t.Errorf("the evidence lacks Ready, the node's lease or the controller-manager's:\n%s", all)
	}
	if h := a.node(t, broken); h.Verdict != "Unhealthy" || h.Fault == nil {
		t.Errorf("%s: %s, fault %+v: its kubelet is dead", broken, h.Verdict, h.Fault)
	} else if h.Fault.Name != "KubeletDown" && h.Fault.Name != "ControlPlaneStale" {
		t.Errorf("%s: fault %s, want KubeletDown or ControlPlaneStale", broken, h.Fault.Name)
	}
	notBlamed(t, a, intact)
	story := r.raw(t, broken)
	inTime(t, story, answerTime)
	t.Logf("\n%s\n%s", r.raw(t).stdout, story.stdout)
}
