package kubeconfig

import (
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func TestParseServer(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.10": "https://203.0.113.10:6443", "203.0.113.10:8443": "https://203.0.113.10:8443", "api.example.org": "https://api.example.org:6443",
		"https://api.example.org": "https://api.example.org", "fd00::1": "https://[fd00::1]:6443", "[fd00::1]": "https://[fd00::1]:6443",
		"[fd00::1]:443": "https://[fd00::1]:443", "https://lb/prefix": "https://lb/prefix",
	} {
		if got, err := ParseServer(in); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"", " ", "http://x", "https://", "x:0", "x:99999", "https://u:p@x", "https://x?y", "a b"} {
		if got, err := ParseServer(bad); err == nil {
			t.Errorf("%q: accepted as %q", bad, got)
		}
	}
}

func TestEncode(t *testing.T) {
	data, err := File{Cluster: "c", User: "u", Server: "https://x:6443", CA: []byte("ca"), Cert: []byte("cert"), Key: []byte("key")}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c, err := clientcmd.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	if c.CurrentContext != "u@c" || c.Contexts["u@c"].Cluster != "c" || string(c.AuthInfos["u"].ClientKeyData) != "key" ||
		string(c.Clusters["c"].CertificateAuthorityData) != "ca" {
		t.Errorf("%s", data)
	}
}
