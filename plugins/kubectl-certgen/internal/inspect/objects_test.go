package inspect

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// A key beside a certificate is compared, is encrypted, or is said to be broken,
// in a Secret as in a kubeconfig; what is not text is read too.
func TestKeysAndBinariesOfObjects(t *testing.T) {
	cert, key, certPEM, keyPEM := newPair(t, "x", false)
	locked, err := pki.EncodeKey(key, pki.PKCS8, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	b := base64.StdEncoding.EncodeToString
	for _, c := range []struct{ name, key, want string }{
		{"good", b(keyPEM), "true false 0"}, {"locked", b(locked), "false true 0"}, {"broken", b([]byte("no key")), "false false 1"}, {"none", "", "false false 0"},
	} {
		for kind, text := range map[string]string{
			"Secret": "kind: Secret\nmetadata: {name: s}\ndata: {tls.crt: " + b(certPEM) + ", tls.key: " + c.key + "}\n",
			"Config": "kind: Config\nclusters: []\nusers:\n- name: u\n  user: {client-certificate-data: " + b(certPEM) + ", client-key-data: " + c.key + "}\n",
		} {
			items, err := Bytes("f", []byte(text), Options{})
			parts, _ := PartsOf(items, err)
			if len(items) != 1 || fmt.Sprint(items[0].KeyMatches, items[0].KeyEncrypted, len(parts)) != c.want {
				t.Errorf("%s %s: %+v %v", kind, c.name, items, err)
			}
		}
	}
	latin := append([]byte("# Z\xfcrich\n"), certPEM...)
	text := "kind: List\nitems:\n- {kind: Secret, metadata: {name: s}, data: {cert.der: " + b(cert.Raw) + ", other: aGVsbG8=}}\n" +
		"- {kind: ConfigMap, metadata: {name: c}, binaryData: {ca.crt: " + b(latin) + ", ca.der: " + b(cert.Raw) + ", pic: aGVsbG8=}}\n"
	if items, err := Bytes("f", []byte(text), Options{}); err != nil || len(items) != 3 {
		t.Errorf("%d items, %v", len(items), err)
	}
}

// The files that a kubeconfig names are looked for beside it, and nowhere when it
// is in an object: there they are a pod's.
func TestFilesOfKubeconfigs(t *testing.T) {
	cert, _, _, _ := newPair(t, "x", true)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	config := func(path string) string {
		return "kind: Config\nclusters:\n- {name: c, cluster: {certificate-authority: " + path + "}}\n"
	}
	if items, err := Bytes("-", []byte(config(ca)), Options{}); err != nil || len(items) != 1 {
		t.Errorf("%+v %v", items, err)
	}
	if _, err := Bytes("-", []byte(config("ca.crt")), Options{}); err == nil || !strings.Contains(err.Error(), "ca.crt lies beside the kubeconfig") {
		t.Error(err)
	}
	secret := "kind: Secret\nmetadata: {name: s}\ndata: {value: " + base64.StdEncoding.EncodeToString([]byte(config(ca))) + "}\n"
	if items, err := Bytes("f", []byte(secret), Options{}); len(items) != 0 {
		t.Errorf("%+v %v", items, err)
	}
}
