package backend

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

const webhookText = `apiVersion: v1
kind: Config
clusters:
- name: audit
  cluster:
    server: https://audit.example.org/events
    certificate-authority: CA
users:
- name: u
  user: {}
contexts:
- name: audit
  context: {cluster: audit, user: u}
current-context: audit
`

// client makes the client of a webhook's kubeconfig with the libraries, and in the
// steps, of kube-apiserver, which would bring in those of tracing too.
// Source: k8s.io/apiserver pkg/util/webhook (LoadKubeconfig, newGenericWebhook).
func client(file string) (*rest.RESTClient, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = file
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.ContentConfig.GroupVersion = &schema.GroupVersion{Group: "audit.k8s.io", Version: "v1"}
	config.ContentConfig.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	return rest.UnversionedRESTClientFor(config)
}

// kube-apiserver's client is made of each kubeconfig: it starts with those, and
// only those, of which nothing is said to keep it from it.
func TestWebhookConfigsAgainstTheServer(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t)
	for name, data := range map[string][]byte{"ca.crt": cert, "key": key, "token": []byte("abc")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b64 := base64.StdEncoding.EncodeToString
	_, otherKey := pair(t)
	for name, c := range map[string]struct {
		old, new string
		starts   bool
		want     string // part of a finding, "" for none
	}{
		"good":                     {"", "", true, ""},
		"no kind":                  {"kind: Config\n", "", true, ""},
		"no current context":       {"current-context: audit\n", "", false, "there is no current-context"},
		"another context":          {"current-context: audit", "current-context: x", false, `the current-context "x" is not among the contexts`},
		"another cluster":          {"{cluster: audit", "{cluster: x", false, `the cluster "x" of the context "audit" is not among the clusters`},
		"another user":             {"user: u}", "user: v}", true, "sent without credentials"},
		"no user":                  {", user: u}", "}", true, ""},
		"no server":                {"    server: https://audit.example.org/events\n", "", false, `the cluster "audit" has no server`},
		"both authorities":         {"    server", "    certificate-authority-data: " + b64(cert) + "\n    server", false, "certificate-authority-data are both there"},
		"insecure with authority":  {"    server", "    insecure-skip-tls-verify: true\n    server", false, "insecure-skip-tls-verify and a certificate"},
		"insecure":                 {"certificate-authority: CA", "insecure-skip-tls-verify: true", true, "is not verified"},
		"authority without PEM":    {"certificate-authority: CA", "certificate-authority-data: Zm9v", false, "unable to parse bytes as PEM"},
		"authority in the file":    {"certificate-authority: CA", "certificate-authority-data: " + b64(cert), true, ""},
		"not base64":               {"certificate-authority: CA", "certificate-authority-data: '@@'", false, "cannot read it: illegal base64"},
		"a misspelt field":         {"certificate-authority: CA", "certificate-autority: CA", true, `unknown field "certificate-autority"`},
		"certificate without key":  {"user: {}", "user: {client-certificate: CA}", false, "client-certificate has no client-key"},
		"certificate and key":      {"user: {}", "user: {client-certificate: CA, client-key: KEY}", true, ""},
		"certificate, both":        {"user: {}", "user: {client-certificate: CA, client-certificate-data: " + b64(cert) + ", client-key: KEY}", false, "client-certificate-data are both there"},
		"pair in the file":         {"user: {}", "user: {client-certificate-data: " + b64(cert) + ", client-key-data: " + b64(key) + "}", true, ""},
		"certificate of another":   {"user: {}", "user: {client-certificate-data: " + b64(cert) + ", client-key-data: " + b64(otherKey) + "}", false, "private key does not match public key"},
		"key without certificate":  {"user: {}", "user: {client-key: KEY}", true, ""},
		"token file":               {"user: {}", "user: {tokenFile: TOKEN}", true, ""},
		"two ways":                 {"user: {}", "user: {tokenFile: TOKEN, username: a, password: b}", false, "tokenFile and username"},
		"query":                    {"/events", "/events?key=abc", true, "is not sent"},
		"user in the URL":          {"https://", "https://a:b@", true, "they are sent"},
		"cluster's DNS":            {"audit.example.org", "audit.logging.svc.cluster.local", true, "a name of the cluster's own DNS"},
		"cluster's DNS, short":     {"audit.example.org", "audit.logging.svc:8443", true, "a name of the cluster's own DNS"},
		"plain http":               {"https://", "http://", true, "plain http"},
		"host and port alone":      {"https://audit.example.org/events", "audit.example.org:8443", true, ""},
		"host and path alone":      {"https://audit.example.org/events", "audit.example.org/events", false, "is no URL"},
		"a proxy":                  {"    server", "    proxy-url: http://proxy:3128\n    server", true, ""},
		"a proxy that is none":     {"    server", "    proxy-url: 'proxy 1'\n    server", false, "proxy"},
		"a cluster that is unused": {"clusters:\n", "clusters:\n- name: other\n  cluster: {server: 'x', insecure-skip-tls-verify: true, certificate-authority: /none}\n", true, ""},
	} {
		text := strings.NewReplacer(" CA", " "+filepath.Join(dir, "ca.crt"), " KEY", " "+filepath.Join(dir, "key"), " TOKEN", " "+filepath.Join(dir, "token")).
			Replace(strings.Replace(webhookText, c.old, c.new, 1))
		file := filepath.Join(dir, "config")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, refused := client(file)
		s, err := ReadServer(file, []byte(text))
		if err != nil || !s.Webhook {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var said []string
		stops := false
		for _, f := range Check(s, Options{Minor: 37}) {
			if strings.Contains(f.Message, "is relative") {
				continue // the nodes are no Windows machines, where a path begins with C:
			}
			said = append(said, f.Message)
			stops = stops || f.Severity == finding.Error && (strings.Contains(f.Message, "does not start") || strings.Contains(f.Message, "cannot read") || strings.Contains(f.Message, "is no URL"))
		}
		all := strings.Join(said, "; ")
		if (refused == nil) != c.starts || stops == c.starts || !strings.Contains(all, c.want) || c.want == "" && all != "" {
			t.Errorf("%s: the server says %v, we say %q", name, refused, all)
		}
	}
}

// What a URL holds beside host and path: its user is sent, its query is not.
func TestWhatTheServerSends(t *testing.T) {
	got := make(chan string, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got <- user + ":" + password + " " + r.URL.Query().Get("key")
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "config")
	text := strings.NewReplacer("certificate-authority: CA", "insecure-skip-tls-verify: true", "https://audit.example.org/events", "https://a:b@"+strings.TrimPrefix(s.URL, "https://")+"/events?key=abc").Replace(webhookText)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := client(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Post().Body([]byte("{}")).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	select {
	case g := <-got:
		if g != "a:b " {
			t.Errorf("sent %q", g)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was sent")
	}
}

// A plan says where its receiver will not be found, and whose certificate counts.
func TestPlanSaysWhatIsMissing(t *testing.T) {
	for url, want := range map[string]string{"https://audit.logging.svc/x": "cluster's own DNS", "https://audit.example.org/x": "No CA is given"} {
		p, err := PlanWebhook(Webhook{PolicyPath: "/p/p.yaml", ConfigPath: "/w/w.yaml", URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(p.Notes, " "); !strings.Contains(notes, want) || strings.Contains(notes, "cluster's own DNS") != strings.Contains(url, ".svc") {
			t.Errorf("%s: %s", url, notes)
		}
	}
}

// pair is a certificate and its key.
func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "audit"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}
