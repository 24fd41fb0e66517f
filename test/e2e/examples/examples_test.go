// Package examples runs every example of the documentation on a real cluster,
// those that need none included: what a manual tells people to type works. The
// few that are not run are in the table of test/examples, each with its reason.
package examples

import (
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/examples"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

// world is what the examples take for granted of a cluster.
const world = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: ops}
---
apiVersion: v1
kind: Namespace
metadata: {name: apps}
---
apiVersion: v1
kind: Namespace
metadata: {name: logging}
---
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-scheduler-cp1, namespace: kube-system}
spec:
  containers:
  - name: kube-scheduler
    image: busybox:1.36
    command: [sh, -c, "echo '{\"ts\":1763706892044.1,\"caller\":\"app/server.go:176\",\"msg\":\"Starting Kubernetes Scheduler\",\"v\":0,\"version\":\"v1.37.1\"}'; sleep 100000"]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: busybox:1.36
        command: [sh, -c, "while true; do date; sleep 1; done"]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: prometheusrules.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: PrometheusRule, plural: prometheusrules, singular: prometheusrule, listKind: PrometheusRuleList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: a cluster, in short mode")
	}
	c := cluster.ForTest(t, cluster.Config{Name: "e2e-examples", Nodes: 2})
	repo := program.Repo()
	kubernetes, err := cluster.Binary("")
	if err != nil {
		t.Fatal(err)
	}
	bin := program.Plugins(t)
	c.Kubectl(t, world, "apply", "-f", "-")
	policy := filepath.Join(repo, "examples", "auditpolicy", "good.yaml")
	c.Kubectl(t, "", "create", "configmap", "audit", "-n", "kube-system", "--from-file=policy.yaml="+policy)
	pki := t.TempDir()
	if out, err := exec.Command(filepath.Join(bin, "kubectl-certgen"), "server", "--ip", "203.0.113.10", "--out", pki).CombinedOutput(); err != nil {
		t.Fatalf("certgen: %v\n%s", err, out)
	}
	c.Kubectl(t, "", "create", "secret", "tls", "my-tls", "--cert="+filepath.Join(pki, "server.crt"), "--key="+filepath.Join(pki, "server.key"))
	c.Kubectl(t, "", "wait", "--for=condition=Ready", "pod/kube-scheduler-cp1", "-n", "kube-system", "--timeout=120s")
	c.Kubectl(t, "", "wait", "--for=condition=Available", "deployment/web", "-n", "shop", "--timeout=120s")
	for i := range 2 {
		n, err := c.Node(fmt.Sprintf("kube-worker-%d", i+1))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := n.Exec("sh", "-c", "echo 'Nov 21 06:34:52 kube-worker-1 systemd[1]: Started kubelet.' >/var/log/syslog"); err != nil {
			t.Fatalf("write a syslog: %v\n%s", err, out)
		}
		c.Kubectl(t, "", "label", "node", fmt.Sprintf("kube-worker-%d", i+1), "pool=gpu")
	}

	cfg, err := c.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(cfg.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := net.SplitHostPort(server.Host); err != nil {
		t.Fatal(err)
	}
	report := examples.Check(t, examples.Runner{
		Repo: repo, Bin: bin, Kubectl: kubernetes, Kubeconfig: c.Kubeconfig, Server: server.Host,
		CA: filepath.Join(c.Dir, "kubernetes", "pki", "ca.crt"), Work: t.TempDir(),
	})
	t.Logf("%d examples: %d ran, %d are excepted", report.All, report.Ran, report.Excepted)
}
