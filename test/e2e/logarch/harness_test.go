package logarch

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

// user is somebody at a terminal, with kubectl and the plugin.
type user struct {
	t       *testing.T
	cluster *cluster.Cluster
	plugin  string
	k8s     string
}

func newUser(t *testing.T, c *cluster.Cluster) user {
	t.Helper()
	k8s, err := cluster.Binary("")
	if err != nil {
		t.Fatal(err)
	}
	return user{t, c, program.Plugin(t, "logarch"), k8s}
}

func (u user) exec(stdin string, program string, args ...string) (stdout, stderr string, code int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(os.Environ(), "KUBECONFIG="+u.cluster.Kubeconfig, "NO_COLOR=1")
	var out, errOut bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errOut
	if err := c.Run(); err != nil && c.ProcessState == nil {
		u.t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

// logarch runs the plugin and wants exit status 0.
func (u user) logarch(stdin string, args ...string) string {
	u.t.Helper()
	out, errOut, code := u.exec(stdin, u.plugin, args...)
	if code != 0 {
		u.t.Fatalf("kubectl logarch %s: exit status %d\n%s", strings.Join(args, " "), code, errOut)
	}
	return out
}

func (u user) tryKubectl(stdin string, args ...string) (stdout, stderr string, code int) {
	u.t.Helper()
	return u.exec(stdin, u.k8s, append([]string{"kubectl"}, args...)...)
}

// kubectl runs kubectl and wants exit status 0.
func (u user) kubectl(stdin string, args ...string) string {
	u.t.Helper()
	out, errOut, code := u.tryKubectl(stdin, args...)
	if code != 0 {
		u.t.Fatalf("kubectl %s: exit status %d\n%s", strings.Join(args, " "), code, errOut)
	}
	return out
}

// eventually waits until f says yes.
func (u user) eventually(d time.Duration, what string, f func() bool) {
	u.t.Helper()
	for end := time.Now().Add(d); ; {
		if f() {
			return
		}
		if time.Now().After(end) {
			u.t.Fatalf("not within %v: %s\n%s", d, what, u.kubectl("", "get", "pods,jobs", "-A", "-o", "wide"))
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
