package clusterhealth

import (
	"context"
	"net"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// TestControlPlane breaks the control plane part by part. The first line has to
// be the answer, and the healthy one has to come back after each.
func TestControlPlane(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "clusterhealth-cp", Nodes: 1})
	u := newUser(t, c.Kubeconfig)
	ctx := context.Background()
	well := func(t *testing.T) {
		user{t, u.bin, u.kubeconfig}.eventually(2*time.Minute, 0, []string{"control plane HEALTHY", "leaders of scheduler and controller-manager work"}, "controlplane")
	}
	well(t)
	for _, f := range []struct {
		fault string
		want  []string
	}{
		{"etcd-frozen", []string{"control plane UNHEALTHY API server's storage lost", "nothing new starts, stops or is changed", "faults StorageLost"}},
		{"etcd-stopped", []string{"control plane UNHEALTHY API server's storage lost", "faults StorageLost"}},
		{"apiserver-frozen", []string{"control plane UNHEALTHY API server down", "takes connections and does not answer"}},
		{"apiserver-stopped", []string{"control plane UNHEALTHY API server down", "the host is up, kube-apiserver (or its load balancer) is not"}},
		{"apiserver-cert-expired", []string{"control plane UNHEALTHY API server's certificate expired", "NH905", "kubeadm certs renew"}},
		{"kubelet-client-cert-expired", []string{"control plane UNHEALTHY", "NH915", "a stranger to the kubelets"}},
		{"scheduler-stopped", []string{"control plane UNHEALTHY scheduler or controller-manager down", "new pods stay Pending", "kube-scheduler: nobody has renewed its lease"}},
	} {
		t.Run(f.fault, func(t *testing.T) {
			if err := c.Inject(ctx, f.fault, ""); err != nil {
				t.Fatal(err)
			}
			user{t, u.bin, u.kubeconfig}.eventually(90*time.Second, 1, f.want, "controlplane")
			if err := c.Repair(ctx, f.fault, ""); err != nil {
				t.Fatal(err)
			}
			// A component that lost its lease has exited; a kubelet or systemd
			// would start it again.
			if err := c.Repair(ctx, "etcd-stopped", ""); err != nil {
				t.Fatal(err)
			}
			well(t)
		})
	}
	t.Run("ways that lead nowhere", func(t *testing.T) { testWays(t, c, u) })
	t.Run("webhooks", func(t *testing.T) { testWebhooks(t, c, u) })
	t.Run("rights", func(t *testing.T) { testRights(t, c, u) })
}

// testWays: what cannot be told from here is not said to be an outage.
func testWays(t *testing.T, c *cluster.Cluster, u user) {
	u.t = t
	u.eventually(0, 3, []string{"control plane UNKNOWN", "does not resolve"}, "controlplane", "--server", "https://name.invalid:6443")
	// A port whose packets are dropped: it is silent, whoever is behind it.
	ctx := context.Background()
	if err := c.Inject(ctx, "port-dropped", c.Nodes[0].Name); err != nil {
		t.Fatal(err)
	}
	silent := net.JoinHostPort(addressOf(t, c, c.Nodes[0].Name), "10250")
	u.eventually(0, 3, []string{"control plane UNKNOWN", silent, "no answer to a connection", "from here they look the same"}, "controlplane", "--server", "https://"+silent)
	if err := c.Repair(ctx, "port-dropped", c.Nodes[0].Name); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("SSH-2.0-none of ours\r\n"))
			conn.Close()
		}
	}()
	u.eventually(0, 1, []string{"is no working API server"}, "controlplane", "--server", "https://"+l.Addr().String())
	expired, err := c.KubeconfigFor("late", -30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	late := user{t, u.bin, expired}
	late.eventually(0, 3, []string{"control plane UNKNOWN", "does not know you (401 Unauthorized): your client certificate expired on"}, "controlplane")
	late.eventually(0, 3, []string{"kubectl nodehealth controlplane"}, "kube-worker-1")
}

// testWebhooks: what fails closed with nobody behind it, or behind an authority
// whose time is over.
func testWebhooks(t *testing.T, c *cluster.Cluster, u user) {
	u.t = t
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	none, fail, long := admissionv1.SideEffectClassNone, admissionv1.Fail, int32(30)
	hook := func(name string, bundle []byte) admissionv1.ValidatingWebhook {
		return admissionv1.ValidatingWebhook{
			Name: name, SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"}, TimeoutSeconds: &long,
			ClientConfig: admissionv1.WebhookClientConfig{CABundle: bundle, Service: &admissionv1.ServiceReference{Namespace: "default", Name: "gone"}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"*"}, Resources: []string{"pods"}},
			}},
		}
	}
	hooks := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err = hooks.Create(ctx, &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "nobody-there"},
		Webhooks: []admissionv1.ValidatingWebhook{hook("late.example.com", expiredAuthority(t))}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hooks.Delete(ctx, "nobody-there", metav1.DeleteOptions{}) }()
	u.eventually(5*time.Second, 1, []string{"control plane UNHEALTHY operator error", "NH907", "NH916", "every request it matches is refused",
		"may hold every request for pods up for 30 s", "kubectl patch validatingwebhookconfiguration nobody-there"}, "controlplane")
}

// testRights: the reader of `rbac` is enough, nobody's rights are no verdict.
func testRights(t *testing.T, c *cluster.Cluster, u user) {
	nobody, err := c.KubeconfigFor("nobody", 0)
	if err != nil {
		t.Fatal(err)
	}
	user{t, u.bin, nobody}.eventually(0, 3, []string{"control plane UNKNOWN", "leases (denied)"}, "controlplane")
	reader, err := c.KubeconfigFor("reader", 0)
	if err != nil {
		t.Fatal(err)
	}
	roles, code := u.run("rbac")
	if code != 0 {
		t.Fatal(roles)
	}
	c.Kubectl(t, roles, "apply", "-f", "-")
	c.Kubectl(t, "", "create", "clusterrolebinding", "reader", "--clusterrole=nodehealth-reader", "--user=reader")
	r := user{t, u.bin, reader}
	r.eventually(30*time.Second, 0, []string{"control plane HEALTHY", "not read kubelets (denied)"}, "controlplane")
	r.eventually(0, 0, []string{"breaks at: APIService metrics.k8s.io"}, "usage")
}

func addressOf(t *testing.T, c *cluster.Cluster, node string) string {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	n, err := client.CoreV1().Nodes().Get(context.Background(), node, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	t.Fatalf("%s has no address", node)
	return ""
}
