package clusterpki

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Kind and APIVersion of certgen's own description of a cluster.
const (
	APIVersion = "certgen.clusterwright.dev/v1alpha1"
	Kind       = "ClusterPKI"
)

// own is certgen's own file.
type own struct {
	APIVersion           string    `yaml:"apiVersion"`
	Kind                 string    `yaml:"kind"`
	ClusterName          string    `yaml:"clusterName"`
	ControlPlaneEndpoint string    `yaml:"controlPlaneEndpoint"`
	Port                 int       `yaml:"port"`
	ServiceSubnet        string    `yaml:"serviceSubnet"`
	DNSDomain            string    `yaml:"dnsDomain"`
	ControlPlanes        []ownNode `yaml:"controlPlanes"`
	Workers              []ownNode `yaml:"workers"`
	Etcd                 []ownNode `yaml:"etcd"`
	CertSANs             []string  `yaml:"certSANs"`
	EtcdServerSANs       []string  `yaml:"etcdServerSANs"`
	EtcdPeerSANs         []string  `yaml:"etcdPeerSANs"`
	Key                  string    `yaml:"key"`
	Days                 int       `yaml:"days"`
	CADays               int       `yaml:"caDays"`
	KubeletServing       bool      `yaml:"kubeletServing"`
}

type ownNode struct {
	Name string   `yaml:"name"`
	IPs  []string `yaml:"ips"`
	DNS  []string `yaml:"dns"`
}

// kubeadmConfig is what matters here of kubeadm's ClusterConfiguration, v1beta3
// and v1beta4 alike.
type kubeadmConfig struct {
	ClusterName          string `yaml:"clusterName"`
	ControlPlaneEndpoint string `yaml:"controlPlaneEndpoint"`
	Networking           struct {
		ServiceSubnet string `yaml:"serviceSubnet"`
		DNSDomain     string `yaml:"dnsDomain"`
	} `yaml:"networking"`
	APIServer struct {
		CertSANs []string `yaml:"certSANs"`
	} `yaml:"apiServer"`
	Etcd struct {
		Local *struct {
			ServerCertSANs []string `yaml:"serverCertSANs"`
			PeerCertSANs   []string `yaml:"peerCertSANs"`
		} `yaml:"local"`
		External *struct {
			Endpoints []string `yaml:"endpoints"`
			CAFile    string   `yaml:"caFile"`
			CertFile  string   `yaml:"certFile"`
			KeyFile   string   `yaml:"keyFile"`
		} `yaml:"external"`
	} `yaml:"etcd"`
	EncryptionAlgorithm         string `yaml:"encryptionAlgorithm"`
	CertificateValidityPeriod   string `yaml:"certificateValidityPeriod"`
	CACertificateValidityPeriod string `yaml:"caCertificateValidityPeriod"`
}

// initConfig is what matters of InitConfiguration and JoinConfiguration.
type initConfig struct {
	NodeRegistration struct {
		Name string `yaml:"name"`
	} `yaml:"nodeRegistration"`
	LocalAPIEndpoint localEndpoint `yaml:"localAPIEndpoint"`
	ControlPlane     *struct {
		LocalAPIEndpoint localEndpoint `yaml:"localAPIEndpoint"`
	} `yaml:"controlPlane"`
}

type localEndpoint struct {
	AdvertiseAddress string `yaml:"advertiseAddress"`
	BindPort         int    `yaml:"bindPort"`
}

// Read takes a cluster from a file: a ClusterPKI, or kubeadm's
// ClusterConfiguration (v1beta3, v1beta4) with its InitConfiguration and
// JoinConfigurations, or the ConfigMap kubeadm-config of a cluster.
func Read(name string, data []byte) (*Spec, error) {
	f, err := yamldoc.Parse(name, data)
	if err != nil {
		return nil, err
	}
	s := &Spec{}
	return s, s.read(name, f)
}

func (s *Spec) read(name string, f *yamldoc.File) (err error) {
	known := 0
	for _, d := range f.Docs {
		if d.Root == nil {
			continue
		}
		version, kind := yamldoc.String(d.Root, "apiVersion"), yamldoc.String(d.Root, "kind")
		line := d.Root.Line
		switch {
		case kind == Kind && version == APIVersion:
			err = s.readOwn(f.Bytes[d.Start:d.End], bytes.Count(f.Bytes[:d.Start], []byte("\n")))
		case kind == "ClusterConfiguration" && strings.HasPrefix(version, "kubeadm.k8s.io/"):
			if version != "kubeadm.k8s.io/v1beta3" && version != "kubeadm.k8s.io/v1beta4" {
				return fmt.Errorf("%s:%d: %s: v1beta3 and v1beta4 are read ('kubeadm config migrate' makes one of an older one)", name, line, version)
			}
			s.unknownFields(name, version, kind, d.Root)
			err = s.readKubeadm(d.Root)
		case (kind == "InitConfiguration" || kind == "JoinConfiguration") && strings.HasPrefix(version, "kubeadm.k8s.io/"):
			s.unknownFields(name, version, kind, d.Root)
			err = s.readInit(kind, d.Root)
		case kind == "ConfigMap" && version == "v1":
			// What kubeadm keeps in the cluster, as kubectl get -o yaml prints it.
			data, _ := yamldoc.Get(d.Root, "data")
			text := yamldoc.String(data, "ClusterConfiguration")
			if text == "" {
				return fmt.Errorf("%s:%d: a ConfigMap without data.ClusterConfiguration: kubeadm's is kube-system/kubeadm-config", name, line)
			}
			inner, perr := yamldoc.Parse(name+" data.ClusterConfiguration", []byte(text))
			if perr != nil {
				return perr
			}
			if err := s.read(name+" data.ClusterConfiguration", inner); err != nil {
				return err
			}
		case kind == "KubeletConfiguration" || kind == "KubeProxyConfiguration":
			continue // often in the same file, and nothing to certificates
		case kind == "":
			return fmt.Errorf("%s:%d: not a ClusterPKI and not a kubeadm configuration: it has no kind", name, line)
		default:
			return fmt.Errorf("%s:%d: %s %s: not a ClusterPKI and not a kubeadm configuration", name, line, version, kind)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		known++
	}
	if known == 0 {
		return fmt.Errorf("%s: no YAML document in it, only comments", name)
	}
	return nil
}

// readOwn reads a ClusterPKI, before which lines stand in its file.
func (s *Spec) readOwn(text []byte, lines int) error {
	var o own
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&o); err != nil {
		return yamlError(err, lines)
	}
	s.Name, s.Endpoint, s.Port, s.KubeletServing = o.ClusterName, o.ControlPlaneEndpoint, o.Port, o.KubeletServing
	for _, d := range []struct {
		field string
		n     int
		to    *time.Duration
	}{{"days", o.Days, &s.Validity}, {"caDays", o.CADays, &s.CAValidity}} {
		if d.n < 0 || d.n > profile.MaxDays {
			return fmt.Errorf("%s %d: not between 1 and %d (200 years)", d.field, d.n, profile.MaxDays)
		}
		*d.to = profile.Days(d.n)
	}
	if err := s.network(o.ServiceSubnet, o.DNSDomain); err != nil {
		return err
	}
	for _, g := range []struct {
		from []ownNode
		to   *[]Node
	}{{o.ControlPlanes, &s.ControlPlanes}, {o.Workers, &s.Workers}, {o.Etcd, &s.Etcd}} {
		for _, n := range g.from {
			node, err := newNode(n.Name)
			if err != nil {
				return err
			}
			for _, ip := range n.IPs {
				a, err := san.ParseIP(ip)
				if err != nil {
					return fmt.Errorf("node %s: %w", n.Name, err)
				}
				node.IPs = append(node.IPs, a)
			}
			for _, dns := range n.DNS {
				d, err := san.ParseDNS(dns)
				if err != nil {
					return fmt.Errorf("node %s: %w", n.Name, err)
				}
				node.DNS = append(node.DNS, d)
			}
			*g.to = append(*g.to, node)
		}
	}
	if o.Key != "" {
		k, err := pki.ParseKeySpec(o.Key)
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		s.Key = k
	}
	return s.sans(o.CertSANs, o.EtcdServerSANs, o.EtcdPeerSANs)
}

func (s *Spec) sans(api, server, peer []string) error {
	for _, g := range []struct {
		field string
		from  []string
		to    *[]pki.GeneralName
	}{{"certSANs", api, &s.CertSANs}, {"serverCertSANs", server, &s.EtcdServerSANs}, {"peerCertSANs", peer, &s.EtcdPeerSANs}} {
		for _, v := range g.from {
			n, err := san.Parse(v)
			if err != nil {
				return fmt.Errorf("%s: %w", g.field, err)
			}
			*g.to = san.Add(*g.to, n)
		}
	}
	return nil
}

func (s *Spec) network(subnet, domain string) (err error) {
	if subnet != "" {
		if s.ServiceCIDRs, err = san.ServiceCIDRs([]string{subnet}); err != nil {
			return fmt.Errorf("serviceSubnet: %w", err)
		}
	}
	if domain != "" {
		if s.Domain, err = san.ParseDomain(domain); err != nil {
			return fmt.Errorf("dnsDomain: %w", err)
		}
	}
	return nil
}

func (s *Spec) readKubeadm(root *yaml.Node) error {
	var k kubeadmConfig
	if err := root.Decode(&k); err != nil {
		return yamlError(err, 0)
	}
	s.Name, s.Endpoint = k.ClusterName, k.ControlPlaneEndpoint
	if err := s.network(k.Networking.ServiceSubnet, k.Networking.DNSDomain); err != nil {
		return fmt.Errorf("networking: %w", err)
	}
	var server, peer []string
	if k.Etcd.Local != nil {
		server, peer = k.Etcd.Local.ServerCertSANs, k.Etcd.Local.PeerCertSANs
	}
	if err := s.sans(k.APIServer.CertSANs, server, peer); err != nil {
		return err
	}
	if k.EncryptionAlgorithm != "" {
		spec, err := pki.ParseKeySpec(k.EncryptionAlgorithm)
		if err != nil || spec == pki.Ed25519 {
			return fmt.Errorf("encryptionAlgorithm %q: not one of RSA-2048, RSA-3072, RSA-4096, ECDSA-P256, ECDSA-P384", k.EncryptionAlgorithm)
		}
		s.Key = spec
	}
	for _, p := range []struct {
		field, value string
		to           *time.Duration
	}{{"certificateValidityPeriod", k.CertificateValidityPeriod, &s.Validity}, {"caCertificateValidityPeriod", k.CACertificateValidityPeriod, &s.CAValidity}} {
		if p.value == "" {
			continue
		}
		d, err := time.ParseDuration(p.value)
		if err != nil || d <= 0 {
			return fmt.Errorf("%s %q: not a time such as 8760h", p.field, p.value)
		}
		*p.to = d
	}
	if k.Etcd.External != nil {
		s.ExternalEtcd = true
		for _, f := range []struct{ field, reads, made string }{
			{"caFile", k.Etcd.External.CAFile, "etcd/ca.crt"}, {"certFile", k.Etcd.External.CertFile, "apiserver-etcd-client.crt"}, {"keyFile", k.Etcd.External.KeyFile, "apiserver-etcd-client.key"},
		} {
			if f.reads != "" && f.reads != "/etc/kubernetes/pki/"+f.made {
				s.Warnings = append(s.Warnings, fmt.Sprintf("etcd.external.%s is %s: copy pki/%s there on each control-plane node", f.field, f.reads, f.made))
			}
		}
		for _, e := range k.Etcd.External.Endpoints {
			if err := s.member(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// member adds an external etcd member by its endpoint.
func (s *Spec) member(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("etcd.external.endpoints: %q is not a URL such as https://10.0.0.1:2379", endpoint)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		s.Etcd = append(s.Etcd, Node{Name: fmt.Sprintf("etcd-%d", len(s.Etcd)+1), IPs: []netip.Addr{a}})
		return nil
	}
	n, err := newNode(u.Hostname())
	if err != nil {
		return fmt.Errorf("etcd.external.endpoints: %w", err)
	}
	n.DNS = []string{n.Name} // its address is the name service's affair
	s.Etcd = append(s.Etcd, n)
	return nil
}

func (s *Spec) readInit(kind string, root *yaml.Node) error {
	var c initConfig
	if err := root.Decode(&c); err != nil {
		return yamlError(err, 0)
	}
	at, control := c.LocalAPIEndpoint, kind == "InitConfiguration"
	if c.ControlPlane != nil {
		at, control = c.ControlPlane.LocalAPIEndpoint, true
	}
	if at.BindPort != 0 {
		s.Port = at.BindPort
	}
	if c.NodeRegistration.Name == "" {
		if at.AdvertiseAddress != "" {
			return fmt.Errorf("%s: nodeRegistration.name is not set: the node's certificates need its name (kubeadm takes the host's own)", kind)
		}
		return nil
	}
	n, err := newNode(c.NodeRegistration.Name)
	if err != nil {
		return err
	}
	if at.AdvertiseAddress != "" {
		a, err := san.ParseIP(at.AdvertiseAddress)
		if err != nil {
			return fmt.Errorf("localAPIEndpoint: %w", err)
		}
		n.IPs = append(n.IPs, a)
	}
	if control {
		s.ControlPlanes = append(s.ControlPlanes, n)
	} else {
		s.Workers = append(s.Workers, n)
	}
	return nil
}

// yamlError takes the library's name and Go's types out of a message.
func yamlError(cause error, lines int) (err error) {
	err = cause
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	msg = strings.TrimPrefix(msg, "unmarshal errors:\n  ")
	var te *yaml.TypeError
	if errors.As(err, &te) && len(te.Errors) > 0 {
		msg = te.Errors[0]
	}
	var line int
	if n, _ := fmt.Sscanf(msg, "line %d:", &line); n == 1 {
		_, rest, _ := strings.Cut(msg, ": ")
		msg = fmt.Sprintf("line %d: %s", line+lines, rest)
	}
	if i := strings.Index(msg, " not found in type "); i > 0 {
		msg = msg[:i] + ": no such field"
	}
	if i := strings.Index(msg, " into "); i > 0 && strings.Contains(msg, "cannot unmarshal") {
		want := ""
		switch t := msg[i+len(" into "):]; {
		case strings.HasPrefix(t, "[]"):
			want = "; a list is wanted"
		case t == "string":
			want = "; a text is wanted"
		case t == "int" || t == "bool":
			want = "; a " + map[string]string{"int": "number", "bool": "truth value"}[t] + " is wanted"
		default:
			want = "; a mapping is wanted"
		}
		defer func() { err = fmt.Errorf("%w%s", err, want) }()
		msg = strings.Replace(msg[:i], "cannot unmarshal ", "of the wrong kind: ", 1)
		msg = strings.NewReplacer("!!str", "text", "!!map", "a mapping", "!!seq", "a list", "!!int", "a number").Replace(msg)
	}
	return errors.New(msg)
}
