// Package sarif holds the plugins' SARIF output against the schema of OASIS,
// as the go-sarif library carries it.
package sarif

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // for its schema
	"github.com/xeipuuv/gojsonschema"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

func TestAuditPolicyLint(t *testing.T) {
	files, err := filepath.Glob("../../../plugins/kubectl-auditpolicy/testdata/policies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	files = append(files, "../../../examples/auditpolicy/bad.yaml", "../../../examples/auditpolicy/good.yaml")
	for _, args := range append([][]string{files}, each(files)...) {
		var stderr bytes.Buffer
		cmd := exec.Command(program.Plugin(t, "auditpolicy"), append([]string{"lint", "-o", "sarif"}, args...)...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
			t.Fatalf("%v: %v: %s", args, err, stderr.String())
		}
		if problems := validate(t, out); len(problems) > 0 {
			t.Errorf("%v: %v", args, problems)
		}
	}
}

// validate holds a document against the schema; the library's own validation
// looks at what its types kept of the document, not at the bytes.
func validate(t *testing.T, doc []byte) (problems []string) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var schema string
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && len(l.Value) > len(schema) {
			schema, _ = strconv.Unquote(l.Value)
		}
		return true
	})
	result, err := gojsonschema.Validate(gojsonschema.NewStringLoader(schema), gojsonschema.NewBytesLoader(doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range result.Errors() {
		problems = append(problems, e.String())
	}
	return problems
}

func each(files []string) [][]string {
	var out [][]string
	for _, f := range files {
		out = append(out, []string{f})
	}
	return out
}

// The judge refuses what is no SARIF, or it would judge nothing.
func TestTheJudgeRefuses(t *testing.T) {
	doc := []byte(`{"version":"2.1.0","runs":[{"tool":{"driver":{}},"results":[{"level":"fatal"}]}]}`)
	if len(validate(t, doc)) == 0 {
		t.Fatal("a run without the tool's name and with a level of its own was taken")
	}
}
