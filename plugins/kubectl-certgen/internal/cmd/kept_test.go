package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What stays although other days or another key are asked for now is said, with
// what makes it anew; what is asked for again in the same words is not.
func TestKeptIsSaid(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "list")
	if err := os.WriteFile(list, []byte("a a.example\nb b.example\nc c.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		first, again string
		want         []string
	}{
		{"server --ip 10.0.0.1", "", nil},
		{"server --ip 10.0.0.1 --days 90 --key rsa:2048", "", nil},
		{"server --ip 10.0.0.1 --days 90 --compat openssl", "", nil},
		{"server --ip 10.0.0.1 --days 90 --compat easyrsa", "", nil},
		{"server --ip 10.0.0.1 --days 90 --compat cfssl", "", nil},
		{"server --ip 10.0.0.1 --days 90 --compat kubeadm", "", nil},
		{"server --ip 10.0.0.1 --days 9000", "", nil}, // cut to the end of the CA
		{"server --ip 10.0.0.1 --compat kubeadm", "server --ip 10.0.0.1 --compat kubeadm --days 30", []string{"and not made for 30 days"}},
		{"server --ip 10.0.0.1 --compat kubeadm", "server --ip 10.0.0.1 --compat kubeadm --days 400", []string{"and not made for 400 days"}},
		{"server --ip 10.0.0.1", "server --ip 10.0.0.1 --days 30 --key rsa:2048", []string{
			"server.crt: kept, until ", "and not made for 30 days", "server.crt --days 30' does that", "server.key: kept, ECDSA P-256, and not RSA 2048"}},
		{"server --ip 10.0.0.1", "server --ip 10.0.0.1 --ca-key rsa:2048 --ca-days 9", []string{"ca.crt: kept, ECDSA P-256, until ", "not RSA 2048 for 9 days", "rotate ca"}},
		{"ca", "ca --key rsa:2048", []string{"ca.crt: kept, ECDSA P-256, until ", "not RSA 2048 as is asked now"}},
		{"ca", "ca --days 1", []string{"and not for 1 day as is asked now"}},
		{"sa", "sa", nil},
		{"sa --key ecdsa:p256", "sa", nil},
		{"sa", "sa --key ecdsa:p256", []string{"sa.key: kept, RSA 2048, and not ECDSA P-256"}},
		{"csr web --dns web.example", "csr web --dns web.example --key rsa:2048", []string{"web.key: kept, ECDSA P-256, and not RSA 2048"}},
		{"server --list " + list, "", nil},
		{"server --list " + list, "server --days 30 --list " + list, []string{"a.crt and 2 more: kept, until ", "--days 30' does that"}},
		{"cluster --control-plane cp1=10.0.0.1 --worker w1 --key rsa:2048 --days 90 --ca-days 900", "", nil},
		{"cluster --control-plane cp1=10.0.0.1 --worker w1", "cluster --control-plane cp1=10.0.0.1 --worker w1 --days 30 --key ecdsa:p384", []string{
			"pki/ca.crt: kept, ECDSA P-256", "cp1/pki/apiserver.crt and 12 more: kept, until ", "cp1/pki/apiserver.key and 12 more: kept"}},
	} {
		out := t.TempDir()
		if c.again == "" {
			c.again = c.first
		}
		if _, errOut, code := plugin(append(strings.Fields(c.first), "--out", out)...); code != 0 {
			t.Fatalf("%s: %s", c.first, errOut)
		}
		_, errOut, code := plugin(append(strings.Fields(c.again), "--out", out)...)
		if code != 0 || (c.want == nil && strings.Contains(errOut, ": kept, ")) {
			t.Errorf("%s behind %s: %d, %s", c.again, c.first, code, errOut)
		}
		for _, w := range c.want {
			if !strings.Contains(errOut, w) {
				t.Errorf("%s behind %s: %q is not in %s", c.again, c.first, w, errOut)
			}
		}
	}
}

// One file that is made anew is one file.
func TestClusterCountsOneFile(t *testing.T) {
	out := t.TempDir()
	args := []string{"cluster", "--control-plane", "cp1=10.0.0.1", "--out", out}
	if _, errOut, code := plugin(args...); code != 0 {
		t.Fatal(errOut)
	}
	if err := os.Remove(filepath.Join(out, "cp1", "admin.conf")); err != nil {
		t.Fatal(err)
	}
	if text, errOut, code := plugin(args...); code != 0 || !strings.Contains(text, "(1 file new)") {
		t.Errorf("%d, %s%s", code, text, errOut)
	}
}
