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

// keytool, NSS's certutil, security and certutil.exe read the first certificate
// of a file only.
func TestEachCAOfAFile(t *testing.T) {
	certs := []*x509.Certificate{newCA(t, "one"), newCA(t, "two")}
	one, both := pki.EncodeCerts(certs[0]), pki.EncodeCerts(certs...)
	for _, sys := range Systems {
		p, err := For(sys, certs, SourceOf("both.crt", both, certs))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(p.Lines(false), "\n")
		for _, c := range certs {
			if !strings.Contains(text, "'"+strings.TrimSpace(string(pki.EncodeCerts(c)))+"'") || !strings.Contains(text, Slug(c)) || strings.Contains(text, "both.crt") {
				t.Errorf("%s: %s", sys, text)
			}
		}
		p, err = For(sys, certs[:1], SourceOf("one.crt", one, certs[:1]))
		if err != nil {
			t.Fatal(err)
		}
		if l := p.Lines(false); len(l) > 2 || !strings.Contains(l[0], " one.crt") || strings.Contains(l[0], "|") {
			t.Errorf("%s: %q", sys, l)
		}
	}
}

// What is no such file goes into the commands as text, and ends its last line:
// Alpine's update-ca-certificates puts one file behind the other.
func TestSources(t *testing.T) {
	c := newCA(t, "one")
	text := pki.EncodeCerts(c)
	for name, data := range map[string][]byte{"-": text, "ca.der": c.Raw, "no-newline.crt": text[:len(text)-1]} {
		for _, sys := range Systems {
			p, err := For(sys, []*x509.Certificate{c}, SourceOf(name, data, []*x509.Certificate{c}))
			if err != nil {
				t.Fatal(err)
			}
			l := p.Lines(false)[0]
			if strings.Contains(l, " "+name+" ") || strings.HasSuffix(l, " "+name) || !strings.Contains(l, string(text[:len(text)-1])) || strings.HasPrefix(l, "printf '%s' ") {
				t.Errorf("%s %s: %s", name, sys, l)
			}
		}
	}
}

// A serial number of few digits is the number of a place in the store to
// certutil.exe, and trustRoot is for CAs that sign themselves.
func TestNames(t *testing.T) {
	c := newCA(t, "one")
	p, err := For(Windows, []*x509.Certificate{c}, Source{"pki/my ca.crt", true})
	if err != nil {
		t.Fatal(err)
	}
	if l := p.Lines(false)[0]; l != `certutil.exe -addstore -f Root "pki\my ca.crt"` {
		t.Error(l)
	}
	if l := p.Lines(true)[0]; len(strings.TrimPrefix(l, "certutil.exe -delstore Root ")) != 40 {
		t.Error(l)
	}
	for want, issuer := range map[string][]byte{" trustRoot ": c.RawSubject, " trustAsRoot ": []byte("another")} {
		o := *c
		o.RawIssuer = issuer
		if p, err = For(MacOS, []*x509.Certificate{&o}, Source{"ca.crt", true}); err != nil || !strings.Contains(p.Lines(false)[0], want) {
			t.Errorf("no %s: %v %q", want, err, p.Lines(false))
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
