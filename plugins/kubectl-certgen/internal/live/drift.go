package live

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
// nodes, kubeadm's configuration, and the kubeconfig in use. blind says what of
// it could not be read.
func (c *Cluster) Drift(ctx context.Context, cert *x509.Certificate) (out []Missing, blind []string) {
	var want []Missing
	add := func(why string, names ...string) {
		for _, n := range names {
			if n != "" && n != "None" && !slices.ContainsFunc(want, func(m Missing) bool { return m.Name == n }) {
				want = append(want, Missing{n, why})
			}
		}
	}
	add("every pod asks for it", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
	unread := map[string][]string{}
	note := func(what string, err error) {
		if err != nil {
			unread[Cause(err)] = append(unread[Cause(err)], what)
		}
	}
	svc, err := c.get(ctx, "/api/v1/namespaces/default/services/kubernetes")
	note("Service default/kubernetes", err)
	if err == nil {
		add("Service default/kubernetes", svc.Strings("spec", "clusterIPs")...)
	}
	sl, err := c.Client.List(ctx, pathKubernetes, url.Values{"labelSelector": {"kubernetes.io/service-name=kubernetes"}})
	note("EndpointSlices of default/kubernetes", err)
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
	if c.Config.ServerName == "" {
		add("server of this kubeconfig", c.Client.URL("").Hostname())
	}
	cp, err := c.controlPlaneEndpoint(ctx)
	note("ConfigMap kube-system/kubeadm-config", err)
	if cp != "" {
		h := cp
		if host, _, err := net.SplitHostPort(cp); err == nil {
			h = host
		}
		add("controlPlaneEndpoint of kubeadm-config", h)
	}
	for _, m := range want {
		if cert.VerifyHostname(m.Name) != nil {
			out = append(out, m)
		}
	}
	for _, cause := range slices.Sorted(maps.Keys(unread)) {
		blind = append(blind, fmt.Sprintf("names that clients use (%s): %s", strings.Join(unread[cause], ", "), cause))
	}
	return out, blind
}

// controlPlaneEndpoint reads kubeadm's ClusterConfiguration, "" where there is
// none.
func (c *Cluster) controlPlaneEndpoint(ctx context.Context) (string, error) {
	cm, err := c.get(ctx, "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
	if err != nil {
		if apierrors.IsNotFound(err) {
			err = nil
		}
		return "", err
	}
	for _, l := range strings.Split(cm.String("data", "ClusterConfiguration"), "\n") {
		if v, ok := strings.CutPrefix(l, "controlPlaneEndpoint:"); ok {
			return strings.Trim(strings.TrimSpace(v), `"'`), nil
		}
	}
	return "", nil
}
