package live

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
)

// fake is a Cluster whose API server answers with these texts, 403 for "denied",
// and 404 for what is not among them.
func fake(t *testing.T, answers map[string]string) *Cluster {
	t.Helper()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		code := 0
		switch {
		case !ok:
			code = http.StatusNotFound
		case text == "denied":
			code = http.StatusForbidden
		}
		w.Header().Set("Content-Type", "application/json")
		if code != 0 {
			w.WriteHeader(code)
			text = fmt.Sprintf(`{"kind": "Status", "status": "Failure", "code": %d, "reason": %q}`, code, strings.ReplaceAll(http.StatusText(code), " ", ""))
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(srv.Close)
	cfg := &rest.Config{Host: srv.URL, TLSClientConfig: rest.TLSClientConfig{CAData: pki.EncodeCerts(srv.Certificate())}}
	c, err := rawapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &Cluster{Config: cfg, Client: c}
}

// A kubelet is asked at the address by which the API server calls it; one
// without any is not passed over.
func TestKubeletAddresses(t *testing.T) {
	node := func(name string, addresses string) string {
		return fmt.Sprintf(`{"metadata": {"name": %q}, "status": {"addresses": [%s]}}`, name, addresses)
	}
	list := `{"kind": "NodeList", "items": [` + strings.Join([]string{
		node("in", `{"type": "Hostname", "address": "in"}, {"type": "InternalIP", "address": "10.0.0.1"}`),
		node("out", `{"type": "Hostname", "address": "out"}, {"type": "ExternalIP", "address": "203.0.113.1"}`),
		node("named", `{"type": "Hostname", "address": "named.example"}`),
		node("none", ``),
	}, ",") + `]}`
	s := &Snapshot{}
	fake(t, map[string]string{pathNodes: list}).kubelets(context.Background(), s)
	var got []string
	for _, e := range s.Endpoints {
		got = append(got, e.Addr)
	}
	if want := []string{"10.0.0.1:10250", "203.0.113.1:10250", "named.example:10250", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if s.finish(); len(s.Blind) != 1 || !strings.Contains(s.Blind[0], "kubelet of node none: its Node has no address") {
		t.Errorf("%q", s.Blind)
	}
}

// Each source of names that was not read is named; what the cluster does not
// have is nothing to name.
func TestDriftSaysWhatWasNotRead(t *testing.T) {
	answers := map[string]string{
		"/api/v1/namespaces/default/services/kubernetes": `{"spec": {"clusterIPs": ["10.96.0.1"]}}`,
		pathKubernetes: `{"items": []}`,
		pathNodes:      "denied",
		"/api/v1/namespaces/kube-system/configmaps/kubeadm-config": "denied",
	}
	cert := &x509.Certificate{DNSNames: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc"}}
	missing, blind := fake(t, answers).Drift(context.Background(), cert)
	if len(missing) != 2 || missing[0].Name != "10.96.0.1" || missing[1].Name != "127.0.0.1" {
		t.Errorf("%v", missing)
	}
	if len(blind) != 1 || blind[0] != "names that clients use (control-plane nodes, ConfigMap kube-system/kubeadm-config): denied" {
		t.Errorf("%q", blind)
	}
	delete(answers, "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
	if _, blind := fake(t, answers).Drift(context.Background(), cert); len(blind) != 1 || strings.Contains(blind[0], "kubeadm") {
		t.Errorf("a cluster without kubeadm: %q", blind)
	}
}

// The lists of a namespace that is not there are empty, which is no answer.
func TestNamespaceThatIsNotThere(t *testing.T) {
	c := fake(t, map[string]string{"/api/v1/namespaces/web": `{"kind": "Namespace"}`})
	c.Namespace = "wbe"
	if _, err := c.Collect(context.Background()); !errors.Is(err, ErrNoNamespace) {
		t.Errorf("%v", err)
	}
	c.Namespace = "web"
	if s, err := c.Collect(context.Background()); err != nil || s.Deaf || len(s.Blind) > 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A list of many pages takes its time: each page has a deadline, not all of
// them together.
func TestListOfManyPages(t *testing.T) {
	page := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(100 * time.Millisecond)
		page++
		next := ""
		if page < 8 {
			next = "more"
		}
		fmt.Fprintf(w, `{"kind": "SecretList", "metadata": {"continue": %q}, "items": [{}]}`, next)
	}))
	t.Cleanup(srv.Close)
	c, err := rawapi.New(&rest.Config{Host: srv.URL, Timeout: 400 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.List(context.Background(), "/api/v1/secrets", nil); err != nil || len(got) != 8 {
		t.Errorf("%d objects, %v", len(got), err)
	}
}
