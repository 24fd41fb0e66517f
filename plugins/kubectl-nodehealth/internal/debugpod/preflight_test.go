package debugpod

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(status corev1.ConditionStatus, message string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1"},
		Status: corev1.NodeStatus{
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.7"}},
			NodeInfo:   corev1.NodeSystemInfo{ContainerRuntimeVersion: "containerd://1.7.2"},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, Message: message}},
		},
	}
}

func TestJudgeNode(t *testing.T) {
	windows := node(corev1.ConditionTrue, "")
	windows.Status.NodeInfo.OperatingSystem = "windows"
	k3s := node(corev1.ConditionUnknown, "")
	k3s.Status.NodeInfo.KubeletVersion = "v1.30.1+k3s1"
	for name, c := range map[string]struct {
		node      *corev1.Node
		why, next string
	}{
		"ready":      {node(corev1.ConditionTrue, ""), "", ""},
		"no network": {node(corev1.ConditionFalse, "container runtime network not ready: NetworkPluginNotReady"), "", ""},
		"unknown":    {node(corev1.ConditionUnknown, ""), "has not been heard of", "ssh 10.0.0.7 'systemctl status kubelet'"},
		"no runtime": {node(corev1.ConditionFalse, "[container runtime is down, PLEG is not healthy]"), "runtime of n1 is down", "systemctl status containerd"},
		"k3s":        {k3s, "has not been heard of", "systemctl status k3s-agent"},
		"windows":    {windows, "runs Windows", "kubectl debug node/n1"},
	} {
		err := judgeNode(c.node)
		if c.why == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var i *Impossible
		if !errors.As(err, &i) || !strings.Contains(i.Why, c.why) || !strings.Contains(i.Next, c.next) {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	if got := endpoint([]byte(`{"kubeletconfig":{"containerRuntimeEndpoint":"unix:///run/x.sock"}}`)); got != "unix:///run/x.sock" {
		t.Errorf("%q", got)
	}
	if got := endpoint([]byte("Forbidden")); got != "" {
		t.Errorf("%q", got)
	}
}

// What the script says of a host is read: the first endpoint counts, k3s is
// crictl where there is no other.
func TestParseHost(t *testing.T) {
	h := parseHost("k3s /usr/local/bin/k3s\nendpoint unix:///run/a.sock\nendpoint unix:///run/b.sock\nsocket /run/k3s/containerd/containerd.sock\nbridge /usr/bin/perl\nctr /usr/bin/ctr\n")
	if strings.Join(h.Crictl, " ") != "/usr/local/bin/k3s crictl" || h.Socket("") != "/run/a.sock" || h.Socket("unix:///run/k.sock") != "/run/k.sock" ||
		len(h.Bridges) != 1 || h.Ctr != "/usr/bin/ctr" {
		t.Errorf("%+v", h)
	}
	argv := strings.Join(parseHost("crictl /usr/bin/crictl\nsocket /run/crio/crio.sock\nconfig /c.yaml\n").RunCrictl("", []string{"ps", "-a"}), " ")
	if !strings.Contains(argv, "CONTAINER_RUNTIME_ENDPOINT=unix:///run/crio/crio.sock") || !strings.HasSuffix(argv, "CRI_CONFIG_FILE=/c.yaml /usr/bin/crictl ps -a") {
		t.Error(argv)
	}
	if argv := strings.Join(parseHost("crictl /usr/bin/crictl\nendpoint unix:///run/x\n").RunCrictl("", nil), " "); strings.Contains(argv, "ENDPOINT") {
		t.Errorf("crictl reads its own configuration: %s", argv)
	}
}

// eachBridge runs a test with each program that can be a bridge, with the chroot
// taken off. serve gets the socket's end of its one connection.
func eachBridge(t *testing.T, serve func(net.Conn), test func(t *testing.T, c *exec.Cmd)) {
	t.Helper()
	for _, program := range []string{"python3", "perl"} {
		t.Run(program, func(t *testing.T) {
			path, err := exec.LookPath(program)
			if err != nil {
				t.Skipf("NOT TESTED: no %s here", program)
			}
			socket := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if c, err := l.Accept(); err == nil {
					serve(c)
					c.Close()
				}
			}()
			argv := Bridge(path, socket)[2:]
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			c := exec.CommandContext(ctx, argv[0], argv[1:]...)
			c.WaitDelay = time.Second
			test(t, c)
		})
	}
}

// Both bridges pass bytes both ways and end when either side ends.
func TestBridges(t *testing.T) {
	echo := func(c net.Conn) { _, _ = io.Copy(c, c) } // until the other side has no more
	eachBridge(t, echo, func(t *testing.T, c *exec.Cmd) {
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		c.Stdin = bytes.NewReader(want)
		got, err := c.Output()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v, %d of %d bytes", err, len(got), len(want))
		}
	})
}

// A bridge ends when the socket does, though its input stays open.
func TestBridgeEndsWithItsSocket(t *testing.T) {
	eachBridge(t, func(net.Conn) {}, func(t *testing.T, c *exec.Cmd) {
		open, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
		defer in.Close()
		c.Stdin = open
		begin := time.Now()
		// Output waits until nobody holds its end any more, a child neither.
		_, err = c.Output()
		if took := time.Since(begin); took > 9*time.Second {
			t.Errorf("it went on for %s: %v", took, err)
		}
	})
}

// The script looks at the files of hosts as distributions lay them out.
func TestHostScript(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script runs in Linux containers")
	}
	for name, c := range map[string]struct {
		programs []string
		config   map[string]string
		crictl   string
		config0  string
		endpoint string
		bridges  int
	}{
		"RKE2": {programs: []string{"var/lib/rancher/rke2/bin/crictl", "usr/bin/perl"},
			config: map[string]string{"var/lib/rancher/rke2/agent/etc/crictl.yaml": "runtime-endpoint: unix:///run/k3s/containerd/containerd.sock\n"},
			crictl: "/var/lib/rancher/rke2/bin/crictl", config0: "/var/lib/rancher/rke2/agent/etc/crictl.yaml",
			endpoint: "unix:///run/k3s/containerd/containerd.sock", bridges: 1},
		"k3s": {programs: []string{"usr/local/bin/k3s"}, crictl: "/usr/local/bin/k3s crictl"},
		"CRI-O": {programs: []string{"usr/bin/crictl", "usr/bin/python3"},
			config: map[string]string{"etc/crictl.yaml": "timeout: 10\nruntime-endpoint: \"unix:///var/run/crio/crio.sock\" # here\n"},
			crictl: "/usr/bin/crictl", endpoint: "unix:///var/run/crio/crio.sock", bridges: 1},
		"RHEL 8":  {programs: []string{"usr/libexec/platform-python", "usr/bin/ncat"}, bridges: 2},
		"nothing": {},
	} {
		root := t.TempDir()
		for _, p := range c.programs {
			_ = os.MkdirAll(filepath.Join(root, filepath.Dir(p)), 0o755)
			if err := os.WriteFile(filepath.Join(root, p), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for p, text := range c.config {
			_ = os.MkdirAll(filepath.Join(root, filepath.Dir(p)), 0o755)
			if err := os.WriteFile(filepath.Join(root, p), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("sh", "-c", strings.Replace(hostScript, "cd /host", "cd '"+root+"'", 1)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v %s", name, err, out)
		}
		h := parseHost(string(out))
		if strings.Join(h.Crictl, " ") != c.crictl || h.Config != c.config0 || h.Endpoint != c.endpoint || len(h.Bridges) != c.bridges {
			t.Errorf("%s: %+v\n%s", name, h, out)
		}
	}
}
