package cmd

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certtest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// What the API server would refuse is refused here, and a CA that has expired is
// handed out with a word about it.
func TestTrustSaysWhatIsOfNoUse(t *testing.T) {
	key := certtest.Key(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(86400, 0), IsCA: true, BasicConstraintsValid: true}
	ca := certtest.Sign(t, tmpl, tmpl, key.Public(), key)
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pki.EncodeCerts(ca), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"--as configmap --data-key a/b", `--data-key "a/b": `, 2},
		{"--as secret -n Apps_1", `-n "Apps_1": `, 2},
		{"--as clustertrustbundle", "it expired on 1970-01-02", 0},
		{"--system debian", "it expired on 1970-01-02", 0},
	} {
		if _, errOut, code := plugin(append([]string{"trust", file}, strings.Fields(c.args)...)...); code != c.code || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: %d, %s", c.args, code, errOut)
		}
	}
}
