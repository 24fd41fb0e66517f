package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A key that lies beside its certificate and cannot be read or is broken is said to
// be there; that of another certificate is not.
func TestKeysThatCannotBeCompared(t *testing.T) {
	_, _, certPEM, keyPEM := newPair(t, "x", false)
	broken := []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	for _, c := range []struct {
		cert, key string
		data      []byte // nil for a folder, which is not readable as a file to root either
		want      string
	}{
		{"a.crt", "a.key", keyPEM, ""},
		{"a.crt", "a.key", broken, "a.key: the private key is damaged"},
		{"a.crt", "a.key", nil, "a.key: is a directory"},
		{"tls.crt", "tls.key", nil, "tls.key: is a directory"},
		{"a.crt", "tls.key", nil, ""},
		{"a.crt", "key.pem", broken, ""},
	} {
		dir := t.TempDir()
		cert, key := filepath.Join(dir, c.cert), filepath.Join(dir, c.key)
		err := os.WriteFile(cert, certPEM, 0o600)
		if err == nil && c.data == nil {
			err = os.Mkdir(key, 0o700)
		} else if err == nil {
			err = os.WriteFile(key, c.data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		items, err := File(cert, Options{})
		if err != nil || len(items) != 1 || !strings.Contains(items[0].Note, c.want) || (items[0].Note == "") != (c.want == "") {
			t.Errorf("%s, %s: %+v %v; want %q", c.cert, c.key, items, err, c.want)
		}
	}
}
