package certgenlive

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// aggregated is an aggregated API server made of the library that they are all
// made of: it trusts the front proxy by what the ConfigMap
// extension-apiserver-authentication says, and follows its changes.
type aggregated struct {
	port int
	// issuer is who signed the front proxy's certificate in the last request.
	issuer atomic.Value
	// refused counts requests whose front proxy was not believed.
	refused atomic.Int64
}

func startAggregated(t *testing.T, kubeconfig, cert, key string) *aggregated {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	a := &aggregated{port: l.Addr().(*net.TCPAddr).Port}
	so := genericoptions.NewSecureServingOptions()
	so.Listener, so.ServerCert.CertKey = l, genericoptions.CertKey{CertFile: cert, KeyFile: key}
	var serving *genericapiserver.SecureServingInfo
	if err := so.ApplyTo(&serving); err != nil {
		t.Fatal(err)
	}
	ao := genericoptions.NewDelegatingAuthenticationOptions()
	ao.RemoteKubeConfigFile = kubeconfig
	var authn genericapiserver.AuthenticationInfo
	if err := ao.ApplyTo(&authn, serving, nil); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	_, _, err := serving.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			a.issuer.Store(r.TLS.PeerCertificates[0].Issuer.CommonName)
		}
		who, ok, err := authn.Authenticator.AuthenticateRequest(r)
		if err != nil || !ok || who.User.GetName() == "system:anonymous" {
			a.refused.Add(1)
			http.Error(w, fmt.Sprint("not authenticated: ", err), http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "test.clusterwright.dev/v1"})
	}), 5*time.Second, stop)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestRotateFrontProxyCA replaces the front proxy's CA under two API servers
// while a client asks an aggregated API through both all the time.
func TestRotateFrontProxyCA(t *testing.T) {
	dir := t.TempDir()
	c := cluster.ForTest(t, cluster.Config{Name: "certproxy", Dir: filepath.Join(dir, "c"), APIServers: 2, NoScheduler: true})
	root := c.PKI.Dir
	if out, errOut, code := certgen(t, "", "server", "--no-service-names", "--dns", "agg.default.svc", "--out", filepath.Join(dir, "agg")); code != 0 {
		t.Fatalf("%d\n%s%s", code, out, errOut)
	}
	agg := startAggregated(t, c.Kubeconfig, filepath.Join(dir, "agg/server.crt"), filepath.Join(dir, "agg/server.key"))
	c.Kubectl(t, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: agg, namespace: default}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.test.clusterwright.dev}
spec:
  group: test.clusterwright.dev
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {namespace: default, name: agg, port: %d}
  caBundle: %s
`, agg.port, base64.StdEncoding.EncodeToString(must(os.ReadFile(filepath.Join(dir, "agg/ca.crt"))))), "apply", "-f", "-")
	waitFor(t, time.Minute, "the aggregated API answers through both API servers", func() bool {
		return askAggregated(c.Kubeconfig, c.Endpoints.URLOf(0)) == nil && askAggregated(c.Kubeconfig, c.Endpoints.URLOf(1)) == nil
	})
	// inspect --live sees it, and that its caBundle is right.
	if out, errOut, code := certgen(t, c.Kubeconfig, "verify", "--live"); code != 0 || !strings.Contains(out, "apiservice v1.test.clusterwright.dev") {
		t.Errorf("verify --live: %d\n%s%s", code, out, errOut)
	}
	agg.refused.Store(0)
	var clients load
	clients.askEach(c, askAggregated)
	stage := func(name string) {
		t.Helper()
		clients.rotate(t, root, name, "--ca", "front-proxy")
	}
	published := func(n int) func() bool {
		return func() bool { return strings.Count(proxyCA(c), "BEGIN CERTIFICATE") == n }
	}
	stage("prepare")
	stage("trust")
	waitFor(t, 3*time.Minute, "both CAs are published", published(2))
	stage("sign")
	waitFor(t, 3*time.Minute, "the API servers show a certificate of the new CA", func() bool {
		i, _ := agg.issuer.Load().(string)
		return strings.HasPrefix(i, "front-proxy-ca-")
	})
	// Both have to: each looks at its files once a minute.
	time.Sleep(70 * time.Second)
	stage("finish")
	// API servers only add to the ConfigMap; what is old has to be taken out by
	// hand, once none of them has it in its file any more.
	time.Sleep(70 * time.Second)
	if n := strings.Count(proxyCA(c), "BEGIN CERTIFICATE"); n != 2 {
		t.Errorf("the plan says that the old CA stays in the ConfigMap; it holds %d", n)
	}
	c.Kubectl(t, "", "delete", "configmap", "-n", "kube-system", "extension-apiserver-authentication")
	waitFor(t, 3*time.Minute, "the API servers publish the new CA alone", published(1))
	time.Sleep(3 * time.Second)
	clients.stop(t, 200)
	if n := agg.refused.Load(); n > 0 {
		t.Errorf("%d requests were refused by the aggregated server", n)
	}
}

func askAggregated(kubeconfig, server string) error {
	cs, err := freshClient(kubeconfig, server)
	if err != nil {
		return err
	}
	return cs.RESTClient().Get().AbsPath("/apis/test.clusterwright.dev/v1").Do(context.Background()).Error()
}

func proxyCA(c *cluster.Cluster) string {
	cs, err := c.Client()
	if err != nil {
		return ""
	}
	cm, err := cs.CoreV1().ConfigMaps("kube-system").Get(context.Background(), "extension-apiserver-authentication", metav1.GetOptions{})
	if err != nil {
		return ""
	}
	return cm.Data["requestheader-client-ca-file"]
}
