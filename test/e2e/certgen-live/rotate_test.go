package certgenlive

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// TestRotateCA replaces the cluster CA of a running cluster with two API
// servers. A client that follows the plan (it reads its kubeconfig again
// whenever a stage changed it) and asks both servers all the time must not lose
// one request.
func TestRotateCA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	c := cluster.ForTest(t, cluster.Config{
		Name: "certrotate", Dir: dir, APIServers: 2,
	})
	root := c.PKI.Dir
	var clients load
	clients.askEach(c, ask)
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	stage := func(name string) {
		t.Helper()
		clients.rotate(t, root, name)
	}
	restart := func() {
		t.Helper()
		for _, n := range []string{"kube-controller-manager", "kube-scheduler"} {
			if err := c.RestartComponent(ctx, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	oldIssuer := issuerOf(t, c, 0)

	stage("prepare")
	// The plan's restart: the signer takes a file of one certificate.
	c.Config.ControllerManagerFlags = append(c.Config.ControllerManagerFlags, "--cluster-signing-cert-file="+c.PKI.Path("pki/ca-signing.crt"))
	restart()

	stage("trust")
	restart()
	waitFor(t, 90*time.Second, "kube-root-ca.crt holds both CAs", func() bool {
		return strings.Count(rootCA(t, c), "BEGIN CERTIFICATE") == 2
	})
	// Clients of the old CA alone still work, and so does signing.
	if out, errOut, code := certgen(t, c.Kubeconfig, "request", "during", "--approve", "--out", t.TempDir(), "--wait", "30s"); code != 0 {
		t.Errorf("signing while both are trusted: %d\n%s%s", code, out, errOut)
	}

	stage("sign")
	restart()
	for i := range c.Endpoints.APIServerPorts {
		waitFor(t, 2*time.Minute, "the API server serves the new certificate", func() bool { return issuerOf(t, c, i) != oldIssuer })
	}
	if out, errOut, code := certgen(t, c.Kubeconfig, "request", "after", "--approve", "--out", t.TempDir(), "--wait", "60s"); code != 0 || strings.Contains(out, "by         CN="+oldIssuer+" ") {
		t.Errorf("signing with the new CA: %d\n%s%s", code, out, errOut)
	}

	stage("finish")
	restart()
	waitFor(t, 90*time.Second, "kube-root-ca.crt holds the new CA alone", func() bool {
		return strings.Count(rootCA(t, c), "BEGIN CERTIFICATE") == 1
	})
	time.Sleep(3 * time.Second)
	clients.stop(t, 100)
	if out, errOut, code := certgen(t, c.Kubeconfig, "verify", "--live"); code != 0 {
		t.Errorf("verify --live after the rotation: %d\n%s%s", code, out, errOut)
	}
	// Who did not follow the plan is locked out: the old CA opens nothing.
	old := must(clientcmd.Load(must(os.ReadFile(filepath.Join(root, "admin.conf"+".before-rotation")))))
	oldFile := filepath.Join(t.TempDir(), "old.conf")
	if err := clientcmd.WriteToFile(*old, oldFile); err != nil {
		t.Fatal(err)
	}
	if err := ask(oldFile, c.Endpoints.URLOf(0)); err == nil {
		t.Error("the kubeconfig from before the rotation still works")
	}
}

// freshClient has no connection yet, and so meets the certificates of now.
func freshClient(kubeconfig, server string) (*kubernetes.Clientset, error) {
	cfg, err := clientcmd.BuildConfigFromFlags(server, kubeconfig)
	if err != nil {
		return nil, err
	}
	cfg.Timeout = 20 * time.Second
	return kubernetes.NewForConfig(cfg)
}

// ask makes one request with a fresh client from a kubeconfig.
func ask(kubeconfig, server string) error {
	cs, err := freshClient(kubeconfig, server)
	if err != nil {
		return err
	}
	_, err = cs.CoreV1().Namespaces().Get(context.Background(), "default", metav1.GetOptions{})
	return err
}

func rootCA(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	cm, err := must(c.Client()).CoreV1().ConfigMaps("default").Get(context.Background(), "kube-root-ca.crt", metav1.GetOptions{})
	if err != nil {
		return ""
	}
	return cm.Data["ca.crt"]
}

func issuerOf(t *testing.T, c *cluster.Cluster, i int) string {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(c.Endpoints.URLOf(i), "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Issuer.CommonName
}

func waitFor(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("after %s: not so: %s", d, what)
}
