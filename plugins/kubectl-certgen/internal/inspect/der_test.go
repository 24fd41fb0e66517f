package inspect

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// What is none of PEM's is told apart too: keys in DER, base64 without lines,
// broken PEM by how it is broken.
func TestOtherForms(t *testing.T) {
	ca, err := os.ReadFile("../../testdata/rare/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := pem.Decode(ca)
	key, err := pki.GenerateKey(pki.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	der := func(format pki.KeyFormat, pass string) []byte {
		text, err := pki.EncodeKey(key, format, []byte(pass))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := pem.Decode(text)
		return b.Bytes
	}
	for name, c := range map[string]struct {
		data []byte
		want string // "" where it is a key
	}{
		"PKCS#8":    {der(pki.PKCS8, ""), ""},
		"SEC 1":     {der(pki.Traditional, ""), ""},
		"encrypted": {der(pki.PKCS8, "secret"), ""},
		"base64":    {[]byte(base64.StdEncoding.EncodeToString(b.Bytes)), "base64 -d first"},
		"Secret":    {[]byte(base64.StdEncoding.EncodeToString(ca)), "base64 -d first"},
		"one line":  {bytes.ReplaceAll(ca, []byte("\n"), []byte(" ")), "its line breaks are gone"},
		"indented":  {bytes.ReplaceAll(append([]byte(" "), ca...), []byte("\n"), []byte("\n ")), "its lines are indented"},
		"JCEKS":     {[]byte("\xce\xce\xce\xce\x00\x00\x00\x02"), "a Java keystore"},
		"cut":       {append(append(bytes.Clone(ca), ca[:200]...), append([]byte("\n"), ca...)...), "broken PEM: block 2 is not complete"},
		"version 4": {bytes.Replace(b.Bytes, []byte{0xa0, 3, 2, 1, 2}, []byte{0xa0, 3, 2, 1, 9}, 1), "Go, and so every part of Kubernetes, refuses such a certificate"},
		"sequence":  {[]byte("\x30\x06\x02\x01\x05\x02\x01\x06"), "neither a certificate, a request, a key nor a PKCS#12 file"},
	} {
		items, err := Bytes("f", c.data, Options{})
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		case c.want == "" && (err != nil || len(items) != 1 || items[0].Kind != Key || items[0].KeyEncrypted != (name == "encrypted")):
			t.Errorf("%s: %+v %v", name, items, err)
		}
	}
}

// A PKCS#12 file that cannot be read is one all the same, one without passphrase
// is read beside those that have one, and the key's certificate need not be first.
func TestPKCS12Forms(t *testing.T) {
	own, key, _, _ := newPair(t, "own", false)
	text, err := os.ReadFile("../../testdata/rare/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	others, err := pki.ParseCerts(text)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pkcs12.Modern.Encode(key, others[0], []*x509.Certificate{own}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	items, err := Bytes("f", data, Options{Passphrase: []byte("secret")})
	if err != nil || len(items) != 2 || !items[0].KeyMatches || !items[0].Cert.Equal(own) {
		t.Errorf("%+v %v", items, err)
	}
	rare, err := os.ReadFile("../../testdata/pkcs12/camellia.p12")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Bytes("f", rare, Options{Passphrase: []byte("secret")}); err == nil || !strings.Contains(err.Error(), "a PKCS#12 file of a rare kind (pbes2 algorithm ") {
		t.Errorf("%v", err)
	}
	if data, err = pkcs12.Passwordless.Encode(key, own, nil, ""); err != nil {
		t.Fatal(err)
	}
	if items, err := Bytes("f", data, Options{Passphrase: []byte("of others")}); err != nil || len(items) != 1 {
		t.Errorf("%+v %v", items, err)
	}
}
