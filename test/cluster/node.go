package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Node is one real node: a set of namespaces with a containerd and a kubelet.
type Node struct {
	Name   string
	Number int
	IP     string
	Config NodeConfig
	// Dir holds the node's own /var, /etc and so on as the host sees them.
	Dir string
	// Init is the process that holds the namespaces; Containerd and Kubelet are
	// the daemons, nil before their first start.
	Init, Containerd, Kubelet *Process

	cluster *Cluster
	// record is the node as it was last written down.
	record []byte
}

// MarshalJSON gives the node's record: another node is starting its processes
// while this one is written down.
func (n *Node) MarshalJSON() ([]byte, error) { return n.record, nil }

func (n *Node) note() (err error) {
	type fields Node
	n.record, err = json.Marshal((*fields)(n))
	return err
}

// save writes the cluster down with what this node is now, and the other nodes
// as they were.
func (n *Node) save() error {
	n.cluster.saving.Lock()
	defer n.cluster.saving.Unlock()
	if err := n.note(); err != nil {
		return err
	}
	return n.cluster.write()
}

func newNode(c *Cluster, number int) *Node {
	name := NodeName(number)
	cfg, ok := c.Config.NodeConfigs[name]
	if !ok {
		cfg = DefaultNodeConfig(number)
	}
	if cfg.DiskMiB == 0 {
		cfg.DiskMiB = 512
	}
	dir := filepath.Join(c.Dir, "nodes", name)
	return &Node{Name: name, Number: number, IP: c.Endpoints.NodeIPs[name], Config: cfg, Dir: dir, cluster: c}
}

// startNodes boots all nodes at once and waits until they are Ready.
func (c *Cluster) startNodes(ctx context.Context) error {
	if len(c.Nodes) == 0 {
		return nil
	}
	if err := raiseInotify(); err != nil {
		return err
	}
	images, err := baseImages()
	if err != nil {
		return err
	}
	errs := make([]error, len(c.Nodes))
	var wg sync.WaitGroup
	for i, n := range c.Nodes {
		wg.Go(func() { errs[i] = n.boot(ctx, images) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// inotifyInstances is enough for some ten nodes. Kubelets and containerds of all
// clusters share the kernel's allowance for root, 128 by default; a kubelet that
// gets none ("inotify_init: too many open files") never registers its node.
const inotifyInstances = 512

// raiseInotify lifts that ceiling, and leaves it lifted: it is only a ceiling.
func raiseInotify() error {
	const file = "/proc/sys/fs/inotify/max_user_instances"
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if now, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || now >= inotifyInstances {
		return err
	}
	return os.WriteFile(file, strconv.AppendInt(nil, inotifyInstances, 10), 0)
}

func (n *Node) boot(ctx context.Context, images [][]byte) error {
	if err := n.makeFiles(); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	if err := n.PowerOn(); err != nil {
		return err
	}
	if err := n.StartContainerd(ctx); err != nil {
		return err
	}
	for _, im := range images {
		if err := n.Import(bytes.NewReader(im)); err != nil {
			return err
		}
	}
	if err := n.StartKubelet(); err != nil {
		return err
	}
	return n.WaitReady(ctx, 2*time.Minute)
}

// initScript is the node's process 1. What it mounts is seen in the node only
// and goes when the last process of the node has gone.
const initScript = `set -eu
d=$1 k8s=$2 name=$3
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/clusterwright
: >/run/clusterwright/kubelet
mount --bind "$k8s" /run/clusterwright/kubelet
mount -t overlay -o "lowerdir=/etc,upperdir=$d/etc,workdir=$d/etc.work" overlay /etc
mkdir /run/clusterwright/disks
mount --bind "$d" /run/clusterwright/disks
mount --bind "$d/tmp" /tmp
mount --bind "$d/var" /var
# cAdvisor knows a disk by the first place where it is mounted.
mount -o loop /run/clusterwright/disks/disk.img /var/lib/kubelet
umount -l /run/clusterwright/disks
mount --make-rshared /
hostname "$name"
: >/run/clusterwright/up
while :; do sleep 2147483647 & wait; done
`

// PowerOn makes the node's namespaces and its network. Its disks keep what they
// held. The daemons are started on their own.
func (n *Node) PowerOn() error {
	if n.Init != nil && n.Init.Running() {
		return nil
	}
	enter, err := n.intoCgroup("exec unshare --mount --uts --ipc --net --pid --fork -- \"$@\"")
	if err != nil {
		return err
	}
	script := filepath.Join(n.Dir, "init.sh")
	if err := os.WriteFile(script, []byte(initScript), 0o700); err != nil {
		return err
	}
	n.Init = &Process{Name: n.Name + "/init", Args: []string{"/bin/sh", script, n.Dir, n.cluster.Binary, n.Name},
		Log: filepath.Join(n.Dir, "init.log")}
	if err := n.Init.start(enter...); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(n.Path("/run/clusterwright/up")); err == nil {
			break
		}
		if !n.Init.Running() || time.Now().After(end) {
			return fmt.Errorf("%s does not boot: %s", n.Name, lastLine(n.Init.Log))
		}
	}
	if err := n.connect(); err != nil {
		return err
	}
	return n.save()
}

// PowerOff ends everything on the node at once, without a word to the API
// server, and takes it off the network: a dead host.
func (n *Node) PowerOff() error {
	if n.Init == nil {
		return nil
	}
	var errs []error
	for _, p := range []*Process{n.Containerd, n.Kubelet, n.Init} {
		if p != nil {
			errs = append(errs, p.stop(0))
		}
	}
	errs = append(errs, n.removeCgroups(), n.disconnect(), n.save())
	return errors.Join(errs...)
}

// destroy ends the node and removes its disks.
func (n *Node) destroy() error {
	if err := errors.Join(n.PowerOff(), n.disconnect(), n.removeCgroups()); err != nil {
		return err
	}
	return errors.Join(n.keepLogs(), os.RemoveAll(n.Dir))
}

// keepLogs saves the daemons' logs from the node's disk to the cluster's logs,
// where they outlive the node.
func (n *Node) keepLogs() error {
	var errs []error
	for _, p := range []*Process{n.Init, n.Containerd, n.Kubelet} {
		if p == nil {
			continue
		}
		b, err := os.ReadFile(p.Log)
		if err != nil {
			continue // it had not begun to write
		}
		errs = append(errs, os.WriteFile(filepath.Join(n.cluster.LogsDir(), n.Name+"-"+filepath.Base(p.Log)), b, 0o644))
	}
	return errors.Join(errs...)
}

// intoCgroup is a command line that moves itself into the node's cgroup for
// daemons and then runs the given shell command with the arguments after it.
func (n *Node) intoCgroup(script string) ([]string, error) {
	procs, err := n.makeCgroups()
	if err != nil {
		return nil, err
	}
	return []string{"/bin/sh", "-c", "for f in " + strings.Join(procs, " ") + "; do echo $$ >$f || exit 1; done; " + script, "sh"}, nil
}

func (n *Node) nsenter() string {
	return fmt.Sprintf("nsenter --target %d --mount --uts --ipc --net --pid", n.Init.Pid)
}

// startDaemon runs a program on the node, with its output in the node's /var/log.
func (n *Node) startDaemon(p *Process) error {
	if n.Init == nil || !n.Init.Running() {
		return fmt.Errorf("%s is powered off", n.Name)
	}
	enter, err := n.intoCgroup("exec " + n.nsenter() + " -- \"$@\"")
	if err != nil {
		return err
	}
	if err := p.start(enter...); err != nil {
		return err
	}
	return n.save()
}

// Path is a path of the node as the host sees it, while the node is on. It works
// for sockets too: Path("/run/containerd/containerd.sock").
func (n *Node) Path(path string) string {
	return fmt.Sprintf("/proc/%d/root%s", n.Init.Pid, path)
}

// Command prepares a command on the node, in all its namespaces but not in its
// cgroup.
func (n *Node) Command(name string, args ...string) *exec.Cmd {
	argv := append(strings.Fields(n.nsenter()), "--", name)
	argv = append(argv, args...)
	return exec.Command(argv[0], argv[1:]...)
}

// Exec runs a command on the node and returns what it prints on both streams.
func (n *Node) Exec(name string, args ...string) ([]byte, error) {
	return n.Command(name, args...).CombinedOutput()
}

// WaitReady waits for the node to say Ready with a lease that is being renewed.
func (n *Node) WaitReady(ctx context.Context, d time.Duration) error {
	began := time.Now()
	return n.WaitFor(ctx, d, "Ready", func(node *corev1.Node) bool {
		if conditionOf(node, corev1.NodeReady) != corev1.ConditionTrue {
			return false
		}
		client, err := n.cluster.Client()
		if err != nil {
			return false
		}
		lease, err := client.CoordinationV1().Leases("kube-node-lease").Get(ctx, n.Name, metav1.GetOptions{})
		return err == nil && lease.Spec.RenewTime != nil && lease.Spec.RenewTime.After(began.Add(-10*time.Second))
	})
}

// WaitFor waits until the node's object is as wanted; what says what that is.
func (n *Node) WaitFor(ctx context.Context, d time.Duration, what string, done func(*corev1.Node) bool) error {
	client, err := n.cluster.Client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	last := "no such node object"
	for {
		node, err := client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		switch {
		case err == nil && done(node):
			return nil
		case err == nil:
			last = describeConditions(node)
		case ctx.Err() == nil:
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not %s after %s: %s", n.Name, what, d, last)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func conditionOf(node *corev1.Node, t corev1.NodeConditionType) corev1.ConditionStatus {
	for _, c := range node.Status.Conditions {
		if c.Type == t {
			return c.Status
		}
	}
	return ""
}

func describeConditions(node *corev1.Node) string {
	var out []string
	for _, c := range node.Status.Conditions {
		out = append(out, fmt.Sprintf("%s=%s (%s)", c.Type, c.Status, c.Message))
	}
	for _, t := range node.Spec.Taints {
		out = append(out, "taint "+t.Key+":"+string(t.Effect))
	}
	return strings.Join(out, ", ")
}
