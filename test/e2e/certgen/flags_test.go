package certgen

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// The handbook's last step: kube-apiserver starts with the flags that `server`
// prints, and a client that has the CA and a certificate of `client` gets in.
func TestAPIServerTakesThePrintedFlags(t *testing.T) {
	cluster.Require(t, false)
	need(t, "curl")
	pki := filepath.Join(t.TempDir(), "pki")
	const ip = "127.0.0.1"
	var report struct{ APIServerFlags []string }
	out := certgen(t, ".", "server", "--ip", ip, "--service-cidr", cluster.ServiceCIDR, "--out", pki, "-o", "json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.APIServerFlags) != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	certgen(t, ".", "client", "root", "--org", "system:masters", "--out", pki)
	c := cluster.ForTest(t, cluster.Config{Name: "certgen-flags", APIServerFlags: report.APIServerFlags, NoScheduler: true,
		MakePKI: func(dir string, at cluster.Endpoints) error {
			// The rest of the cluster, whose own clients are of the same CA.
			if at.APIServer != ip {
				t.Fatalf("the API server is at %s", at.APIServer)
			}
			for _, f := range []string{"ca.crt", "ca.key"} {
				write(t, filepath.Join(dir, "pki", f), readFile(t, filepath.Join(pki, f)))
			}
			return nil
		}})
	for _, flags := range [][]string{nil, {"--cert", filepath.Join(pki, "root.crt"), "--key", filepath.Join(pki, "root.key")}} {
		args := append([]string{"-sS", "--noproxy", "*", "--cacert", filepath.Join(pki, "ca.crt")}, flags...)
		answer := must(t, ".", "curl", append(args, c.Endpoints.URL()+"/api/v1/namespaces")...)
		if in := strings.Contains(answer, `"NamespaceList"`); in != (flags != nil) {
			t.Errorf("with %v: %s", flags, answer)
		}
	}
}

// Encrypted CA keys go both ways between certgen and openssl, openssl's old
// form included.
func TestEncryptedKeys(t *testing.T) {
	need(t, "openssl")
	dir := t.TempDir()
	pass := write(t, filepath.Join(dir, "pass"), "correct horse\n")
	for _, key := range []string{"ecdsa:p256", "rsa:2048"} {
		pki := filepath.Join(dir, strings.ReplaceAll(key, ":", "-"))
		certgen(t, ".", "ca", "--out", pki, "--key", key, "--encrypt-ca-key", "--ca-passphrase-file", pass)
		must(t, pki, "openssl", "pkey", "-in", "ca.key", "-passin", "file:"+pass, "-noout")
		if _, err := tool(t, pki, "openssl", "pkey", "-in", "ca.key", "-passin", "pass:wrong", "-noout"); err == nil {
			t.Errorf("%s: opened with a wrong passphrase", key)
		}
		certgen(t, ".", "server", "--ip", "10.0.0.1", "--out", pki, "--ca-passphrase-file", pass)
		must(t, pki, "openssl", "verify", "-CAfile", "ca.crt", "server.crt")
	}
	for name, args := range map[string][]string{
		"pkcs8":  {"genpkey", "-algorithm", "RSA", "-aes-256-cbc", "-pass", "file:" + pass, "-out", "ca.key"},
		"legacy": {"genrsa", "-traditional", "-aes256", "-passout", "file:" + pass, "-out", "ca.key", "2048"},
	} {
		pki := filepath.Join(dir, name)
		if err := os.Mkdir(pki, 0o755); err != nil {
			t.Fatal(err)
		}
		must(t, pki, "openssl", args...)
		must(t, pki, "openssl", "req", "-x509", "-new", "-key", "ca.key", "-passin", "file:"+pass, "-subj", "/CN=theirs", "-days", "30", "-out", "ca.crt")
		certgen(t, ".", "server", "--ip", "10.0.0.1", "--out", pki, "--ca-passphrase-file", pass)
		must(t, pki, "openssl", "verify", "-CAfile", "ca.crt", "server.crt")
	}
}
