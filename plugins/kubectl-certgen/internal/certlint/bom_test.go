package certlint

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// A byte order mark stays where openssl takes it, and goes where cfssl stops
// at it; carriage returns stay.
func TestFixKeepsBytes(t *testing.T) {
	const bom = "\xef\xbb\xbf"
	for text, want := range map[string]string{
		bom + "[ v3 ]\r\nbasicConstraints = CA:FALSE\r\nauthorityKeyIdentifier = keyid\r\nsubjectAltName = DNS:10.0.0.1\r\n": bom + "[ v3 ]\r\nbasicConstraints = CA:FALSE\r\nauthorityKeyIdentifier = keyid\r\nsubjectAltName = IP:10.0.0.1\r\n",
		bom + `{"CN": "x", "hosts": ["a:443"]}`: `{"CN": "x", "hosts": ["a"]}`,
	} {
		f, err := input.Parse("file", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, n := Fixed(f, Lint([]*input.File{f}))
		if n == 0 || string(got) != want {
			t.Errorf("%d fixes: %q, want %q", n, got, want)
		}
	}
	if f, err := input.Parse("file", []byte(bom)); err == nil {
		t.Errorf("a byte order mark and nothing else: %v", f.Kind)
	}
	if f, err := input.Parse("x", []byte(strings.Repeat("{", 100000))); err == nil {
		t.Errorf("%v", f.Kind)
	}
}
