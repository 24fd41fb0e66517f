package certgenlive

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// TestLive looks at a running cluster with one webhook whose caBundle is right,
// one whose caBundle is another CA's, one that does not answer, and a
// control-plane address that the API server's certificate does not have.
func TestLive(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "certlook", NoScheduler: true})
	dir := t.TempDir()
	for _, n := range []string{"mine", "other"} {
		if out, errOut, code := certgen(t, "", "server", "--ip", "127.0.0.1", "--out", filepath.Join(dir, n)); code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
	}
	if out, errOut, code := certgen(t, c.Kubeconfig, "verify", "--live"); code != 0 {
		t.Errorf("a healthy cluster: %d\n%s%s", code, out, errOut)
	}
	cert := must(tls.LoadX509KeyPair(filepath.Join(dir, "mine/server.crt"), filepath.Join(dir, "mine/server.key")))
	l := must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}}))
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.(*tls.Conn).Handshake(); conn.Close() }()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	hook := func(name, url, ca string) string {
		return fmt.Sprintf(`
- name: %s.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  rules: [{apiGroups: [nowhere.example.com], apiVersions: [v1], operations: [CREATE], resources: [things]}]
  clientConfig: {url: '%s', caBundle: %s}`, name, url, base64.StdEncoding.EncodeToString(must(os.ReadFile(filepath.Join(dir, ca, "ca.crt")))))
	}
	here := fmt.Sprintf("https://127.0.0.1:%d/x", port)
	c.Kubectl(t, "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: hooks}\nwebhooks:"+
		hook("right", here, "mine")+hook("wrong", here, "other")+hook("silent", "https://127.0.0.1:1/x", "mine"), "apply", "-f", "-")

	out, errOut, code := certgen(t, c.Kubeconfig, "verify", "--live")
	if code != 1 || !strings.Contains(out, "the API server cannot call webhook wrong.example.com") || strings.Contains(out, "cannot call webhook right") {
		t.Errorf("webhooks: %d\n%s%s", code, out, errOut)
	}
	if !strings.Contains(errOut, "could not read: webhook silent.example.com") {
		t.Errorf("what did not answer is not said:\n%s", errOut)
	}
	var rep struct {
		Items []struct {
			Source, Part, NotAfter string
			Served                 bool
		}
	}
	certgenJSON(t, c.Kubeconfig, &rep, "inspect", "--live")
	var served, bundles, cms int
	for _, i := range rep.Items {
		switch {
		case i.Served:
			served++
		case strings.Contains(i.Part, "caBundle"):
			bundles++
		case strings.HasPrefix(i.Part, "configmap kube-system/"):
			cms++
		}
	}
	if served < 3 || bundles < 3 || cms < 1 {
		t.Errorf("inspect --live saw %d served, %d bundles, %d ConfigMaps", served, bundles, cms)
	}
	// One webhook does not answer: the answer is incomplete, and says so.
	if out, errOut, code := certgen(t, c.Kubeconfig, "expiry", "--live"); code != 3 || !strings.Contains(out, "1 source not read") {
		t.Errorf("expiry --live with a silent webhook: %d\n%s%s", code, out, errOut)
	}
	if out, errOut, code := certgen(t, c.Kubeconfig, "expiry", "--live", "--skip", "webhooks"); code != 0 || !strings.Contains(out, "apiserver "+strings.TrimPrefix(c.Endpoints.URL(), "https://")) {
		t.Errorf("expiry --live: %d\n%s%s", code, out, errOut)
	}

	// Somebody moved the control plane to another address.
	c.Kubectl(t, "apiVersion: v1\nkind: Node\nmetadata:\n  name: cp-1\n  labels: {node-role.kubernetes.io/control-plane: ''}\n", "apply", "-f", "-")
	c.Kubectl(t, "", "patch", "node", "cp-1", "--subresource=status", "--type=merge", "-p", `{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.77"}]}}`)
	out, errOut, code = certgen(t, c.Kubeconfig, "verify", "--live")
	if code != 1 || !strings.Contains(out, "CG116") || !strings.Contains(out, "192.0.2.77") || !strings.Contains(errOut, "--ip 192.0.2.77") {
		t.Errorf("drift: %d\n%s%s", code, out, errOut)
	}

	// No cluster is no verdict.
	if _, _, code := certgen(t, filepath.Join(dir, "no-such-kubeconfig"), "verify", "--live", "--server", "https://127.0.0.1:1"); code != 3 {
		t.Errorf("no cluster: exit status %d", code)
	}
}
