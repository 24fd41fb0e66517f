package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestMergeFlags(t *testing.T) {
	got := mergeFlags([]string{"--v=2", "--audit-log-path=/a", "--profiling=false"},
		[]string{"--v=4", "--audit-log-path-", "--feature-gates=A=true", "--feature-gates=B=true"})
	want := []string{"--profiling=false", "--v=4", "--feature-gates=A=true", "--feature-gates=B=true"}
	if !slices.Equal(got, want) {
		t.Errorf("mergeFlags = %q, want %q", got, want)
	}
}

// The version in the code is that of the module that the binary is built from.
func TestDefaultVersion(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\tk8s.io/kubernetes " + DefaultVersion + "\n"; !strings.Contains(string(mod), want) {
		t.Errorf("go.mod does not require k8s.io/kubernetes %s", DefaultVersion)
	}
}

// Control planes run side by side, take flags, share an etcd between API
// servers, and a second start of a name clears the first, whoever left it.
func TestControlPlanes(t *testing.T) {
	a := ForTest(t, Config{Name: "self-a", APIServers: 2, APIServerFlags: []string{"--audit-log-path-", "--audit-policy-file-"}})
	b := ForTest(t, Config{Name: "self-b", NoScheduler: true})
	if a.Index == b.Index {
		t.Fatalf("both clusters have index %d", a.Index)
	}
	if _, err := os.Stat(a.AuditLog()); err == nil {
		t.Errorf("%s is there although its flag was taken away", a.AuditLog())
	}
	if _, err := os.Stat(b.AuditLog()); err != nil {
		t.Errorf("no audit log: %v", err)
	}

	ctx := context.Background()
	first, err := a.Client()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "one"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := a.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	r.Host = a.Endpoints.URLOf(1)
	second, err := kubernetes.NewForConfig(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.CoreV1().ConfigMaps("default").Get(ctx, "one", metav1.GetOptions{}); err != nil {
		t.Errorf("the second API server does not see what the first one took: %v", err)
	}

	left := a.Processes[Etcd].Pid
	again := ForTest(t, Config{Name: "self-a", NoControllerManager: true, NoScheduler: true})
	if a.Processes[Etcd].Running() {
		t.Errorf("the earlier cluster's etcd, process %d, still runs", left)
	}
	pids := running(again)
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, p := range pids {
		if p.Running() {
			t.Errorf("%s, process %d, runs after Stop", p.Name, p.Pid)
		}
	}
}

func running(c *Cluster) []Process {
	var out []Process
	for _, p := range c.Processes {
		out = append(out, *p)
	}
	return out
}

// A cluster can stand on certificates of the caller's, and refuses to invent
// what they lack.
func TestGivenPKI(t *testing.T) {
	given := t.TempDir()
	made := 0
	cfg := Config{Name: "self-pki", NoControllerManager: true, NoScheduler: true, ExactPKI: true,
		MakePKI: func(dir string, at Endpoints) error {
			made++
			own := PKI{Dir: given}
			if err := own.fill(at, nil); err != nil {
				return err
			}
			return os.CopyFS(dir, os.DirFS(given))
		}}
	c := ForTest(t, cfg)
	ours, err := os.ReadFile(filepath.Join(given, "pki/ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if made != 1 || string(kubeconfig.Clusters["clusterwright"].CertificateAuthorityData) != string(ours) {
		t.Error("the cluster does not stand on the given authority")
	}
	cfg.MakePKI = func(string, Endpoints) error { return nil }
	_, err = Start(context.Background(), cfg)
	if err == nil || !strings.Contains(err.Error(), "the PKI lacks pki/ca.crt") {
		t.Errorf("started without a PKI: %v", err)
	}
}

const twoPods = `apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  nodeName: kube-worker-1
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "busybox:1.28", command: [sh, -c, "echo hello >/tmp/index.html; echo serving; exec httpd -f -p 80 -h /tmp"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: kube-worker-2
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "busybox:1.36", command: [sleep, "1000"]}]
`

// Nodes run pods that reach each other and the API server, answer through the
// API server's proxy, survive a power cut, and leave nothing behind.
func TestNodes(t *testing.T) {
	c := ForTest(t, Config{Name: "self-nodes", Nodes: 2, NodeMonitorGracePeriod: 20 * time.Second})
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(t.TempDir(), "pods.yaml")
	if err := os.WriteFile(manifest, []byte(twoPods), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "", "apply", "-f", manifest)
	c.Kubectl(t, "", "wait", "--for=condition=Ready", "--timeout=60s", "pod/server", "pod/client")
	server, err := client.CoreV1().Pods("default").Get(ctx, "server", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Kubectl(t, "", "exec", "client", "--", "wget", "-q", "-O-", "http://"+server.Status.PodIP+"/"); got != "hello\n" {
		t.Errorf("from pod to pod on another node: %q", got)
	}
	c.Kubectl(t, "", "exec", "client", "--", "sh", "-c", "echo | nc -w 3 10.96.0.1 443")
	if got := c.Kubectl(t, "", "logs", "server"); got != "serving\n" {
		t.Errorf("logs: %q", got)
	}
	if got := c.Kubectl(t, "", "get", "--raw", "/api/v1/nodes/kube-worker-1/proxy/healthz"); got != "ok" {
		t.Errorf("healthz of the kubelet: %q", got)
	}

	n := c.Nodes[0]
	for _, fault := range []string{"kubelet-frozen", "host-dead"} {
		if err := c.Inject(ctx, fault, n.Name); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.WaitCondition(ctx, time.Minute, corev1.NodeReady, corev1.ConditionUnknown); err != nil {
		t.Error(err)
	}
	if err := c.Repair(ctx, "host-dead", n.Name); err != nil {
		t.Fatal(err)
	}
	if err := n.WaitReady(ctx, time.Minute); err != nil {
		t.Error(err)
	}

	// Another process takes the cluster over, as after a crash, and ends it.
	other, err := Open(c.Name)
	if err != nil {
		t.Fatal(err)
	}
	daemons := []Process{*n.Init, *n.Kubelet, *n.Containerd}
	if err := other.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, p := range append(daemons, running(c)...) {
		if p.Running() {
			t.Errorf("%s, process %d, runs after Stop", p.Name, p.Pid)
		}
	}
	for what, args := range map[string][]string{
		"a link": {"ip", "-o", "link"}, "a network namespace": {"ip", "netns"}, "a mount": {"cat", "/proc/self/mounts"}, "a loop device": {"losetup", "-a"}} {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, mark := range []string{c.Dir + "/", fmt.Sprintf(" cw%d", c.Index), "cw-" + c.Name + "-"} {
			if strings.Contains(string(out), mark) {
				t.Errorf("Stop left %s:\n%s", what, out)
			}
		}
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/clusterwright/" + c.Name); len(left) > 0 {
		t.Errorf("Stop left %q", left)
	}
	if _, err := os.Stat(filepath.Join(c.LogsDir(), n.Name+"-kubelet.log")); err != nil {
		t.Errorf("the kubelet's log is lost: %v", err)
	}
}

// A cluster that another process has stopped leaves alone what the next one with
// its index has by the same names.
func TestStoppedTwice(t *testing.T) {
	Require(t, true)
	c := &Cluster{Name: "self-twice", Dir: t.TempDir(), Config: Config{Nodes: 1}}
	if err := c.reserve(); err != nil {
		t.Fatal(err)
	}
	next := &Cluster{Name: "self-next", Dir: t.TempDir(), Index: c.Index, Endpoints: c.Endpoints}
	if err := errors.Join(next.save(), os.WriteFile(indexFile(c.Index), []byte(next.Dir), 0o644), next.makeBridge()); err != nil {
		t.Fatal(err)
	}
	there := func() bool { return exec.Command("ip", "link", "show", next.bridge()).Run() == nil }
	if err := errors.Join(c.removeBridge(), c.release()); err != nil || !there() {
		t.Errorf("stopped again, the first cluster took the next one's bridge: %v", err)
	}
	if !next.hasIndex() {
		t.Error("stopped again, the first cluster gave the next one's index back")
	}
	if err := errors.Join(next.removeBridge(), next.release()); err != nil || there() {
		t.Errorf("the bridge is still there: %v", err)
	}
	if next.hasIndex() {
		t.Error("the index was not given back")
	}
}
