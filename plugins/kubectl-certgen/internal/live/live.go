// Package live looks at the certificates of a running cluster: what its API
// server and kubelets serve, what webhooks and aggregated APIs are trusted by,
// and what lies in its Secrets and ConfigMaps.
//
// Every read has a deadline and stands alone: what is denied or does not answer
// is said, and costs its own answer only.
package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
)

// Cluster is a cluster to look at.
type Cluster struct {
	Config *rest.Config
	Client *rawapi.Client
}

// Snapshot is what was seen.
type Snapshot struct {
	Items []inspect.Item
	// Endpoints are the servers that were asked, with the caBundle that the API
	// server trusts them by where there is one.
	Endpoints []Endpoint
	// Blind says what could not be read, and why.
	Blind []string
	// APIServer is the host and port of the API server.
	APIServer string
}

// Endpoint is a TLS server of the cluster.
type Endpoint struct {
	// What says whose it is: "apiserver", "kubelet of node n1", "webhook x".
	What string
	Addr string
	// Name is the name that its clients verify.
	Name string
	// Bundle are the CAs that its clients trust, nil where they are the
	// system's or not known.
	Bundle []inspect.Item
	Served []inspect.Item
	Err    error
}

// Paths of the resources that hold certificates or lead to servers.
const (
	pathNodes       = "/api/v1/nodes"
	pathSecrets     = "/api/v1/secrets"
	pathConfigMaps  = "/api/v1/namespaces/kube-system/configmaps"
	pathValidating  = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
	pathMutating    = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
	pathAPIServices = "/apis/apiregistration.k8s.io/v1/apiservices"
	pathBundles     = "/apis/certificates.k8s.io/v1/clustertrustbundles"
)

// Timeout bounds each single read.
const Timeout = 10 * time.Second

func (c *Cluster) list(ctx context.Context, path, fields string) ([]rawapi.Object, error) {
	rctx, cancel := context.WithTimeout(ctx, 3*Timeout)
	defer cancel()
	q := url.Values{}
	if fields != "" {
		q.Set("fieldSelector", fields)
	}
	return c.Client.List(rctx, path, q)
}

// Collect looks at everything. The error is for a cluster that does not answer
// at all.
func (c *Cluster) Collect(ctx context.Context) (*Snapshot, error) {
	s := &Snapshot{}
	u, err := url.Parse(c.Config.Host)
	if err != nil || u.Host == "" {
		u = &url.URL{Host: c.Config.Host}
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	s.APIServer = net.JoinHostPort(u.Hostname(), port)
	api := Endpoint{What: "apiserver", Addr: s.APIServer, Name: u.Hostname()}
	if len(c.Config.CAData) > 0 {
		api.Bundle, _ = inspect.Bytes("kubeconfig CA", c.Config.CAData, inspect.Options{})
	} else if c.Config.CAFile != "" {
		api.Bundle, _ = inspect.File(c.Config.CAFile, inspect.Options{})
	}
	srv, err := inspect.Dial(ctx, s.APIServer, c.Config.ServerName)
	if err != nil {
		return nil, fmt.Errorf("the API server does not answer: %w", err)
	}
	api.Served = label(srv.Items, "apiserver "+s.APIServer)
	s.Endpoints = append(s.Endpoints, api)
	if _, err := c.list(ctx, pathNodes, "metadata.name=does-not-matter"); err != nil && !apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("the API server refuses: %w", err)
	}
	c.kubelets(ctx, s)
	c.webhooks(ctx, s)
	c.apiServices(ctx, s)
	c.dialAll(ctx, s)
	for _, e := range s.Endpoints {
		s.Items = append(s.Items, e.Served...)
		s.Items = append(s.Items, e.Bundle...)
		if e.Err != nil {
			s.Blind = append(s.Blind, fmt.Sprintf("%s: %v", e.What, e.Err))
		}
	}
	c.objects(ctx, s, pathSecrets, "secrets", "type=kubernetes.io/tls")
	c.objects(ctx, s, pathConfigMaps, "configmaps of kube-system", "")
	c.objects(ctx, s, pathBundles, "clustertrustbundles", "")
	return s, nil
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
	switch {
	case apierrors.IsNotFound(err):
	case apierrors.IsForbidden(err):
		s.Blind = append(s.Blind, what+": denied")
	case errors.Is(err, context.DeadlineExceeded):
		s.Blind = append(s.Blind, what+": no answer in time")
	default:
		s.Blind = append(s.Blind, what+": "+err.Error())
	}
}

func (c *Cluster) kubelets(ctx context.Context, s *Snapshot) {
	nodes, err := c.list(ctx, pathNodes, "")
	if err != nil {
		s.blind("nodes", err)
		return
	}
	for _, n := range nodes {
		port := 10250
		if p, ok := n.Dig("status", "daemonEndpoints", "kubeletEndpoint", "Port").(float64); ok {
			port = int(p)
		}
		for _, a := range addresses(n, "InternalIP") {
			s.Endpoints = append(s.Endpoints, Endpoint{What: "kubelet of node " + n.Name(), Addr: net.JoinHostPort(a, strconv.Itoa(port)), Name: a})
			break
		}
	}
}

// addresses are a node's addresses of a type ("InternalIP", "Hostname").
func addresses(n rawapi.Object, typ string) []string {
	var out []string
	for _, a := range n.Maps("status", "addresses") {
		if a.String("type") == typ && a.String("address") != "" {
			out = append(out, a.String("address"))
		}
	}
	return out
}

func (c *Cluster) webhooks(ctx context.Context, s *Snapshot) {
	for _, path := range []string{pathValidating, pathMutating} {
		what := path[strings.LastIndexByte(path, '/')+1:]
		list, err := c.list(ctx, path, "")
		if err != nil {
			s.blind(what, err)
			continue
		}
		for _, o := range list {
			items, _, err := inspect.Object("cluster", o, inspect.Options{})
			if err != nil {
				s.Blind = append(s.Blind, fmt.Sprintf("%s %s: %v", what, o.Name(), err))
			}
			for _, h := range o.Maps("webhooks") {
				name := h.String("name")
				cc, _ := h["clientConfig"].(map[string]any)
				var bundle []inspect.Item
				for _, it := range items {
					if strings.HasSuffix(it.Part, " "+name+" caBundle") {
						bundle = append(bundle, it)
					}
				}
				c.endpoint(s, "webhook "+name, cc, bundle)
			}
		}
	}
}

func (c *Cluster) apiServices(ctx context.Context, s *Snapshot) {
	list, err := c.list(ctx, pathAPIServices, "")
	if err != nil {
		s.blind("apiservices", err)
		return
	}
	for _, o := range list {
		svc, ok := o.Dig("spec", "service").(map[string]any)
		if !ok {
			continue
		}
		items, _, err := inspect.Object("cluster", o, inspect.Options{})
		if err != nil {
			s.Blind = append(s.Blind, fmt.Sprintf("apiservice %s: %v", o.Name(), err))
		}
		c.endpoint(s, "apiservice "+o.Name(), map[string]any{"service": svc}, items)
	}
}

// endpoint adds the server that a clientConfig leads to.
func (c *Cluster) endpoint(s *Snapshot, what string, cc map[string]any, bundle []inspect.Item) {
	e := Endpoint{What: what, Bundle: bundle}
	if raw, _ := cc["url"].(string); raw != "" {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			e.Err = fmt.Errorf("its url %q is not one", raw)
		} else {
			port := u.Port()
			if port == "" {
				port = "443"
			}
			e.Addr, e.Name = net.JoinHostPort(u.Hostname(), port), u.Hostname()
		}
		s.Endpoints = append(s.Endpoints, e)
		return
	}
	svc, _ := cc["service"].(map[string]any)
	ns, _ := svc["namespace"].(string)
	name, _ := svc["name"].(string)
	port := 443
	if p, ok := svc["port"].(float64); ok {
		port = int(p)
	}
	e.Name = name + "." + ns + ".svc"
	// The service's address is looked up when it is dialled.
	e.Addr = fmt.Sprintf("service/%s/%s:%d", ns, name, port)
	s.Endpoints = append(s.Endpoints, e)
}

// dialAll asks all servers that were not asked yet, a few at a time.
func (c *Cluster) dialAll(ctx context.Context, s *Snapshot) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.Served != nil || e.Err != nil {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			addr := e.Addr
			if rest, ok := strings.CutPrefix(addr, "service/"); ok {
				if addr, e.Err = c.serviceAddress(ctx, rest); e.Err != nil {
					return
				}
			}
			dctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			srv, err := inspect.Dial(dctx, addr, e.Name)
			if err != nil {
				e.Err = err
				return
			}
			e.Addr, e.Served = addr, label(srv.Items, e.What+" "+addr)
		}()
	}
	wg.Wait()
}

func (c *Cluster) serviceAddress(ctx context.Context, ref string) (string, error) {
	ns, rest, _ := strings.Cut(ref, "/")
	name, port, _ := strings.Cut(rest, ":")
	rctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	svc, err := c.Client.Get(rctx, "/api/v1/namespaces/"+ns+"/services/"+name)
	if err != nil {
		if apierrors.IsNotFound(err) {
			return "", fmt.Errorf("there is no service %s/%s", ns, name)
		}
		return "", err
	}
	ip := svc.String("spec", "clusterIP")
	if ip == "" || ip == "None" {
		return "", fmt.Errorf("the service %s/%s has no address", ns, name)
	}
	return net.JoinHostPort(ip, port), nil
}

func (c *Cluster) objects(ctx context.Context, s *Snapshot, path, what, selector string) {
	list, err := c.list(ctx, path, selector)
	if err != nil {
		s.blind(what, err)
		return
	}
	for _, o := range list {
		items, _, err := inspect.Object("cluster", o, inspect.Options{})
		if err != nil {
			s.Blind = append(s.Blind, fmt.Sprintf("%s %s/%s: %v", strings.TrimSuffix(what, "s"), o.Namespace(), o.Name(), err))
		}
		s.Items = append(s.Items, items...)
	}
}
