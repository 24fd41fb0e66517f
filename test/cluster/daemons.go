package cluster

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// RuntimeSocket is the containerd socket's path on every node; the host sees it
// at Node.Path(RuntimeSocket).
const RuntimeSocket = "/run/containerd/containerd.sock"

const cniConfig = "/etc/cni/net.d/10-clusterwright.conflist"

const containerdConfig = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "` + RuntimeSocket + `"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + PauseImage + `"
  # Without CAP_SYS_RESOURCE, as in many virtual machines, a container cannot
  # lower its score, and runc dies of trying.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "` + cniBinDir + `"
    conf_dir = "/etc/cni/net.d"
`

func (n *Node) cniConfig() string {
	return fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "clusterwright", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
`, n.PodCIDR())
}

// kubeletConfig is the node's KubeletConfiguration.
func (n *Node) kubeletConfig() ([]byte, error) {
	k := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address": n.IP, "port": 10250, "healthzBindAddress": "127.0.0.1",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": "/etc/kubernetes/pki/ca.crt"}},
		"authorization":            map[string]any{"mode": "Webhook"},
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               n.Cgroup(),
		"enforceNodeAllocatable":   []string{},
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"containerRuntimeEndpoint": "unix://" + RuntimeSocket,
		"clusterDomain":            "cluster.local",
		"clusterDNS":               []string{"10.96.0.10"},
		"resolvConf":               "/etc/resolv.conf",
		"rotateCertificates":       true,
		"serverTLSBootstrap":       n.Config.ServerTLSBootstrap,
		"enableSystemLogHandler":   true,
		"enableSystemLogQuery":     n.Config.SystemLogQuery,
		"staticPodPath":            "/etc/kubernetes/manifests",
		// /var/lib/kubelet is a filesystem of the node's own, so its thresholds
		// are the usual ones; the images share the machine's disk, which says
		// nothing about the node.
		"evictionHard": map[string]any{"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
			"imagefs.available": "512Mi", "imagefs.inodesFree": "1%"},
		"evictionPressureTransitionPeriod": "20s",
		"imageGCHighThresholdPercent":      100,
		"imageGCLowThresholdPercent":       99,
		"logging":                          map[string]any{"verbosity": n.cluster.Config.Verbosity},
	}
	if n.Config.SystemLogQuery && n.cluster.Config.minor() < 36 {
		k["featureGates"] = map[string]any{"NodeLogQuery": true} // on by itself since 1.36
	}
	if f := n.cluster.Config.LogFormat; f != "" {
		k["logging"].(map[string]any)["format"] = f
	}
	for name, v := range n.Config.Kubelet {
		if v == nil {
			delete(k, name)
		} else {
			k[name] = v
		}
	}
	return yaml.Marshal(k)
}

// makeFiles writes what a freshly installed node has on its disks.
func (n *Node) makeFiles() error {
	for _, d := range []string{"etc.work", "tmp", "etc/cni/net.d", "etc/containerd", "etc/kubernetes/pki", "etc/kubernetes/manifests",
		"var/lib/kubelet", "var/lib/containerd", "var/lib/cni", "var/log/pods", "var/log/containers", "var/tmp", "var/cache"} {
		if err := os.MkdirAll(filepath.Join(n.Dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Symlink("/run", filepath.Join(n.Dir, "var/run")); err != nil && !os.IsExist(err) {
		return err
	}
	for _, d := range []string{"tmp", "var/tmp"} {
		if err := os.Chmod(filepath.Join(n.Dir, d), 0o777|os.ModeSticky); err != nil {
			return err
		}
	}
	disk := filepath.Join(n.Dir, "disk.img")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(disk, int64(n.Config.DiskMiB)<<20); err != nil {
		return err
	}
	if err := runAll([]string{"mkfs.ext4", "-q", "-F", "-m", "0", disk}); err != nil {
		return err
	}
	ca, err := os.ReadFile(n.cluster.PKI.Cert("ca"))
	if err != nil {
		return err
	}
	kubeconfig, err := os.ReadFile(n.cluster.PKI.KubeletKubeconfig(n.Name))
	if err != nil {
		return err
	}
	kubelet, err := n.kubeletConfig()
	if err != nil {
		return err
	}
	for path, data := range map[string][]byte{
		"/etc/kubernetes/pki/ca.crt":   ca,
		"/etc/kubernetes/kubelet.conf": kubeconfig,
		"/etc/kubernetes/kubelet.yaml": kubelet,
		"/etc/containerd/config.toml":  []byte(containerdConfig + n.Config.Containerd),
		cniConfig:                      []byte(n.cniConfig()),
		"/etc/hostname":                []byte(n.Name + "\n"),
		"/etc/hosts":                   []byte("127.0.0.1 localhost\n" + n.IP + " " + n.Name + "\n"),
		"/etc/resolv.conf":             []byte("nameserver 10.96.0.10\n"),
		"/etc/crictl.yaml":             []byte("runtime-endpoint: unix://" + RuntimeSocket + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(n.Dir, path), data, 0o600); err != nil {
			return err
		}
	}
	for _, world := range []string{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"} {
		if err := os.Chmod(filepath.Join(n.Dir, world), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// StartContainerd starts the node's containerd and waits until it answers.
func (n *Node) StartContainerd(ctx context.Context) error {
	if n.Containerd != nil && n.Containerd.Running() {
		return nil
	}
	bin, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	n.Containerd = &Process{Name: n.Name + "/containerd", Args: []string{bin, "--config", "/etc/containerd/config.toml"},
		Log: filepath.Join(n.Dir, "var/log/containerd.log")}
	if err := n.startDaemon(n.Containerd); err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; {
		conn, err := net.DialTimeout("unix", n.Path(RuntimeSocket), time.Second)
		if err == nil {
			conn.Close()
			if _, err = n.Exec("ctr", "--timeout", "2s", "version"); err == nil {
				return nil
			}
		}
		if !n.Containerd.Running() || time.Now().After(end) {
			return fmt.Errorf("%s: containerd does not answer: %w: %s", n.Name, err, lastLine(n.Containerd.Log))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// StopContainerd kills containerd; the containers live on below their shims.
func (n *Node) StopContainerd() error {
	if n.Containerd == nil {
		return nil
	}
	if err := n.Containerd.stop(0); err != nil {
		return err
	}
	return n.save()
}

// StartKubelet starts the node's kubelet; it does not wait for Ready.
func (n *Node) StartKubelet() error {
	if n.Kubelet != nil && n.Kubelet.Running() {
		return nil
	}
	labels := maps.Clone(n.Config.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	if n.Config.Zone != "" {
		labels["topology.kubernetes.io/zone"] = n.Config.Zone
	}
	var pairs []string
	for k, v := range labels {
		pairs = append(pairs, k+"="+v)
	}
	slices.Sort(pairs)
	args := []string{"/run/clusterwright/kubelet", "kubelet", "--config=/etc/kubernetes/kubelet.yaml", "--kubeconfig=/etc/kubernetes/kubelet.conf",
		"--hostname-override=" + n.Name, "--node-ip=" + n.IP}
	if len(pairs) > 0 {
		args = append(args, "--node-labels="+strings.Join(pairs, ","))
	}
	n.Kubelet = &Process{Name: n.Name + "/kubelet", Args: mergeFlags(args, n.Config.KubeletFlags), Log: filepath.Join(n.Dir, "var/log/kubelet.log")}
	return n.startDaemon(n.Kubelet)
}

// StopKubelet kills the kubelet; its pods live on.
func (n *Node) StopKubelet() error {
	if n.Kubelet == nil {
		return nil
	}
	if err := n.Kubelet.stop(0); err != nil {
		return err
	}
	return n.save()
}

// SetKubelet changes a field of the kubelet's configuration file (nil removes
// it) from its next start on.
func (n *Node) SetKubelet(field string, value any) error {
	if n.Config.Kubelet == nil {
		n.Config.Kubelet = map[string]any{}
	}
	n.Config.Kubelet[field] = value
	b, err := n.kubeletConfig()
	if err != nil {
		return err
	}
	return os.WriteFile(n.Path("/etc/kubernetes/kubelet.yaml"), b, 0o600)
}
