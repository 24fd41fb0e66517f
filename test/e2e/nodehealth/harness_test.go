package nodehealth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

// answerTime is the promise: a node's whole story within this time, whatever
// the node does.
const answerTime = 3 * time.Second

const (
	broken = "kube-worker-1" // the node that faults are done to
	intact = "kube-worker-2" // and its neighbour in the same zone, which must not be blamed
)

type finding struct {
	ID, Severity, Title, Message string
	Evidence                     []string
}

type fault struct {
	Name, Confidence string
	Evidence         []string
	Remedies         []string
}

type health struct {
	Metadata struct{ Name string }
	Verdict  string
	Fault    *fault
	Findings []finding
	Probes   []struct{ Name, Status, Detail string }
	Coverage float64
}

type list struct {
	Kind    string
	Cluster struct {
		Verdict  string
		Fault    *fault
		Findings []finding
	}
	Items []health
}

// answer is one run of the plugin.
type answer struct {
	list
	code           int
	took           time.Duration
	stdout, stderr string
}

func (a answer) node(t *testing.T, name string) health {
	t.Helper()
	for _, h := range a.Items {
		if h.Metadata.Name == name {
			return h
		}
	}
	t.Fatalf("no node %s in the answer:\n%s%s", name, a.stdout, a.stderr)
	return health{}
}

func (h health) probe(name string) string {
	for _, p := range h.Probes {
		if p.Name == name {
			return p.Status
		}
	}
	return ""
}

// runner runs the plugin against a cluster.
type runner struct {
	bin, kubeconfig string
}

func (r runner) command(args ...string) *exec.Cmd {
	cmd := exec.Command(r.bin, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+r.kubeconfig, "NO_COLOR=1", "COLUMNS=80")
	return cmd
}

// raw runs the plugin, with a bound far beyond what is allowed so that a hang
// fails instead of hanging the suite.
func (r runner) raw(t *testing.T, args ...string) answer {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := r.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(40*time.Second, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	a := answer{took: time.Since(begin), stdout: out.String(), stderr: errs.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	a.code = cmd.ProcessState.ExitCode()
	return a
}

// json runs the plugin with -o json and reads its answer.
func (r runner) json(t *testing.T, args ...string) answer {
	t.Helper()
	a := r.raw(t, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(a.stdout), &a.list); err != nil {
		t.Fatalf("kubectl nodehealth %s: exit %d, not JSON: %v\n%s%s", strings.Join(args, " "), a.code, err, a.stdout, a.stderr)
	}
	if a.Kind != "NodeHealthList" {
		t.Errorf("kind %q, want NodeHealthList", a.Kind)
	}
	return a
}

func errorsIn(findings []finding) []string {
	var out []string
	for _, f := range findings {
		if f.Severity == "error" {
			out = append(out, f.ID+" "+f.Message)
		}
	}
	return out
}

// notBlamed checks that a node is free of faults and error findings.
func notBlamed(t *testing.T, a answer, name string) {
	t.Helper()
	h := a.node(t, name)
	if h.Fault != nil {
		t.Errorf("%s is blamed with %s: %q", name, h.Fault.Name, h.Fault.Evidence)
	}
	if e := errorsIn(h.Findings); len(e) > 0 {
		t.Errorf("%s is blamed: %q", name, e)
	}
}

// inTime checks that an answer came within the limit. What the machine takes by
// itself to start a program is not held against the plugin: it is next to
// nothing, except on a machine with ten times more work than processors.
func inTime(t *testing.T, a answer, limit time.Duration) {
	t.Helper()
	if a.took <= limit {
		return
	}
	var own time.Duration
	for range 3 {
		begin := time.Now()
		if err := exec.Command(program.Plugin(t, "nodehealth"), "version").Run(); err != nil {
			t.Fatal(err)
		}
		own = max(own, time.Since(begin))
	}
	if a.took > limit+5*own {
		t.Errorf("the answer took %s, want at most %s (the machine takes %s to start a program)",
			a.took.Round(time.Millisecond), limit, own.Round(time.Millisecond))
	}
}

// expectFault checks one node's fault, its evidence against all of the
// patterns, and the form of the answer.
func expectFault(t *testing.T, a answer, node string, names []string, evidence ...string) {
	t.Helper()
	h := a.node(t, node)
	if h.Fault == nil {
		t.Errorf("%s: no fault, want %q; verdict %s, findings %q\n%s", node, names, h.Verdict, h.Findings, a.stdout)
		return
	}
	known := false
	for _, n := range names {
		known = known || n == h.Fault.Name
	}
	if !known {
		t.Errorf("%s: fault %s, want %q\nevidence: %s", node, h.Fault.Name, names, strings.Join(h.Fault.Evidence, "\n          "))
	}
	if len(h.Fault.Evidence) == 0 {
		t.Errorf("%s: fault %s without evidence", node, h.Fault.Name)
	}
	if len(h.Fault.Remedies) == 0 {
		t.Errorf("%s: fault %s without remedies", node, h.Fault.Name)
	}
	all := strings.Join(h.Fault.Evidence, "\n")
	for _, want := range evidence {
		if !regexp.MustCompile("(?i)" + want).MatchString(all) {
			t.Errorf("%s: the evidence does not say %q:\n%s", node, want, all)
		}
	}
}

// newCluster is the cluster of the fault matrix: two nodes in one zone, and a
// grace period of 20 s instead of 50 s, which the plugin is not told.
func newCluster(t *testing.T) (*cluster.Cluster, runner) {
	t.Helper()
	nodes := map[string]cluster.NodeConfig{}
	for i := 1; i <= 2; i++ {
		cfg := cluster.DefaultNodeConfig(i)
		cfg.Zone = "z1"
		// A call to a frozen runtime fails after 15 s instead of two minutes.
		cfg.Kubelet = map[string]any{"runtimeRequestTimeout": "15s"}
		nodes[cluster.NodeName(i)] = cfg
	}
	bin := program.Plugin(t, "nodehealth")
	c := cluster.ForTest(t, cluster.Config{Name: "e2e-nodehealth", Nodes: 2, NodeConfigs: nodes, NodeMonitorGracePeriod: 20 * time.Second})
	manifest := filepath.Join(t.TempDir(), "workload.yaml")
	if err := os.WriteFile(manifest, []byte(workload), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "", "apply", "-f", manifest)
	c.Kubectl(t, "", "rollout", "status", "deployment/web", "--timeout=90s")
	c.Kubectl(t, "", "rollout", "status", "daemonset/agent", "--timeout=90s")
	return c, runner{bin: bin, kubeconfig: c.Kubeconfig}
}

// workload is what runs on the nodes while they are broken: pods that move,
// and pods that stay.
const workload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: web
        image: busybox:1.36
        command: [sleep, "100000"]
        resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      containers:
      - {name: agent, image: "busybox:1.36", command: [sleep, "100000"], resources: {requests: {cpu: 5m, memory: 8Mi}}}
`

// eventually runs the plugin until what it says is as wanted, and gives the last
// answer in any case. It is for what a kubelet notices in its own time.
func eventually(t *testing.T, r runner, d time.Duration, done func(answer) bool, args ...string) answer {
	t.Helper()
	for end := time.Now().Add(d); ; time.Sleep(time.Second) {
		a := r.json(t, args...)
		inTime(t, a, answerTime)
		if done(a) || time.Now().After(end) {
			return a
		}
	}
}

// interrupt runs the plugin, sends it SIGINT and waits for its end.
func (r runner) interrupt(t *testing.T, after time.Duration, args ...string) answer {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := r.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	sent := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("it ended before the interrupt: %v\n%s%s", err, out.String(), errs.String())
	}
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait() //nolint:errcheck // the exit status is looked at
	return answer{code: cmd.ProcessState.ExitCode(), took: time.Since(sent), stdout: out.String(), stderr: errs.String()}
}

func withTimeout(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
