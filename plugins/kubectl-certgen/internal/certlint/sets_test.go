package certlint

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// Scripts that lie in one folder and write files of the same names are not
// judged by each other's; a file beside the script is.
func TestScriptsOfOneFolderAreApart(t *testing.T) {
	config := func(profile string) string {
		return `{"signing": {"profiles": {"` + profile + `": {"expiry": "8760h", "usages": ["signing", "client auth"]}}}}`
	}
	writes := func(profile string) string {
		return "cat > ca-config.json <<EOF\n" + config(profile) + "\nEOF\ncfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=" + profile + " a.json | cfssljson -bare a\n"
	}
	uses := "cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=none a.json | cfssljson -bare a\n"
	lint := func(files ...string) string {
		var set []*input.File
		for i := 0; i < len(files); i += 2 {
			f, err := input.Parse(files[i], []byte(files[i+1]))
			if err != nil {
				t.Fatal(err)
			}
			set = append(set, f)
		}
		return strings.Join(ids(Lint(set)), " ")
	}
	if got := lint("x/a.sh", writes("a"), "x/b.sh", writes("b"), "x/c.sh", uses); got != "" {
		t.Errorf("three scripts: %s", got)
	}
	if got := lint("x/a.sh", writes("a"), "x/b.sh", writes("b"), "x/c.sh", uses, "x/ca-config.json", config("c")); got != "CG083" {
		t.Errorf("with the file beside them: %s", got)
	}
	if got := lint("x/c.sh", uses, "y/ca-config.json", config("c")); got != "CG083" {
		t.Errorf("with the only one of the set: %s", got)
	}
}
