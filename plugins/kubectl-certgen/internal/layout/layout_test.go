package layout

import (
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		want  Kind
		sub   string
	}{
		"nothing":            {nil, "", ""},
		"unrelated":          {[]string{"README.md", "x.pem.txt"}, "", ""},
		"flat":               {[]string{"ca.crt", "ca.key", "server.crt"}, Flat, ""},
		"flat with sa":       {[]string{"ca.crt", "ca.key", "sa.key", "sa.pub"}, Flat, ""},
		"kubeadm":            {[]string{"ca.crt", "ca.key", "apiserver.crt", "front-proxy-ca.crt"}, Kubeadm, ""},
		"kubeadm for joins":  {[]string{"ca.crt", "sa.key", "etcd/ca.crt"}, Kubeadm, ""},
		"etc kubernetes":     {[]string{"admin.conf", "pki/ca.crt", "pki/apiserver.crt"}, Kubeadm, "pki"},
		"easyrsa":            {[]string{"ca.crt", "private/ca.key", "issued/server.crt", "index.txt"}, EasyRSA, ""},
		"easyrsa's home":     {[]string{"easyrsa", "pki/ca.crt", "pki/private/ca.key", "pki/issued/server.crt"}, EasyRSA, "pki"},
		"easyrsa without ca": {[]string{"private/.keep", "reqs/.keep", "openssl-easyrsa.cnf"}, EasyRSA, ""},
		"handbook's openssl": {[]string{"ca.crt", "ca.key", "csr.conf", "server.csr", "server.crt"}, OpenSSL, ""},
		"openssl ca":         {[]string{"ca.crt", "ca.key", "index.txt", "newcerts/.keep"}, OpenSSL, ""},
		"demoCA":             {[]string{"demoCA/cacert.pem", "demoCA/private/cakey.pem", "demoCA/index.txt"}, OpenSSL, "demoCA"},
		"cfssl":              {[]string{"ca.pem", "ca-key.pem", "server.pem"}, CFSSL, ""},
		"cfssl, remote key":  {[]string{"ca.pem", "server.pem", "server-key.pem"}, CFSSL, ""},
	} {
		dir := t.TempDir()
		for _, f := range tc.files {
			p := filepath.Join(dir, filepath.FromSlash(f))
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, ok, err := Detect(dir)
		if err != nil || ok != (tc.want != "") || l.Kind != tc.want {
			t.Errorf("%s: %q %v %v, want %q", name, l.Kind, ok, err, tc.want)
		}
		if ok && l.Root != filepath.Join(dir, tc.sub) {
			t.Errorf("%s: root %s", name, l.Root)
		}
	}
	if _, ok, err := Detect(filepath.Join(t.TempDir(), "missing")); ok || err != nil {
		t.Errorf("missing: %v %v", ok, err)
	}
}

func TestIndex(t *testing.T) {
	text := "V\t271121064111Z\t\t92DC28\tunknown\t/CN=kube-apiserver\n" +
		"R\t271121064111Z\t261121064418Z,keyCompromise\t01\tunknown\t/C=US/O=A B/CN=x\n" +
		"E\t20540408032841Z\t\tFF\tunknown\t/CN=far\n"
	x, err := ParseIndex([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if string(x.Bytes()) != text {
		t.Errorf("came back as\n%s", x.Bytes())
	}
	if x[2].Expires.Year() != 2054 || x[1].Status != 'R' {
		t.Errorf("%+v", x)
	}
	for _, bad := range []string{"V\tx\n", "X\t271121064111Z\t\t01\tunknown\t/CN=x\n", "V\tnever\t\t01\tunknown\t/CN=x\n"} {
		if _, err := ParseIndex([]byte(bad)); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
	if got := SerialHex(big.NewInt(0xabc)); got != "0ABC" {
		t.Errorf("serial %s", got)
	}
	if got := indexTime(time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC)); got != "491231235959Z" {
		t.Errorf("2049: %s", got)
	}
}
