package clusterhealth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

// kustomization is the release's manifests, changed for a cluster without
// service addresses: the pod is in the host's network, and finds the API server
// where it is.
const kustomization = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [rbac.yaml, deployment.yaml, service.yaml, apiservice.yaml]
labels: [{pairs: {k8s-app: metrics-server}, includeSelectors: true}]
images: [{name: gcr.io/k8s-staging-metrics-server/metrics-server, newName: registry.k8s.io/metrics-server/metrics-server, newTag: judge}]
patches:
- target: {kind: Deployment, name: metrics-server}
  patch: |
    - {op: replace, path: /spec/strategy, value: {type: Recreate}}
    - {op: add, path: /spec/template/spec/hostNetwork, value: true}
    - {op: replace, path: /spec/template/spec/containers/0/args/1, value: --secure-port=4443}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: --kubelet-insecure-tls}
    - {op: replace, path: /spec/template/spec/containers/0/ports/0/containerPort, value: 4443}
    - {op: add, path: /spec/template/spec/containers/0/env, value: [{name: KUBERNETES_SERVICE_HOST, value: HOST}, {name: KUBERNETES_SERVICE_PORT, value: "PORT"}]}
`

// TestMetricsServer runs the genuine metrics-server and breaks each link of its
// pipeline.
func TestMetricsServer(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "clusterhealth-ms", Nodes: 2, APIServerFlags: []string{"--enable-aggregator-routing=true"}})
	u := newUser(t, c.Kubeconfig)
	server := program.Peer(t, "metricsserver", ".") // the genuine one; its first build takes some minutes
	manifests := filepath.Join(program.Source(t, "metricsserver", "sigs.k8s.io/metrics-server"), "manifests", "base")
	if err := c.ImportImage(cluster.Image{Tags: []string{"registry.k8s.io/metrics-server/metrics-server:judge"}, Files: map[string]string{"/metrics-server": server}, Entrypoint: []string{"/metrics-server"}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range []string{"rbac", "deployment", "service", "apiservice"} {
		b, err := os.ReadFile(filepath.Join(manifests, f+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f+".yaml"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at, err := url.Parse(c.Endpoints.URL())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("value: HOST", "value: "+at.Hostname(), `"PORT"`, `"`+at.Port()+`"`).Replace(kustomization)
	applyWith := func(more string) {
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text+more), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Kubectl(t, "", "apply", "-k", dir)
	}
	apply := func() { applyWith("") }
	patch := func(what, name, with string) {
		c.Kubectl(t, "", "-n", "kube-system", "patch", what, name, "--type=json", "-p", with)
	}
	say := func(code int, want ...string) { u.eventually(2*time.Minute, code, want, "usage") }

	say(0, "breaks at: APIService metrics.k8s.io", "metrics-server is not installed", "components.yaml")
	// Without its right first: kubelets remember for minutes whom they let in.
	applyWith("- target: {kind: ClusterRole, name: \"system:metrics-server\"}\n  patch: |\n    - {op: remove, path: /rules/0}\n")
	say(1, "metrics-server cannot read any kubelet: the kubelets forbid it", "403 Forbidden")
	apply()
	say(0, "the metrics pipeline works", "has figures of 2 nodes", "kube-system/metrics-server-")

	patch("deployment", "metrics-server", `[{"op":"remove","path":"/spec/template/spec/containers/0/args/5"}]`)
	say(1, "breaks at: metrics-server reads kubelets", "the kubelets' serving certificates do not hold the nodes' addresses", "IP SANs")
	patch("deployment", "metrics-server", `[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--nonsense"}]`)
	say(1, "does not run: ", "unknown flag: --nonsense")
	apply()
	say(0, "the metrics pipeline works")

	ctx := context.Background()
	if err := c.Inject(ctx, "front-proxy-cert-expired", ""); err != nil {
		t.Fatal(err)
	}
	// Who lost the leadership while the API server restarted is started again.
	if err := c.Repair(ctx, "etcd-stopped", ""); err != nil {
		t.Fatal(err)
	}
	say(1, "breaks at: API available", "front-proxy client certificate")
	u.eventually(time.Minute, 0, []string{"NH906", "front-proxy client certificate"}, "controlplane")
	if err := c.Repair(ctx, "front-proxy-cert-expired", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Repair(ctx, "etcd-stopped", ""); err != nil {
		t.Fatal(err)
	}
	say(0, "the metrics pipeline works")
}

// expiredAuthority is the certificate of an authority whose time is over.
func expiredAuthority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "late"}, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
