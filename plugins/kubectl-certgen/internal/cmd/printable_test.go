package cmd

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certtest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// Whoever made a certificate chose its names: none of them reaches the terminal as
// an escape sequence, a line of its own, or text that is turned around.
func TestNamesAreWrittenPrintable(t *testing.T) {
	const evil = "evil\x1b[31m\r\nodd.crt: accepted\u202egpj"
	key := certtest.Key(t)
	name := pkix.Name{CommonName: evil, Organization: []string{"\x07bell"}}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca = certtest.Sign(t, ca, ca, key.Public(), key)
	leaf := certtest.Sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: name, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(86400, 0),
		DNSNames: []string{"a\x1b[2Jb"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, ca, key.Public(), key)
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd.crt")
	if err := os.WriteFile(odd, pki.EncodeCerts(leaf, ca), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret.yaml")
	manifest := "apiVersion: v1\nkind: Secret\nmetadata: {name: \"s\\e[31m\"}\nstringData:\n  tls.crt: |\n    " + strings.ReplaceAll(string(pki.EncodeCerts(leaf)), "\n", "\n    ") + "\n"
	if err := os.WriteFile(secret, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	raw := regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f]|\u202e")
	for _, args := range [][]string{
		{"inspect", odd}, {"inspect", secret}, {"expiry", odd}, {"expiry", odd, "-o", "wide"}, {"expiry", odd, "-o", "prometheus"}, {"lint", odd}, {"trust", odd},
		{"verify", odd}, {"verify", odd, "--ca", odd, "--host", "b"}, {"renew", odd, "--dry-run"},
	} {
		out, errOut, _ := plugin(args...)
		if bad := raw.FindString(out + errOut); bad != "" || strings.Contains("\n"+out+errOut, "\nodd.crt: accepted") {
			t.Errorf("%v: %q in %q", args, bad, out+errOut)
		}
		if args[0] == "inspect" && !strings.Contains(out, `evil\1B[31m\0D\0Aodd.crt: accepted\E2\80\AEgpj`) {
			t.Errorf("%v: %s", args, out)
		}
	}
	if out, _, _ := plugin("inspect", odd); strings.Contains(out, "CA, 106751 days") || !strings.Contains(out, "CA, 29") {
		t.Errorf("a certificate until 9999 ends after 292 years: %s", out)
	}
}
