package issue

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// What belongs to the key is what kube-apiserver reads in the file, not its
// letters: several keys are there during a rotation, and line ends of Windows
// come with a copy.
func TestServiceAccountPublicKeys(t *testing.T) {
	dir := t.TempDir()
	make := func() (*KeyPair, error) {
		f, err := OpenFolder(options(t, dir, now))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, err := f.ServiceAccount("")
		if err != nil {
			return nil, err
		}
		return p, f.Commit()
	}
	first, err := make()
	if err != nil || first.Action != Created {
		t.Fatalf("%+v, %v", first, err)
	}
	other, err := pki.GenerateKey(pki.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	next, err := pki.EncodePublicKey(other.Public())
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.ParseKey(first.KeyPEM, nil)
	if err != nil {
		t.Fatal(err)
	}
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key.Public().(*rsa.PublicKey))})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"line ends of Windows": {bytes.ReplaceAll(first.PublicPEM, []byte("\n"), []byte("\r\n")), ""},
		"the next key too":     {append(append([]byte{}, next...), first.PublicPEM...), ""},
		"another key":          {next, "does not belong to"},
		"PKCS#1":               {old, "no public key that kube-apiserver reads"},
		"empty":                {[]byte("\n"), "no public key that kube-apiserver reads"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "sa.pub"), c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := make()
		switch {
		case c.want == "" && (err != nil || p.Action != Unchanged || !bytes.Equal(p.PublicPEM, c.data)):
			t.Errorf("%s: %+v, %v", name, p, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}
