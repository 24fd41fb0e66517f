package certgen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

const easyrsaScript = "/usr/share/easy-rsa/easyrsa"

// easyrsa goes on in a folder: signs another certificate, revokes the one that
// certgen made, lists.
func easyrsaGoesOn(t *testing.T, pki, name string) {
	t.Helper()
	run := func(args ...string) string {
		return must(t, filepath.Dir(pki), "env", append([]string{"EASYRSA=/usr/share/easy-rsa", "EASYRSA_PKI=" + pki, "EASYRSA_BATCH=1", easyrsaScript}, args...)...)
	}
	run("build-client-full", "bob", "nopass")
	must(t, ".", "openssl", "verify", "-CAfile", filepath.Join(pki, "ca.crt"), filepath.Join(pki, "issued", "bob.crt"))
	run("revoke", name)
	run("gen-crl")
	serial := serialOf(t, filepath.Join(pki, "revoked", "certs_by_serial"))
	crl := must(t, ".", "openssl", "crl", "-in", filepath.Join(pki, "crl.pem"), "-noout", "-text")
	if !strings.Contains(crl, serial) {
		t.Errorf("the revoked certificate %s is not in the list:\n%s", serial, crl)
	}
	index := readFile(t, filepath.Join(pki, "index.txt"))
	if strings.Count(index, "\n") < 2 || !strings.Contains(index, "/CN=bob") || !strings.Contains(index, "R\t") {
		t.Errorf("index.txt:\n%s", index)
	}
}

// serialOf is the name of the only certificate in a folder by serial number.
func serialOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%s: %v, %d files", dir, err, len(entries))
	}
	name := entries[0].Name()
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// opensslGoesOn: openssl ca signs another certificate, revokes and lists.
func opensslGoesOn(t *testing.T, dir, name string) {
	t.Helper()
	must(t, dir, "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "bob.key",
		"-subj", "/CN=bob", "-addext", "subjectAltName=DNS:bob.example.org", "-out", "bob.csr")
	must(t, dir, "openssl", "ca", "-batch", "-config", "openssl.cnf", "-in", "bob.csr", "-out", "bob.crt")
	must(t, dir, "openssl", "verify", "-CAfile", "ca.crt", "-verify_hostname", "bob.example.org", "bob.crt")
	must(t, dir, "openssl", "ca", "-config", "openssl.cnf", "-revoke", name+".crt")
	must(t, dir, "openssl", "ca", "-config", "openssl.cnf", "-gencrl", "-out", "crl.pem")
	serial := strings.TrimPrefix(strings.TrimSpace(must(t, dir, "openssl", "x509", "-in", name+".crt", "-noout", "-serial")), "serial=")
	if crl := must(t, dir, "openssl", "crl", "-in", "crl.pem", "-noout", "-text"); !strings.Contains(crl, serial) {
		t.Errorf("%s is not in the list:\n%s", serial, crl)
	}
	// openssl ca -status ends with 1 for a revoked certificate.
	if out, _ := tool(t, dir, "openssl", "ca", "-config", "openssl.cnf", "-status", serial); !strings.Contains(out, "Revoked") {
		t.Errorf("status: %s", out)
	}
}

// cfsslGoesOn: cfssl signs another certificate and makes a revocation list. It
// keeps no book of its own.
func cfsslGoesOn(t *testing.T, dir, name string) {
	t.Helper()
	bin := program.Peer(t, "cfssl", cfsslMain)
	write(t, filepath.Join(dir, "bob.json"), `{"CN": "bob", "hosts": ["bob.example.org"], "key": {"algo": "ecdsa", "size": 256}}`)
	out := must(t, dir, "sh", "-c", bin+" gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=kubernetes bob.json 2>/dev/null")
	write(t, filepath.Join(dir, "out.json"), out)
	write(t, filepath.Join(dir, "bob.pem"), must(t, dir, "jq", "-r", ".cert", "out.json"))
	must(t, dir, "openssl", "verify", "-CAfile", "ca.pem", "-verify_hostname", "bob.example.org", "bob.pem")
	info := must(t, dir, "sh", "-c", bin+" certinfo -cert "+name+".pem 2>/dev/null")
	serial := between(info, `"serial_number": "`, `"`)
	if serial == "" {
		t.Fatalf("certinfo: %s", info)
	}
	write(t, filepath.Join(dir, "serials"), serial+"\n")
	crl := must(t, dir, "sh", "-c", bin+" gencrl serials ca.pem ca-key.pem 2>/dev/null | base64 -d | openssl crl -inform DER -noout -text")
	hex := strings.TrimPrefix(strings.TrimSpace(must(t, dir, "openssl", "x509", "-in", name+".pem", "-noout", "-serial")), "serial=")
	if !strings.Contains(crl, hex) {
		t.Errorf("%s is not in the list:\n%s", hex, crl)
	}
	// The request that lies beside a certificate is one that cfssl signs.
	must(t, dir, "sh", "-c", bin+" sign -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=kubernetes "+name+".csr 2>/dev/null >/dev/null")
}

func between(s, from, to string) string {
	_, rest, ok := strings.Cut(s, from)
	if !ok {
		return ""
	}
	out, _, _ := strings.Cut(rest, to)
	return out
}

// The tools go on in folders that certgen made, and certgen goes on after them.
func TestToolsGoOnInOurFolders(t *testing.T) {
	need(t, "openssl", easyrsaScript, "jq")
	for _, key := range []string{"ecdsa:p256", "rsa:2048"} {
		for kind, goOn := range map[string]func(*testing.T, string, string){"easyrsa": easyrsaGoesOn, "openssl": opensslGoesOn, "cfssl": cfsslGoesOn} {
			t.Run(kind+"/"+key, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "pki")
				certgen(t, ".", "server", "--ip", "203.0.113.10", "--layout", kind, "--out", dir, "--key", key)
				goOn(t, dir, "server")
				certgen(t, ".", "client", "carol", "--out", dir)
				if kind != "cfssl" {
					index := readFile(t, filepath.Join(dir, "index.txt"))
					for _, cn := range []string{"/CN=kube-apiserver", "/CN=bob", "/CN=carol"} {
						if !strings.Contains(index, cn) {
							t.Errorf("index.txt lacks %s:\n%s", cn, index)
						}
					}
				}
			})
		}
	}
}

// A PKI that one tool made is converted, and the other tool goes on; converted
// back, the book is what it was.
func TestToolsGoOnAfterConversion(t *testing.T) {
	need(t, "openssl", easyrsaScript, "jq")
	// easyrsa's own folder, with history: one revoked, two valid.
	home := t.TempDir()
	pki := filepath.Join(home, "pki")
	run := func(args ...string) {
		must(t, home, "env", append([]string{"EASYRSA=/usr/share/easy-rsa", "EASYRSA_PKI=" + pki, "EASYRSA_BATCH=1", easyrsaScript}, args...)...)
	}
	run("init-pki")
	run("--req-cn=handbook-ca", "build-ca", "nopass")
	run("--subject-alt-name=IP:203.0.113.10,DNS:kubernetes", "build-server-full", "server", "nopass")
	run("build-client-full", "alice", "nopass")
	run("build-client-full", "gone", "nopass")
	run("revoke", "gone")
	book := readFile(t, filepath.Join(pki, "index.txt"))
	for kind, goOn := range map[string]func(*testing.T, string, string){"openssl": opensslGoesOn, "cfssl": cfsslGoesOn} {
		t.Run("easyrsa to "+kind, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "new")
			certgen(t, ".", "convert", home, "--layout", kind, "--out", to)
			back := filepath.Join(t.TempDir(), "back")
			certgen(t, ".", "convert", to, "--layout", "easyrsa", "--out", back)
			if got := readFile(t, filepath.Join(back, "index.txt")); got != book {
				t.Errorf("the book came back as\n%s\nand was\n%s", got, book)
			}
			for _, f := range []string{"ca.crt", "private/ca.key", "issued/server.crt", "private/server.key", "issued/alice.crt", "serial"} {
				if readFile(t, filepath.Join(back, f)) != readFile(t, filepath.Join(pki, f)) {
					t.Errorf("%s came back different", f)
				}
			}
			goOn(t, to, "server")
			easyrsaGoesOnAgain(t, back)
		})
	}
	t.Run("kubeadm", func(t *testing.T) {
		to := filepath.Join(t.TempDir(), "new")
		certgen(t, ".", "convert", pki, "--layout", "kubeadm", "--out", to)
		must(t, to, "openssl", "verify", "-CAfile", "ca.crt", "apiserver.crt")
		back := filepath.Join(t.TempDir(), "back")
		certgen(t, ".", "convert", to, "--layout", "openssl", "--out", back)
		opensslGoesOn(t, back, "server") // its name before kubeadm's
	})
}

func easyrsaGoesOnAgain(t *testing.T, pki string) {
	t.Helper()
	run := func(args ...string) {
		must(t, filepath.Dir(pki), "env", append([]string{"EASYRSA=/usr/share/easy-rsa", "EASYRSA_PKI=" + pki, "EASYRSA_BATCH=1", easyrsaScript}, args...)...)
	}
	run("build-client-full", "bob", "nopass")
	run("revoke", "server")
	run("gen-crl")
}

// A kubeadm folder's three authorities, of which each is a PKI of its own after
// conversion: every tool goes on in all three, and with what the tools added
// they are one kubeadm folder again.
func TestToolsGoOnInEachAuthority(t *testing.T) {
	need(t, "openssl", easyrsaScript, "jq")
	home := t.TempDir()
	certgen(t, home, "cluster", "--control-plane", "cp=10.0.0.1", "--out", "k")
	pki := filepath.Join(home, "k", "cp", "pki")
	for kind, goOn := range map[string]func(*testing.T, string, string){"easyrsa": easyrsaGoesOn, "openssl": opensslGoesOn, "cfssl": cfsslGoesOn} {
		t.Run(kind, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "new")
			certgen(t, ".", "convert", pki, "--layout", kind, "--out", to)
			for sub, name := range map[string]string{"": "apiserver", "etcd": "server", "front-proxy": "front-proxy-client"} {
				goOn(t, filepath.Join(to, sub), name)
			}
			back := filepath.Join(t.TempDir(), "back")
			certgen(t, ".", "convert", to, "--layout", "kubeadm", "--out", back)
			for _, f := range []string{"ca.key", "etcd/ca.key", "front-proxy-ca.key", "etcd/peer.crt", "apiserver-etcd-client.key", "front-proxy-ca.crt", "sa.key"} {
				if readFile(t, filepath.Join(back, f)) != readFile(t, filepath.Join(pki, f)) {
					t.Errorf("%s came back different", f)
				}
			}
			must(t, ".", "openssl", "verify", "-x509_strict", "-CAfile", filepath.Join(back, "etcd/ca.crt"), filepath.Join(back, "etcd/bob.crt"))
			if kind == "cfssl" {
				return // it keeps no book
			}
			for _, book := range []string{"history/index.txt", "history/etcd/index.txt", "history/front-proxy/index.txt"} {
				if got := readFile(t, filepath.Join(back, book)); !strings.Contains(got, "/CN=bob") || !strings.Contains(got, "R\t") {
					t.Errorf("%s lacks what %s did:\n%s", book, kind, got)
				}
			}
		})
	}
}

// Expired and revoked entries, with their reason, and the certificates behind
// them go through every layout and come back; then the tool works on with them.
func TestHistoryGoesThroughEveryLayout(t *testing.T) {
	need(t, "openssl", easyrsaScript)
	dir := filepath.Join(t.TempDir(), "a")
	certgen(t, ".", "server", "--ip", "203.0.113.10", "--layout", "openssl", "--out", dir)
	sign := func(name string, args ...string) {
		must(t, dir, "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name+".key", "-subj", "/CN="+name, "-out", name+".csr")
		must(t, dir, "openssl", append([]string{"ca", "-batch", "-config", "openssl.cnf", "-in", name + ".csr", "-out", name + ".crt"}, args...)...)
	}
	sign("old", "-startdate", "20250101000000Z", "-enddate", "20250201000000Z")
	sign("stolen")
	must(t, dir, "openssl", "ca", "-config", "openssl.cnf", "-revoke", "stolen.crt", "-crl_reason", "keyCompromise")
	must(t, dir, "openssl", "ca", "-config", "openssl.cnf", "-updatedb")
	book := readFile(t, filepath.Join(dir, "index.txt"))
	if !strings.Contains(book, "E\t") || !strings.Contains(book, "keyCompromise") || !strings.Contains(book, "V\t") {
		t.Fatalf("the book is not what the test wants:\n%s", book)
	}
	at := dir
	for _, kind := range []string{"easyrsa", "cfssl", "kubeadm", "flat", "easyrsa", "openssl"} {
		to := filepath.Join(t.TempDir(), kind)
		certgen(t, ".", "convert", at, "--layout", kind, "--out", to)
		at = to
		if kind == "easyrsa" {
			out := must(t, filepath.Dir(at), "env", "EASYRSA=/usr/share/easy-rsa", "EASYRSA_PKI="+at, "EASYRSA_BATCH=1", easyrsaScript, "gen-crl")
			if crl := must(t, ".", "openssl", "crl", "-in", filepath.Join(at, "crl.pem"), "-noout", "-text"); !strings.Contains(crl, "Key Compromise") {
				t.Errorf("easyrsa's list lacks the revoked certificate: %s\n%s", out, crl)
			}
		}
	}
	if got := readFile(t, filepath.Join(at, "index.txt")); got != book {
		t.Errorf("the book came back as\n%s\nand was\n%s", got, book)
	}
	for _, f := range []string{"old.crt", "stolen.crt", "stolen.key", "old.csr", "ca.key"} {
		if readFile(t, filepath.Join(at, f)) != readFile(t, filepath.Join(dir, f)) {
			t.Errorf("%s came back different", f)
		}
	}
	opensslGoesOn(t, at, "server") // its name before kubeadm's
}
