package nodetools

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

// detectorImage makes the detector's image as its Dockerfile lays it out, from
// its module, and gives it to the nodes.
func detectorImage(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	const module = "k8s.io/node-problem-detector"
	detector := program.Peer(t, "npd", module+"/cmd/nodeproblemdetector")
	checker := program.Peer(t, "npd", module+"/cmd/healthchecker")
	files := map[string]string{"/node-problem-detector": detector, "/home/kubernetes/bin/health-checker": checker}
	configs, err := filepath.Glob(filepath.Join(program.Source(t, "npd", module), "config", "*.json"))
	if err != nil || len(configs) == 0 {
		t.Fatalf("%v: no configurations", err)
	}
	for _, f := range configs {
		files["/config/"+filepath.Base(f)] = f
	}
	image := cluster.Image{Tags: []string{"registry.k8s.io/node-problem-detector/node-problem-detector:v1.36.0"}, Files: files, Busybox: true}
	if err := c.ImportImage(image); err != nil {
		t.Fatal(err)
	}
}

// testDetector installs the detector with our manifest and runs it for real:
// its checks find the nodes healthy, a line in the kernel's log sets a
// condition, status tells, and so does the diagnosis.
func testDetector(t *testing.T, c *cluster.Cluster, u user) {
	detectorImage(t, c)
	rule, errOut, code, _ := u.run("", "npd", "new-rule", "--reason", "DiskFailed", "--condition", "DiskBad", "sd 2:0:0:0: [sda] FAILED Result: hostbyte=DID_OK")
	if code != 0 {
		t.Fatal(errOut)
	}
	own := filepath.Join(t.TempDir(), "disk-monitor.json")
	config := `{"plugin": "filelog", "pluginConfig": {"timestamp": "^.{15}", "message": "kernel: (.*)", "timestampFormat": "Jan _2 15:04:05"},
		"logPath": "/var/log/kern.log", "lookback": "5m", "source": "disk-monitor",
		"conditions": [{"type": "DiskBad", "reason": "NoDiskFailed", "message": "no disk failed"}], "rules": [` + rule + `]}`
	if err := os.WriteFile(own, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		if err := os.WriteFile(n.Path("/var/log/kern.log"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	manifest, errOut, code, _ := u.run("", "npd", "manifest", "--log", "file", "--health-checks", "--config", own)
	if code != 0 {
		t.Fatal(errOut)
	}
	c.Kubectl(t, manifest, "apply", "-f", "-")
	defer c.Kubectl(t, "", "delete", "daemonset,configmap", "-n", "kube-system", "node-problem-detector")
	c.Kubectl(t, "", "rollout", "status", "-n", "kube-system", "daemonset/node-problem-detector", "--timeout=60s")
	until(t, u, 0, "all 2 nodes are watched (Node Problem Detector)", "npd", "status")

	n, err := c.Node(one)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(n.Path("/var/log/kern.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	stamp := time.Now().Format("Jan _2 15:04:05")
	for _, line := range []string{"[  12.5] XFS (dm-3): Corruption of in-memory data detected.", "[  13.5] INFO: task docker:4711 blocked for more than 120 seconds.",
		"sd 7:1:0:3: [sda] FAILED Result: hostbyte=DID_OK"} {
		if _, err := f.WriteString(stamp + " worker kernel: " + line + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	until(t, u, 1, "KernelDeadlock=True (DockerHung)", "npd", "status", one)
	until(t, u, 1, "KernelDeadlock=True: a kernel task hangs", one)
	if got := c.Kubectl(t, "", "get", "node", one, "-o", `jsonpath={.status.conditions[?(@.type=="DiskBad")].status}`); got != "True" {
		t.Errorf("DiskBad is %q: the rule of new-rule did not fire in the detector", got)
	}
	u.expect(0, two+" is watched", "", "npd", "status", two)
}

// until runs a command until it says what is wanted.
func until(t *testing.T, u user, code int, stdout string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		out, errOut, got, _ := u.run("", args...)
		if got == code && strings.Contains(out, stdout) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%v: exit status %d, want %d with %q\n%s%s", args, got, code, stdout, out, errOut)
		case <-time.After(time.Second):
		}
	}
}
