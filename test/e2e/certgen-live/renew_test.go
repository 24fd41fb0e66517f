package certgenlive

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRenewGoesOnWithTheTool renews certificates that openssl and easyrsa made:
// all but serial number and dates stays, and the tool goes on working.
func TestRenewGoesOnWithTheTool(t *testing.T) {
	t.Run("openssl", func(t *testing.T) {
		dir := t.TempDir()
		sh(t, dir, `
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj "/C=DE/O=Example/CN=The CA" -days 100 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj "/C=DE/O=Example/CN=s" 2>/dev/null
printf 'basicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid,issuer:always\nsubjectKeyIdentifier=hash\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:s.example.com,IP:10.0.0.1\n' > ext
openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out s.crt 2>/dev/null`)
		before := text(t, dir, "s.crt")
		if out, errOut, code := certgen(t, "", "renew", filepath.Join(dir, "s.crt")); code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
		if after := text(t, dir, "s.crt"); after != before {
			t.Errorf("more than serial number and dates changed\n--- before\n%s\n--- after\n%s", before, after)
		}
		sh(t, dir, `openssl verify -x509_strict -CAfile ca.crt s.crt || openssl verify -CAfile ca.crt s.crt`)
	})
	t.Run("easyrsa", func(t *testing.T) {
		dir := t.TempDir()
		sh(t, dir, `
cp -r /usr/share/easy-rsa/. .
./easyrsa --batch init-pki
./easyrsa --batch --req-cn=the-ca build-ca nopass
./easyrsa --batch --subject-alt-name=DNS:s.example.com build-server-full s nopass`)
		pki := filepath.Join(dir, "pki")
		before := text(t, pki, "issued/s.crt")
		if out, errOut, code := certgen(t, "", "renew", filepath.Join(pki, "issued", "s.crt")); code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
		if after := text(t, pki, "issued/s.crt"); after != before {
			t.Errorf("more than serial number and dates changed\n--- before\n%s\n--- after\n%s", before, after)
		}
		if n := strings.Count(string(must(os.ReadFile(filepath.Join(pki, "index.txt")))), "/CN=s\n"); n != 2 {
			t.Errorf("index.txt has %d lines for it", n)
		}
		sh(t, dir, `openssl verify -CAfile pki/ca.crt pki/issued/s.crt && ./easyrsa --batch revoke s && ./easyrsa --batch gen-crl && ./easyrsa --batch --subject-alt-name=DNS:t build-server-full t nopass`)
	})
	t.Run("kubeconfig", func(t *testing.T) {
		dir := t.TempDir()
		if out, errOut, code := certgen(t, "", "cluster", "--control-plane", "cp1=10.0.0.10", "--out", dir); code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
		file := filepath.Join(dir, "cp1", "admin.conf")
		old := string(must(os.ReadFile(file)))
		if out, errOut, code := certgen(t, "", "renew", file, "--new-key"); code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errOut)
		}
		neu := string(must(os.ReadFile(file)))
		if old == neu || strings.Count(old, "\n") != strings.Count(neu, "\n") {
			t.Error("the kubeconfig is as before, or more of it changed than the certificate and the key")
		}
		if out, _, code := certgen(t, "", "inspect", file); code != 0 || !strings.Contains(out, "belongs to it") {
			t.Errorf("%d\n%s", code, out)
		}
		if kept, _ := filepath.Glob(file + ".old-*"); len(kept) != 1 || string(must(os.ReadFile(kept[0]))) != old {
			t.Errorf("the old kubeconfig is not beside it: %v", kept)
		}
	})
}

func sh(t *testing.T, dir, script string) {
	t.Helper()
	c := exec.Command("sh", "-e", "-c", script)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
}

// text is openssl's view of a certificate without what a renewal changes.
func text(t *testing.T, dir, file string) string {
	t.Helper()
	out, err := exec.Command("openssl", "x509", "-noout", "-text", "-nameopt", "RFC2253,show_type", "-certopt", "no_serial,no_validity,no_sigdump", "-in", filepath.Join(dir, file)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
