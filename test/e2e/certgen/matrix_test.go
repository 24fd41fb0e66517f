package certgen

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// set is a CA with a server's and a client's certificate.
type set struct {
	ca, cert, key         string
	clientCert, clientKey string
}

// client makes one real TLS connection to localhost.
type client struct {
	name string
	dial func(t *testing.T, s set, port, protocol string) (string, error)
}

func clients() []client {
	script := func(interpreter, file string) func(*testing.T, set, string, string) (string, error) {
		return func(t *testing.T, s set, port, protocol string) (string, error) {
			out, err := tool(t, "testdata", interpreter, file, s.ca, port, protocol)
			return out, okOrError(out, err)
		}
	}
	return []client{
		{"openssl", func(t *testing.T, s set, port, protocol string) (string, error) {
			flag := map[string]string{"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}[protocol]
			return tool(t, ".", "openssl", "s_client", "-connect", "127.0.0.1:"+port, "-CAfile", s.ca, flag, "-x509_strict",
				"-verify_return_error", "-verify_hostname", "localhost", "-brief")
		}},
		{"curl", func(t *testing.T, s set, port, protocol string) (string, error) {
			v := strings.TrimPrefix(protocol, "TLSv")
			return tool(t, ".", "curl", "-sS", "--noproxy", "*", "--max-time", "20", "--cacert", s.ca, "--tlsv"+v, "--tls-max", v, "https://localhost:"+port+"/")
		}},
		{"gnutls", func(t *testing.T, s set, port, protocol string) (string, error) {
			version := strings.Replace(protocol, "TLSv", "VERS-TLS", 1)
			return tool(t, ".", "gnutls-cli", "--x509cafile", s.ca, "--priority", "NORMAL:-VERS-ALL:+"+version, "--port", port, "localhost")
		}},
		{"java", script("java", "Client.java")},
		{"nss", nssClient},
		{"python", script("/usr/bin/python3", "client.py")},
		{"node", script("node", "client.js")},
		{"go", goClient},
	}
}

func okOrError(out string, err error) error {
	if err == nil && !strings.HasPrefix(out, "ok") {
		return fmt.Errorf("no ok in its output")
	}
	return err
}

// nssDB is a certificate database that trusts the CA for both directions.
func nssDB(t *testing.T, s set) string {
	t.Helper()
	db := "sql:" + t.TempDir()
	must(t, ".", "certutil", "-N", "-d", db, "--empty-password")
	must(t, ".", "certutil", "-A", "-d", db, "-n", "ca", "-t", "CT,,", "-i", s.ca)
	return db
}

// nssClient runs tstclnt, which never ends by itself once it is connected: it
// is stopped when the answer is there.
func nssClient(t *testing.T, s set, port, protocol string) (string, error) {
	version := strings.Replace(strings.ToLower(protocol), "tlsv", "tls", 1)
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "tstclnt", "-h", "localhost", "-p", port, "-d", nssDB(t, s), "-V", version+":"+version, "-4")
	c.WaitDelay = time.Second
	c.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
	out := &watched{want: "HTTP/1.", seen: cancel}
	c.Stdout, c.Stderr = out, out
	err := c.Run()
	if out.found {
		err = nil
	} else if err == nil {
		err = fmt.Errorf("no answer")
	}
	return out.text.String(), err
}

// watched collects output until a text is in it.
type watched struct {
	text  strings.Builder
	want  string
	seen  func()
	found bool
}

func (w *watched) Write(p []byte) (int, error) {
	w.text.Write(p)
	if !w.found && strings.Contains(w.text.String(), w.want) {
		w.found = true
		w.seen()
	}
	return len(p), nil
}

func goClient(_ *testing.T, s set, port, protocol string) (string, error) {
	conf, err := goConfig(s, protocol)
	if err != nil {
		return "", err
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", "localhost:"+port, conf)
	if err != nil {
		return "", err
	}
	return "ok", conn.Close()
}

func goConfig(s set, protocol string) (*tls.Config, error) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(mustRead(s.ca)))
	v := map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[protocol]
	conf := &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: v, MaxVersion: v}
	if s.clientCert != "" {
		pair, err := tls.LoadX509KeyPair(s.clientCert, s.clientKey)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// serve runs a plain HTTPS server with the set's certificate.
func serve(t *testing.T, s set) (port string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }), ErrorLog: quiet()}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// Every client of the matrix completes a handshake with a server that has our
// default certificates.
func TestClientsAcceptOurServers(t *testing.T) {
	need(t, "openssl", "curl", "gnutls-cli", "java", "tstclnt", "certutil", "/usr/bin/python3", "node")
	for _, key := range []string{"rsa:2048", "ecdsa:p256"} {
		s := makeSet(t, "--key", key)
		port := serve(t, s)
		for _, protocol := range []string{"TLSv1.2", "TLSv1.3"} {
			for _, c := range clients() {
				t.Run(key+"/"+protocol+"/"+c.name, func(t *testing.T) {
					if out, err := c.dial(t, s, port, protocol); err != nil {
						t.Errorf("refused: %v\n%s", err, out)
					}
				})
			}
		}
		t.Run(key+"/openssl verify", func(t *testing.T) {
			must(t, ".", "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", s.ca, s.cert)
			must(t, ".", "openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", s.ca, s.clientCert)
		})
	}
}

func makeSet(t *testing.T, args ...string) set {
	t.Helper()
	dir := t.TempDir()
	certgen(t, dir, append([]string{"server", "--ip", "127.0.0.1", "--dns", "localhost"}, args...)...)
	certgen(t, dir, append([]string{"client", "alice", "--org", "devs"}, args...)...)
	at := func(name string) string { return filepath.Join(dir, "pki", name) }
	return set{at("ca.crt"), at("server.crt"), at("server.key"), at("alice.crt"), at("alice.key")}
}

// server starts a TLS server that wants a client certificate, and returns when
// it listens.
type server struct {
	name string
	cmd  func(t *testing.T, s set, port string) *exec.Cmd
}

func servers() []server {
	script := func(interpreter, file string) func(*testing.T, set, string) *exec.Cmd {
		return func(t *testing.T, s set, port string) *exec.Cmd {
			return exec.Command(interpreter, filepath.Join("testdata", file), s.ca, s.cert, s.key, port)
		}
	}
	return []server{
		{"openssl", func(t *testing.T, s set, port string) *exec.Cmd {
			return exec.Command("openssl", "s_server", "-accept", "127.0.0.1:"+port, "-cert", s.cert, "-key", s.key, "-CAfile", s.ca,
				"-Verify", "2", "-x509_strict", "-verify_return_error", "-www", "-quiet")
		}},
		{"gnutls", func(t *testing.T, s set, port string) *exec.Cmd {
			return exec.Command("gnutls-serv", "--http", "--port", port, "--x509cafile", s.ca, "--x509certfile", s.cert, "--x509keyfile", s.key,
				"--require-client-cert", "--verify-client-cert")
		}},
		{"java", func(t *testing.T, s set, port string) *exec.Cmd {
			return exec.Command("java", "testdata/Server.java", s.ca, p12(t, s), port)
		}},
		{"nss", func(t *testing.T, s set, port string) *exec.Cmd {
			db := nssDB(t, s)
			must(t, ".", "pk12util", "-i", p12(t, s), "-d", db, "-W", "changeit")
			args := []string{"-d", db, "-p", port, "-r", "-r", "-V", "tls1.2:tls1.3"}
			if strings.Contains(mustRead(s.key), "EC ") || isEC(t, s.cert) {
				args = append(args, "-e", "server")
			} else {
				args = append(args, "-n", "server")
			}
			return exec.Command("selfserv", args...)
		}},
		{"python", script("/usr/bin/python3", "server.py")},
		{"node", script("node", "server.js")},
	}
}

func isEC(t *testing.T, cert string) bool {
	return strings.Contains(must(t, ".", "openssl", "x509", "-in", cert, "-noout", "-text"), "id-ecPublicKey")
}

// p12 is the server's pair in a PKCS#12 file with the password "changeit".
func p12(t *testing.T, s set) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "server.p12")
	must(t, ".", "openssl", "pkcs12", "-export", "-in", s.cert, "-inkey", s.key, "-certfile", s.ca, "-name", "server", "-passout", "pass:changeit", "-out", out)
	return out
}

// Every server of the matrix accepts our client certificates, and refuses a
// client without one, so that the acceptance means something.
func TestServersAcceptOurClients(t *testing.T) {
	need(t, "openssl", "gnutls-serv", "java", "selfserv", "certutil", "pk12util", "/usr/bin/python3", "node")
	for _, key := range []string{"rsa:2048", "ecdsa:p256"} {
		s := makeSet(t, "--key", key)
		for _, srv := range servers() {
			t.Run(key+"/"+srv.name, func(t *testing.T) {
				port := freePort(t)
				start(t, srv.cmd(t, s, port), port)
				for _, protocol := range []string{"TLSv1.2", "TLSv1.3"} {
					if answer, err := ask(s, port, protocol); err != nil {
						t.Errorf("%s: %v", protocol, err)
					} else if !strings.Contains(answer, "200") {
						t.Errorf("%s: %q", protocol, answer)
					}
				}
				anonymous := s
				anonymous.clientCert = ""
				if answer, err := ask(anonymous, port, "TLSv1.2"); err == nil {
					t.Errorf("a client without a certificate was served: %q", answer)
				}
			})
		}
		t.Run(key+"/go", func(t *testing.T) { goServer(t, s) })
	}
}

func goServer(t *testing.T, s set) {
	pair, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(mustRead(s.ca)))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.TLS.PeerCertificates[0].Subject)
	}), ErrorLog: quiet()}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	for _, protocol := range []string{"TLSv1.2", "TLSv1.3"} {
		answer, err := ask(s, port, protocol)
		if err != nil || !strings.Contains(answer, "CN=alice,O=devs") {
			t.Errorf("%s: %q %v", protocol, answer, err)
		}
	}
}

// start runs a server until the test ends, and waits for it to listen.
func start(t *testing.T, c *exec.Cmd, port string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, c.Path, c.Args[1:]...)
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe() // some servers stop at the end of their input
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		in.Close()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", c.Path, log.String())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return
		}
	}
	t.Fatalf("%s does not listen", c.Path)
}

// ask sends a request with the set's client certificate and returns the answer;
// in TLS 1.3 a server's refusal comes only with it.
func ask(s set, port, protocol string) (string, error) {
	conf, err := goConfig(s, protocol)
	if err != nil {
		return "", err
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", "127.0.0.1:"+port, conf)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	data, err := io.ReadAll(bufio.NewReader(conn))
	if len(data) > 0 {
		return string(data), nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return "", err
}
