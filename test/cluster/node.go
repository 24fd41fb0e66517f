package cluster

import (
	"context"
	"errors"
	"path/filepath"
)

// Node is one real node: a set of namespaces with a containerd and a kubelet.
type Node struct {
	Name   string
	Number int
	IP     string
	Config NodeConfig
	// Dir holds the node's own /var, /etc and so on as the host sees them.
	Dir string
	// Init, Containerd and Kubelet are its processes.
	Init, Containerd, Kubelet *Process

	cluster *Cluster
}

func newNode(c *Cluster, number int) *Node {
	name := NodeName(number)
	cfg, ok := c.Config.NodeConfigs[name]
	if !ok {
		cfg = DefaultNodeConfig(number)
	}
	dir := filepath.Join(c.Dir, "nodes", name)
	return &Node{Name: name, Number: number, IP: c.Endpoints.NodeIPs[name], Config: cfg, Dir: dir, cluster: c}
}

func (c *Cluster) startNodes(ctx context.Context) error {
	if len(c.Nodes) > 0 {
		return errors.New("not yet")
	}
	return nil
}
func (n *Node) destroy() error         { return nil }
func (c *Cluster) makeBridge() error   { return nil }
func (c *Cluster) removeBridge() error { return nil }
