package bundle

import (
	"strings"
	"testing"
)

func TestSecretsGo(t *testing.T) {
	r := &Redactor{}
	for _, planted := range []string{
		"Authorization: Bearer abcdefgh12345678",
		"token eyJhbGciOiJSUzI1NiIsImtpZCI6Ij.eyJpc3MiOiJrdWJlcm5ldGVz.c2lnbmF0dXJl",
		`password="hunter2-hunter2"`,
		"DB_PASSWORD=hunter2-hunter2",
		"https://user:hunter2-hunter2@registry.example.com/",
		"join 10.0.0.1:6443 --token abcdef.0123456789abcdef",
		"AKIAABCDEFGHIJKLMNOP",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIEsecretsecret\n-----END RSA PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\nMIIEsecretsecret cut off",
	} {
		got := r.Text(planted)
		for _, secret := range []string{"abcdefgh12345678", "eyJpc3Mi", "hunter2", "0123456789abcdef", "AKIAABC", "MIIEsecret"} {
			if strings.Contains(got, secret) {
				t.Errorf("%q is still in %q", secret, got)
			}
		}
	}
	if got := r.Text("kubelet v1.37.1 node kube-worker-1 at 10.0.0.7: connection refused"); !strings.Contains(got, "10.0.0.7: connection refused") {
		t.Errorf("a harmless line became %q", got)
	}
}

func TestAddressesKeepTheirIdentity(t *testing.T) {
	r := &Redactor{Addresses: true}
	got := r.Text("10.0.0.7 and 10.0.0.8 and 10.0.0.7, not 127.0.0.1; fe80::1:2:3:4 at 12:30:05 to 10.0.0.8:6443, v1.37.1")
	if got != "ip-1 and ip-2 and ip-1, not 127.0.0.1; ip-3 at 12:30:05 to ip-2:6443, v1.37.1" {
		t.Error(got)
	}
}
