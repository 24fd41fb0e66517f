package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

func testCA(t testing.TB, cn string, life time.Duration) *Authority {
	t.Helper()
	key, err := GenerateKey(ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := Name{{"CN", cn}}.Encode(PrintableOrUTF8)
	if err != nil {
		t.Fatal(err)
	}
	id, err := KeyID(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cert, err := SelfSign(Template{
		Serial: big.NewInt(1), Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
		Extensions: []pkix.Extension{BasicConstraints(true, -1, true), KeyUsage(x509.KeyUsageCertSign, true), SubjectKeyID(id)},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAuthority(cert, key, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func leafTemplate(t testing.TB) Template {
	t.Helper()
	key, err := GenerateKey(ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := Name{{"CN", "leaf"}}.Encode(PrintableOrUTF8)
	if err != nil {
		t.Fatal(err)
	}
	return Template{Serial: big.NewInt(2), Subject: subject, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), PublicKey: key.Public()}
}

// What Go would sign without a word.
func TestSignRefuses(t *testing.T) {
	ca := testCA(t, "ca", 24*time.Hour)
	long, err := Name{{"CN", strings.Repeat("a", 65)}}.Encode(PrintableOrUTF8)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Template){
		"outlive":          func(t *Template) { t.NotAfter = time.Now().Add(48 * time.Hour) },
		"before it starts": func(t *Template) { t.NotAfter = t.NotBefore.Add(-time.Second) },
		"not positive":     func(t *Template) { t.Serial = big.NewInt(0) },
		"20 bytes":         func(t *Template) { t.Serial = new(big.Int).Lsh(big.NewInt(1), 160) },
		"64 are":           func(t *Template) { t.Subject = long },
		"twice":            func(t *Template) { t.Extensions = []pkix.Extension{SubjectKeyID([]byte{1}), SubjectKeyID([]byte{2})} },
		"distinguished":    func(t *Template) { t.Subject = []byte{1, 2, 3} },
	} {
		tmpl := leafTemplate(t)
		change(&tmpl)
		if _, err := ca.Sign(tmpl); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := ca.Sign(leafTemplate(t)); err != nil {
		t.Errorf("an ordinary leaf: %v", err)
	}
	tmpl := leafTemplate(t)
	tmpl.NotAfter, tmpl.Outlive = time.Now().Add(48*time.Hour), true
	if _, err := ca.Sign(tmpl); err != nil {
		t.Errorf("told to outlive: %v", err)
	}
	leaf, err := ca.Sign(leafTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	other, err := GenerateKey(ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewAuthority(ca.Cert, other, time.Now()); err == nil {
		t.Error("a key of another certificate was taken")
	}
	if _, err := NewAuthority(leaf, ca.Key, time.Now()); err == nil {
		t.Error("a leaf was taken for a CA")
	}
}

// Our key usage bits are Go's.
func TestKeyUsageBits(t *testing.T) {
	for ku := x509.KeyUsage(1); ku < 512; ku++ {
		ca := testCA(t, "ca", time.Hour*24)
		tmpl := leafTemplate(t)
		tmpl.Extensions = []pkix.Extension{KeyUsage(ku, true)}
		c, err := ca.Sign(tmpl)
		if err != nil {
			t.Fatal(err)
		}
		if c.KeyUsage != ku {
			t.Fatalf("%09b came back as %09b", ku, c.KeyUsage)
		}
		ku += 6 // some of them, both bytes
	}
}

func TestKeyEncodings(t *testing.T) {
	for _, spec := range []KeySpec{RSA2048, ECDSAP256, ECDSAP384, Ed25519, "ecdsa:p521"} {
		key, err := GenerateKey(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := SpecOf(key.Public()); got != spec {
			t.Errorf("%s is called %s", spec, got)
		}
		for _, format := range []KeyFormat{PKCS8, Traditional} {
			for _, pass := range []string{"", "secret"} {
				if pass != "" && (format != PKCS8 || spec == ECDSAP384) {
					continue // encryption is slow on purpose, and always PKCS#8
				}
				data, err := EncodeKey(key, format, []byte(pass))
				if err != nil {
					t.Fatalf("%s: %v", spec, err)
				}
				if pass != "" {
					if _, err := ParseKey(data, nil); !errors.Is(err, ErrEncrypted) {
						t.Errorf("%s without a passphrase: %v", spec, err)
					}
					if _, err := ParseKey(data, []byte("wrong")); !errors.Is(err, ErrPassphrase) {
						t.Errorf("%s with a wrong passphrase: %v", spec, err)
					}
				}
				// As openssl ecparam writes it: parameters in front.
				data = append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), data...)
				back, err := ParseKey(data, []byte(pass))
				if err != nil || !SamePublicKey(back.Public(), key.Public()) {
					t.Errorf("%s format %d encrypted %v: %v", spec, format, pass != "", err)
				}
			}
		}
	}
}

// openssl's old encrypted form, which easyrsa 3.0 wrote.
func TestLegacyEncryptedKey(t *testing.T) {
	key, err := GenerateKey(RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := EncodeKey(key, Traditional, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := pem.Decode(plain)
	//lint:ignore SA1019 the form that is to be read
	enc, err := x509.EncryptPEMBlock(rand.Reader, b.Type, b.Bytes, []byte("secret"), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	data := pem.EncodeToMemory(enc)
	if _, err := ParseKey(data, nil); !errors.Is(err, ErrEncrypted) {
		t.Errorf("got %v", err)
	}
	if back, err := ParseKey(data, []byte("secret")); err != nil || !SamePublicKey(back.Public(), key.Public()) {
		t.Errorf("got %v", err)
	}
	if _, encrypted := FormatOf(data); !encrypted {
		t.Error("not seen as encrypted")
	}
}

func TestNames(t *testing.T) {
	for _, s := range []string{"C=US, ST=CA, O=Acme\\, Inc, CN=x", "/C=US/ST=CA/O=Acme, Inc/CN=x"} {
		n, err := ParseName(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if got := n.OneLine(); got != "/C=US/ST=CA/O=Acme, Inc/CN=x" {
			t.Errorf("%s became %s", s, got)
		}
		for _, st := range []StringType{PrintableOrUTF8, UTF8} {
			der, err := n.Encode(st)
			if err != nil {
				t.Fatal(err)
			}
			back, err := DecodeName(der)
			if err != nil || back.String() != n.String() {
				t.Errorf("%s came back as %s (%v)", n, back, err)
			}
		}
	}
	for _, bad := range []string{"", "CN", "X=1", "C=USA,CN=x", "CN=" + strings.Repeat("a", 65), "CN=a\x00b"} {
		if n, err := ParseName(bad); err == nil {
			t.Errorf("%q: accepted as %v", bad, n)
		}
	}
}

// A renewed certificate is the old one but for what has to be new.
func TestRenewal(t *testing.T) {
	ca := testCA(t, "ca", 30*24*time.Hour)
	tmpl := leafTemplate(t)
	id, err := KeyID(tmpl.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	caID, err := ca.KeyID()
	if err != nil {
		t.Fatal(err)
	}
	tmpl.Extensions = []pkix.Extension{
		AuthorityKeyID(caID, ca.Cert.RawIssuer, ca.Cert.SerialNumber), KeyUsage(x509.KeyUsageDigitalSignature, false), SubjectKeyID(id),
	}
	old, err := ca.Sign(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	next, err := Renewal(old, old.PublicKey, ca, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ca.Sign(next)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.RawSubject, old.RawSubject) || len(c.Extensions) != len(old.Extensions) || c.SerialNumber.Cmp(old.SerialNumber) == 0 {
		t.Errorf("renewed as %v", c)
	}
	for i := range c.Extensions {
		if !bytes.Equal(c.Extensions[i].Value, old.Extensions[i].Value) || c.Extensions[i].Critical != old.Extensions[i].Critical {
			t.Errorf("extension %v changed", c.Extensions[i].Id)
		}
	}
	key, err := GenerateKey(ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	next, err = Renewal(old, key.Public(), ca, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = ca.Sign(next); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(c.SubjectKeyId, old.SubjectKeyId) || !bytes.Equal(c.AuthorityKeyId, old.AuthorityKeyId) {
		t.Error("with a new key: the identifiers are wrong")
	}
}

func TestSerials(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		n, err := NewSerial(rand.Reader, 128)
		if err != nil {
			t.Fatal(err)
		}
		if n.BitLen() != 128 || seen[n.String()] {
			t.Fatalf("%x", n)
		}
		seen[n.String()] = true
	}
	if _, err := NewSerial(bytes.NewReader(nil), 128); err == nil {
		t.Error("made without randomness")
	}
}

func FuzzParse(f *testing.F) {
	ca := testCA(f, "ca", time.Hour)
	key, err := EncodeKey(ca.Key, PKCS8, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(EncodeCerts(ca.Cert))
	f.Add(key)
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if certs, err := ParseCerts(data); err == nil && len(certs) == 0 {
			t.Error("no certificate and no error")
		}
		if key, err := ParseKey(data, []byte("x")); err == nil && key == nil {
			t.Error("no key and no error")
		}
		if req, err := ParseRequest(data); err == nil && req == nil {
			t.Error("no request and no error")
		}
		if n, err := DecodeName(data); err == nil {
			_ = n.OneLine()
		}
		AltNames(pkix.Extension{Value: data})
		AuthorityKeyIDHasIssuer(data)
	})
}

// A byte order mark would make Go pass over the first certificate of a file
// without a word.
func TestByteOrderMark(t *testing.T) {
	key, err := GenerateKey(ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := EncodeKey(key, PKCS8, nil)
	if err != nil {
		t.Fatal(err)
	}
	name, err := Name{{Type: "CN", Value: "x"}}.Encode(PrintableOrUTF8)
	if err != nil {
		t.Fatal(err)
	}
	req, err := CreateRequest(name, nil, key)
	if err != nil {
		t.Fatal(err)
	}
	mark := []byte("\xef\xbb\xbf")
	if _, err := ParseKey(append(mark, keyPEM...), nil); !errors.Is(err, ErrMarked) {
		t.Errorf("key: %v", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	if _, err := ParseCerts(append(mark, block...)); !errors.Is(err, ErrMarked) {
		t.Errorf("certificates: %v", err)
	}
	if _, err := ParseRequest(append(mark, EncodeRequest(req)...)); err != nil {
		t.Errorf("request: %v", err)
	}
}
