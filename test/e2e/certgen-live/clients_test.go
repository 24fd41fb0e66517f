package certgenlive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// probe is one mutant behind a TLS server.
type probe struct {
	mutant
	dir, host string
	port      int
}

func (p probe) file(n string) string { return filepath.Join(p.dir, n) }

// TestClientsRejectWhatVerifySays asks eight real clients about each mutant and
// compares with what verify --clients predicts.
func TestClientsRejectWhatVerifySays(t *testing.T) {
	var probes []probe
	for _, m := range mutants() {
		p := probe{mutant: m, dir: filepath.Join(t.TempDir(), m.name), host: m.host}
		if p.host == "" {
			p.host = "127.0.0.1"
		}
		m.make(t, p.dir)
		p.port = serve(t, p)
		probes = append(probes, p)
	}
	verdicts := map[string]map[string]string{} // client -> mutant -> "" or why not
	for name, ask := range map[string]func(*testing.T, []probe) map[string]string{
		"openssl": opensslClient(false), "openssl-strict": opensslClient(true), "gnutls": gnutlsClient, "go": goClient,
		"java": javaClient, "node": nodeClient, "nss": nssClient, "pyca": pycaClient,
	} {
		verdicts[name] = ask(t, probes)
	}
	asked := 0
	for _, p := range probes {
		var rep struct {
			Items []struct {
				Clients []struct {
					Name    string
					Accepts bool
					Reasons []struct{ ID, Words string }
				}
			}
		}
		args := []string{"verify", p.file("server.crt"), "--ca", p.file("ca.crt"), "--clients", "--host", p.host, "--purpose", "server"}
		code := certgenJSON(t, "", &rep, args...)
		rejected := false
		for _, c := range rep.Items[0].Clients {
			rejected = rejected || !c.Accepts
			real, ok := verdicts[c.Name][p.name]
			if !ok {
				continue
			}
			asked++
			if (real == "") != c.Accepts {
				t.Errorf("%-24s %-15s predicted accepts=%v %v, but it says: %q", p.name, c.Name, c.Accepts, c.Reasons, real)
			}
		}
		if (code == 1) != rejected {
			t.Errorf("%s: exit status %d although a client rejects it: %v", p.name, code, rejected)
		}
	}
	if asked < 7*len(probes) {
		t.Errorf("only %d answers for %d certificates", asked, len(probes))
	}
}

func serve(t *testing.T, p probe) int {
	t.Helper()
	chain, err := tls.LoadX509KeyPair(p.file("server.crt"), p.file("server.key"))
	if err != nil {
		// Go refuses to load an RSA key of 1024 bits, which is an answer too.
		t.Fatalf("%s: %v", p.name, err)
	}
	addr := "127.0.0.1:0"
	if strings.Contains(p.host, ":") {
		addr = "[::1]:0"
	}
	l, err := tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{chain}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				buf := make([]byte, 512)
				_, _ = c.Read(buf)
				_, _ = c.Write([]byte("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"))
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func run(t *testing.T, stdin string, name string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	var ee *exec.ExitError
	switch {
	case err == nil:
		return string(out), 0
	case errors.As(err, &ee):
		return string(out), ee.ExitCode()
	}
	t.Fatalf("%s: %v (hack/packages.txt has the package)", name, err)
	return "", 0
}

func addr(p probe) string { return net.JoinHostPort(p.host, fmt.Sprint(p.port)) }

func grep(out string, words ...string) string {
	for _, l := range strings.Split(out, "\n") {
		for _, w := range words {
			if strings.Contains(l, w) {
				return strings.TrimSpace(l)
			}
		}
	}
	return strings.TrimSpace(out)
}

func opensslClient(strict bool) func(*testing.T, []probe) map[string]string {
	return func(t *testing.T, ps []probe) map[string]string {
		out := map[string]string{}
		for _, p := range ps {
			args := []string{"s_client", "-connect", addr(p), "-CAfile", p.file("ca.crt"), "-verify_return_error", "-no-CApath", "-no-CAstore"}
			if net.ParseIP(p.host) != nil {
				args = append(args, "-verify_ip", p.host)
			} else {
				args = append(args, "-verify_hostname", p.host, "-servername", p.host)
			}
			if strict {
				args = append(args, "-x509_strict")
			}
			text, code := run(t, "Q\n", "openssl", args...)
			out[p.name] = ""
			if code != 0 {
				out[p.name] = grep(text, "verify error")
			}
		}
		return out
	}
}

func gnutlsClient(t *testing.T, ps []probe) map[string]string {
	out := map[string]string{}
	for _, p := range ps {
		text, code := run(t, "GET / HTTP/1.0\r\n\r\n", "gnutls-cli", "--x509cafile", p.file("ca.crt"), "--port", fmt.Sprint(p.port), "--verify-hostname="+p.host, p.host)
		out[p.name] = ""
		if code != 0 {
			out[p.name] = grep(text, "Status:", "Fatal", "violation", "***")
		}
	}
	return out
}

func goClient(t *testing.T, ps []probe) map[string]string {
	out := map[string]string{}
	for _, p := range ps {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(must(os.ReadFile(p.file("ca.crt"))))
		c, err := tls.Dial("tcp", addr(p), &tls.Config{RootCAs: pool, ServerName: p.host})
		out[p.name] = ""
		if err != nil {
			out[p.name] = err.Error()
		} else {
			c.Close()
		}
	}
	return out
}

// lines reads the answers of a program that asks all servers in one run:
// NAME, a tab, and "" or why not.
func lines(t *testing.T, text string, ps []probe) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, l := range strings.Split(text, "\n") {
		if name, why, ok := strings.Cut(l, "\t"); ok {
			out[name] = strings.TrimSpace(why)
		}
	}
	for _, p := range ps {
		if _, ok := out[p.name]; !ok {
			t.Fatalf("no answer about %s:\n%s", p.name, text)
		}
	}
	return out
}

func argsOf(ps []probe) []string {
	var a []string
	for _, p := range ps {
		a = append(a, p.name, p.host, fmt.Sprint(p.port), p.file("ca.crt"))
	}
	return a
}

const javaSource = `
import java.io.*; import java.net.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*;
public class Ask {
  public static void main(String[] a) throws Exception {
    for (int i = 0; i < a.length; i += 4) {
      String why = "";
      try {
        KeyStore ks = KeyStore.getInstance(KeyStore.getDefaultType()); ks.load(null, null);
        try (InputStream in = new FileInputStream(a[i+3])) { ks.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in)); }
        TrustManagerFactory tmf = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()); tmf.init(ks);
        SSLContext ctx = SSLContext.getInstance("TLS"); ctx.init(null, tmf.getTrustManagers(), null);
        SSLSocket s = (SSLSocket) ctx.getSocketFactory().createSocket(a[i+1], Integer.parseInt(a[i+2]));
        s.setSoTimeout(10000);
        SSLParameters p = s.getSSLParameters(); p.setEndpointIdentificationAlgorithm("HTTPS"); s.setSSLParameters(p);
        s.startHandshake(); s.close();
      } catch (Exception e) { Throwable c = e; while (c.getCause() != null) c = c.getCause(); why = String.valueOf(c.getMessage()).replace('\n', ' '); if (why.isEmpty()) why = c.toString(); }
      System.out.println(a[i] + "\t" + why);
    }
  }
}`

func javaClient(t *testing.T, ps []probe) map[string]string {
	src := filepath.Join(t.TempDir(), "Ask.java")
	write(t, filepath.Dir(src), "Ask.java", []byte(javaSource))
	text, _ := run(t, "", "java", append([]string{src}, argsOf(ps)...)...)
	return lines(t, text, ps)
}

const nodeSource = `
const tls = require('tls'), fs = require('fs'), a = process.argv.slice(2);
(async () => { for (let i = 0; i < a.length; i += 4) {
  const why = await new Promise(done => {
    const o = { host: a[i+1], port: +a[i+2], ca: fs.readFileSync(a[i+3]) };
    if (!/^[0-9.]+$|:/.test(a[i+1])) o.servername = a[i+1];
    const s = tls.connect(o, () => { s.end(); done(''); });
    s.setTimeout(10000, () => { s.destroy(); done('timeout'); });
    s.on('error', e => done(e.code || e.message));
  });
  console.log(a[i] + '\t' + why);
} })();`

func nodeClient(t *testing.T, ps []probe) map[string]string {
	dir := t.TempDir()
	write(t, dir, "ask.js", []byte(nodeSource))
	text, _ := run(t, "", "node", append([]string{filepath.Join(dir, "ask.js")}, argsOf(ps)...)...)
	return lines(t, text, ps)
}

// nssClient asks NSS's verifier for a server's certificate; names are not part
// of that question.
func nssClient(t *testing.T, ps []probe) map[string]string {
	out := map[string]string{}
	for _, p := range ps {
		if p.host != "127.0.0.1" || p.ipAsDNS {
			continue
		}
		db := "sql:" + filepath.Join(p.dir, "nss")
		if err := os.MkdirAll(filepath.Join(p.dir, "nss"), 0o700); err != nil {
			t.Fatal(err)
		}
		run(t, "", "certutil", "-N", "-d", db, "--empty-password")
		run(t, "", "certutil", "-A", "-d", db, "-n", "ca", "-t", "CT,,", "-i", p.file("ca.crt"))
		if p.intermediate {
			run(t, "", "certutil", "-A", "-d", db, "-n", "intermediate", "-t", ",,", "-i", p.file("intermediate.crt"))
		}
		run(t, "", "certutil", "-A", "-d", db, "-n", "leaf", "-t", ",,", "-i", p.file("server.crt"))
		text, code := run(t, "", "certutil", "-V", "-d", db, "-n", "leaf", "-u", "V", "-e")
		out[p.name] = ""
		if code != 0 || !strings.Contains(text, "is valid") {
			out[p.name] = strings.TrimSpace(text)
		}
	}
	return out
}

const pycaSource = `
import sys, ipaddress, datetime
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
a = sys.argv[1:]
for i in range(0, len(a), 4):
    why = ""
    try:
        d = a[i+3][:-len("ca.crt")]
        ca = x509.load_pem_x509_certificates(open(a[i+3], "rb").read())
        chain = x509.load_pem_x509_certificates(open(d + "server.crt", "rb").read())
        try:
            subject = x509.IPAddress(ipaddress.ip_address(a[i+1]))
        except ValueError:
            subject = x509.DNSName(a[i+1])
        PolicyBuilder().store(Store(ca)).build_server_verifier(subject).verify(chain[0], chain[1:])
    except Exception as e:
        why = (str(e) or repr(e)).replace("\n", " ")
    print(a[i] + "\t" + why)
`

// pycaClient needs pyca/cryptography 42 or later, which Debian 12 does not
// have; the rules of pyca are then held by the unit tests of package verify.
func pycaClient(t *testing.T, ps []probe) map[string]string {
	for _, py := range []string{"python3", "/usr/bin/python3"} {
		if _, code := run(t, "", py, "-c", "import cryptography.x509.verification"); code != 0 {
			continue
		}
		dir := t.TempDir()
		write(t, dir, "ask.py", []byte(pycaSource))
		text, _ := run(t, "", py, append([]string{filepath.Join(dir, "ask.py")}, argsOf(ps)...)...)
		return lines(t, text, ps)
	}
	t.Log("no python3 with pyca/cryptography 42 or later: its column is not asked")
	return nil
}
