package inspect

import (
	"encoding/pem"
	"os"
	"strings"
	"testing"
)

func TestPKCS7(t *testing.T) {
	data, err := os.ReadFile("../../testdata/rare/chain.p7b")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := pem.Decode(data)
	for name, in := range map[string][]byte{"PEM": data, "DER": b.Bytes} {
		items, err := Bytes("chain.p7b", in, Options{})
		if err != nil || len(items) != 2 {
			t.Fatalf("%s: %d items, %v", name, len(items), err)
		}
		if !items[0].Cert.IsCA || items[1].Subject() != "CN=l-ed448" {
			t.Errorf("%s: %s, %s", name, items[0].Subject(), items[1].Subject())
		}
	}
	for cut := range len(b.Bytes) {
		if items, err := Bytes("cut", b.Bytes[:cut], Options{}); err == nil {
			t.Fatalf("%d bytes of %d give %d items", cut, len(b.Bytes), len(items))
		}
	}
}

func TestOtherKindsAreNamed(t *testing.T) {
	ca, err := os.ReadFile("../../testdata/rare/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"\xef\xbb\xbf" + string(ca): "byte order mark",
		"\xfe\xed\xfe\xed\x00\x00":  "Java keystore",
		"\xff\xfe" + strings.Join(strings.Split("-----BEGIN CERTIFICATE-----", ""), "\x00") + "\x00": "UTF-16",
	} {
		if _, err := Bytes("x", []byte(in), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
