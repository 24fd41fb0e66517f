package trust

import (
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
)

func newCA(t *testing.T, cn string) *x509.Certificate {
	t.Helper()
	key, err := pki.GenerateKey(pki.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.Get("")
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.NewCA(profile.CARequest{Subject: pki.Name{{Type: "CN", Value: cn}}, Key: key, PathLen: -1, Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return a.Cert
}

// keytool and NSS's certutil read the first certificate of a file only.
func TestEachCAOfAFile(t *testing.T) {
	certs := []*x509.Certificate{newCA(t, "one"), newCA(t, "two")}
	for _, sys := range []System{Java, NSS} {
		p, err := For(sys, certs, "both.crt")
		if err != nil {
			t.Fatal(err)
		}
		lines := p.Lines("both.crt", false)
		if len(lines) != 2 {
			t.Fatalf("%s: %q", sys, lines)
		}
		for i, l := range lines {
			if !strings.Contains(l, strings.TrimSpace(string(pki.EncodeCerts(certs[i])))) || !strings.Contains(l, Slug(certs[i])) || strings.Contains(l, "both.crt") {
				t.Errorf("%s: %s", sys, l)
			}
		}
		p, err = For(sys, certs[:1], "one.crt")
		if err != nil {
			t.Fatal(err)
		}
		if l := p.Lines("one.crt", false); len(l) != 1 || !strings.HasSuffix(l[0], " one.crt") || strings.Contains(l[0], "|") {
			t.Errorf("%s: %q", sys, l)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"ca.crt": "ca.crt", "": "''", "my ca.crt": "'my ca.crt'", "it's": `'it'\''s'`, "$HOME.crt": "'$HOME.crt'", "a`b": "'a`b'", "#ca": "'#ca'",
		"sql:$HOME/.pki/nssdb": "sql:$HOME/.pki/nssdb", "C,,": "C,,",
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
