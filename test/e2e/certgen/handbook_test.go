package certgen

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// handbookConf is the handbook's csr.conf.
const handbookConf = `[ req ]
default_bits = 2048
prompt = no
default_md = sha256
req_extensions = req_ext
distinguished_name = dn

[ dn ]
C = US
ST = CA
L = SF
O = Acme
OU = Ops
CN = 127.0.0.1

[ req_ext ]
subjectAltName = @alt_names

[ alt_names ]
DNS.1 = kubernetes
DNS.2 = localhost
IP.1 = 127.0.0.1
IP.2 = 10.96.0.1

[ v3_ext ]
authorityKeyIdentifier=keyid,issuer:always
basicConstraints=CA:FALSE
keyUsage=keyEncipherment,dataEncipherment
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=@alt_names
`

func handbookOpenSSL(t *testing.T) set {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "csr.conf"), handbookConf)
	for _, args := range [][]string{
		{"genrsa", "-out", "ca.key", "2048"},
		{"req", "-x509", "-new", "-nodes", "-key", "ca.key", "-subj", "/CN=127.0.0.1", "-days", "10000", "-out", "ca.crt"},
		{"genrsa", "-out", "server.key", "2048"},
		{"req", "-new", "-key", "server.key", "-out", "server.csr", "-config", "csr.conf"},
		{"x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.crt",
			"-days", "10000", "-extensions", "v3_ext", "-extfile", "csr.conf", "-sha256"},
	} {
		must(t, dir, "openssl", args...)
	}
	return set{ca: filepath.Join(dir, "ca.crt"), cert: filepath.Join(dir, "server.crt"), key: filepath.Join(dir, "server.key")}
}

const handbookConfig = `{"signing": {"default": {"expiry": "8760h"}, "profiles": {"kubernetes": {
  "usages": ["signing", "key encipherment", "server auth", "client auth"], "expiry": "8760h"}}}}`

func handbookCFSSL(t *testing.T) set {
	tool := program.Peer(t, "cfssl", cfsslMain)
	dir := t.TempDir()
	names := `"key": {"algo": "rsa", "size": 2048}, "names": [{"C": "US", "ST": "CA", "L": "SF", "O": "Acme", "OU": "Ops"}]`
	write(t, filepath.Join(dir, "ca-config.json"), handbookConfig)
	write(t, filepath.Join(dir, "ca-csr.json"), `{"CN": "kubernetes", `+names+`}`)
	write(t, filepath.Join(dir, "server-csr.json"), `{"CN": "kubernetes", "hosts": ["127.0.0.1", "localhost", "10.96.0.1"], `+names+`}`)
	unpack := func(base, text string) {
		write(t, filepath.Join(dir, "out.json"), text)
		for ext, field := range map[string]string{".pem": ".cert", "-key.pem": ".key"} {
			write(t, filepath.Join(dir, base+ext), must(t, dir, "jq", "-r", field, "out.json"))
		}
	}
	// cfssl talks on stderr; the JSON is stdout's.
	unpack("ca", must(t, dir, "sh", "-c", tool+" gencert -initca ca-csr.json 2>/dev/null"))
	unpack("server", must(t, dir, "sh", "-c", tool+
		" gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=kubernetes server-csr.json 2>/dev/null"))
	return set{ca: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "server.pem"), key: filepath.Join(dir, "server-key.pem")}
}

// The handbook's openssl and cfssl recipes, as printed, are refused by the
// clients that the research says, and --compat writes certificates that the
// same clients refuse. It is why the default profile is another, and it shows
// that the matrix can see.
func TestHandbookIsRefused(t *testing.T) {
	need(t, "openssl", "curl", "gnutls-cli", "java", "tstclnt", "certutil", "/usr/bin/python3", "node", "jq")
	compat := func(name string) set {
		dir := t.TempDir()
		args := []string{"server", "--ip", "127.0.0.1", "--dns", "localhost", "--compat", name}
		if name == "cfssl" {
			args = append(args, "--ca-subject", "O=Acme,CN=kubernetes", "--subject", "O=Acme,CN=kubernetes")
		}
		certgen(t, dir, args...)
		at := func(f string) string { return filepath.Join(dir, "pki", f) }
		return set{ca: at("ca.crt"), cert: at("server.crt"), key: at("server.key")}
	}
	openssl := map[string]bool{"openssl": true, "gnutls": true, "java": true, "python": true}
	cfssl := map[string]bool{"openssl": true, "curl": true, "python": true, "nss": true, "node": true}
	for _, tc := range []struct {
		name    string
		set     set
		refused map[string]bool
	}{
		{"openssl", handbookOpenSSL(t), openssl},
		{"compat openssl", compat("openssl"), openssl},
		{"cfssl", handbookCFSSL(t), cfssl},
		{"compat cfssl", compat("cfssl"), cfssl},
		{"compat easyrsa", compat("easyrsa"), nil},
		{"compat kubeadm", compat("kubeadm"), nil},
	} {
		port := serve(t, tc.set)
		for _, c := range clients() {
			t.Run(tc.name+"/"+c.name, func(t *testing.T) {
				out, err := c.dial(t, tc.set, port, "TLSv1.2")
				if (err != nil) != tc.refused[c.name] {
					t.Errorf("refused: %v, expected: %v\n%s", err != nil, tc.refused[c.name], out)
				}
			})
		}
	}
	if _, err := os.Stat("testdata/client.py"); err != nil {
		t.Fatal(err) // a missing script would look like a refusal
	}
}
