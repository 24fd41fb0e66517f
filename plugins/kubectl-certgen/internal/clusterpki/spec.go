// Package clusterpki makes the whole PKI of a kubeadm-style cluster in one run,
// offline: three certificate authorities, the certificates and kubeconfigs of
// every control-plane node, of external etcd members and of workers.
//
// The folder it makes has pki/, with the authorities and the service account
// key, and a folder for each node that is what belongs into /etc/kubernetes on
// that node, no more and no less: a worker gets no CA key.
package clusterpki

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/kubeconfig"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
)

// Node is a machine of the cluster.
type Node struct {
	Name string
	// IPs are its addresses; the first is the one that it is reached by.
	IPs []netip.Addr
	DNS []string
}

// Spec is the cluster.
type Spec struct {
	// Name is the cluster's name in kubeconfigs.
	Name string
	// Endpoint is what clients dial: host, or host:port; "" is the first
	// control-plane node.
	Endpoint string
	// Port is the API servers'.
	Port         int
	ServiceCIDRs []netip.Prefix
	Domain       string
	// ControlPlanes run an API server, and an etcd member when Etcd is empty.
	ControlPlanes []Node
	Workers       []Node
	// Etcd are the members of an external etcd.
	Etcd []Node
	// ExternalEtcd says that etcd is not on the control-plane nodes, also when
	// its members are not known.
	ExternalEtcd bool
	// CertSANs are further names of the API servers; EtcdServerSANs and
	// EtcdPeerSANs of etcd's members.
	CertSANs, EtcdServerSANs, EtcdPeerSANs []pki.GeneralName
	// Key is the type of all keys, "" for the profile's.
	Key pki.KeySpec
	// CAValidity and Validity are 0 for the profile's.
	CAValidity, Validity time.Duration
	// KubeletServing adds serving certificates for the kubelets, which kubeadm
	// leaves to the kubelets themselves.
	KubeletServing bool
	// Warnings are about what the file says and nobody follows.
	Warnings []string
}

// ParseNode reads NAME=ADDRESS[,ADDRESS or NAME...], a node on the command
// line.
func ParseNode(s string) (Node, error) {
	name, rest, _ := strings.Cut(s, "=")
	n, err := newNode(name)
	if err != nil {
		return n, err
	}
	if strings.TrimSpace(rest) == "" {
		return n, nil
	}
	for _, part := range strings.Split(rest, ",") {
		if err := n.add(part); err != nil {
			return n, fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	return n, nil
}

func newNode(name string) (Node, error) {
	d, err := san.ParseDNS(name)
	switch {
	case err != nil:
		return Node{}, fmt.Errorf("node: %w", err)
	case strings.Contains(d, "*"):
		return Node{}, fmt.Errorf("node %q: has a wildcard", name)
	case d != strings.TrimSpace(name):
		return Node{}, fmt.Errorf("node %q: Node names are in lower case: %s", name, d)
	case d == "pki":
		return Node{}, errors.New(`node "pki": the folder of that name holds the authorities`)
	}
	return Node{Name: d}, layout.CheckName(d)
}

func (n *Node) add(s string) error {
	g, err := san.Parse(s)
	if err != nil {
		return err
	}
	if g.Kind == pki.IP {
		n.IPs = append(n.IPs, netip.MustParseAddr(g.Value))
	} else {
		n.DNS = append(n.DNS, g.Value)
	}
	return nil
}

// Check fills what has a default and refuses what cannot be a cluster.
func (s *Spec) Check() error {
	if s.Name == "" {
		s.Name = "kubernetes"
	}
	if s.Port == 0 {
		s.Port = 6443
	}
	if s.Port < 1 || s.Port > 65535 {
		return fmt.Errorf("API server port %d: not between 1 and 65535", s.Port)
	}
	if s.Domain == "" {
		s.Domain = "cluster.local"
	}
	if len(s.ServiceCIDRs) == 0 {
		s.ServiceCIDRs = []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")}
	}
	if len(s.ControlPlanes) == 0 {
		return errors.New("no control-plane node: give --control-plane NAME=ADDRESS, or one in the file of -f")
	}
	if len(s.Etcd) > 0 {
		s.ExternalEtcd = true
	}
	seen, addr := map[string]bool{}, map[netip.Addr]string{}
	for _, group := range [][]Node{s.ControlPlanes, s.Workers, s.Etcd} {
		for _, n := range group {
			if seen[n.Name] {
				return fmt.Errorf("node %s: given twice", n.Name)
			}
			seen[n.Name] = true
			for _, a := range n.IPs {
				switch other, dup := addr[a]; {
				case dup && other == n.Name:
					return fmt.Errorf("node %s: has the address %s twice; leave one out", n.Name, a)
				case dup:
					return fmt.Errorf("nodes %s and %s: both have the address %s", other, n.Name, a)
				}
				addr[a] = n.Name
			}
		}
	}
	for _, n := range s.ControlPlanes {
		if len(n.IPs) == 0 {
			return fmt.Errorf("control-plane node %s: has no address; give %s=ADDRESS", n.Name, n.Name)
		}
	}
	for _, n := range s.Etcd {
		if len(n.IPs) == 0 && len(n.DNS) == 0 {
			return fmt.Errorf("etcd member %s: has no address; give %s=ADDRESS", n.Name, n.Name)
		}
	}
	s.doubtful()
	_, err := s.endpoint()
	return err
}

// doubtful warns of addresses that certificates can have and a cluster cannot use.
func (s *Spec) doubtful() {
	many := len(s.ControlPlanes)+len(s.Workers)+len(s.Etcd) > 1
	for _, group := range [][]Node{s.ControlPlanes, s.Workers, s.Etcd} {
		for _, n := range group {
			for _, a := range n.IPs {
				if a.IsLoopback() && many {
					s.Warnings = append(s.Warnings, fmt.Sprintf("node %s: the other machines do not reach %s, which is each one's own", n.Name, a))
				}
				for _, p := range s.ServiceCIDRs {
					if p.Contains(a) {
						s.Warnings = append(s.Warnings, fmt.Sprintf("node %s: %s lies in the service network %s, whose addresses are no machine's: give another --service-cidr", n.Name, a, p))
					}
				}
			}
		}
	}
	for _, n := range s.ControlPlanes {
		if a, p := n.IPs[0], s.ServiceCIDRs[0]; a.Is4() != p.Addr().Is4() {
			s.Warnings = append(s.Warnings, fmt.Sprintf("node %s: kube-apiserver does not start where its address (%s) and the first service network (%s) are not of one IP family: put one of the other's family first", n.Name, a, p))
		}
	}
}

// endpoint is the URL that kubeconfigs name.
func (s *Spec) endpoint() (string, error) {
	e := s.Endpoint
	if e == "" {
		return s.local(s.ControlPlanes[0]), nil
	}
	if !strings.Contains(e, "://") && !hasPort(e) {
		e = fmt.Sprintf("%s:%d", bracket(e), s.Port)
	}
	return kubeconfig.ParseServer(e)
}

func hasPort(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	i := strings.LastIndex(s, ":")
	return i >= 0 && !strings.HasSuffix(s, "]")
}

func bracket(host string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return "[" + host + "]"
	}
	return host
}

func (s *Spec) local(n Node) string {
	return "https://" + netip.AddrPortFrom(n.IPs[0], uint16(s.Port)).String()
}

// endpointName is the endpoint's host, for the API servers' certificates.
func (s *Spec) endpointName() ([]pki.GeneralName, error) {
	if s.Endpoint == "" {
		return nil, nil
	}
	u, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	host := strings.TrimPrefix(u, "https://")
	host, _, _ = strings.Cut(host, "/")
	if i := strings.LastIndex(host, ":"); i > 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	g, err := san.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	return []pki.GeneralName{g}, nil
}
