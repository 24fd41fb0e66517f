package certgen

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// makeCluster fills a folder in the layout of the test cluster (a kubeadm
// /etc/kubernetes with all nodes' kubelet-NODE.conf in it) with what `cluster`
// makes.
func makeCluster(t *testing.T, dir string, at cluster.Endpoints, args ...string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	all := append([]string{"cluster", "--out", out, "--control-plane", "cp1=" + at.APIServer, "--port", itoa(at.APIServerPorts[0]),
		"--service-cidr", cluster.ServiceCIDR}, args...)
	if at.APIServer != "127.0.0.1" {
		all = append(all, "--cert-sans", "127.0.0.1")
	}
	for name, ip := range at.NodeIPs {
		all = append(all, "--worker", name+"="+ip)
	}
	certgen(t, ".", all...)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(out, "cp1"))); err != nil {
		t.Fatal(err)
	}
	// The test cluster is not kubeadm: nobody binds kubeadm:cluster-admins.
	if err := os.Rename(filepath.Join(dir, "super-admin.conf"), filepath.Join(dir, "admin.conf")); err != nil {
		t.Fatal(err)
	}
	for name := range at.NodeIPs {
		if err := os.Rename(filepath.Join(out, name, "kubelet.conf"), filepath.Join(dir, "kubelet-"+name+".conf")); err != nil {
			t.Fatal(err)
		}
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// A cluster boots and works on nothing but what `certgen cluster` made: etcd
// with mutual TLS, API server, controller-manager, scheduler, and a kubelet
// where the machine can run one.
func TestClusterBoots(t *testing.T) {
	cluster.Require(t, false)
	nodes := 0
	if cluster.CanRunNodes() == nil {
		nodes = 1
	}
	for _, compat := range []string{"", "kubeadm"} {
		t.Run("profile "+compat, func(t *testing.T) {
			n := nodes
			if compat == "kubeadm" {
				n = 0 // the kubelet's part does not differ
			}
			c := cluster.ForTest(t, cluster.Config{Name: "certgen-boot" + compat, Nodes: n, ExactPKI: true,
				MakePKI: func(dir string, at cluster.Endpoints) error {
					args := []string{}
					if compat != "" {
						args = append(args, "--compat", compat)
					}
					makeCluster(t, dir, at, args...)
					return nil
				}})
			// kubeadm binds this; the test cluster's API server reaches kubelets with it.
			if out := c.Kubectl(t, "", "auth", "whoami", "-o", "json"); !strings.Contains(out, "kubernetes-super-admin") {
				t.Errorf("whoami: %s", out)
			}
			c.Kubectl(t, "", "create", "configmap", "made", "--from-literal", "a=b")
			if out := c.Kubectl(t, "", "get", "leases", "-n", "kube-system", "-o", "name"); !strings.Contains(out, "kube-scheduler") || !strings.Contains(out, "kube-controller-manager") {
				t.Errorf("controller-manager and scheduler have not both come up: %s", out)
			}
			if n > 0 {
				if out := c.Kubectl(t, "", "get", "nodes"); !strings.Contains(out, " Ready") {
					t.Errorf("nodes: %s", out)
				}
			}
		})
	}
}

// kubeadm reads a control-plane node's folder and finds nothing missing.
func TestKubeadmReadsIt(t *testing.T) {
	cluster.Require(t, false)
	need(t, "unshare")
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can put the folder at /etc/kubernetes, in a mount namespace of its own")
	}
	binary, err := cluster.Binary("")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	certgen(t, ".", "cluster", "--out", out, "--control-plane", "cp1=203.0.113.10", "--control-plane", "cp2=203.0.113.11,2001:db8::11",
		"--endpoint", "api.example.org", "--worker", "w1", "--service-cidr", "10.96.0.0/12,fd00:96::/108", "--days", "300")
	// kubeconfigs are looked for in /etc/kubernetes and nowhere else.
	script := `mkdir -p /etc/kubernetes && mount --bind "$1" /etc/kubernetes && exec "$2" kubeadm certs check-expiration -o json --cert-dir /etc/kubernetes/pki`
	text := must(t, ".", "unshare", "--mount", "sh", "-c", script, "sh", filepath.Join(out, "cp1"), binary)
	var report struct {
		Certificates []struct {
			Name, CAName string
			Missing      bool
		}
		CertificateAuthorities []struct {
			Name    string
			Missing bool
		}
	}
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &report); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(report.Certificates) != 11 || len(report.CertificateAuthorities) != 3 {
		t.Errorf("%d certificates and %d CAs:\n%s", len(report.Certificates), len(report.CertificateAuthorities), text)
	}
	for _, c := range report.Certificates {
		if c.Missing {
			t.Errorf("%s is missing", c.Name)
		}
	}
	for _, c := range report.CertificateAuthorities {
		if c.Missing {
			t.Errorf("CA %s is missing", c.Name)
		}
	}
	// And kubeadm's own phases take the folder as complete: they write nothing.
	before := must(t, out, "sh", "-c", "find cp1/pki -type f | sort | xargs sha256sum")
	conf := filepath.Join(t.TempDir(), "kubeadm.yaml")
	write(t, conf, `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 203.0.113.10}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.37.1
controlPlaneEndpoint: api.example.org:6443
certificatesDir: `+filepath.Join(out, "cp1", "pki")+"\n")
	must(t, ".", binary, "kubeadm", "init", "phase", "certs", "all", "--config", conf)
	if after := must(t, out, "sh", "-c", "find cp1/pki -type f | sort | xargs sha256sum"); after != before {
		t.Errorf("kubeadm changed the folder:\n%s\n%s", before, after)
	}
}
