package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
)

// Endpoint is a TLS server of the cluster.
type Endpoint struct {
	// What says whose it is: "apiserver", "kubelet of node n1", "webhook x".
	What string
	// Addr is what was dialled, and Via the pod through which.
	Addr, Via string
	// Name is the name that its clients verify.
	Name string
	// Bundle are the CAs that its clients trust, nil where they are the
	// system's or not known.
	Bundle []inspect.Item
	Trust  Trust
	Served []inspect.Item
	Err    error

	service serviceRef
	node    string
	port    int
}

// Trust is how the API server decides whether it trusts an endpoint.
type Trust int

// By its CA bundle, by the CAs of its system, or not at all; Foreign is a
// server whose CA cannot be known from here.
const (
	ByBundle Trust = iota
	BySystem
	Blindly
	Foreign
)

type serviceRef struct {
	Namespace, Name string
	Port            int
}

type podRef struct{ Namespace, Name string }

func (p podRef) String() string { return "pod " + p.Namespace + "/" + p.Name }

// apiServers adds each single API server behind the Service kubernetes: the
// address in a kubeconfig is often a load balancer's, which shows one of them.
func (c *Cluster) apiServers(ctx context.Context, s *Snapshot) {
	slices, err := c.Client.List(ctx, pathKubernetes, url.Values{"labelSelector": {"kubernetes.io/service-name=kubernetes"}})
	if err != nil {
		s.blind("API servers behind the Service kubernetes", err)
		return
	}
	for _, sl := range slices {
		port := 0
		for _, p := range sl.Maps("ports") {
			if n, ok := p["port"].(float64); ok && (port == 0 || p.String("name") == "https") {
				port = int(n)
			}
		}
		for _, e := range sl.Maps("endpoints") {
			for _, a := range e.Strings("addresses") {
				addr := net.JoinHostPort(a, strconv.Itoa(port))
				if port == 0 || addr == s.APIServer {
					continue
				}
				s.Endpoints = append(s.Endpoints, Endpoint{What: "apiserver at " + a, Addr: addr, Name: a, Bundle: s.Endpoints[0].Bundle, node: a, port: port})
			}
		}
	}
}

func (c *Cluster) kubelets(ctx context.Context, s *Snapshot) {
	nodes, err := c.Client.List(ctx, pathNodes, nil)
	if err != nil {
		s.blind("nodes", err)
		return
	}
	for _, n := range nodes {
		port := 10250
		if p, ok := n.Dig("status", "daemonEndpoints", "kubeletEndpoint", "Port").(float64); ok && p > 0 {
			port = int(p)
		}
		e := Endpoint{What: "kubelet of node " + n.Name(), node: n.Name(), port: port}
		// The order in which kubeadm lets the API server choose.
		for _, typ := range []string{"InternalIP", "ExternalIP", "Hostname"} {
			if as := addresses(n, typ); len(as) > 0 {
				e.Name, e.Addr = as[0], net.JoinHostPort(as[0], strconv.Itoa(port))
				break
			}
		}
		if e.Addr == "" {
			e.Err = errors.New("its Node has no address: the API server cannot call it either")
		}
		s.Endpoints = append(s.Endpoints, e)
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

// etcd adds the members that run as kubeadm's static pods. Their CA is nowhere
// in the cluster's objects.
func (c *Cluster) etcd(ctx context.Context, s *Snapshot) {
	pods, err := c.Client.List(ctx, "/api/v1/namespaces/kube-system/pods", url.Values{"labelSelector": {"component=etcd,tier=control-plane"}})
	if err != nil {
		s.blind("etcd's pods", err)
		return
	}
	for _, p := range pods {
		ip := p.String("status", "podIP")
		if p.String("status", "phase") != "Running" || ip == "" {
			continue
		}
		s.Endpoints = append(s.Endpoints, Endpoint{What: "etcd of node " + p.String("spec", "nodeName"), Addr: net.JoinHostPort(ip, "2379"), Name: ip, Trust: Foreign, node: p.String("spec", "nodeName"), port: 2379})
	}
}

func (c *Cluster) webhooks(ctx context.Context, s *Snapshot) {
	for _, path := range []string{pathValidating, pathMutating} {
		what := path[strings.LastIndexByte(path, '/')+1:]
		list, err := c.Client.List(ctx, path, nil)
		if err != nil {
			s.blind(what, err)
			continue
		}
		for _, o := range list {
			items, _, err := inspect.Object(inspect.Cluster, o, inspect.Options{})
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
				s.client("webhook "+name, cc, bundle)
			}
		}
	}
}

// conversions adds the conversion webhooks of custom resources: while one of
// them cannot be called, no object of its kind can be read.
func (c *Cluster) conversions(ctx context.Context, s *Snapshot) {
	// Schemas make these objects large.
	list, err := c.Client.List(ctx, pathCRDs, url.Values{"limit": {"50"}})
	if err != nil {
		s.blind("customresourcedefinitions", err)
		return
	}
	for _, o := range list {
		cc, ok := o.Dig("spec", "conversion", "webhook", "clientConfig").(map[string]any)
		if !ok || o.String("spec", "conversion", "strategy") != "Webhook" {
			continue
		}
		items, _, err := inspect.Object(inspect.Cluster, o, inspect.Options{})
		if err != nil {
			s.Blind = append(s.Blind, fmt.Sprintf("customresourcedefinition %s: %v", o.Name(), err))
		}
		s.client("conversion webhook of "+o.Name(), cc, items)
	}
}

func (c *Cluster) apiServices(ctx context.Context, s *Snapshot) {
	list, err := c.Client.List(ctx, pathAPIServices, nil)
	if err != nil {
		s.blind("apiservices", err)
		return
	}
	for _, o := range list {
		svc, ok := o.Dig("spec", "service").(map[string]any)
		if !ok {
			continue
		}
		items, _, err := inspect.Object(inspect.Cluster, o, inspect.Options{})
		if err != nil {
			s.Blind = append(s.Blind, fmt.Sprintf("apiservice %s: %v", o.Name(), err))
		}
		e := s.client("apiservice "+o.Name(), map[string]any{"service": svc}, items)
		if skip, _ := o.Dig("spec", "insecureSkipTLSVerify").(bool); skip {
			e.Trust = Blindly
		}
	}
}

// client adds the server that a clientConfig leads to.
func (s *Snapshot) client(what string, cc map[string]any, bundle []inspect.Item) *Endpoint {
	s.Endpoints = append(s.Endpoints, Endpoint{What: what, Bundle: bundle})
	e := &s.Endpoints[len(s.Endpoints)-1]
	if len(bundle) == 0 {
		e.Trust = BySystem
	}
	if raw, _ := cc["url"].(string); raw != "" {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			e.Err = fmt.Errorf("its url %q is not one", raw)
			return e
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		e.Addr, e.Name = net.JoinHostPort(u.Hostname(), port), u.Hostname()
		return e
	}
	svc, _ := cc["service"].(map[string]any)
	e.service.Namespace, _ = svc["namespace"].(string)
	e.service.Name, _ = svc["name"].(string)
	e.service.Port = 443
	if p, ok := svc["port"].(float64); ok {
		e.service.Port = int(p)
	}
	e.Name = e.service.Name + "." + e.service.Namespace + ".svc"
	e.Addr = fmt.Sprintf("%s:%d", e.Name, e.service.Port)
	return e
}
