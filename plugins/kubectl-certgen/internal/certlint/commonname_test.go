package certlint

import "testing"

func TestHostLike(t *testing.T) {
	for cn, want := range map[string]bool{
		"db.example.com": true, "*.example.com": true, "10.0.0.1": true, "fd00::1": true, "localhost": true,
		"kubernetes": false, "system:node:n1.example.com": false, "My CA v1.2": false, "acme.corp 2": false, "v1.2": false, "etcd": false, "": false,
	} {
		if got := hostLike(cn); got != want {
			t.Errorf("%q: %v", cn, got)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, x := range []struct {
		san, host string
		want      bool
	}{
		{"db.example.com", "DB.example.com", true},
		{"*.example.com", "db.example.com", true},
		{"*.example.com", "a.db.example.com", false},
		{"*.example.com", "example.com", false},
		{"*.example.com", "*.example.com", true},
		{"::1", "0:0:0:0:0:0:0:1", true},
		{"10.0.0.1", "10.0.0.10", false},
		{"localhost", "localhost.localdomain", false},
	} {
		if got := covers(x.san, x.host); got != x.want {
			t.Errorf("%s for %s: %v", x.san, x.host, got)
		}
	}
}
