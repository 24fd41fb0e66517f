package cluster

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// StallingProxy stands before an API server and, on each connection, passes so
// many bytes of what the server says and then nothing more, without closing:
// an API server that freezes in the middle of an answer.
type StallingProxy struct {
	// URL is what to put in place of the API server's. Its certificate names
	// this address too.
	URL string

	listener net.Listener
	target   string
	limit    atomic.Int64
	passed   atomic.Int64
	mu       sync.Mutex
	conns    []net.Conn
}

// NewStallingProxy starts a proxy on loopback before the cluster's first API
// server. With a limit of 0 or less nothing stalls until SetLimit.
func (c *Cluster) NewStallingProxy(limit int64) (*StallingProxy, error) {
	u, err := url.Parse(c.Endpoints.URL())
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &StallingProxy{URL: fmt.Sprintf("https://%s", l.Addr()), listener: l, target: u.Host}
	p.limit.Store(limit)
	go p.serve()
	return p, nil
}

// SetLimit changes the number of bytes for what comes after.
func (p *StallingProxy) SetLimit(n int64) { p.limit.Store(n) }

// Passed is the number of bytes of answers that all connections have passed.
func (p *StallingProxy) Passed() int64 { return p.passed.Load() }

// Close ends the proxy and its connections.
func (p *StallingProxy) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	return p.listener.Close()
}

func (p *StallingProxy) keep(c net.Conn) {
	p.mu.Lock()
	p.conns = append(p.conns, c)
	p.mu.Unlock()
}

func (p *StallingProxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.keep(client)
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.keep(server)
		go io.Copy(server, client) //nolint:errcheck // ends with the connection
		go p.answer(client, server)
	}
}

func (p *StallingProxy) answer(client, server net.Conn) {
	buf := make([]byte, 1024)
	for passed := int64(0); ; {
		if limit := p.limit.Load(); limit > 0 && passed >= limit {
			return // both connections stay open, and silent
		}
		n, err := server.Read(buf)
		if n > 0 {
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
			passed += int64(n)
			p.passed.Add(int64(n))
		}
		if err != nil {
			client.Close()
			return
		}
	}
}

// KubeconfigVia copies a kubeconfig with another server URL in it.
func (c *Cluster) KubeconfigVia(kubeconfig, server, name string) (string, error) {
	b, err := os.ReadFile(kubeconfig)
	if err != nil {
		return "", err
	}
	out := c.PKI.Path("via-" + safeName(name) + ".conf")
	return out, os.WriteFile(out, []byte(strings.ReplaceAll(string(b), c.Endpoints.URL(), server)), 0o600)
}
