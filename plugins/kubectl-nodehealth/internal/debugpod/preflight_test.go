package debugpod

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

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
	for name, c := range map[string]struct {
		node      *corev1.Node
		why, next string
	}{
		"ready":      {node(corev1.ConditionTrue, ""), "", ""},
		"no network": {node(corev1.ConditionFalse, "container runtime network not ready: NetworkPluginNotReady"), "", ""},
		"unknown":    {node(corev1.ConditionUnknown, ""), "has not been heard of", "ssh 10.0.0.7 'systemctl status kubelet'"},
		"no runtime": {node(corev1.ConditionFalse, "[container runtime is down, PLEG is not healthy]"), "runtime of n1 is down", "systemctl status containerd"},
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

// The script of Crictl, run by the shell here with the chroot taken off: a host
// without crictl gives 127 and says so.
func TestCrictlScript(t *testing.T) {
	argv := Crictl("unix:///run/x.sock", []string{"ps", "-a"})
	c := exec.Command(argv[4], argv[5:]...)
	c.Env = []string{"PATH=/nonexistent"}
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 127 || !strings.Contains(string(out), NoCrictl) {
		t.Errorf("%v %q", err, out)
	}
}
