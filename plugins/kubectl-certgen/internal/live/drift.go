package live

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Missing is a name or an address that clients use for the API server and that
// its certificate does not have.
type Missing struct {
	Name string
	// Why says where clients get it from.
	Why string
}

// Drift compares the API server's certificate with what the cluster's objects
// lead its clients to: the Service kubernetes, its endpoints, the control-plane
// nodes, kubeadm's configuration, and the kubeconfig in use.
func (c *Cluster) Drift(ctx context.Context, cert *x509.Certificate) ([]Missing, error) {
	var want []Missing
	add := func(why string, names ...string) {
		for _, n := range names {
			if n != "" && n != "None" && !slices.ContainsFunc(want, func(m Missing) bool { return m.Name == n }) {
				want = append(want, Missing{n, why})
			}
		}
	}
	add("every pod asks for it", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
	var firstErr error
	note := func(what string, err error) {
		if err != nil && firstErr == nil {
			firstErr = fmt.Errorf("%s: %w", what, err)
		}
	}
	svc, err := c.get(ctx, "/api/v1/namespaces/default/services/kubernetes")
	note("service default/kubernetes", err)
	if err == nil {
		add("Service default/kubernetes", svc.Strings("spec", "clusterIPs")...)
	}
	sl, err := c.Client.List(ctx, pathKubernetes, url.Values{"labelSelector": {"kubernetes.io/service-name=kubernetes"}})
	note("endpointslices of default/kubernetes", err)
	if err == nil {
		for _, o := range sl {
			for _, e := range o.Maps("endpoints") {
				add("endpoint of Service default/kubernetes", e.Strings("addresses")...)
			}
		}
	}
	nodes, err := c.Client.List(ctx, pathNodes, url.Values{"labelSelector": {"node-role.kubernetes.io/control-plane"}})
	note("control-plane nodes", err)
	if err == nil && len(nodes) == 1 {
		// With several, each has a certificate of its own.
		n := nodes[0]
		add("control-plane node "+n.Name(), append(addresses(n, "InternalIP"), addresses(n, "Hostname")...)...)
	}
	if u, err := url.Parse(c.Config.Host); err == nil && c.Config.ServerName == "" {
		add("server of this kubeconfig", u.Hostname())
	}
	if cp := c.controlPlaneEndpoint(ctx); cp != "" {
		h := cp
		if host, _, err := net.SplitHostPort(cp); err == nil {
			h = host
		}
		add("controlPlaneEndpoint of kubeadm-config", h)
	}
	var out []Missing
	for _, m := range want {
		if cert.VerifyHostname(m.Name) != nil {
			out = append(out, m)
		}
	}
	return out, firstErr
}

// controlPlaneEndpoint reads kubeadm's ClusterConfiguration, "" where there is
// none.
func (c *Cluster) controlPlaneEndpoint(ctx context.Context) string {
	cm, err := c.get(ctx, "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
	if err != nil {
		return ""
	}
	for _, l := range strings.Split(cm.String("data", "ClusterConfiguration"), "\n") {
		if v, ok := strings.CutPrefix(l, "controlPlaneEndpoint:"); ok {
			return strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return ""
}
