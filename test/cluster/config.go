package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// Names of the control plane's components, as Cluster.Processes,
// Cluster.StopComponent, Cluster.StartComponent and Cluster.Signal take them.
// Further API servers are called kube-apiserver-2 and so on.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
)

// Config says what cluster to start. The zero value with a Name is a control
// plane without nodes.
type Config struct {
	// Name tells clusters on one machine apart: lower-case letters, digits and
	// dashes, at most 24.
	Name string
	// Nodes is how many real nodes to start: kube-worker-1, kube-worker-2, ...
	Nodes int
	// NodeConfigs changes single nodes, by name. A node that is not in it gets
	// DefaultNodeConfig.
	NodeConfigs map[string]NodeConfig

	// APIServers is how many API servers share the etcd; 0 means 1.
	APIServers int

	// EtcdFlags, APIServerFlags, ControllerManagerFlags and SchedulerFlags are
	// added to the flags that the package gives; --name=value replaces the
	// package's own --name, and --name alone (with a trailing minus,
	// "--name-") takes it away. A flag given twice here is passed twice.
	EtcdFlags              []string
	APIServerFlags         []string
	ControllerManagerFlags []string
	SchedulerFlags         []string

	// NoControllerManager and NoScheduler leave these out.
	NoControllerManager bool
	NoScheduler         bool

	// NodeMonitorGracePeriod is the controller-manager's
	// --node-monitor-grace-period; 0 leaves the default, 50 s. kubelets renew
	// their leases every 10 s, so less than about 16 s makes healthy nodes flap.
	NodeMonitorGracePeriod time.Duration

	// LogFormat is every component's --logging-format: "" (text) or "json".
	LogFormat string
	// Verbosity is every component's -v; 0 means 2.
	Verbosity int

	// StartTimeout is how long each component may take to be ready; 0 means 90 s.
	StartTimeout time.Duration

	// PKIDir is a folder in the layout of kubeadm's /etc/kubernetes (pki/ca.crt,
	// pki/etcd/ca.crt, ..., admin.conf, controller-manager.conf, scheduler.conf,
	// kubelet-NODE.conf) that is copied and used as it is. What it lacks is
	// generated if the certificate authority's key is there, else Start fails
	// and names the file.
	PKIDir string
	// MakePKI, when set, is called with an empty folder to be filled in that
	// layout, and with the addresses that the certificates and kubeconfigs have
	// to name. What it does not make is generated as with PKIDir.
	MakePKI func(dir string, at Endpoints) error `json:"-"`
	// ExactPKI refuses to generate anything: the whole cluster then stands on
	// what PKIDir or MakePKI brought.
	ExactPKI bool

	// Binary is the components' binary; "" finds it as Binary does.
	Binary string
	// Version is the Kubernetes version ("v1.34.4") whose binary to look for in
	// the cache; "" is $CLUSTERWRIGHT_VERSION, else this module's own.
	Version string

	// Dir is the cluster's folder; "" is a folder called Name below BaseDir().
	Dir string
}

// NodeConfig changes one node.
type NodeConfig struct {
	// Zone is the label topology.kubernetes.io/zone.
	Zone string
	// Labels are further node labels.
	Labels map[string]string
	// SystemLogQuery switches on the log query of the kubelet's API.
	SystemLogQuery bool
	// ServerTLSBootstrap makes the kubelet ask for its serving certificate with
	// a CertificateSigningRequest, which nobody approves unless you do.
	ServerTLSBootstrap bool
	// ClientCertificateLifetime of the certificate in the node's kubeconfig; 0
	// is a year.
	ClientCertificateLifetime time.Duration
	// Kubelet is merged over the KubeletConfiguration that the package makes;
	// a nil value removes a field.
	Kubelet map[string]any
	// KubeletFlags are added to the kubelet's command line.
	KubeletFlags []string
	// Containerd is appended to the node's containerd configuration (TOML).
	Containerd string
	// DiskMiB is the size of the filesystem of /var/lib/kubelet; 0 means 512.
	DiskMiB int
}

// DefaultNodeConfig is what a node gets that Config.NodeConfigs does not name:
// every node in a zone of its own number (z1, z2, ...), the log query on for
// the first node only, so that its absence can be met too.
func DefaultNodeConfig(number int) NodeConfig {
	return NodeConfig{Zone: fmt.Sprintf("z%d", number), SystemLogQuery: number == 1}
}

// Endpoints are a cluster's addresses, fixed by its index before anything is
// started.
type Endpoints struct {
	// APIServer is the host part of the first API server's URL, an IP address.
	APIServer string
	// APIServerPorts has one port for each API server.
	APIServerPorts []int
	// ServiceIP is the address of the service kubernetes.default.
	ServiceIP string
	// EtcdClientPort and EtcdPeerPort are etcd's ports on 127.0.0.1.
	EtcdClientPort, EtcdPeerPort int
	// ControllerManagerPort and SchedulerPort are theirs on 127.0.0.1.
	ControllerManagerPort, SchedulerPort int
	// NodeIPs are the nodes' addresses by node name.
	NodeIPs map[string]string
}

// URL is the first API server's.
func (e Endpoints) URL() string { return e.URLOf(0) }

// URLOf is the URL of API server i, counted from 0.
func (e Endpoints) URLOf(i int) string {
	return fmt.Sprintf("https://%s:%d", e.APIServer, e.APIServerPorts[i])
}

// ServiceCIDR is the range of service addresses in every cluster.
const ServiceCIDR = "10.96.0.0/16"

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$`)

func (c *Config) complete() error {
	if !validName.MatchString(c.Name) {
		return fmt.Errorf("cluster name %q: want lower-case letters, digits and dashes, at most 24", c.Name)
	}
	if c.APIServers == 0 {
		c.APIServers = 1
	}
	if c.APIServers > 5 || c.Nodes > 9 {
		return fmt.Errorf("cluster %s: at most 5 API servers and 9 nodes", c.Name)
	}
	if c.Verbosity == 0 {
		c.Verbosity = 2
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 90 * time.Second
	}
	if c.Nodes > 0 {
		if err := CanRunNodes(); err != nil {
			return err
		}
	}
	if c.Dir == "" {
		c.Dir = filepath.Join(BaseDir(), c.Name)
	}
	return nil
}

// NodeName is the name of node number n, counted from 1.
func NodeName(n int) string { return fmt.Sprintf("kube-worker-%d", n) }

// BaseDir is the folder that holds the clusters' folders: $CLUSTERWRIGHT_TEST,
// else /var/lib/clusterwright-test for root, else a folder in the user's cache.
func BaseDir() string {
	if d := os.Getenv("CLUSTERWRIGHT_TEST"); d != "" {
		return d
	}
	if os.Getuid() == 0 {
		return "/var/lib/clusterwright-test"
	}
	return filepath.Join(program.Cache(), "clusters")
}
