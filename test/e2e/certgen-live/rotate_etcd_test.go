package certgenlive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// member is an etcd member beside the test cluster's own one.
type member struct {
	name         string
	client, peer int
	binary, dir  string
	root         string
	cluster      string
	cmd          *exec.Cmd
}

func freePort(t *testing.T) int {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (m *member) start(t *testing.T) {
	t.Helper()
	pki := func(f string) string { return filepath.Join(m.root, "pki/etcd", f) }
	client, peer := fmt.Sprintf("https://127.0.0.1:%d", m.client), fmt.Sprintf("https://127.0.0.1:%d", m.peer)
	m.cmd = exec.Command(m.binary, "etcd", "--name="+m.name, "--data-dir="+m.dir,
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster="+m.cluster,
		"--cert-file="+pki("server.crt"), "--key-file="+pki("server.key"), "--trusted-ca-file="+pki("ca.crt"), "--client-cert-auth=true",
		"--peer-cert-file="+pki("peer.crt"), "--peer-key-file="+pki("peer.key"), "--peer-trusted-ca-file="+pki("ca.crt"), "--peer-client-cert-auth=true",
		"--unsafe-no-fsync=true", "--log-level=warn")
	log := must(os.OpenFile(m.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600))
	defer log.Close()
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (m *member) stop() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	_ = m.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { _ = m.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		_ = m.cmd.Process.Kill()
		<-done
	}
	m.cmd = nil
}

// etcdClient opens a connection of its own for each request, with the health
// check's certificate under root.
func etcdClient(root string) (*http.Client, error) {
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM(must(os.ReadFile(filepath.Join(root, "pki/etcd/ca.crt"))))
	pair, err := tls.LoadX509KeyPair(filepath.Join(root, "pki/etcd/healthcheck-client.crt"), filepath.Join(root, "pki/etcd/healthcheck-client.key"))
	if err != nil {
		return nil, err
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: ca, Certificates: []tls.Certificate{pair}}}}, nil
}

// healthy asks a member as the plan's gate does (etcdctl endpoint health asks
// the same).
func healthy(root string, port int) error {
	c, err := etcdClient(root)
	if err != nil {
		return err
	}
	c.Timeout = 2 * time.Second
	resp, err := c.Get(fmt.Sprintf("https://127.0.0.1:%d/health", port))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if !strings.Contains(string(b), `"health":"true"`) {
		return fmt.Errorf("%s", b)
	}
	return nil
}

// maintain calls etcd's maintenance service through its gateway, as etcdctl
// does without it.
func maintain(root string, port int, method, body string, into any) error {
	c, err := etcdClient(root)
	if err != nil {
		return err
	}
	resp, err := c.Post(fmt.Sprintf("https://127.0.0.1:%d/v3/maintenance/%s", port, method), "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, b)
	}
	return json.Unmarshal(b, into)
}

// balancer is the common address of the API servers: connections go to those
// that say they are ready, as a load balancer's health check finds it.
type balancer struct {
	addr     string
	backends []string
	up       []atomic.Bool
	next     atomic.Uint32
}

func newBalancer(t *testing.T, c *cluster.Cluster) *balancer {
	t.Helper()
	b := &balancer{up: make([]atomic.Bool, len(c.Endpoints.APIServerPorts))}
	for i := range c.Endpoints.APIServerPorts {
		b.backends = append(b.backends, strings.TrimPrefix(c.Endpoints.URLOf(i), "https://"))
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	b.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close() })
	probe := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var first sync.WaitGroup
	for i := range b.backends {
		first.Add(1)
		go func() {
			once := sync.OnceFunc(first.Done)
			for ctx.Err() == nil {
				resp, err := probe.Get("https://" + b.backends[i] + "/readyz")
				ok := err == nil && resp.StatusCode == http.StatusOK
				if err == nil {
					resp.Body.Close()
				}
				b.up[i].Store(ok)
				once()
				time.Sleep(100 * time.Millisecond)
			}
		}()
	}
	first.Wait()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go b.pass(conn)
		}
	}()
	return b
}

func (b *balancer) pass(in net.Conn) {
	defer in.Close()
	for range b.backends {
		i := int(b.next.Add(1)) % len(b.backends)
		if !b.up[i].Load() {
			continue
		}
		out, err := net.Dial("tcp", b.backends[i])
		if err != nil {
			continue
		}
		defer out.Close()
		go func() { _, _ = io.Copy(out, in); _ = out.(*net.TCPConn).CloseWrite() }()
		_, _ = io.Copy(in, out)
		return
	}
}

// TestRotateEtcdCA replaces the CA of three etcd members under two API servers,
// while a client reads and writes through their common address. The plan's
// restarts are done one after the other, each behind its gate; not one request
// may fail but the write of a client that etcd itself lost in the moment its
// leadership moved: raft drops proposals then (etcd-io/raft v3.6.0,
// raft.go: "transfer leadership ... in progress; dropping proposal"), the plan
// says so, and certificates have no part in it.
func TestRotateEtcdCA(t *testing.T) {
	cluster.Require(t, false)
	bin := must(cluster.Binary(""))
	base := t.TempDir()
	members := []*member{{name: "m2"}, {name: "m3"}}
	// The flags become known with the ports, when the PKI is made.
	etcdFlags, apiFlags := make([]string, 3), make([]string, 2)
	apiFlags[1] = "--shutdown-delay-duration=2s"
	root := ""
	t.Cleanup(func() {
		for _, m := range members {
			m.stop()
		}
	})
	c := cluster.ForTest(t, cluster.Config{Name: "certetcd", Dir: filepath.Join(base, "c"), APIServers: 2, NoScheduler: true,
		EtcdFlags: etcdFlags, APIServerFlags: apiFlags,
		MakePKI: func(dir string, at cluster.Endpoints) error {
			out := filepath.Join(base, "pki")
			if _, errOut, code := certgen(t, "", "cluster", "--out", out, "--control-plane", "cp1="+at.APIServer, "--port", fmt.Sprint(at.APIServerPorts[0]),
				"--service-cidr", cluster.ServiceCIDR, "--cert-sans", "127.0.0.1"); code != 0 {
				return fmt.Errorf("certgen cluster: %s", errOut)
			}
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(out, "cp1"))); err != nil {
				return err
			}
			if err := os.Rename(filepath.Join(dir, "super-admin.conf"), filepath.Join(dir, "admin.conf")); err != nil {
				return err
			}
			root = dir
			all := fmt.Sprintf("etcd=https://127.0.0.1:%d", at.EtcdPeerPort)
			servers := fmt.Sprintf("https://127.0.0.1:%d", at.EtcdClientPort)
			for _, m := range members {
				m.client, m.peer = freePort(t), freePort(t)
				all += fmt.Sprintf(",%s=https://127.0.0.1:%d", m.name, m.peer)
				servers += fmt.Sprintf(",https://127.0.0.1:%d", m.client)
			}
			etcdFlags[0] = "--initial-cluster=" + all
			etcdFlags[1] = "--peer-cert-file=" + filepath.Join(dir, "pki/etcd/peer.crt")
			etcdFlags[2] = "--peer-key-file=" + filepath.Join(dir, "pki/etcd/peer.key")
			apiFlags[0] = "--etcd-servers=" + servers
			for _, m := range members {
				m.binary, m.dir, m.root, m.cluster = bin, filepath.Join(base, m.name), dir, all
				m.start(t)
			}
			return nil
		}})
	lb := newBalancer(t, c)
	var clients load
	var lost atomic.Int64
	const writers = 2
	for n := range writers {
		clients.run(func(i int) {
			err := readAndWrite(c.Kubeconfig, "https://"+lb.addr, fmt.Sprintf("rotate-%d", n), i)
			if err != nil && strings.HasPrefix(err.Error(), "write: etcdserver: request timed out") {
				lost.Add(1)
				err = nil
			}
			clients.count(2, err)
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	stage := func(name string) {
		t.Helper()
		clients.rotate(t, root, name, "--ca", "etcd")
	}
	gate := func() {
		t.Helper()
		waitFor(t, time.Minute, "all members are healthy", func() bool {
			for _, p := range []int{c.Endpoints.EtcdClientPort, members[0].client, members[1].client} {
				if healthy(root, p) != nil {
					return false
				}
			}
			return true
		})
	}
	type one struct {
		port    int
		restart func()
	}
	all := []one{{c.Endpoints.EtcdClientPort, func() {
		if err := c.RestartComponent(ctx, cluster.Etcd); err != nil {
			t.Fatal(err)
		}
	}}}
	for _, m := range members {
		all = append(all, one{m.client, func() { m.stop(); m.start(t) }})
	}
	type state struct {
		Header struct {
			MemberID string `json:"member_id"`
			// RaftTerm counts the elections.
			RaftTerm int64 `json:"raft_term,string"`
		}
		Leader string
	}
	status := func(m one) (s state) {
		t.Helper()
		if err := maintain(root, m.port, "status", "{}", &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	leads := func(m one) bool { s := status(m); return s.Header.MemberID == s.Leader }
	restart := func() {
		t.Helper()
		// The followers first; the leader hands its office over and is the last.
		if i := slices.IndexFunc(all, leads); i >= 0 {
			all = slices.Concat(all[:i], all[i+1:], all[i:i+1])
		}
		for i, m := range all {
			if leads(m) {
				to := status(all[(i+1)%len(all)]).Header.MemberID
				if err := maintain(root, m.port, "transfer-leadership", `{"targetID":"`+to+`"}`, &struct{}{}); err != nil {
					t.Fatal(err)
				}
			}
			m.restart()
			gate()
		}
		for _, n := range []string{cluster.APIServer, cluster.APIServer + "-2"} {
			if err := c.RestartComponent(ctx, n); err != nil {
				t.Fatal(err)
			}
			waitFor(t, time.Minute, "the balancer sees it again", func() bool { return lb.up[0].Load() && lb.up[1].Load() })
		}
	}
	gate()
	before := status(all[0]).Header.RaftTerm
	stage("prepare")
	stage("trust")
	restart()
	stage("sign")
	issuer := func(port int) string {
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return ""
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Issuer.CommonName
	}
	waitFor(t, 30*time.Second, "every member serves a certificate of the new CA by itself", func() bool {
		for _, p := range []int{c.Endpoints.EtcdClientPort, members[0].client, members[1].client} {
			if i := issuer(p); i == "etcd-ca" || i == "" {
				return false
			}
		}
		return true
	})
	gate()
	stage("finish")
	restart()
	time.Sleep(2 * time.Second)
	clients.stop(t, 200)
	n, moves := lost.Load(), status(all[0]).Header.RaftTerm-before
	t.Logf("%d writes lost while the leadership moved %d times", n, moves)
	if n > writers*moves {
		t.Errorf("that is more than %d clients can lose that write one after the other", writers)
	}
	// The old CA opens nothing any more.
	old := filepath.Join(base, "old")
	for _, f := range []string{"pki/etcd/ca.crt", "pki/etcd/healthcheck-client.crt", "pki/etcd/healthcheck-client.key"} {
		from := f
		if strings.HasSuffix(f, "client.crt") {
			from += ".before-rotation"
		}
		if err := os.MkdirAll(filepath.Join(old, filepath.Dir(f)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(old, f), must(os.ReadFile(filepath.Join(root, from))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if healthy(old, c.Endpoints.EtcdClientPort) == nil {
		t.Error("a client certificate of the old CA still opens etcd")
	}
}

// readAndWrite makes two requests with a fresh client.
func readAndWrite(kubeconfig, server, name string, n int) error {
	cs, err := freshClient(kubeconfig, server)
	if err != nil {
		return err
	}
	ctx := context.Background()
	cms := cs.CoreV1().ConfigMaps("default")
	cm, err := cms.Get(ctx, name, metav1.GetOptions{})
	if n == 0 {
		_, err = cms.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	cm.Data = map[string]string{"n": fmt.Sprint(n)}
	if _, err = cms.Update(ctx, cm, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
