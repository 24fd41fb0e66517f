// Package live looks at the certificates of a running cluster: what its API
// servers, kubelets, webhooks and aggregated APIs serve, what they are trusted
// by, and what lies in its Secrets and ConfigMaps.
//
// Every read has a deadline and stands alone: what is denied or does not answer
// is said, and costs its own answer only.
package live

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
)

// Parts are what Collect looks at, as Cluster.Skip names them.
var Parts = []string{"apiservers", "kubelets", "etcd", "webhooks", "apiservices", "secrets", "configmaps", "bundles"}

// Cluster is a cluster to look at.
type Cluster struct {
	Config *rest.Config
	Client *rawapi.Client
	// Namespace bounds Secrets and ConfigMaps to one namespace; "" is all of
	// them, and kube-system and kube-public.
	Namespace string
	// Skip are the Parts to leave out.
	Skip []string
	// Tell says what is being done.
	Tell func(string)

	hostPods     func(ctx context.Context) (map[string][]podRef, error)
	kubeletTries tries
}

// Snapshot is what was seen.
type Snapshot struct {
	Items []inspect.Item
	// Endpoints are the servers that were asked, with the caBundle that the API
	// server trusts them by where there is one. The first is the API server of
	// the kubeconfig.
	Endpoints []Endpoint
	// Blind says what could not be read, and why.
	Blind []string
	// Hints say what to do about it.
	Hints []string
	// Deaf says that the API server does not listen to this user.
	Deaf bool
	// APIServer is the host and port of the API server.
	APIServer string
}

// Paths of the resources that hold certificates or lead to servers.
const (
	pathNodes       = "/api/v1/nodes"
	pathValidating  = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
	pathMutating    = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
	pathCRDs        = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	pathAPIServices = "/apis/apiregistration.k8s.io/v1/apiservices"
	pathBundles     = "/apis/certificates.k8s.io/v1/clustertrustbundles"
	pathKubernetes  = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
)

// Timeout bounds each single read. A list takes as long as it has pages, each of
// which the client bounds: ten thousand Secrets are not a server that hangs.
const Timeout = 10 * time.Second

func (c *Cluster) get(ctx context.Context, path string) (rawapi.Object, error) {
	rctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	return c.Client.Get(rctx, path)
}

func (c *Cluster) wants(part string) bool { return !slices.Contains(c.Skip, part) }

func (c *Cluster) tell(what string) {
	if c.Tell != nil {
		c.Tell(what)
	}
}

// Collect looks at everything. The error is for a cluster that does not answer
// at all.
func (c *Cluster) Collect(ctx context.Context) (*Snapshot, error) {
	s := &Snapshot{}
	var once sync.Once
	var pods map[string][]podRef
	var podsErr error
	c.hostPods = func(ctx context.Context) (map[string][]podRef, error) {
		once.Do(func() { pods, podsErr = c.listHostPods(ctx) })
		return pods, podsErr
	}
	c.tell("asking the API server")
	if err := c.apiServer(ctx, s); err != nil {
		return nil, err
	}
	s.Items = append(s.Items, c.user()...)
	ok, err := c.answers(ctx)
	if apierrors.IsNotFound(err) && c.Namespace != "" {
		return nil, ErrNoNamespace
	}
	if !ok {
		s.Deaf = true
		s.Blind = append(s.Blind, "everything behind the API server: "+Cause(err))
		s.finish()
		return s, ctx.Err()
	}
	if c.wants("apiservers") {
		c.apiServers(ctx, s)
	}
	if c.wants("kubelets") {
		c.kubelets(ctx, s)
	}
	if c.wants("etcd") {
		c.etcd(ctx, s)
	}
	if c.wants("webhooks") {
		c.webhooks(ctx, s)
		c.conversions(ctx, s)
	}
	if c.wants("apiservices") {
		c.apiServices(ctx, s)
	}
	c.dialAll(ctx, s)
	c.tell("reading Secrets and ConfigMaps")
	c.allObjects(ctx, s)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.finish()
	return s, nil
}

// finish puts what the servers served before what else was found, and what
// could not be reached into words.
func (s *Snapshot) finish() {
	var first []inspect.Item
	silent := map[string][]string{}
	for _, e := range s.Endpoints {
		first = append(first, e.Served...)
		first = append(first, e.Bundle...)
		switch node, isKubelet := strings.CutPrefix(e.What, "kubelet of node "); {
		case e.Err == nil:
		case isKubelet:
			silent[e.Err.Error()] = append(silent[e.Err.Error()], node)
		default:
			s.Blind = append(s.Blind, fmt.Sprintf("%s: %v", e.What, e.Err))
		}
	}
	var causes []string
	for c := range silent {
		causes = append(causes, c)
	}
	sort.Strings(causes)
	for _, c := range causes {
		nodes := silent[c]
		who := "kubelet of node " + nodes[0]
		if n := len(nodes); n > 3 {
			who = fmt.Sprintf("kubelets of %d nodes (%s and so on)", n, strings.Join(nodes[:3], ", "))
		} else if n > 1 {
			who = "kubelets of nodes " + strings.Join(nodes, ", ")
		}
		s.Blind = append(s.Blind, who+": "+c)
	}
	s.Items = append(first, s.Items...)
}

// apiServer looks at what the kubeconfig's own server serves.
func (c *Cluster) apiServer(ctx context.Context, s *Snapshot) error {
	u := c.Client.URL("")
	port := u.Port()
	if port == "" {
		port = "443"
	}
	s.APIServer = net.JoinHostPort(u.Hostname(), port)
	e := Endpoint{What: "apiserver", Addr: s.APIServer, Name: u.Hostname()}
	if c.Config.ServerName != "" {
		e.Name = c.Config.ServerName
	}
	e.Bundle = c.bundle()
	if c.proxied(u) {
		// Only the client knows the way through the proxy.
		certs, err := c.Client.Peer(ctx)
		if err != nil {
			return fmt.Errorf("the API server %s does not answer through the proxy: %s", s.APIServer, Cause(err))
		}
		e.Served = inspect.Presented(s.APIServer, certs)
	} else {
		srv, err := inspect.Dial(ctx, s.APIServer, c.Config.ServerName)
		if err != nil {
			return fmt.Errorf("the API server %s does not answer: %s", s.APIServer, strings.TrimPrefix(err.Error(), s.APIServer+": "))
		}
		e.Served = srv.Items
	}
	e.Served = label(e.Served, "apiserver "+s.APIServer)
	s.Endpoints = append(s.Endpoints, e)
	return nil
}

func (c *Cluster) bundle() []inspect.Item {
	var out []inspect.Item
	if len(c.Config.CAData) > 0 {
		out, _ = inspect.Bytes("kubeconfig", c.Config.CAData, inspect.Options{})
	} else if c.Config.CAFile != "" {
		out, _ = inspect.File(c.Config.CAFile, inspect.Options{})
	}
	for i := range out {
		out[i].Part, out[i].Bundle = "its CA", true
	}
	return out
}

func (c *Cluster) proxied(u *url.URL) bool {
	find := http.ProxyFromEnvironment
	if c.Config.Proxy != nil {
		find = c.Config.Proxy
	}
	p, err := find(&http.Request{URL: u})
	return err == nil && p != nil
}

// user is the client certificate that the cluster is asked with: the first
// thing that expires unseen.
func (c *Cluster) user() []inspect.Item {
	var out []inspect.Item
	if len(c.Config.CertData) > 0 {
		out, _ = inspect.Bytes("kubeconfig", c.Config.CertData, inspect.Options{})
	} else if c.Config.CertFile != "" {
		out, _ = inspect.File(c.Config.CertFile, inspect.Options{})
	}
	for i := range out {
		out[i].Part = "its user"
	}
	return slices.DeleteFunc(out, func(i inspect.Item) bool { return i.Kind != inspect.Certificate })
}

// ErrNoNamespace says that the cluster does not have Cluster.Namespace, whose
// lists would be empty.
var ErrNoNamespace = errors.New("the cluster has no such namespace")

// answers says whether the API server talks to this user at all: with an
// expired certificate on either side it does not, and that is the news.
func (c *Cluster) answers(ctx context.Context) (bool, error) {
	rctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	_, err := c.Client.Do(rctx, http.MethodGet, "/api/v1/namespaces/"+cmp.Or(c.Namespace, "default"), nil, "", nil)
	var st apierrors.APIStatus
	return err == nil || errors.As(err, &st) && !apierrors.IsUnauthorized(err) && !apierrors.IsServiceUnavailable(err), err
}

// Cause is why a request failed, without the request.
func Cause(err error) string {
	var ue *url.Error
	var cv *tls.CertificateVerificationError
	var inv x509.CertificateInvalidError
	switch {
	case apierrors.IsForbidden(err):
		return "denied"
	case apierrors.IsUnauthorized(err):
		return "the API server does not know this user (401): look at the client certificate or token of the kubeconfig"
	case errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err):
		return "no answer in time"
	case errors.As(err, &inv) && inv.Reason == x509.Expired:
		return "this client refuses the API server's certificate: it has expired or is not valid yet"
	case errors.As(err, &cv):
		return "this client refuses the API server's certificate: " + strings.TrimPrefix(cv.Err.Error(), "x509: ")
	case strings.Contains(err.Error(), "remote error: tls: "):
		_, alert, _ := strings.Cut(err.Error(), "remote error: tls: ")
		return "the API server ends the handshake (" + alert + "): look at the client certificate of the kubeconfig"
	case errors.As(err, &ue):
		err = ue.Err
	}
	// A missing credential plugin comes with a page of help.
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func label(items []inspect.Item, source string) []inspect.Item {
	for i := range items {
		items[i].Source = source
	}
	return items
}

// blind notes why a list could not be read. A resource that the server does
// not have is nothing to note.
func (s *Snapshot) blind(what string, err error) {
	if apierrors.IsNotFound(err) {
		return
	}
	s.Blind = append(s.Blind, what+": "+Cause(err))
}

func (s *Snapshot) hint(text string) {
	if !slices.Contains(s.Hints, text) {
		s.Hints = append(s.Hints, text)
	}
}
