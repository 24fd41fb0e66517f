package nodehealth

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	corev1 "k8s.io/api/core/v1"
)

// scenario is one row of the fault matrix.
type scenario struct {
	name string
	// inject are the cluster's faults, in this order; repaired in reverse.
	inject []string
	// settle waits until the cluster shows the fault the way it comes to rest.
	settle func(ctx context.Context, c *cluster.Cluster) error
	// patience is how long the plugin may then go on with another answer; most
	// faults leave no room.
	patience time.Duration
	// want are the names one of which the node's fault must have.
	want []string
	// evidence are patterns that the evidence must match.
	evidence []string
	// phrase is what the first line for people must match.
	phrase string
	// verdict of the node.
	verdict string
	// early says that the plugin must not call the node healthy in the first
	// seconds either, before the cluster has noticed.
	early bool
	// slow says that the node makes the plugin wait, so that Ctrl-C can be tried.
	slow bool
	// hidden says that the API server's objects do not show it, so that the
	// whole cluster's table, which asks only the kubelets of suspects, need not.
	hidden bool
}

func node(c *cluster.Cluster) *cluster.Node { return c.Nodes[0] }

func readyIs(want corev1.ConditionStatus, d time.Duration) func(context.Context, *cluster.Cluster) error {
	return func(ctx context.Context, c *cluster.Cluster) error {
		return node(c).WaitCondition(ctx, d, corev1.NodeReady, want)
	}
}

func after(d time.Duration) func(context.Context, *cluster.Cluster) error {
	return func(ctx context.Context, _ *cluster.Cluster) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

var matrix = []scenario{
	{name: "cordoned", inject: []string{"cordoned"}, settle: after(time.Second),
		want: []string{"Cordoned"}, evidence: []string{"unschedulable|cordon"}, phrase: "cordon", verdict: "Degraded"},
	{name: "serving certificate request pending", inject: []string{"serving-csr-pending"}, settle: after(8 * time.Second),
		want: []string{"ServingCSRPending"}, evidence: []string{"csr|request", "pending|approv"}, phrase: "certificate|CSR"},
	{name: "packets to 10250 dropped", inject: []string{"port-dropped"}, settle: after(time.Second),
		want: []string{"NetworkPartition", "HostDown"}, evidence: []string{"10250|kubelet"}, phrase: "network|partition|host", early: true, hidden: true},
	{name: "disk over the threshold", inject: []string{"disk-full"},
		settle: func(ctx context.Context, c *cluster.Cluster) error {
			return node(c).WaitCondition(ctx, time.Minute, corev1.NodeDiskPressure, corev1.ConditionTrue)
		},
		want: []string{"ResourcePressure"}, evidence: []string{"nodefs|DiskPressure"}, phrase: "pressure|disk"},
	{name: "network plugin's configuration removed", inject: []string{"cni-removed"}, settle: readyIs(corev1.ConditionFalse, time.Minute),
		want: []string{"NetworkPluginDown"}, evidence: []string{"NetworkPluginNotReady|cni"}, phrase: "network plugin", verdict: "Unhealthy"},
	{name: "kubelet stopped", inject: []string{"kubelet-stopped"}, settle: readyIs(corev1.ConditionUnknown, time.Minute),
		want: []string{"KubeletDown"}, evidence: []string{"refused", "lease"}, phrase: "kubelet down", verdict: "Unhealthy", early: true},
	{name: "kubelet frozen", inject: []string{"kubelet-frozen"}, settle: readyIs(corev1.ConditionUnknown, time.Minute),
		want: []string{"KubeletHung"}, evidence: []string{"lease", "10250", "the host is up"}, phrase: "kubelet hung", verdict: "Unhealthy", early: true, slow: true},
	{name: "host dead", inject: []string{"host-dead"}, settle: readyIs(corev1.ConditionUnknown, time.Minute),
		want: []string{"HostDown"}, evidence: []string{"lease", "10250", "host"}, phrase: "host down", verdict: "Unhealthy", early: true},
	{name: "cable pulled", inject: []string{"cable-pulled"}, settle: readyIs(corev1.ConditionUnknown, time.Minute),
		want: []string{"HostDown", "NetworkPartition"}, evidence: []string{"lease"}, phrase: "host down|network|partition", verdict: "Unhealthy", early: true},
	{name: "kubelet's client certificate expired", inject: []string{"client-cert-expired"}, settle: readyIs(corev1.ConditionUnknown, 90*time.Second),
		want: []string{"CertificateExpired"}, evidence: []string{"certificate|csr"}, phrase: "certificate", verdict: "Unhealthy"},
	{name: "containerd stopped", inject: []string{"containerd-stopped"}, settle: readyIs(corev1.ConditionFalse, 2*time.Minute),
		want: []string{"RuntimeDown"}, evidence: []string{"runtime"}, phrase: "runtime", verdict: "Unhealthy"},
	{name: "containerd frozen", inject: []string{"containerd-frozen"}, settle: readyIs(corev1.ConditionFalse, 150*time.Second), patience: 30 * time.Second,
		want: []string{"RuntimeDown"}, evidence: []string{"runtime"}, phrase: "runtime", verdict: "Unhealthy"},
}

// TestFaultMatrix breaks one node of a cluster, one way after another, and asks
// what is wrong with it. It is one test because starting a cluster for each row
// would take longer than the rows.
func TestFaultMatrix(t *testing.T) {
	c, r := newCluster(t)
	// The order is that of time: quick and quiet ones first, those that take the
	// whole cluster with them last.
	t.Run("healthy", func(t *testing.T) { testHealthy(t, r) })
	t.Run("usage", func(t *testing.T) { testUsage(t, r) })
	t.Run("least privilege", func(t *testing.T) { testLeastPrivilege(t, c, r) })
	t.Run("watch", func(t *testing.T) { testWatch(t, c, r) })
	t.Run("stalled API server", func(t *testing.T) { testStalled(t, c, r) })
	t.Run("clock skew", func(t *testing.T) { testClockSkew(t, c, r) })
	for _, s := range matrix {
		t.Run(s.name, func(t *testing.T) { s.run(t, c, r) })
	}
	t.Run("zone down", func(t *testing.T) { testZoneDown(t, c, r) })
	t.Run("control plane stale", func(t *testing.T) { testControlPlaneStale(t, c, r) })
	t.Run("healthy again", func(t *testing.T) {
		a := r.json(t)
		notBlamed(t, a, broken)
		notBlamed(t, a, intact)
	})
}

// repaired undoes faults and waits until all nodes are well again, so that the
// next row begins with a healthy cluster.
func repaired(t *testing.T, c *cluster.Cluster, faults ...string) {
	t.Helper()
	ctx := withTimeout(t, 3*time.Minute)
	for i := len(faults) - 1; i >= 0; i-- {
		if err := c.Repair(ctx, faults[i], broken); err != nil {
			t.Fatalf("repair: %v", err)
		}
	}
	for _, n := range c.Nodes {
		if err := n.WaitReady(ctx, 90*time.Second); err != nil {
			t.Fatalf("repair: %v", err)
		}
		if err := n.WaitFor(ctx, 90*time.Second, "without pressure and taints", func(node *corev1.Node) bool {
			if len(node.Spec.Taints) > 0 {
				return false
			}
			for _, cond := range node.Status.Conditions {
				if cond.Type != corev1.NodeReady && cond.Status != corev1.ConditionFalse {
					return false
				}
			}
			return true
		}); err != nil {
			t.Fatalf("repair: %v", err)
		}
	}
}

func (s scenario) run(t *testing.T, c *cluster.Cluster, r runner) {
	ctx := withTimeout(t, 5*time.Minute)
	begin := time.Now()
	for _, f := range s.inject {
		if err := c.Inject(ctx, f, broken); err != nil {
			t.Fatal(err)
		}
	}
	defer repaired(t, c, s.inject...)
	if s.early {
		time.Sleep(2 * time.Second)
		a := r.json(t, broken, intact)
		inTime(t, a, answerTime)
		if h := a.node(t, broken); h.Verdict == "Healthy" {
			t.Errorf("called healthy %s after it broke; probes %+v", time.Since(begin).Round(time.Second), h.Probes)
		}
		notBlamed(t, a, intact)
	}
	if err := s.settle(ctx, c); err != nil {
		t.Fatal(err)
	}
	t.Logf("settled after %s", time.Since(begin).Round(time.Second))

	named := func(a answer) bool {
		h := a.node(t, broken)
		return h.Fault != nil && strings.Contains(strings.Join(s.want, " "), h.Fault.Name)
	}
	a := eventually(t, r, s.patience, named, broken, intact)
	expectFault(t, a, broken, s.want, s.evidence...)
	notBlamed(t, a, intact)
	if a.Cluster.Fault != nil {
		t.Errorf("the cluster is blamed with %s: %q", a.Cluster.Fault.Name, a.Cluster.Fault.Evidence)
	}
	if h := a.node(t, broken); s.verdict != "" && h.Verdict != s.verdict {
		t.Errorf("verdict %s, want %s", h.Verdict, s.verdict)
	} else if h.Verdict == "Healthy" || h.Verdict == "Unknown" {
		t.Errorf("verdict %s", h.Verdict)
	} else if wantCode := map[bool]int{true: 1, false: 0}[len(errorsIn(h.Findings)) > 0 || h.Verdict == "Unhealthy"]; a.code != wantCode {
		t.Errorf("exit %d, want %d (verdict %s, errors %q)", a.code, wantCode, h.Verdict, errorsIn(h.Findings))
	}

	// The whole cluster: the broken node comes first, the other is not blamed.
	whole := r.json(t)
	inTime(t, whole, answerTime)
	notBlamed(t, whole, intact)
	if !s.hidden {
		expectFault(t, whole, broken, s.want)
	}
	if len(whole.Items) != 2 || whole.Items[0].Metadata.Name != broken {
		t.Errorf("the cluster's table does not begin with the worst node")
	}

	story := r.raw(t, broken)
	inTime(t, story, answerTime)
	first, _, _ := strings.Cut(story.stdout, "\n")
	if !regexp.MustCompile("(?i)" + s.phrase).MatchString(first) {
		t.Errorf("the first line does not say %q:\n%s", s.phrase, story.stdout)
	}
	if s.slow {
		if a := r.interrupt(t, 700*time.Millisecond, broken); a.code != 130 || a.took > 500*time.Millisecond {
			t.Errorf("Ctrl-C: exit %d after %s, want 130 at once\n%s%s", a.code, a.took, a.stdout, a.stderr)
		}
	}
	t.Logf("in %s:\n%s", story.took.Round(time.Millisecond), story.stdout)
}
