package nodetools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

// install gives a node programs of its own in /usr/local/bin; the rest of /usr
// is this machine's.
func install(t *testing.T, n *cluster.Node, programs map[string]string) {
	t.Helper()
	if out, err := n.Exec("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/local/bin"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, from := range programs {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(n.Path("/usr/local/bin"), name), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// hide takes programs away from a node: a device is nothing to execute.
func hide(t *testing.T, n *cluster.Node, programs ...string) {
	t.Helper()
	for _, p := range programs {
		path := filepath.Join("/usr/bin", p)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		// A mount on top of a link would lie on what it leads to.
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := n.Exec("mount", "--bind", "/dev/null", target); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// workload runs a pod on a node that writes to both streams, and returns the id
// of its container.
func workload(t *testing.T, c *cluster.Cluster, node string) string {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "talker-" + node, Labels: map[string]string{"app": "talker"}},
		Spec: corev1.PodSpec{NodeName: node, TerminationGracePeriodSeconds: new(int64), Containers: []corev1.Container{{
			Name: "talker", Image: "docker.io/library/busybox:1.36", ImagePullPolicy: corev1.PullIfNotPresent,
			Command: []string{"sh", "-c", "echo said; echo complained >&2; while :; do sleep 1; done"}}}},
	}
	ctx := context.Background()
	if _, err := client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.CoreV1().Pods("default").Delete(ctx, pod.Name, metav1.DeleteOptions{}) })
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		p, err := client.CoreV1().Pods("default").Get(ctx, pod.Name, metav1.GetOptions{})
		if err == nil && len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Running != nil {
			_, id, _ := strings.Cut(p.Status.ContainerStatuses[0].ContainerID, "://")
			return id
		}
	}
	t.Fatalf("pod %s does not run", pod.Name)
	return ""
}

// The real crictl on a node: streams, stdin, exit status, and nothing left.
func testCrictl(t *testing.T, c *cluster.Cluster, u user) {
	crictl := program.Peer(t, "crictl", "sigs.k8s.io/cri-tools/cmd/crictl")
	n, err := c.Node(one)
	if err != nil {
		t.Fatal(err)
	}
	install(t, n, map[string]string{"crictl": crictl})
	id := workload(t, c, one)

	u.expect(0, "talker", "", "crictl", one, "--", "ps", "-a")
	u.expect(0, "talker-"+one, "", "crictl", one, "--", "pods")
	u.expect(0, "docker.io/library/busybox", "", "crictl", one, "--", "images")
	u.expect(0, `"containerId"`, "", "crictl", one, "--", "inspect", "-o", "go-template", "--template", `"containerId" {{.status.id}}`, id)
	u.expect(0, id[:13], "", "crictl", one, "--", "stats")
	u.expect(0, `"RuntimeReady"`, "", "crictl", one, "--", "info")
	u.expect(0, "said", "complained", "crictl", one, "--", "logs", "--tail", "5", id)
	u.expect(1, "", "registry.invalid", "crictl", one, "--", "pull", "registry.invalid/none:1")
	u.expect(1, "", "not found", "crictl", one, "--", "inspect", "feedfacefeed")
	// crictl's exec has exit statuses of its own: a program's 7 is its 1.
	out, errOut, code, _ := u.run("from stdin", "crictl", one, "-i", "--", "exec", "-i", id, "sh", "-c", "cat; echo oops >&2; exit 7")
	if out != "from stdin" || !strings.HasPrefix(errOut, "oops\n") || code != 1 {
		t.Errorf("%q %q exit status %d", out, errOut, code)
	}
	// Megabytes pass whole and in order.
	out, _, code, _ = u.run("", "crictl", one, "--", "exec", id, "seq", "1", "1000000")
	if code != 0 || len(out) != 6888896 || !strings.HasSuffix(out, "\n1000000\n") {
		t.Errorf("seq: exit status %d, %d bytes", code, len(out))
	}
	testExplain(t, u, crictl)
	testTerminal(t, u, id)
	testViewsAgainstCrictl(t, n, u, id)
	waitGone(t, c, 20*time.Second)
}

// Every flag that --explain gives is one of crictl's own.
func testExplain(t *testing.T, u user, crictl string) {
	t.Helper()
	for _, line := range []string{
		"docker attach c", "docker exec -it --user root c sh", "docker images -aq --digests --no-trunc", "docker inspect c", "docker kill -s HUP c",
		"docker logs -f --tail 5 --since 10m -t c", "docker ps -aql --no-trunc --last 3 --filter name=x --filter label=a=b --filter ancestor=busybox --filter status=exited --filter id=1",
		"docker pull -q x", "docker rm -f c", "docker rmi -f x", "docker start --detach-keys a c", "docker stats -a --no-stream", "docker stop -t 3 c",
		"docker update --cpu-period 1 --cpu-quota 2 -c 3 --cpuset-cpus 0 --cpuset-mems 0 -m 1g c", "docker image prune", "docker container prune", "docker version", "docker info", "docker events",
	} {
		out, errOut, code, _ := u.run("", "crictl", "--explain", line, "-o", "json")
		var report struct{ Items []struct{ Crictl string } }
		if code != 0 || json.Unmarshal([]byte(out), &report) != nil || len(report.Items) != 1 || report.Items[0].Crictl == "" {
			t.Errorf("%s: exit status %d: %s%s", line, code, out, errOut)
			continue
		}
		words := strings.Fields(report.Items[0].Crictl)
		help, err := exec.Command(crictl, words[1], "--help").CombinedOutput()
		if err != nil {
			t.Errorf("crictl %s: %v", words[1], err)
		}
		for _, w := range words[2:] {
			if strings.HasPrefix(w, "$") {
				break // another command in parentheses
			}
			if strings.HasPrefix(w, "-") && !strings.Contains(string(help), " "+w+" ") && !strings.Contains(string(help), " "+w+",") {
				t.Errorf("%s -> %s: crictl %s has no %s", line, report.Items[0].Crictl, words[1], w)
			}
		}
	}
}

// A terminal is one on both sides: crictl sees it, as wide as it is here, and
// Ctrl-C reaches the program in the container, not us.
func testTerminal(t *testing.T, u user, id string) {
	t.Helper()
	script, err := exec.LookPath("script")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	line := fmt.Sprintf("stty rows 33 cols 97; %s crictl %s -it -- exec -it %s sh -c 'test -t 0 && test -t 1 && echo terminal; trap \"stty size; echo caught; exit 3\" INT; sleep 5 & wait'", u.bin, one, id)
	c := exec.CommandContext(ctx, script, "-qec", line, "/dev/null")
	c.Env = u.command(ctx).Env
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	_, _ = in.Write([]byte{3})
	_ = c.Wait()
	if !strings.Contains(out.String(), "terminal") || !strings.Contains(out.String(), "caught") || !strings.Contains(out.String(), "33 97") || c.ProcessState.ExitCode() != 1 {
		t.Errorf("terminal: exit status %d\n%s", c.ProcessState.ExitCode(), out.String())
	}
}

// Our views are what crictl itself says, message by message.
func testViewsAgainstCrictl(t *testing.T, n *cluster.Node, u user, id string) {
	t.Helper()
	pod := podOf(t, n, id)
	for _, c := range []struct {
		args []string
		// changes are parts that differ from one moment to the next.
		changes []string
	}{
		{args: []string{"ps", "-a", "--name", "talker", "-o", "json"}},
		{args: []string{"pods", "--name", "talker", "-o", "json"}},
		{args: []string{"pods", "--label", "app=talker", "-o", "json"}},
		{args: []string{"inspect", id}},
		{args: []string{"inspectp", pod}, changes: []string{"timestamp"}},
		{args: []string{"inspecti", "docker.io/library/busybox:1.36"}},
		{args: []string{"stats", "--id", id, "-o", "json"}, changes: []string{"timestamp", "value"}},
		{args: []string{"info"}, changes: []string{"lastCNILoadStatus"}},
		{args: []string{"imagefsinfo"}, changes: []string{"timestamp", "value"}},
	} {
		want, err := n.Command("crictl", append([]string{"--runtime-endpoint", "unix:///run/containerd/containerd.sock"}, c.args...)...).Output()
		if err != nil {
			t.Errorf("crictl %v: %v", c.args, err)
			continue
		}
		got, errOut, code, _ := u.run("", append([]string{"crictl", one, "--without-crictl", "--"}, c.args...)...)
		if code != 0 || !strings.Contains(errOut, "the CRI socket, through /") {
			t.Errorf("%v: exit status %d: %s", c.args, code, errOut)
			continue
		}
		var a, b any
		if json.Unmarshal(want, &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
			t.Errorf("%v: not JSON:\n%s\n%s", c.args, want, got)
			continue
		}
		without(a, c.changes)
		without(b, c.changes)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%v:\ncrictl %s\nours   %s", c.args, want, got)
		}
	}
}

// without takes values away wherever their keys are.
func without(v any, keys []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range keys {
			delete(v, k)
		}
		for _, x := range v {
			without(x, keys)
		}
	case []any:
		for _, x := range v {
			without(x, keys)
		}
	}
}

func podOf(t *testing.T, n *cluster.Node, id string) string {
	t.Helper()
	out, err := n.Command("crictl", "--runtime-endpoint", "unix:///run/containerd/containerd.sock", "ps", "--id", id, "-o", "json").Output()
	var list struct {
		Containers []struct{ PodSandboxID string }
	}
	if err != nil || json.Unmarshal(out, &list) != nil || len(list.Containers) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	return list.Containers[0].PodSandboxID
}

// A node without crictl: first with programs that connect to the socket, then
// with ctr only, then with nothing.
func testViews(t *testing.T, c *cluster.Cluster, u user) {
	n, err := c.Node(two)
	if err != nil {
		t.Fatal(err)
	}
	id := workload(t, c, two)
	short := id[:13]
	views := func(from string, inspect int) {
		t.Helper()
		for _, args := range [][]string{{"ps"}, {"ps", "-a", "--name", "^talker$"}, {"ps", "--image", "busybox", "--namespace", "default"}} {
			u.expect(0, short, from, append([]string{"crictl", two, "--"}, args...)...)
		}
		u.expect(0, "talker-"+two, from, "crictl", two, "--", "pods", "--state", "ready")
		u.expect(0, "docker.io/library/busybox", from, "crictl", two, "--", "images")
		u.expect(0, "containerd", from, "crictl", two, "--", "version")
		u.expect(inspect, "", "", "crictl", two, "--", "inspect", short)
		u.expect(0, "talker", "", "crictl", two, "--", "stats")
		u.expect(0, "talker-"+two, "", "crictl", two, "--", "statsp")
		u.expect(2, "", `no container "feedface" on the node`, "crictl", two, "--", "inspect", "feedface")
		u.expect(127, "", "crictl is not installed on "+two, "crictl", two, "--", "exec", short, "true")
		u.expect(127, "", "unknown flag: --verbose", "crictl", two, "--", "ps", "--verbose")
		out, _, code, _ := u.run("", "crictl", two, "--", "ps", "-q", "--name", "talker")
		if code != 0 || out != id+"\n" {
			t.Errorf("ps -q: exit status %d, %q", code, out)
		}
	}
	hide(t, n, "python3")
	views("the CRI socket, through /usr/bin/perl", 0)
	u.expect(0, "said\n", "complained\n", "crictl", two, "--", "logs", short)
	hide(t, n, "perl", "nc", "ncat", "socat", "nc.openbsd")
	views("containerd's ctr", 0)
	u.expect(0, "said\n", "complained\n", "crictl", two, "--", "logs", "--tail", "2", short)
	hide(t, n, "ctr")
	views("the kubelet's own views", 0)
	u.expect(3, "", "cannot be had from the kubelet's own views", "crictl", two, "--", "inspectp", short)
	u.expect(3, "", "hint: kubectl logs POD -c CONTAINER", "crictl", two, "--", "logs", short)
	waitGone(t, c, 20*time.Second)
}

// The connection to the API server is lost in the middle: the program ends, we
// say so, and the Job goes.
func testLostConnection(t *testing.T, c *cluster.Cluster, u user) {
	run := u.command(context.Background(), "shell", one, "--", "sleep", "600")
	var errOut bytes.Buffer
	run.Stderr = &errOut
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if leftovers(t, c) == 0 {
		t.Fatal("there is no debug pod to lose")
	}
	if err := c.StopComponent(cluster.APIServer); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- run.Wait() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		_ = run.Process.Signal(syscall.SIGKILL)
		<-done
		t.Error("the command goes on without a connection")
	}
	if code := run.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit status %d: %s", code, errOut.String())
	}
	if err := c.StartComponent(context.Background(), cluster.APIServer); err != nil {
		t.Fatal(err)
	}
	// These end when they cannot renew their lease; an init system would start
	// them again, and only then is there a controller that removes Jobs.
	for _, name := range []string{cluster.ControllerManager, cluster.Scheduler} {
		if err := c.StopComponent(name); err != nil {
			t.Fatal(err)
		}
		if err := c.StartComponent(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	waitGone(t, c, 2*time.Minute)
}
