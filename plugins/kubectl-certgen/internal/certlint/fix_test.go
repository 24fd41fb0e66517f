package certlint

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// A line can be added or taken out only where an entry has one for itself; among
// the words of printf and echo that would break the script.
func TestFixLeavesTheShellsWords(t *testing.T) {
	const sign = "openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out s.crt -extfile "
	for script, want := range map[string]string{
		"printf '%s\\n' \\\n  'basicConstraints=critical,CA:FALSE' \\\n  'extendedKeyUsage=serverAuth' \\\n  'subjectAltName=DNS:a.example.com' |\n  " + sign + "/dev/stdin\n":                             "",
		"echo 'basicConstraints = CA:TRUE' > ca.ext\necho 'subjectKeyIdentifier = hash' >> ca.ext\nopenssl x509 -req -in ca.csr -signkey ca.key -days 30 -extfile ca.ext -out ca.crt\n" + sign + "s.ext\n": "echo 'basicConstraints = critical, CA:TRUE' > ca.ext\necho 'subjectKeyIdentifier = hash' >> ca.ext\nopenssl x509 -req -in ca.csr -signkey ca.key -days 30 -extfile ca.ext -out ca.crt\n" + sign + "s.ext\n",
		"cat > s.ext <<EOF\n  basicConstraints = critical, CA:FALSE\n  extendedKeyUsage = serverAuth\n  subjectAltName = DNS:a.example.com\nEOF\n" + sign + "s.ext\n":                                      "cat > s.ext <<EOF\n  basicConstraints = critical, CA:FALSE\n  authorityKeyIdentifier = keyid\n  extendedKeyUsage = serverAuth\n  subjectAltName = DNS:a.example.com\nEOF\n" + sign + "s.ext\n",
	} {
		if want == "" {
			want = script
		}
		const head = "#!/bin/sh\n"
		f, err := input.Parse("make.sh", []byte(head+script))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := Fixed(f, Lint([]*input.File{f})); string(got) != head+want {
			t.Errorf("%s", got)
		}
	}
}
