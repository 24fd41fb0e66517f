package controlplane

import (
	"os"
	"path/filepath"
	"testing"
)

func manifest(flags ...string) []byte {
	out := "spec:\n  containers:\n  - command:\n    - program\n"
	for _, f := range flags {
		out += "    - " + f + "\n"
	}
	return []byte(out)
}

// A component is asked where it listens: 127.0.0.1 is refused by one that is
// bound to the machine's own address, which is not dead.
func TestAddress(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
		want  string
	}{
		{"kube-apiserver", nil, "https://127.0.0.1:6443"},
		{"kube-apiserver", []string{"--bind-address=0.0.0.0", "--secure-port=7443"}, "https://127.0.0.1:7443"},
		{"kube-apiserver", []string{"--bind-address=10.0.0.1"}, "https://10.0.0.1:6443"},
		{"kube-apiserver", []string{"--bind-address=fd00::1"}, "https://[fd00::1]:6443"},
		{"kube-apiserver", []string{"--bind-address=::"}, "https://127.0.0.1:6443"},
		{"kube-scheduler", []string{"--bind-address=127.0.0.1"}, "https://127.0.0.1:10259"},
		{"etcd", []string{"--listen-metrics-urls=http://127.0.0.1:2381", "--listen-client-urls=https://127.0.0.1:2379"}, "http://127.0.0.1:2381"},
		{"etcd", []string{"--listen-metrics-urls=http://10.0.0.1:2381"}, "http://10.0.0.1:2381"},
		{"etcd", []string{"--listen-client-urls=https://10.0.0.1:2379,https://127.0.0.1:2379"}, "https://127.0.0.1:2379"},
	} {
		port := map[string]string{"kube-apiserver": "6443", "kube-scheduler": "10259", "etcd": "2381"}[c.name]
		if got := address(c.name, port, manifest(c.flags...)); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.name, c.flags, got, c.want)
		}
	}
}

// A kubeconfig names files from its own folder.
func TestCertificateBesideItsKubeconfig(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "client.crt"), []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"client.crt", filepath.Join(dir, "client.crt")} {
		if got := embedded([]byte("users:\n- user:\n    client-certificate: "+file+"\n"), dir); string(got) != "here" {
			t.Errorf("%s: %q", file, got)
		}
	}
}
