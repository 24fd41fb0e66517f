package certgenlive

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// TestRequest drives certificates.k8s.io on a real control plane: what is
// predicted must be what happens.
func TestRequest(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "certrequest", NoScheduler: true})
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }

	t.Run("client", func(t *testing.T) {
		out, errOut, code := certgen(t, c.Kubeconfig, "request", "alice", "--org", "developers", "--approve", "--out", dir, "--write-kubeconfig", "alice.conf", "--duration", "1h")
		if code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
		who, err := exec.Command(c.Binary, "kubectl", "--kubeconfig", at("alice.conf"), "auth", "whoami", "-o", "jsonpath={.status.userInfo.username} {.status.userInfo.groups}").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(who), "alice ") || !strings.Contains(string(who), "developers") {
			t.Errorf("the API server takes the certificate for %q (%v)", who, err)
		}
		for _, f := range []string{"alice.key", "alice.conf"} {
			if st, err := os.Stat(at(f)); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", f, st.Mode(), err)
			}
		}
		before := string(must(os.ReadFile(at("alice.key"))))
		if out, errOut, code := certgen(t, c.Kubeconfig, "request", "alice", "--org", "developers", "--approve", "--out", dir, "--duration", "1h"); code != 0 {
			t.Errorf("a second run: %d\n%s%s", code, out, errOut)
		}
		if string(must(os.ReadFile(at("alice.key")))) != before {
			t.Error("the second run changed the key")
		}
		if out, errOut, code := certgen(t, c.Kubeconfig, "request", "alice", "--org", "admins", "--approve", "--out", dir, "--duration", "1h"); code != 0 || !strings.Contains(out, "O=admins") || strings.Contains(out, "differs") {
			t.Errorf("a run that asks for another group: %d\n%s%s", code, out, errOut)
		}
		if string(must(os.ReadFile(at("alice.key")))) != before {
			t.Error("the third run changed the key")
		}
	})

	t.Run("what is denied stays denied until it is deleted", func(t *testing.T) {
		args := []string{"request", "mallory", "--out", dir, "--wait", "0s"}
		out, errOut, code := certgen(t, c.Kubeconfig, args...)
		if code != 3 || !strings.Contains(out, "Pending") {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
		name := strings.Fields(out)[0]
		kubectl := func(args ...string) {
			t.Helper()
			if out, err := exec.Command(c.Binary, append([]string{"kubectl", "--kubeconfig", c.Kubeconfig}, args...)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
		}
		kubectl("certificate", "deny", name)
		if out, errOut, code = certgen(t, c.Kubeconfig, append(args, "--approve")...); code != 1 || !strings.Contains(out, "kubectl delete csr "+name) {
			t.Errorf("denied: %d\n%s%s", code, out, errOut)
		}
		kubectl("delete", "csr", name)
		if out, errOut, code = certgen(t, c.Kubeconfig, append(args, "--approve", "--wait", "30s")...); code != 0 {
			t.Errorf("asked again: %d\n%s%s", code, out, errOut)
		}
	})

	t.Run("kubelet client is approved by itself", func(t *testing.T) {
		out, errOut, code := certgen(t, c.Kubeconfig, "request", "worker-9", "--signer", "kubelet-client", "--out", dir, "--wait", "30s")
		if code != 0 || !strings.Contains(out, "CN=system:node:worker-9") {
			t.Errorf("%d\n%s%s", code, out, errOut)
		}
	})

	t.Run("kubelet serving waits for a person", func(t *testing.T) {
		args := []string{"request", "serving-9", "--signer", "kubelet-serving", "--common-name", "system:node:worker-9", "--ip", "10.0.0.9", "--out", dir, "--wait", "3s"}
		out, errOut, code := certgen(t, c.Kubeconfig, args...)
		if code != 3 || !strings.Contains(out, "Pending") || !strings.Contains(out, "kubectl certificate approve") {
			t.Errorf("%d\n%s%s", code, out, errOut)
		}
		if out, errOut, code := certgen(t, c.Kubeconfig, append(args, "--approve", "--wait", "30s")...); code != 0 {
			t.Errorf("approved: %d\n%s%s", code, out, errOut)
		}
	})

	t.Run("approved and never issued is explained", func(t *testing.T) {
		out, errOut, code := certgen(t, c.Kubeconfig, "request", "web", "--signer", "example.com/nobody", "--dns", "web.example.com", "--approve", "--out", dir, "--wait", "3s")
		if code != 3 || !strings.Contains(out, "Approved, not issued") || !strings.Contains(out, "example.com/nobody") {
			t.Errorf("%d\n%s%s", code, out, errOut)
		}
	})

	t.Run("predictions", func(t *testing.T) { predictions(t, c, dir) })

	t.Run("controller-manager is down", func(t *testing.T) {
		if err := c.StopComponent("kube-controller-manager"); err != nil {
			t.Fatal(err)
		}
		out, errOut, code := certgen(t, c.Kubeconfig, "request", "bob", "--approve", "--out", dir, "--wait", "3s")
		if code != 3 || !strings.Contains(out, "kube-controller-manager") {
			t.Errorf("%d\n%s%s", code, out, errOut)
		}
	})
}

// predictions: each request is predicted by --dry-run, then sent by --force,
// and must end as predicted.
func predictions(t *testing.T, c *cluster.Cluster, dir string) {
	for i, q := range []struct {
		args []string
		want string
	}{
		{[]string{"--signer", "client"}, "issued"},
		{[]string{"--signer", "client", "--usage", "client auth"}, "issued"},
		{[]string{"--signer", "client", "--usage", "client auth,key encipherment", "--key", "rsa:2048"}, "issued"},
		{[]string{"--signer", "client", "--usage", "client auth,server auth"}, "fails"},
		{[]string{"--signer", "client", "--usage", "digital signature"}, "fails"},
		{[]string{"--signer", "client", "--usage", "client auth,signing"}, "fails"},
		{[]string{"--signer", "client", "--org", "system:masters"}, "refused"},
		{[]string{"--signer", "client", "--usage", "agent auth"}, "refused"},
		{[]string{"--signer", "client", "--duration", "5m"}, "refused"},
		{[]string{"--signer", "kubelet-client"}, "issued"},
		{[]string{"--signer", "kubelet-client", "--org", "system:nodes,other"}, "fails"},
		{[]string{"--signer", "kubelet-client", "--common-name", "bob"}, "fails"},
		{[]string{"--signer", "kubelet-client", "--ip", "10.0.0.1"}, "fails"},
		{[]string{"--signer", "kubelet-client", "--usage", "client auth"}, "fails"},
		{[]string{"--signer", "kubelet-serving", "--ip", "10.0.0.1"}, "issued"},
		{[]string{"--signer", "kubelet-serving", "--dns", "w.example.com", "--key", "rsa:2048"}, "issued"},
		{[]string{"--signer", "kubelet-serving"}, "fails"},
		{[]string{"--signer", "kubelet-serving", "--ip", "10.0.0.1", "--usage", "server auth,client auth,digital signature"}, "fails"},
		{[]string{"--signer", "kubernetes.io/legacy-unknown"}, "refused"},
		{[]string{"--signer", "kubernetes.io/kube-apiserver-client-pod"}, "never issued"},
		{[]string{"--signer", "kubernetes.io/no-such"}, "never issued"},
		{[]string{"--signer", "noslash"}, "refused"},
		{[]string{"--signer", "example.com/a/b"}, "refused"},
		{[]string{"--signer", "example.com/Web"}, "refused"},
		{[]string{"--signer", "client", "--duration", "700000h"}, "refused"},
	} {
		name := fmt.Sprintf("p%d", i)
		var f struct {
			WillIssue bool
			Forecast  []struct{ Outcome, Message string }
		}
		certgenJSON(t, "", &f, append([]string{"request", name, "--dry-run", "--out", dir}, q.args...)...)
		predicted := "issued"
		if !f.WillIssue {
			predicted = f.Forecast[0].Outcome
		}
		out, errOut, code := certgen(t, c.Kubeconfig, append([]string{"request", name, "--force", "--approve", "--wait", "4s", "--out", dir}, q.args...)...)
		real := ""
		switch {
		case code == 0:
			real = "issued"
		case strings.Contains(out, "Failed"):
			real = "fails"
		case strings.Contains(out, "Approved, not issued"):
			real = "never issued"
		case strings.Contains(errOut, "refuses the request"):
			real = "refused"
		}
		if predicted != real || real != q.want {
			t.Errorf("%v: predicted %q, wanted %q, real %q (%d)\n%s%s", q.args, predicted, q.want, real, code, out, errOut)
		}
	}
}

// TestKubeletJoinsThroughRequest gives a real node's kubelet a certificate that
// came from request, and waits until the node is Ready with it.
func TestKubeletJoinsThroughRequest(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "certjoin", Nodes: 1})
	n := c.Nodes[0]
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	// The node is taken out of the cluster, and comes back with what request
	// got for it and nothing else.
	if err := n.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "", "delete", "node", n.Name)
	if out, errOut, code := certgen(t, c.Kubeconfig, "request", n.Name, "--signer", "kubelet-client", "--out", dir, "--write-kubeconfig", "kubelet.conf", "--wait", "1m"); code != 0 {
		t.Fatalf("%d\n%s%s", code, out, errOut)
	}
	if err := os.WriteFile(n.Path("/etc/kubernetes/kubelet.conf"), must(os.ReadFile(filepath.Join(dir, "kubelet.conf"))), 0o600); err != nil {
		t.Fatal(err)
	}
	// What the kubelet had rotated to before must not help it.
	if out, err := n.Exec("sh", "-c", "rm -f /var/lib/kubelet/pki/kubelet-client-*"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := n.StartKubelet(); err != nil {
		t.Fatal(err)
	}
	if err := n.WaitCondition(ctx, 3*time.Minute, corev1.NodeReady, corev1.ConditionTrue); err != nil {
		t.Fatal(err)
	}
	if got := c.Kubectl(t, "", "get", "csr", "-o", "jsonpath={.items[*].spec.signerName}"); !strings.Contains(got, "kube-apiserver-client-kubelet") {
		t.Errorf("the request is not in the cluster: %q", got)
	}
}
