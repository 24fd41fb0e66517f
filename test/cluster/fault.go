package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Fault is something that breaks in real clusters, done to this one, and its
// repair. Injecting returns when the fault is there; what the cluster makes of
// it (a condition, a taint) takes its own time.
type Fault struct {
	Name string
	// What happens, in one line.
	What string
	// OnNode says that the fault concerns one node.
	OnNode bool

	inject, repair func(ctx context.Context, c *Cluster, n *Node) error
}

// Faults are all that can be injected, by name with Cluster.Inject.
func Faults() []Fault {
	return []Fault{
		{"kubelet-stopped", "the kubelet is killed; its pods live on", true,
			func(_ context.Context, _ *Cluster, n *Node) error { return n.StopKubelet() }, startAll},
		{"kubelet-frozen", "the kubelet is stopped with SIGSTOP: it accepts connections and says nothing", true,
			func(_ context.Context, _ *Cluster, n *Node) error { return n.Kubelet.Signal(syscall.SIGSTOP) }, startAll},
		{"containerd-stopped", "containerd is killed; its containers live on", true,
			func(_ context.Context, _ *Cluster, n *Node) error { return n.StopContainerd() }, startAll},
		{"containerd-frozen", "containerd is stopped with SIGSTOP", true,
			func(_ context.Context, _ *Cluster, n *Node) error { return n.Containerd.Signal(syscall.SIGSTOP) }, startAll},
		{"cni-removed", "the network plugin's configuration is removed", true, removeCNI, restoreCNI},
		{"client-cert-expired", "the kubelet's client certificate expires and its renewal is not approved", true, expireClientCert, renewClientCert},
		{"serving-csr-pending", "the kubelet has no serving certificate: its request is not approved", true, withholdServingCert, restoreServingCert},
		{"disk-full", "the filesystem of /var/lib/kubelet is filled beyond the eviction threshold", true, fillDisk,
			func(ctx context.Context, c *Cluster, n *Node) error {
				os.Remove(n.Path(filler)) // absent when it was never full
				return nil
			}},
		{"cordoned", "the node takes no new pods", true,
			func(ctx context.Context, c *Cluster, n *Node) error { return c.setUnschedulable(ctx, n, true) },
			func(ctx context.Context, c *Cluster, n *Node) error { return c.setUnschedulable(ctx, n, false) }},
		{"port-dropped", "packets to the kubelet's port 10250 are dropped; all else passes", true,
			func(_ context.Context, _ *Cluster, n *Node) error { return n.iptables("-I") },
			func(_ context.Context, _ *Cluster, n *Node) error {
				for n.iptables("-D") == nil { //nolint:revive // until no such rule is left
				}
				return nil
			}},
		{"cable-pulled", "the host lives but nothing reaches it and nothing leaves it", true,
			func(_ context.Context, _ *Cluster, n *Node) error { return n.SetLink(false) },
			func(ctx context.Context, _ *Cluster, n *Node) error {
				return n.SetLink(true)
			}},
		{"host-dead", "the machine is powered off without a word", true,
			func(_ context.Context, _ *Cluster, n *Node) error { return n.PowerOff() }, startAll},
		{"clock-skewed", "the node's clock runs 2 minutes ahead, as its leases tell", true, skewClock, unskewClock},
		{"controller-manager-frozen", "the controller-manager is stopped with SIGSTOP", false,
			func(_ context.Context, c *Cluster, _ *Node) error {
				return c.Signal(ControllerManager, syscall.SIGSTOP)
			}, thawControllerManager},
		{"controller-manager-stopped", "the controller-manager is killed", false,
			func(_ context.Context, c *Cluster, _ *Node) error { return c.StopComponent(ControllerManager) },
			func(ctx context.Context, c *Cluster, _ *Node) error { return c.StartComponent(ctx, ControllerManager) }},
		{"apiserver-frozen", "the API server is stopped with SIGSTOP", false,
			func(_ context.Context, c *Cluster, _ *Node) error { return c.Signal(APIServer, syscall.SIGSTOP) },
			func(_ context.Context, c *Cluster, _ *Node) error { return c.Signal(APIServer, syscall.SIGCONT) }},
		{"etcd-stopped", "etcd is killed; the API server stays", false, stopComponent(Etcd), startControlPlane},
		{"etcd-frozen", "etcd is stopped with SIGSTOP: it accepts requests and answers none", false, freezeComponent(Etcd), startControlPlane},
		{"apiserver-stopped", "the API server is killed", false, stopComponent(APIServer), startControlPlane},
		{"scheduler-stopped", "the scheduler is killed", false, stopComponent(Scheduler), startControlPlane},
		{"apiserver-cert-expired", "the API server's serving certificate is over", false, expireLeaf("apiserver", false), renewLeaf("apiserver", false)},
		{"kubelet-client-cert-expired", "the certificate that the API server shows to kubelets is over", false, expireLeaf("apiserver-kubelet-client", true), renewLeaf("apiserver-kubelet-client", true)},
		{"front-proxy-cert-expired", "the certificate that the API server shows to aggregated APIs is over", false, expireLeaf("front-proxy-client", true), renewLeaf("front-proxy-client", true)},
		{"zone-dead", "the kubelets of all nodes in the node's zone are killed", true, stopZone, startZone},
	}
}

func findFault(name string) (Fault, error) {
	var known []string
	for _, f := range Faults() {
		if f.Name == name {
			return f, nil
		}
		known = append(known, f.Name)
	}
	return Fault{}, fmt.Errorf("no fault %q; there are %s", name, strings.Join(known, ", "))
}

// Inject does a fault to the cluster; node is ignored by faults that do not
// concern one.
func (c *Cluster) Inject(ctx context.Context, fault, node string) error {
	return c.runFault(fault, node, func(f Fault, n *Node) error { return f.inject(ctx, c, n) })
}

// Repair takes a fault away and brings the node back to work. It does not wait
// until the node is Ready: Node.WaitReady does.
func (c *Cluster) Repair(ctx context.Context, fault, node string) error {
	return c.runFault(fault, node, func(f Fault, n *Node) error { return f.repair(ctx, c, n) })
}

func (c *Cluster) runFault(fault, node string, do func(Fault, *Node) error) error {
	f, err := findFault(fault)
	if err != nil {
		return err
	}
	var n *Node
	if f.OnNode {
		if n, err = c.Node(node); err != nil {
			return err
		}
	}
	if err := do(f, n); err != nil {
		return fmt.Errorf("%s %s: %w", fault, node, err)
	}
	if n != nil {
		return n.save()
	}
	return c.save()
}

// startAll brings back whatever of a node does not run.
func startAll(ctx context.Context, _ *Cluster, n *Node) error {
	if err := n.PowerOn(); err != nil {
		return err
	}
	for _, p := range []*Process{n.Containerd, n.Kubelet} {
		if p != nil && p.Frozen() {
			if err := p.Signal(syscall.SIGCONT); err != nil {
				return err
			}
		}
	}
	if err := n.StartContainerd(ctx); err != nil {
		return err
	}
	return n.StartKubelet()
}

const cniAside = "/etc/cni/removed.conflist"

func removeCNI(ctx context.Context, _ *Cluster, n *Node) error {
	if err := os.Rename(n.Path(cniConfig), n.Path(cniAside)); err != nil {
		return err
	}
	// containerd keeps a network that it has loaded; without its configuration
	// it loads none when it starts, as after a reboot.
	return n.restartContainerd(ctx)
}

func restoreCNI(ctx context.Context, _ *Cluster, n *Node) error {
	if err := os.Rename(n.Path(cniAside), n.Path(cniConfig)); err != nil {
		return err
	}
	return n.restartContainerd(ctx)
}

func (n *Node) restartContainerd(ctx context.Context) error {
	if err := n.StopContainerd(); err != nil {
		return err
	}
	return n.StartContainerd(ctx)
}

// clientCertLife is how long the certificate of client-cert-expired lives.
const clientCertLife = 20 * time.Second

func expireClientCert(ctx context.Context, c *Cluster, n *Node) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if err := client.RbacV1().ClusterRoleBindings().Delete(ctx, autoApproval, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return c.restartWithCert(n, clientCertLife)
}

func renewClientCert(ctx context.Context, c *Cluster, n *Node) error {
	if err := c.bindAutoApproval(ctx); err != nil {
		return err
	}
	if err := c.deleteCSRs(ctx, n); err != nil {
		return err
	}
	return c.restartWithCert(n, 0)
}

// restartWithCert restarts the kubelet with a new client certificate in place of
// the one it has, rotated or not.
func (c *Cluster) restartWithCert(n *Node, life time.Duration) error {
	if err := n.StopKubelet(); err != nil {
		return err
	}
	rel := "kubelet-" + n.Name + ".conf"
	if err := c.PKI.writeKubeconfig(rel, c.Endpoints.URL(), issue{cn: "system:node:" + n.Name, org: []string{"system:nodes"}, life: life}); err != nil {
		return err
	}
	b, err := os.ReadFile(c.PKI.Path(rel))
	if err != nil {
		return err
	}
	if err := os.WriteFile(n.Path("/etc/kubernetes/kubelet.conf"), b, 0o600); err != nil {
		return err
	}
	if out, err := n.Exec("sh", "-c", "rm -f /var/lib/kubelet/pki/kubelet-client-*"); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return n.StartKubelet()
}

func withholdServingCert(_ context.Context, _ *Cluster, n *Node) error {
	return n.restartKubeletWith(func() error {
		n.Config.ServerTLSBootstrap = true
		return n.SetKubelet("serverTLSBootstrap", true)
	})
}

func restoreServingCert(ctx context.Context, c *Cluster, n *Node) error {
	if err := c.deleteCSRs(ctx, n); err != nil {
		return err
	}
	return n.restartKubeletWith(func() error {
		n.Config.ServerTLSBootstrap = false
		return n.SetKubelet("serverTLSBootstrap", false)
	})
}

func (n *Node) restartKubeletWith(change func() error) error {
	if err := n.StopKubelet(); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if out, err := n.Exec("sh", "-c", "rm -f /var/lib/kubelet/pki/kubelet-server-*"); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return n.StartKubelet()
}

// deleteCSRs removes the certificate requests of a node.
func (c *Cluster) deleteCSRs(ctx context.Context, n *Node) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	list, err := client.CertificatesV1().CertificateSigningRequests().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, csr := range list.Items {
		if csr.Spec.Username == "system:node:"+n.Name {
			if err := client.CertificatesV1().CertificateSigningRequests().Delete(ctx, csr.Name, metav1.DeleteOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

const filler = "/var/lib/kubelet/filler"

// fillDisk leaves 5% of the kubelet's filesystem, half of the threshold.
func fillDisk(_ context.Context, _ *Cluster, n *Node) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(n.Path("/var/lib/kubelet"), &st); err != nil {
		return err
	}
	f, err := os.Create(n.Path(filler))
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(st.Bavail-st.Blocks/20) * st.Bsize
	return syscall.Fallocate(int(f.Fd()), 0, 0, size)
}

func (c *Cluster) setUnschedulable(ctx context.Context, n *Node, to bool) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, to), metav1.PatchOptions{})
	return err
}

func (n *Node) iptables(how string) error {
	if out, err := n.Exec("iptables", "-w", how, "INPUT", "-p", "tcp", "--dport", "10250", "-j", "DROP"); err != nil {
		return fmt.Errorf("iptables: %w: %s", err, out)
	}
	return nil
}

func thawControllerManager(ctx context.Context, c *Cluster, _ *Node) error {
	// A thawed controller-manager finds its own lease lost and exits.
	if err := c.Signal(ControllerManager, syscall.SIGCONT); err != nil {
		return err
	}
	return c.RestartComponent(ctx, ControllerManager)
}

// inZone are the nodes of the same zone as n.
func (c *Cluster) inZone(n *Node) []*Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(o *Node) bool { return o.Config.Zone != n.Config.Zone })
}

func stopZone(_ context.Context, c *Cluster, n *Node) error {
	for _, o := range c.inZone(n) {
		if err := o.StopKubelet(); err != nil {
			return err
		}
	}
	return nil
}

func startZone(ctx context.Context, c *Cluster, n *Node) error {
	for _, o := range c.inZone(n) {
		if err := startAll(ctx, c, o); err != nil {
			return err
		}
	}
	return nil
}

// WaitCondition waits for a condition of the node to have a status.
func (n *Node) WaitCondition(ctx context.Context, d time.Duration, t corev1.NodeConditionType, want corev1.ConditionStatus) error {
	return n.WaitFor(ctx, d, fmt.Sprintf("%s=%s", t, want), func(node *corev1.Node) bool { return conditionOf(node, t) == want })
}
