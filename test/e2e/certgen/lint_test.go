package certgen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// A file with a defect that its tool, or a strict verifier, trips over: what
// the linter's fix makes of it must pass. The tools judge, before and after.
var mended = []struct {
	name, file, text string
	// run makes a certificate of the file in a folder with a sound CA (ca.crt,
	// ca.key) and judges it; it fails before the fix and succeeds after it.
	run string
}{
	{"request's section with an issuer", "csr.conf", `[req]
prompt = no
distinguished_name = dn
req_extensions = ext
[dn]
CN = api
[ext]
authorityKeyIdentifier = keyid,issuer
subjectAltName = DNS:api.example.com
`, `openssl req -new -key leaf.key -config csr.conf -out x.csr`},
	{"prompt = No", "csr.conf", `[req]
prompt = No
distinguished_name = dn
[dn]
C = US
CN = api.example.com
`, `openssl req -new -key leaf.key -config csr.conf -out x.csr </dev/null && openssl req -in x.csr -noout -subject | grep api.example.com`},
	{"values as prompts", "csr.conf", `[req]
distinguished_name = dn
[dn]
C = US
CN = api.example.com
`, `openssl req -new -key leaf.key -config csr.conf -out x.csr </dev/null && openssl req -in x.csr -noout -subject | grep api.example.com`},
	{"types of names", "v3.ext", `basicConstraints = CA:FALSE
keyUsage = digitalSignature
subjectAltName = @names
[names]
DNS1 = a.example.com
DNS.2 = 192.0.2.7
IP.1 = localhost
`, `openssl req -new -key leaf.key -subj /CN=x -out x.csr && openssl x509 -req -in x.csr -CA ca.crt -CAkey ca.key -extfile v3.ext -out x.crt &&
		openssl verify -CAfile ca.crt -verify_hostname a.example.com x.crt && openssl verify -CAfile ca.crt -verify_hostname localhost x.crt && openssl verify -CAfile ca.crt -verify_ip 192.0.2.7 x.crt`},
	{"a name without its type", "v3.ext", "subjectAltName = a.example.com, 192.0.2.7, dns:b.example.com\n",
		`openssl req -new -key leaf.key -subj /CN=x -out x.csr && openssl x509 -req -in x.csr -CA ca.crt -CAkey ca.key -extfile v3.ext -out x.crt &&
		openssl verify -CAfile ca.crt -verify_hostname a.example.com x.crt && openssl verify -CAfile ca.crt -verify_hostname b.example.com x.crt && openssl verify -CAfile ca.crt -verify_ip 192.0.2.7 x.crt`},
	{"two names with one number", "v3.ext", "subjectAltName = @n\n[n]\nDNS.1 = a.example.com\nDNS.1 = b.example.com\n",
		`openssl req -new -key leaf.key -subj /CN=x -out x.csr && openssl x509 -req -in x.csr -CA ca.crt -CAkey ca.key -extfile v3.ext -out x.crt &&
		openssl verify -CAfile ca.crt -verify_hostname a.example.com x.crt && openssl verify -CAfile ca.crt -verify_hostname b.example.com x.crt`},
	{"usages that openssl does not know", "v3.ext", "basicConstraints = CA:FALSE\nkeyusage = digitalsignature\nextendedKeyUsage = serverauth\nsubjectAltName = DNS:a.example.com\n",
		`openssl req -new -key leaf.key -subj /CN=x -out x.csr && openssl x509 -req -in x.csr -CA ca.crt -CAkey ca.key -extfile v3.ext -out x.crt && openssl verify -x509_strict -purpose sslserver -CAfile ca.crt x.crt`},
	{"nsCertType against the usage", "v3.ext", "basicConstraints = CA:FALSE\nkeyUsage = digitalSignature\nextendedKeyUsage = serverAuth\nnsCertType = client\nsubjectAltName = DNS:a.example.com\n",
		`openssl req -new -key leaf.key -subj /CN=x -out x.csr && openssl x509 -req -in x.csr -CA ca.crt -CAkey ca.key -extfile v3.ext -out x.crt && openssl verify -purpose sslserver -CAfile ca.crt x.crt`},
	{"parts of a subject", "csr.conf", `[req]
prompt = no
distinguished_name = dn
[dn]
Organization = Example
L =
CN = api
`, `openssl req -new -key leaf.key -config csr.conf -out x.csr`},
	{"a CA without key usage and criticality", "ca.cnf", `[req]
prompt = no
distinguished_name = dn
x509_extensions = v3_ca
[dn]
CN = other-ca
[v3_ca]
basicConstraints = CA:true
`, `openssl req -x509 -new -key ca.key -config ca.cnf -out other.crt && openssl req -new -key leaf.key -subj /CN=x -out x.csr &&
		printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:x\n' > e && openssl x509 -req -in x.csr -CA other.crt -CAkey ca.key -extfile e -out x.crt && openssl verify -x509_strict -CAfile other.crt x.crt`},
	{"a script's CA and its options", "make.sh", `openssl req -x509 -new -nodse -key ca.key -subj "/CN=other-ca" -days 30 -out other-ca.crt
openssl req -new -key leaf.key -subj "CN=leaf" -out leaf.csr
openssl x509 -req -in leaf.csr -CA other-ca.crt -CAkey ca.key -days 10 -out leaf.crt -extfile leaf.ext
`, `printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:leaf\n' > leaf.ext && sh -e make.sh && openssl verify -x509_strict -CAfile other-ca.crt leaf.crt`},
	{"vars that easyrsa stops at", "my.vars", "EASYRSA_ALGO ec\nset_var EASYRSA_DN \"cnonly\"\nset_var EASYRSA_DIGEST \"sha265\"\n",
		`export EASYRSA=/usr/share/easy-rsa EASYRSA_PKI=$PWD/pki EASYRSA_BATCH=1; rm -rf pki; /usr/share/easy-rsa/easyrsa init-pki && cp my.vars pki/vars && /usr/share/easy-rsa/easyrsa --req-cn=ca build-ca nopass`},
	{"names for easyrsa", "make.sh", `/usr/share/easy-rsa/easyrsa --req-cn=ca build-ca nopass
/usr/share/easy-rsa/easyrsa --subject-alt-name="DNS:192.0.2.7,a.example.com" build-server-full s nopass
`, `export EASYRSA=/usr/share/easy-rsa EASYRSA_PKI=$PWD/pki EASYRSA_BATCH=1; rm -rf pki; /usr/share/easy-rsa/easyrsa init-pki && sh -e make.sh &&
		openssl verify -CAfile pki/ca.crt -verify_ip 192.0.2.7 pki/issued/s.crt && openssl verify -CAfile pki/ca.crt -verify_hostname a.example.com pki/issued/s.crt`},
	{"cfssl's durations and usages", "config.json", `{"signing": {"profiles": {"k": {"expiry": "365d", "usages": ["digitalSignature", "Key Encipherment", "serverAuth", "client auth"]}}}}`,
		`echo '{"CN": "x", "hosts": ["a.example.com"]}' > x.json && $CFSSL gencert -ca=ca.crt -ca-key=ca.key -config=config.json -profile=k x.json > o.json && jq -r .cert o.json > x.crt &&
		openssl verify -x509_strict -purpose sslserver -CAfile ca.crt x.crt && openssl x509 -in x.crt -noout -text | grep 'Key Encipherment'`},
	{"a byte order mark before cfssl's JSON", "x.json", "\xef\xbb\xbf" + `{"CN": "x", "hosts": ["a.example.com"]}`,
		`$CFSSL gencert -ca=ca.crt -ca-key=ca.key x.json > o.json && jq -r .cert o.json > x.crt && openssl verify -CAfile ca.crt -verify_hostname a.example.com x.crt`},
	{"cfssl's key and hosts", "x.json", `{"CN": "x", "host": ["a.example.com:6443", "", "kubernetes.svc.cluster.local"], "key": {"algo": "RSA", "size": 1024}}`,
		`$CFSSL gencert -ca=ca.crt -ca-key=ca.key x.json > o.json && jq -r .cert o.json > x.crt && openssl verify -CAfile ca.crt -verify_hostname a.example.com x.crt &&
		openssl verify -CAfile ca.crt -verify_hostname kubernetes.default.svc.cluster.local x.crt`},
}

func TestFixesPassTheTools(t *testing.T) {
	need(t, "openssl", easyrsaScript, "jq")
	ca := t.TempDir()
	must(t, ca, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=sound-ca",
		"-addext", "keyUsage=critical,keyCertSign,cRLSign")
	must(t, ca, "openssl", "genrsa", "-out", "leaf.key", "2048")
	t.Setenv("CFSSL", program.Peer(t, "cfssl", cfsslMain))
	for _, m := range mended {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range []string{"ca.crt", "ca.key", "leaf.key"} {
				write(t, filepath.Join(dir, f), readFile(t, filepath.Join(ca, f)))
			}
			file := filepath.Join(dir, m.file)
			write(t, file, m.text)
			if out, err := tool(t, dir, "sh", "-c", m.run); err == nil {
				t.Fatalf("the tools take it as it is:\n%s", out)
			}
			out, err := tool(t, dir, program.Plugin(t, "certgen"), "lint", "--fix", m.file)
			if err != nil && !strings.Contains(out, "mended") {
				t.Fatalf("lint --fix: %v\n%s", err, out)
			}
			if got, err := tool(t, dir, "sh", "-c", m.run); err != nil {
				fixed, _ := os.ReadFile(file)
				t.Errorf("after the fix: %v\n%s\n--- lint said\n%s\n--- the file\n%s", err, got, out, fixed)
			}
		})
	}
}
