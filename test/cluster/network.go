package cluster

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// The names of a cluster's interfaces carry its index; an interface name has at
// most 15 characters.
func (c *Cluster) bridge() string { return fmt.Sprintf("cw%dbr", c.Index) }

func (n *Node) hostLink() string { return fmt.Sprintf("cw%dn%d", n.cluster.Index, n.Number) }

// Netns is the name under which "ip netns" knows the node's network.
func (n *Node) Netns() string { return fmt.Sprintf("cw-%s-%s", n.cluster.Name, n.Name) }

// PodCIDR is the range of the node's pod addresses, reachable from the host and
// the other nodes.
func (n *Node) PodCIDR() string { return fmt.Sprintf("10.%d.%d.0/24", 200+n.Number, n.cluster.Index) }

func (c *Cluster) makeBridge() error {
	return runAll(
		[]string{"ip", "link", "add", c.bridge(), "type", "bridge"},
		[]string{"ip", "addr", "add", c.Endpoints.APIServer + "/24", "dev", c.bridge()},
		[]string{"ip", "link", "set", c.bridge(), "up"},
	)
}

func (c *Cluster) removeBridge() error { return c.removeLink(c.bridge()) }

// removeLink removes an interface of the cluster's. When the cluster no longer
// has its index, since another process has stopped it, an interface of that name
// is another cluster's.
func (c *Cluster) removeLink(name string) error {
	if !c.hasIndex() {
		return nil
	}
	if exec.Command("ip", "link", "show", name).Run() != nil {
		return nil //nolint:nilerr // ip says that there is no such link
	}
	return runAll([]string{"ip", "link", "del", name})
}

// connect gives the node's network namespace an address on the bridge, and the
// host a route to the node's pods.
func (n *Node) connect() error {
	c := n.cluster
	pid := fmt.Sprint(n.Init.Pid)
	steps := [][]string{
		{"ip", "netns", "attach", n.Netns(), pid},
		{"ip", "link", "add", n.hostLink(), "type", "veth", "peer", "name", "eth0", "netns", n.Netns()},
		{"ip", "link", "set", n.hostLink(), "master", c.bridge()},
		{"ip", "link", "set", n.hostLink(), "up"},
		{"ip", "-n", n.Netns(), "link", "set", "lo", "up"},
		{"ip", "-n", n.Netns(), "addr", "add", n.IP + "/24", "dev", "eth0"},
		{"ip", "-n", n.Netns(), "link", "set", "eth0", "up"},
		{"ip", "-n", n.Netns(), "route", "add", "default", "via", c.Endpoints.APIServer},
		{"ip", "route", "replace", n.PodCIDR(), "via", n.IP},
	}
	for _, other := range c.Nodes {
		if other != n {
			steps = append(steps, []string{"ip", "-n", n.Netns(), "route", "add", other.PodCIDR(), "via", other.IP})
		}
	}
	if err := runAll(steps...); err != nil {
		return err
	}
	// There is no kube-proxy: pods reach the one service that every client
	// library looks for by a rule of the node.
	api := fmt.Sprintf("%s:%d", c.Endpoints.APIServer, c.Endpoints.APIServerPorts[0])
	for _, chain := range []string{"PREROUTING", "OUTPUT"} {
		if out, err := n.Exec("iptables", "-w", "-t", "nat", "-A", chain, "-d", c.Endpoints.ServiceIP, "-p", "tcp", "--dport", "443",
			"-j", "DNAT", "--to-destination", api); err != nil {
			return fmt.Errorf("%s: iptables: %w: %s", n.Name, err, out)
		}
	}
	if out, err := n.Exec("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"); err != nil {
		return fmt.Errorf("%s: %w: %s", n.Name, err, out)
	}
	return nil
}

// disconnect takes back what connect made; the namespace's own end goes with it.
func (n *Node) disconnect() error {
	var errs []error
	errs = append(errs, n.cluster.removeLink(n.hostLink()))
	if out, err := exec.Command("ip", "netns", "list").Output(); err == nil {
		for _, line := range strings.Split(string(out), "\n") {
			if name, _, _ := strings.Cut(line, " "); name == n.Netns() {
				errs = append(errs, runAll([]string{"ip", "netns", "del", name}))
			}
		}
	}
	return errors.Join(errs...)
}

// SetLink switches the node's network cable: with up false nothing reaches the
// node and nothing leaves it.
func (n *Node) SetLink(up bool) error {
	state := "down"
	if up {
		state = "up"
	}
	return runAll([]string{"ip", "link", "set", n.hostLink(), state})
}

func runAll(commands ...[]string) error {
	for _, argv := range commands {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
