package certgenlive

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

const tlsImage = "docker.io/library/tlsserver:1"

// tlsServerImage builds the server of ./tlsserver and puts it on a node.
func tlsServerImage(t *testing.T, n *cluster.Node) {
	t.Helper()
	bin := program.Build(t, ".", "./tlsserver")
	var tar bytes.Buffer
	if err := cluster.WriteImage(&tar, cluster.Image{Tags: []string{tlsImage}, Files: map[string]string{"/tlsserver": bin}, Entrypoint: []string{"/tlsserver"}}); err != nil {
		t.Fatal(err)
	}
	if err := n.Import(&tar); err != nil {
		t.Fatal(err)
	}
}

// tlsPod is a pod that serves TLS with a Secret, and a Service before it.
func tlsPod(ns, name string, port, servicePort int, spec, labels string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[2]s, namespace: %[1]s, labels: {app: %[2]s%[6]s}}
spec:
  %[5]s
  tolerations: [{operator: Exists}]
  containers:
  - {name: s, image: %[7]s, imagePullPolicy: Never, args: ["-listen=:%[3]d"], volumeMounts: [{name: tls, mountPath: /tls}]}
  volumes: [{name: tls, secret: {secretName: %[2]s}}]
---
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec: {selector: {app: %[2]s}, ports: [{name: other, port: 1, targetPort: 1}, {name: https, port: %[4]d, targetPort: %[3]d}]}
---
`, ns, name, port, servicePort, spec, labels, tlsImage)
}

// TestServices looks behind Services, where nothing can be dialled from here:
// webhooks in pods, with the right and a wrong caBundle, one that has not read
// its renewed Secret, and a kubelet whose port is shut.
func TestServices(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "certservices", Nodes: 1, NodeConfigs: map[string]cluster.NodeConfig{
		// As kubeadm has it; the test cluster's own kubelets listen on their address only.
		cluster.NodeName(1): {Kubelet: map[string]any{"address": "0.0.0.0"}},
	}})
	dir := t.TempDir()
	tlsServerImage(t, c.Nodes[0])
	c.Kubectl(t, "", "create", "namespace", "hooks")
	for _, n := range []string{"good", "stale", "other"} {
		if out, errOut, code := certgen(t, "", "server", "--no-service-names", "--dns", n+".hooks.svc", "--out", filepath.Join(dir, n)); code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
	}
	pair := func(n string) []string {
		return []string{"--cert", filepath.Join(dir, n, "server.crt"), "--key", filepath.Join(dir, n, "server.key")}
	}
	c.Kubectl(t, "", append([]string{"-n", "hooks", "create", "secret", "tls", "good"}, pair("good")...)...)
	c.Kubectl(t, "", append([]string{"-n", "hooks", "create", "secret", "tls", "stale"}, pair("stale")...)...)
	c.Kubectl(t, "", append([]string{"-n", "kube-system", "create", "secret", "tls", "hostnet"}, pair("other")...)...)
	c.Kubectl(t, tlsPod("hooks", "good", 8443, 443, "", "")+tlsPod("hooks", "stale", 9443, 8443, "", "")+
		tlsPod("kube-system", "hostnet", 10444, 443, "hostNetwork: true", ""), "apply", "-f", "-")
	hook := func(name, service string, port int, ca string) string {
		return fmt.Sprintf(`
- name: %s.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  rules: [{apiGroups: [nowhere.example.com], apiVersions: [v1], operations: [CREATE], resources: [things]}]
  clientConfig: {service: {namespace: hooks, name: %s, port: %d}, caBundle: %s}`, name, service, port, base64.StdEncoding.EncodeToString(must(os.ReadFile(filepath.Join(dir, ca, "ca.crt")))))
	}
	c.Kubectl(t, "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: hooks}\nwebhooks:"+
		hook("right", "good", 443, "good")+hook("wrong", "good", 443, "other")+hook("stale", "stale", 8443, "stale"), "apply", "-f", "-")
	c.Kubectl(t, "", "-n", "hooks", "wait", "--for=condition=Ready", "pod/good", "pod/stale", "--timeout=90s")
	c.Kubectl(t, "", "-n", "kube-system", "wait", "--for=condition=Ready", "pod/hostnet", "--timeout=90s")
	waitFor(t, 30*time.Second, "EndpointSlices lead to the pods", func() bool {
		_, errOut, _ := certgen(t, c.Kubeconfig, "expiry", "--live")
		return !strings.Contains(errOut, "no pod runs behind")
	})

	out, errOut, code := certgen(t, c.Kubeconfig, "verify", "--live")
	if code != 1 || !strings.Contains(out, "via pod hooks/good:8443") || !strings.Contains(out, "the API server cannot call webhook wrong.example.com") ||
		strings.Contains(out, "cannot call webhook right") || strings.Contains(out, "cannot call webhook stale") {
		t.Errorf("webhooks behind Services: %d\n%s%s", code, out, errOut)
	}
	if strings.Contains(errOut, "could not read") {
		t.Errorf("everything can be read here:\n%s", errOut)
	}

	// The Secret is renewed, the pod goes on with what it read.
	if out, errOut, code := certgen(t, "", "renew", filepath.Join(dir, "stale", "server.crt")); code != 0 {
		t.Fatalf("%d\n%s%s", code, out, errOut)
	}
	c.Kubectl(t, "", "-n", "hooks", "delete", "secret", "stale")
	c.Kubectl(t, "", append([]string{"-n", "hooks", "create", "secret", "tls", "stale"}, pair("stale")...)...)
	for _, verb := range []string{"inspect", "verify", "expiry"} {
		var rep struct {
			Findings []struct{ ID, Severity, Message string }
		}
		code := certgenJSON(t, c.Kubeconfig, &rep, verb, "--live")
		found := false
		for _, f := range rep.Findings {
			found = found || f.ID == "CG114" && f.Severity == "error" && strings.Contains(f.Message, "secret hooks/stale tls.crt")
		}
		if code != 1 || !found {
			t.Errorf("%s --live does not say that the renewed Secret is not in use: %d %+v", verb, code, rep.Findings)
		}
	}

	// A user who may look at all but forward no port is told so.
	user := must(c.KubeconfigFor("looker", 0))
	c.Kubectl(t, "", "create", "clusterrole", "look", "--verb=get,list", "--resource=nodes,pods,services,secrets,configmaps,endpointslices,clustertrustbundles,mutatingwebhookconfigurations,validatingwebhookconfigurations,apiservices,customresourcedefinitions")
	c.Kubectl(t, "", "create", "clusterrolebinding", "look", "--clusterrole=look", "--user=looker")
	_, errOut, _ = certgen(t, user, "verify", "--live")
	if !strings.Contains(errOut, "port-forward denied (create pods/portforward)") || !strings.Contains(errOut, "hint: to look behind Services") {
		t.Errorf("a denied port-forward is not explained:\n%s", errOut)
	}
	c.Kubectl(t, "", "create", "clusterrole", "forward", "--verb=create", "--resource=pods/portforward")
	c.Kubectl(t, "", "create", "clusterrolebinding", "forward", "--clusterrole=forward", "--user=looker")
	if _, errOut, _ := certgen(t, user, "verify", "--live"); strings.Contains(errOut, "could not read") {
		t.Errorf("the permission that the hint names does not do:\n%s", errOut)
	}

	// The kubelet's port is shut to us; a pod in the node's network leads there.
	const nobody = 23456
	rule := []string{"OUTPUT", "-p", "tcp", "--dport", "10250", "-m", "owner", "--uid-owner", fmt.Sprint(nobody), "-j", "REJECT"}
	iptables := func(how string) {
		t.Helper()
		if out, err := exec.Command("iptables", append([]string{how}, rule...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	iptables("-I")
	defer iptables("-D")
	conf := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(conf, must(os.ReadFile(c.Kubeconfig)), 0o644); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program.Plugin(t, "certgen"), "inspect", "--live", "--kubeconfig", conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Env = []string{"HOME=/tmp", "NO_COLOR=1"}
	text, _ := cmd.CombinedOutput()
	if !strings.Contains(string(text), ":10250 via pod kube-system/hostnet:10250") {
		t.Errorf("a kubelet that cannot be dialled:\n%s", text)
	}
}
