// Package nodetools uses the verbs beside the diagnosis (logs, crictl, shell,
// usage, controlplane, npd) on the real nodes of a test cluster, healthy and
// broken.
package nodetools

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

const (
	one = "kube-worker-1" // log query is on
	two = "kube-worker-2" // log query is off
)

type user struct {
	t          *testing.T
	bin        string
	kubeconfig string
}

// run runs the plugin as a user and returns its output, exit status and time.
func (u user) run(stdin string, args ...string) (stdout, stderr string, code int, took time.Duration) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := u.command(ctx, args...)
	var out, errOut bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errOut
	begin := time.Now()
	if err := c.Run(); err != nil && c.ProcessState == nil {
		u.t.Fatal(err)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode(), time.Since(begin)
}

func (u user) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, u.bin, args...)
	c.Env = append(os.Environ(), "KUBECONFIG="+u.kubeconfig, "NO_COLOR=1")
	return c
}

// expect runs the plugin and holds exit status and both outputs against what is
// wanted; "" wants nothing in particular.
func (u user) expect(code int, stdout, stderr string, args ...string) {
	u.t.Helper()
	out, errOut, got, _ := u.run("", args...)
	if got != code || !strings.Contains(out, stdout) || !strings.Contains(errOut, stderr) {
		u.t.Errorf("%s: exit status %d, want %d with %q on stdout and %q on stderr\n%s%s", strings.Join(args, " "), got, code, stdout, stderr, out, errOut)
	}
}

// leftovers are the debug Jobs and pods that still exist.
func leftovers(t *testing.T, c *cluster.Cluster) int {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	ours := metav1.ListOptions{LabelSelector: "nodehealth.clusterwright.dev/debug"}
	jobs, err := client.BatchV1().Jobs("").List(context.Background(), ours)
	if err != nil {
		t.Fatal(err)
	}
	pods, err := client.CoreV1().Pods("").List(context.Background(), ours)
	if err != nil {
		t.Fatal(err)
	}
	return len(jobs.Items) + len(pods.Items)
}

func waitGone(t *testing.T, c *cluster.Cluster, within time.Duration) {
	t.Helper()
	begin := time.Now()
	for {
		n := leftovers(t, c)
		if n == 0 {
			t.Logf("nothing left after %s", time.Since(begin).Round(time.Second))
			return
		}
		if time.Since(begin) > within {
			t.Fatalf("%d debug Jobs and pods are left after %s", n, within)
		}
		time.Sleep(time.Second)
	}
}
