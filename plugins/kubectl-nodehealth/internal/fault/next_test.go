package fault

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// nextOf are the commands advised for a scene, a line each.
func nextOf(t *testing.T, sc *scene, want string) string {
	t.Helper()
	f := Diagnose(sc.s.View(sc.n))
	if f == nil || f.Name != want {
		t.Fatalf("%+v, want %s", f, want)
	}
	var all []string
	for _, c := range f.Next {
		all = append(all, c.Run)
	}
	return strings.Join(all, "\n")
}

// Each distribution keeps the kubelet's certificates and the runtime's client in
// a place of its own.
func TestNextPlaces(t *testing.T) {
	for version, want := range map[string][2]string{
		"v1.30.1":        {"/var/lib/kubelet/pki/kubelet-client-current.pem", "sudo crictl info"},
		"v1.30.1+k3s1":   {"/var/lib/rancher/k3s/agent/client-kubelet.crt", "sudo k3s crictl info"},
		"v1.30.1+rke2r1": {"/var/lib/rancher/rke2/agent/client-kubelet.crt", "/var/lib/rancher/rke2/bin/crictl info"},
	} {
		sc := newScene().unknown(time.Minute).lease(2 * time.Minute)
		ttl := -1.0
		sc.n.Object.Status.NodeInfo.KubeletVersion = version
		sc.n.Kubelet.Metrics = &snapshot.KubeletMetrics{ClientTTL: &ttl}
		if got := nextOf(t, sc, CertificateExpired); !strings.Contains(got, want[0]) {
			t.Errorf("%s: no %s in %s", version, want[0], got)
		}
		sc = newScene().ready(corev1.ConditionFalse, "KubeletNotReady", "container runtime is down", time.Minute)
		sc.n.Object.Status.NodeInfo.KubeletVersion = version
		if got := nextOf(t, sc, RuntimeDown); !strings.Contains(got, want[1]) {
			t.Errorf("%s: no %s in %s", version, want[1], got)
		}
	}
}

// A serving certificate is another file than the client's.
func TestNextServingCertificate(t *testing.T) {
	sc := newScene().tls("remote error: x509: certificate has expired or is not yet valid")
	if got := nextOf(t, sc, CertificateExpired); !strings.Contains(got, "kubelet-server-current.pem") || strings.Contains(got, "client-current") {
		t.Error(got)
	}
}

// A node that does not reach the API server is asked to try the address that its
// kubelet has, wherever that stands.
func TestNextServerOfTheKubelet(t *testing.T) {
	for version, want := range map[string]string{
		"v1.30.1":             "/etc/kubernetes/kubelet.conf",
		"v1.30.1+k3s1":        "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
		"v1.30.1-eks-1234567": "/var/lib/kubelet/kubeconfig",
	} {
		sc := newScene().unknown(time.Minute).lease(2 * time.Minute)
		sc.n.Object.Status.NodeInfo.KubeletVersion = version
		if got := nextOf(t, sc, NetworkPartition); !strings.Contains(got, `$(sudo grep -om1 "https://[^ ]*" `+want+`)/livez`) {
			t.Errorf("%s: %s", version, got)
		}
	}
}

// What ssh, kind and minikube hand on is not expanded by the local shell, and an
// address of IPv6 stands in brackets.
func TestNextCanBePasted(t *testing.T) {
	sc := newScene().unknown(time.Minute).lease(2 * time.Minute).silent().host(true)
	sc.n.Object.Labels = map[string]string{"minikube.k8s.io/name": "m"}
	if got := nextOf(t, sc, KubeletHung); !strings.Contains(got, "minikube ssh -n n1 'sudo kill -QUIT $(pidof kubelet)'") {
		t.Error(got)
	}
	sc = newScene().lease(time.Second).silent().host(true)
	sc.n.Lease.Seen = true
	sc.n.Object.Status.Addresses[0].Address = "fd00::7"
	if got := nextOf(t, sc, NetworkPartition); !strings.Contains(got, "https://[fd00::7]:10250/healthz") {
		t.Error(got)
	}
}

// Docker ends its containers when it is restarted; from v1.24 on another service
// stands between it and the kubelet.
func TestNextDocker(t *testing.T) {
	for version, want := range map[string]string{"v1.23.3": "systemctl restart docker", "v1.30.1": "systemctl restart cri-docker"} {
		sc := newScene().ready(corev1.ConditionFalse, "KubeletNotReady", "container runtime is down", time.Minute)
		sc.n.Object.Status.NodeInfo.KubeletVersion, sc.n.Object.Status.NodeInfo.ContainerRuntimeVersion = version, "docker://24.0.7"
		if got := nextOf(t, sc, RuntimeDown); !strings.Contains(got, want) {
			t.Errorf("%s: %s", version, got)
		}
	}
}

// The agent that is known not to work is looked at first, images only where the
// kubelet has not looked for them in vain.
func TestNextKnowsWhatWasSeen(t *testing.T) {
	sc := newScene().condition(corev1.NodeNetworkUnavailable, corev1.ConditionTrue, "CalicoIsDown", "", time.Hour)
	sc.n.Pods = &snapshot.Pods{Total: 1, Rows: []snapshot.Pod{{Namespace: "calico-system", Name: "calico-node-x", Owner: "DaemonSet", Phase: "Running", Created: now.Add(-time.Hour)}}}
	if got := nextOf(t, sc, NetworkPluginDown); !strings.Contains(got, "kubectl -n calico-system logs calico-node-x") {
		t.Error(got)
	}
	for _, vain := range []bool{false, true} {
		sc = newScene().condition(corev1.NodeDiskPressure, corev1.ConditionTrue, "KubeletHasDiskPressure", "", time.Minute)
		if vain {
			sc.n.Events = []snapshot.Event{{Reason: "FreeDiskSpaceFailed", Last: now}}
		}
		if got := nextOf(t, sc, ResourcePressure); strings.Contains(got, "rmi --prune") == vain {
			t.Errorf("looked for in vain %v: %s", vain, got)
		}
	}
}

// All that a node runs out of is named.
func TestSeveralPressures(t *testing.T) {
	sc := newScene().condition(corev1.NodeDiskPressure, corev1.ConditionTrue, "KubeletHasDiskPressure", "", time.Minute).
		condition(corev1.NodePIDPressure, corev1.ConditionTrue, "KubeletHasInsufficientPID", "", time.Minute)
	f := Diagnose(sc.s.View(sc.n))
	if f == nil || !strings.Contains(f.Summary, "disk space and process ids") {
		t.Errorf("%+v", f)
	}
}
