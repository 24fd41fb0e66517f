// Package zlint lets zlint's RFC lints judge the certificates that certgen
// makes. The lints of the CA/Browser Forum are left out: they are for names on
// the public internet.
package zlint

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

func certgen(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.Command(program.Plugin(t, "certgen"), args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("certgen %v: %v\n%s", args, err, out)
	}
}

func registry(t *testing.T) lint.Registry {
	t.Helper()
	r, err := lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lint.SourceList{
		lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// faults are the lints of a certificate that are worse than a notice.
func faults(t *testing.T, file string, r lint.Registry) map[string]lint.LintStatus {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := pem.Decode(data)
	if b == nil {
		t.Fatalf("%s: no PEM", file)
	}
	cert, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	out := map[string]lint.LintStatus{}
	passed := 0
	for name, res := range zlint.LintCertificateEx(cert, r).Results {
		switch {
		case res.Status >= lint.Warn:
			out[name] = res.Status
		case res.Status == lint.Pass:
			passed++
		}
	}
	if passed < 20 {
		t.Errorf("%s: only %d lints applied", file, passed)
	}
	return out
}

func TestDefaultProfileIsClean(t *testing.T) {
	r := registry(t)
	if n := len(r.Names()); n < 100 {
		t.Fatalf("only %d lints", n)
	}
	for _, key := range []string{"ecdsa:p256", "ecdsa:p384", "rsa:2048", "rsa:3072", "ed25519"} {
		dir := t.TempDir()
		certgen(t, dir, "server", "--ip", "203.0.113.10", "--ip", "2001:db8::1", "--dns", "api.example.org", "--key", key)
		certgen(t, dir, "client", "alice", "--org", "devs", "--key", key)
		certgen(t, dir, "node", "worker-1", "--ip", "10.0.0.1", "--key", key)
		certgen(t, dir, "csr", "team", "--for", "ca", "--key", key, "--out", "team")
		certgen(t, dir, "sign", "team/team.csr", "--for", "ca")
		files, _ := filepath.Glob(filepath.Join(dir, "pki", "*.crt"))
		if len(files) != 6 {
			t.Fatalf("%s: %d certificates", key, len(files))
		}
		for _, f := range files {
			for name, status := range faults(t, f, r) {
				t.Errorf("%s %s: %s: %v", key, filepath.Base(f), name, status)
			}
		}
	}
	for _, key := range []string{"ecdsa:p256", "rsa:2048"} {
		dir := t.TempDir()
		certgen(t, dir, "cluster", "--control-plane", "cp1=10.0.0.1", "--worker", "w1", "--kubelet-serving", "--key", key)
		files, _ := filepath.Glob(filepath.Join(dir, "cluster", "cp1", "pki", "*.crt"))
		more, _ := filepath.Glob(filepath.Join(dir, "cluster", "cp1", "pki", "etcd", "*.crt"))
		if files = append(files, more...); len(files) != 11 {
			t.Errorf("cluster: %d certificates", len(files))
		}
		for _, f := range files {
			for name, status := range faults(t, f, r) {
				t.Errorf("cluster %s %s: %s: %v", key, filepath.Base(f), name, status)
			}
		}
	}
}

// The judge sees something: kubeadm's profile has keyEncipherment on an EC key.
func TestJudgeSees(t *testing.T) {
	dir := t.TempDir()
	certgen(t, dir, "server", "--ip", "203.0.113.10", "--compat", "kubeadm", "--key", "ecdsa:p256")
	if f := faults(t, filepath.Join(dir, "pki", "server.crt"), registry(t)); f["e_ecdsa_allowed_ku"] < lint.Warn {
		t.Errorf("e_ecdsa_allowed_ku was expected: %v", f)
	}
}
