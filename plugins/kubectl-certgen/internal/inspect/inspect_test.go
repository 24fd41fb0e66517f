package inspect

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certtest"
)

func newPair(t *testing.T, cn string, ca bool) (*x509.Certificate, crypto.Signer, []byte, []byte) {
	t.Helper()
	key := certtest.Key(t)
	c := certtest.Sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: cn}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: ca, BasicConstraintsValid: true, DNSNames: []string{"a.example.com"},
	}, &x509.Certificate{Subject: pkix.Name{CommonName: cn}}, key.Public(), key)
	kd, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return c, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kd})
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func TestEveryContainer(t *testing.T) {
	leaf, key, leafPEM, keyPEM := newPair(t, "leaf", false)
	ca, _, caPEM, _ := newPair(t, "ca", true)
	p12, err := pkcs12.Modern.Encode(key, leaf, []*x509.Certificate{ca}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	store, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "asks"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	csrPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
	kubeconfig := "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: 'https://x', certificate-authority-data: " + b64(caPEM) +
		"}\nusers:\n- name: u\n  user: {client-certificate-data: " + b64(leafPEM) + ", client-key-data: " + b64(keyPEM) + "}\n"
	for name, c := range map[string]struct {
		data string
		want []string
	}{
		"pem":           {string(leafPEM), []string{"certificate  CN=leaf"}},
		"text in front": {"Certificate:\n    Data: x\n" + string(leafPEM), []string{"certificate  CN=leaf"}},
		"chain":         {string(leafPEM) + string(caPEM), []string{"certificate  CN=leaf", "certificate  CN=ca"}},
		"der":           {string(leaf.Raw), []string{"certificate  CN=leaf"}},
		"csr":           {string(csrPEM), []string{"request  CN=asks"}},
		"csr der":       {string(csr), []string{"request  CN=asks"}},
		"p12":           {string(p12), []string{"certificate  CN=leaf", "certificate  CN=ca"}},
		"trust store":   {string(store), []string{"certificate  CN=ca"}},
		"kubeconfig":    {kubeconfig, []string{"certificate cluster c CN=ca", "certificate user u CN=leaf"}},
		"secret": {"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\ndata:\n  tls.crt: " + b64(leafPEM) + "\n  tls.key: " + b64(keyPEM) + "\n",
			[]string{"certificate secret n/s tls.crt CN=leaf"}},
		"secret json": {`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"ca.crt":"` + strings.ReplaceAll(string(caPEM), "\n", `\n`) + `"}}`,
			[]string{"certificate secret s ca.crt CN=ca"}},
		"secret with a kubeconfig": {"kind: Secret\nmetadata: {name: s}\ndata:\n  admin.conf: " + b64([]byte(kubeconfig)) + "\n",
			[]string{"certificate secret s admin.conf cluster c CN=ca", "certificate secret s admin.conf user u CN=leaf"}},
		"configmap": {"kind: ConfigMap\nmetadata: {name: m}\ndata:\n  ca.crt: |\n    " + strings.ReplaceAll(string(caPEM), "\n", "\n    ") + "\n", []string{"certificate configmap m ca.crt CN=ca"}},
		"bundle":    {"kind: ClusterTrustBundle\nmetadata: {name: b}\nspec:\n  trustBundle: |\n    " + strings.ReplaceAll(string(caPEM), "\n", "\n    ") + "\n", []string{"certificate clustertrustbundle b CN=ca"}},
		"webhook": {"kind: ValidatingWebhookConfiguration\nmetadata: {name: w}\nwebhooks:\n- name: x.y.z\n  clientConfig: {caBundle: " + b64(caPEM) + "}\n",
			[]string{"certificate validatingwebhook w x.y.z caBundle CN=ca"}},
		"list": {"kind: List\nitems:\n- kind: APIService\n  metadata: {name: v1.x}\n  spec: {caBundle: " + b64(caPEM) + "}\n- kind: Pod\n  metadata: {name: p}\n",
			[]string{"certificate apiservice v1.x caBundle CN=ca"}},
		"csr object": {"kind: CertificateSigningRequest\nmetadata: {name: r}\nspec: {request: " + b64(csrPEM) + "}\nstatus: {certificate: " + b64(leafPEM) + "}\n",
			[]string{"request csr r request CN=asks", "certificate csr r certificate CN=leaf"}},
	} {
		items, err := Bytes("f", []byte(c.data), Options{Passphrase: []byte("secret")})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, i := range items {
			got = append(got, string(i.Kind)+" "+i.Part+" "+i.Subject())
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if (name == "kubeconfig" || name == "secret" || name == "p12") && !matches(items) {
			t.Errorf("%s: the key is not found to belong to its certificate", name)
		}
	}
	if _, err := Bytes("f", p12, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("a PKCS#12 file without its passphrase: %v", err)
	}
	for _, bad := range []string{"", "hello", "kind: Pod\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\x30\x82\x01\x00nonsense", "kind: Secret\ndata: {tls.crt: '!!'}\n"} {
		if items, err := Bytes("f", []byte(bad), Options{}); err == nil {
			t.Errorf("%q gave %d items", bad, len(items))
		}
	}
}

// What cannot be read is said, and keeps nobody from the rest.
func TestPartsThatCannotBeRead(t *testing.T) {
	key := certtest.Key(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "one"}, NotAfter: time.Now().Add(time.Hour)}
	one := certtest.Sign(t, tmpl, tmpl, &key.PublicKey, key)
	good := b64(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Raw}))
	text := "kind: List\nitems:\n- {kind: Secret, type: kubernetes.io/tls, metadata: {name: bad}, data: {tls.crt: aGVsbG8=}}\n" +
		"- {kind: Secret, metadata: {name: worse}, data: {tls.crt: '!!'}}\n- {kind: Secret, metadata: {name: good}, data: {tls.crt: " + good + "}}\n" +
		"---\nkind: Config\nclusters:\n- {name: gone, cluster: {certificate-authority: nowhere.crt}}\n"
	items, err := Bytes("f", []byte(text), Options{})
	parts, ok := PartsOf(items, err)
	if !ok || len(items) != 1 || len(parts) != 3 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	for i, want := range []string{"secret bad tls.crt: no PEM", "secret worse tls.crt: not base64", "cluster gone certificate-authority: nowhere.crt"} {
		if !strings.Contains(parts[i].Error(), want) {
			t.Errorf("%v, want %s", parts[i], want)
		}
	}
	if items, err := Bytes("f", []byte("kind: Secret\nmetadata: {name: bad}\ndata: {tls.crt: '!!'}\n"), Options{}); err == nil || len(items) > 0 {
		t.Errorf("nothing in it: %v %v", items, err)
	}
}

func matches(items []Item) bool {
	for _, i := range items {
		if i.KeyFile != "" && i.KeyMatches {
			return true
		}
	}
	return false
}

func TestDirPairsKeys(t *testing.T) {
	dir := t.TempDir()
	_, _, leafPEM, keyPEM := newPair(t, "leaf", false)
	_, _, _, wrong := newPair(t, "other", false)
	for name, data := range map[string][]byte{"a.crt": leafPEM, "a.key": keyPEM, "b.pem": leafPEM, "b-key.pem": wrong, "c.crt": []byte("-----BEGIN CERTIFICATE-----\nx"), "notes.txt": []byte("x")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	items, skipped, err := Dir(dir, Options{})
	if err != nil || len(items) != 2 || len(skipped) != 1 {
		t.Fatalf("%d items, %d skipped, %v", len(items), len(skipped), err)
	}
	if !items[0].KeyMatches || items[1].KeyMatches || items[1].KeyFile == "" {
		t.Errorf("keys: %+v %+v", items[0].KeyFile, items[1].KeyFile)
	}
}

func FuzzBytes(f *testing.F) {
	f.Add([]byte("kind: Secret\ndata: {a: b}\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("\x30\x03\x02\x01\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = Bytes("f", data, Options{}) })
}

// A node's folders as they are: links to the file in use, dated files that a
// kubelet rotated away from, folders behind links, links in a circle.
func TestDirFollowsLinksAndLeavesOldCopiesOut(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	dir := t.TempDir()
	mk := func(rel, cn string) {
		t.Helper()
		_, _, certPEM, keyPEM := newPair(t, cn, false)
		p := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, append(certPEM, keyPEM...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, rel string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, rel)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(dir, rel)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	mk("kubelet/kubelet-client-2025-01-01-00-00-00.pem", "rotated")
	mk("kubelet/kubelet-client-2026-01-01-00-00-00.pem", "current")
	link("kubelet-client-2026-01-01-00-00-00.pem", "kubelet/kubelet-client-current.pem")
	mk("data/pki/server.crt", "server")
	link("../data/pki", "etc/pki")
	link("..", "etc/up")
	mk("le/archive/x/cert1.pem", "archived")
	mk("le/archive/x/cert2.pem", "live")
	link("../../archive/x/cert2.pem", "le/live/x/cert.pem")
	link("gone.crt", "etc/dangling.crt")

	seen := func(sub string) string {
		t.Helper()
		items, skipped, err := Dir(filepath.Join(dir, sub), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, i := range items {
			out = append(out, i.Cert.Subject.CommonName)
		}
		for _, s := range skipped {
			out = append(out, "skipped "+filepath.Base(s.Path))
		}
		return strings.Join(out, " ")
	}
	for sub, want := range map[string]string{
		"kubelet": "current", "etc/pki": "server", "le": "live", "etc": "server current live skipped dangling.crt",
	} {
		if got := seen(sub); got != want {
			t.Errorf("%s: %q, not %q", sub, got, want)
		}
	}
}
