package profile

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
)

func load(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCerts(data)
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

// normal is everything in a certificate but key, serial number, dates and
// signature: names as bytes (string types included), algorithms, and the
// extensions as bytes in their order, with identifiers of keys and the CA's
// serial number replaced by what they refer to.
func normal(c, ca *x509.Certificate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version %d\nsignature %v\nkey %s\n", c.Version, c.SignatureAlgorithm, pki.SpecOf(c.PublicKey))
	fmt.Fprintf(&b, "issuer %x\nsubject %x\n", c.RawIssuer, c.RawSubject)
	for _, e := range c.Extensions {
		v := hex.EncodeToString(e.Value)
		for _, id := range []struct {
			what string
			b    []byte
		}{{"SUBJECT-KEY", c.SubjectKeyId}, {"CA-KEY", ca.SubjectKeyId}, {"CA-SERIAL", ca.SerialNumber.Bytes()}} {
			if len(id.b) > 0 {
				v = strings.ReplaceAll(v, hex.EncodeToString(id.b), fmt.Sprintf("<%s %d>", id.what, len(id.b)))
			}
		}
		fmt.Fprintf(&b, "%v critical=%v %s\n", e.Id, e.Critical, v)
	}
	return b.String()
}

// Each profile writes what its tool wrote, but for key, serial number and
// dates. Serial numbers and dates are compared by their kind.
func TestGolden(t *testing.T) {
	const ip = "203.0.113.10"
	acme := pki.Name{{Type: "C", Value: "US"}, {Type: "ST", Value: "CA"}, {Type: "L", Value: "SF"}, {Type: "O", Value: "Acme"}, {Type: "OU", Value: "Ops"}}
	with := func(cn string) pki.Name {
		return append(acme[:len(acme):len(acme)], pki.Attribute{Type: "CN", Value: cn})
	}
	cn := func(cn string) pki.Name { return pki.Name{{Type: "CN", Value: cn}} }
	for _, tc := range []struct {
		golden, profile string
		key             pki.KeySpec
		ca, leaf        pki.Name
		dns             []string
	}{
		{"openssl", "openssl", pki.RSA2048, cn(ip), with(ip), nil},
		{"easyrsa326", "easyrsa", pki.RSA2048, cn("203.0.113.10@1795231681"), cn("server"), nil},
		{"cfssl", "cfssl", pki.RSA2048, with("kubernetes"), with("kubernetes"), nil},
		{"kubeadm", "kubeadm", pki.RSA2048, cn("kubernetes"), cn("kube-apiserver"), []string{"cp1"}},
		{"kubeadm-ec", "kubeadm", pki.ECDSAP256, cn("kubernetes"), cn("kube-apiserver"), []string{"cp1"}},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			dir := filepath.Join("testdata", "golden", tc.golden)
			wantCA, want := load(t, filepath.Join(dir, "ca.crt")), load(t, filepath.Join(dir, "server.crt"))
			p, err := Get(tc.profile)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Date(2026, 11, 21, 3, 28, 43, 0, time.UTC)
			ca, leaf := build(t, p, tc.key, tc.ca, tc.leaf, now, ServerNames{
				IPs: []pki.GeneralName{{Kind: pki.IP, Value: ip}}, DNS: san.DNSs(tc.dns...),
				ServiceIPs: []pki.GeneralName{{Kind: pki.IP, Value: "10.96.0.1"}},
				ServiceDNS: san.DNSs(san.ServiceNames("cluster.local")...),
			})
			compare(t, "CA", normal(ca.Cert, ca.Cert), normal(wantCA, wantCA))
			compare(t, "server", normal(leaf, ca.Cert), normal(want, wantCA))
			for _, pair := range [][2]*x509.Certificate{{ca.Cert, wantCA}, {leaf, want}} {
				got, want := pair[0], pair[1]
				if g, w := got.NotAfter.Sub(got.NotBefore), want.NotAfter.Sub(want.NotBefore); g != w && !got.NotAfter.Equal(ca.Cert.NotAfter) {
					t.Errorf("%s: lasts %v, the tool's %v", got.Subject, g, w)
				}
				if g, w := (got.SerialNumber.BitLen()+7)/8, (want.SerialNumber.BitLen()+7)/8; g != w {
					t.Errorf("%s: serial number of %d bytes, the tool's has %d", got.Subject, g, w)
				}
			}
		})
	}
}

func build(t *testing.T, p Profile, key pki.KeySpec, caName, leafName pki.Name, now time.Time, n ServerNames) (*pki.Authority, *x509.Certificate) {
	t.Helper()
	caKey, err := pki.GenerateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := p.NewCA(CARequest{Subject: caName, Key: caKey, PathLen: -1, Now: now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	leafKey, err := pki.GenerateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, _, err := p.Leaf(ca, LeafRequest{
		Purpose: Server, Subject: leafName, Names: p.Arrange(n), PublicKey: leafKey.Public(), Now: now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Sign(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	return ca, leaf
}

func compare(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s: line %d\n  ours   %s\n  golden %s", what, i+1, a, b)
		}
	}
}

// The default profile has everything that some client refuses a certificate
// for lacking.
func TestStandard(t *testing.T) {
	p, _ := Get("")
	now := time.Now()
	for _, key := range pki.KeySpecs {
		if key == pki.RSA3072 || key == pki.RSA4096 {
			continue // RSA 2048 says all there is to say about them, in a tenth of the time
		}
		ca, leaf := build(t, p, key, pki.Name{{Type: "CN", Value: "ca"}}, pki.Name{{Type: "CN", Value: "ca"}}, now, ServerNames{DNS: san.DNSs("a.example.org")})
		if ca.Cert.KeyUsage&x509.KeyUsageCertSign == 0 || len(ca.Cert.SubjectKeyId) == 0 || !ca.Cert.IsCA {
			t.Errorf("%s: CA %+v", key, ca.Cert)
		}
		for _, e := range ca.Cert.Extensions {
			if (e.Id.Equal(pki.OIDBasicConstraints) || e.Id.Equal(pki.OIDKeyUsage)) && !e.Critical {
				t.Errorf("%s: CA extension %v is not critical", key, e.Id)
			}
		}
		// Go drops the authority key identifier when CA and leaf have one name.
		if !bytes.Equal(leaf.AuthorityKeyId, ca.Cert.SubjectKeyId) || len(leaf.SubjectKeyId) == 0 {
			t.Errorf("%s: key identifiers: %x %x", key, leaf.AuthorityKeyId, leaf.SubjectKeyId)
		}
		wantKU := x509.KeyUsageDigitalSignature
		if key.IsRSA() {
			wantKU |= x509.KeyUsageKeyEncipherment
		}
		if leaf.KeyUsage != wantKU {
			t.Errorf("%s: key usage %b", key, leaf.KeyUsage)
		}
		if d := now.Sub(leaf.NotBefore); d < 4*time.Minute || d > 6*time.Minute {
			t.Errorf("%s: backdated by %v", key, d)
		}
		if n := leaf.SerialNumber.BitLen(); n != 128 {
			t.Errorf("%s: serial number of %d bits", key, n)
		}
		pool := x509.NewCertPool()
		pool.AddCert(ca.Cert)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "a.example.org"}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}
