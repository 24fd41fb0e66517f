package certlint

import (
	"slices"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// Forms of files in which something was read wrong once: what is said, and what
// --fix makes of a part of it.
func TestForms(t *testing.T) {
	for _, c := range []struct{ name, text, id, fixed string }{
		{"play.yml", "- shell: >\n    openssl req -x509 -new -key ca.key\n    -subj /CN=my-ca\n    -out ca.crt -days 3650\n", "CG054", "-x509 -addext keyUsage=critical,keyCertSign,cRLSign -new"},
		{"make.ps1", "openssl req -x509 -new -key ca.key `\n  -subj /CN=my-ca -out ca.crt -days 3650\n", "CG054", `-x509 -addext "keyUsage=critical,keyCertSign,cRLSign" -new`},
		{"ca-config.json", `{"signing": {"default": {"expiry": "300y", "usages": ["signing", "client auth"]}}}`, "CG070", `"300y"`},
		{"ca-config.json", `{"signing": {"default": {"expiry": "3y", "usages": ["signing", "client auth"]}}}`, "CG070", `"26280h"`},
		{"ca-config.json", `{"signing": {"default": {"expiry": "8760h", "usages": ["signing", "cert sign"], "ca_constraint": {"is_ca": "true"}}}}`, "CG001", `"is_ca": "true"`},
		{"make.sh", "cat > s.ext <<EOF\nbasicConstraints = critical, CA:FALSE\nkeyUsage = digitalSignature\nextendedKeyUsage = serverAuth\nauthorityKeyIdentifier = keyid\nEOF\nopenssl req -new -key s.key -subj /CN=s -out s.csr\nopenssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile s.ext -out s.crt\n", "CG022", ""},
	} {
		f, err := input.Parse(c.name, []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		issues := Lint([]*input.File{f})
		if !slices.Contains(ids(issues), c.id) {
			t.Errorf("%s: no %s among %v", c.text, c.id, ids(issues))
		}
		if got, _ := Fixed(f, issues); !strings.Contains(string(got), c.fixed) {
			t.Errorf("%s: no %s in\n%s", c.name, c.fixed, got)
		}
	}
}
