package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Faults of the control plane itself.

type doing = func(ctx context.Context, c *Cluster, n *Node) error

func stopComponent(name string) doing {
	return func(_ context.Context, c *Cluster, _ *Node) error { return c.StopComponent(name) }
}

func freezeComponent(name string) doing {
	return func(_ context.Context, c *Cluster, _ *Node) error { return c.Signal(name, syscall.SIGSTOP) }
}

// startControlPlane wakes and starts whatever of the control plane does not run:
// what elects a leader exits when it cannot renew its lease.
func startControlPlane(ctx context.Context, c *Cluster, _ *Node) error {
	for _, name := range c.components() {
		p := c.Processes[name]
		if p != nil && p.Frozen() {
			if err := p.Signal(syscall.SIGCONT); err != nil {
				return err
			}
		}
		if err := c.StartComponent(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// expireLeaf gives the control plane a certificate whose time is over. The
// serving certificate is read again by a running API server; a client's is read
// when it starts.
func expireLeaf(name string, restart bool) doing { return replaceLeaf(name, -30*time.Second, restart) }

func renewLeaf(name string, restart bool) doing { return replaceLeaf(name, 0, restart) }

func replaceLeaf(name string, life time.Duration, restart bool) doing {
	return func(ctx context.Context, c *Cluster, _ *Node) error {
		i := leaves(c.Endpoints)[name]
		i.life = life
		if err := c.PKI.makeLeaf(name, i); err != nil {
			return err
		}
		if restart {
			return c.RestartComponent(ctx, APIServer)
		}
		return c.waitShown(ctx, life < 0)
	}
}

// waitShown waits until the API server shows a certificate that is over, or one
// that is not.
func (c *Cluster) waitShown(ctx context.Context, over bool) error {
	address := net.JoinHostPort(c.Endpoints.APIServer, strconv.Itoa(c.Endpoints.APIServerPorts[0]))
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			continue
		}
		cert := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		conn.Close()
		if time.Now().After(cert.NotAfter) == over {
			return nil
		}
	}
	return fmt.Errorf("%s does not show its new certificate", address)
}
