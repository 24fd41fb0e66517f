package nodetools

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// metricsAPI is a small metrics API: it answers discovery and the lists of
// metrics.k8s.io/v1beta1 with figures read from the kubelets, as metrics-server
// does, for the nodes it is told to know.
type metricsAPI struct {
	client *kubernetes.Clientset
	mu     sync.Mutex
	knows  []string
}

func (m *metricsAPI) know(nodes ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.knows = nodes
}

func (m *metricsAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const gv = "metrics.k8s.io/v1beta1"
	var answer any
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case "/apis/" + gv:
		answer = metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv, APIResources: []metav1.APIResource{
			{Name: "nodes", Kind: "NodeMetrics", Verbs: []string{"get", "list"}},
			{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: []string{"get", "list"}},
		}}
	case "/apis/" + gv + "/nodes":
		m.mu.Lock()
		items := []any{}
		for _, n := range m.knows {
			if item, err := m.node(r.Context(), n); err == nil {
				items = append(items, item)
			}
		}
		m.mu.Unlock()
		answer = map[string]any{"kind": "NodeMetricsList", "apiVersion": gv, "items": items}
	case "/apis/" + gv + "/pods":
		answer = map[string]any{"kind": "PodMetricsList", "apiVersion": gv, "items": []any{}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// node reads a kubelet's /metrics/resource.
func (m *metricsAPI) node(ctx context.Context, name string) (any, error) {
	b, err := m.client.CoreV1().RESTClient().Get().Resource("nodes").Name(name).SubResource("proxy").Suffix("metrics/resource").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	var memory float64
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(l, "node_memory_working_set_bytes ") {
			if _, err := fmt.Sscan(strings.Fields(l)[1], &memory); err != nil {
				return nil, err
			}
		}
	}
	return map[string]any{
		"metadata": map[string]any{"name": name}, "timestamp": time.Now().UTC().Format(time.RFC3339), "window": "15s",
		"usage": map[string]string{"cpu": "100m", "memory": fmt.Sprint(int64(memory))},
	}, nil
}

// testUsage breaks the pipeline link by link.
func testUsage(t *testing.T, c *cluster.Cluster, u user) {
	ctx := context.Background()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	u.expect(0, "breaks at: APIService metrics.k8s.io", "", "usage")

	// Registered, with nobody behind it.
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "metrics-server", Namespace: "kube-system"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "https", Port: 443}}}}
	if _, err := client.CoreV1().Services("kube-system").Create(ctx, service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	register := `{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1beta1.metrics.k8s.io"},
		"spec":{"group":"metrics.k8s.io","version":"v1beta1","groupPriorityMinimum":100,"versionPriority":100,"insecureSkipTLSVerify":true,
		"service":{"namespace":"kube-system","name":"metrics-server","port":443}}}`
	if err := client.RESTClient().Post().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").Body([]byte(register)).
		SetHeader("Content-Type", "application/json").Do(ctx).Error(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() string {
		out, _, code, _ := u.run("", "usage")
		if code == 1 && strings.Contains(out, "breaks at: metrics-server") {
			return ""
		}
		return out
	})

	// A real API behind it, on an address that the API server can dial.
	api := &metricsAPI{client: client}
	api.know(one, two)
	server := httptest.NewUnstartedServer(api)
	l, err := net.Listen("tcp", net.JoinHostPort(bridgeAddress(t, c), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server.Listener.Close()
	server.Listener = l
	server.TLS = &tls.Config{}
	server.StartTLS()
	defer server.Close()
	addr := l.Addr().(*net.TCPAddr)
	port, name, protocol, ready := int32(addr.Port), "https", corev1.ProtocolTCP, true
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "metrics-server-1", Namespace: "kube-system", Labels: map[string]string{discoveryv1.LabelServiceName: "metrics-server"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{addr.IP.String()}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	if _, err := client.DiscoveryV1().EndpointSlices("kube-system").Create(ctx, slice, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() string {
		out, errOut, code, _ := u.run("", "usage")
		if code == 0 && strings.HasPrefix(out, "the metrics pipeline works") {
			return ""
		}
		return out + errOut
	})

	// metrics-server no longer sees one node.
	api.know(two)
	u.expect(1, "breaks at: every node has figures", "", "usage")
	u.expect(1, "metrics.k8s.io has nothing of "+one, "", "usage", one)
	api.know(one, two)

	// A kubelet forbids: it does not know the API server's certificate any more
	// and takes it for anonymous.
	n, err := c.Node(one)
	if err != nil {
		t.Fatal(err)
	}
	authentication := func(ca string, anonymous bool) map[string]any {
		return map[string]any{
			"anonymous": map[string]any{"enabled": anonymous}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": ca},
		}
	}
	restart(t, n, authentication("/var/lib/kubelet/pki/kubelet.crt", true))
	defer restart(t, n, authentication("/etc/kubernetes/pki/ca.crt", false))
	eventually(t, time.Minute, func() string {
		out, _, code, _ := u.run("", "usage")
		if code == 1 && strings.Contains(out, "breaks at: kubelet /metrics/resource") && strings.Contains(out, "of "+one+" does not give its metrics: denied") {
			return ""
		}
		return out
	})
}

// restart starts a node's kubelet with another authentication.
func restart(t *testing.T, n *cluster.Node, authentication map[string]any) {
	t.Helper()
	if err := n.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	if err := n.SetKubelet("authentication", authentication); err != nil {
		t.Fatal(err)
	}
	if err := n.StartKubelet(); err != nil {
		t.Fatal(err)
	}
}

// eventually tries until the answer is "", which the caches of the API server
// and the kubelet take a moment for.
func eventually(t *testing.T, within time.Duration, try func() string) {
	t.Helper()
	begin := time.Now()
	for {
		last := try()
		if last == "" {
			return
		}
		if time.Since(begin) > within {
			t.Fatalf("not within %s:\n%s", within, last)
		}
		time.Sleep(time.Second)
	}
}

// bridgeAddress is this machine's address on the cluster's own bridge.
func bridgeAddress(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	config, err := c.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(config.Host, "https://")
	address, _, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
