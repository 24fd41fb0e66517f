// Package sarif holds the plugins' SARIF output against the schema of OASIS,
// as the go-sarif library carries it.
package sarif

import (
	"bytes"
	"encoding/json"
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

// commands print findings, each of a plugin's kinds; files are below the
// repository. lint runs over every policy of the test data, too.
var commands = []string{
	"nodehealth --from plugins/kubectl-nodehealth/testdata/nodes/oc-4.14.1-degraded-node.yaml",
	"nodehealth --from examples/nodehealth/kube-worker-1.describe.txt",
	"nodehealth npd rules plugins/kubectl-nodehealth/testdata/npd/docker-monitor.json",
	"auditpolicy lint examples/auditpolicy/bad.yaml examples/auditpolicy/good.yaml examples/auditpolicy/swallowed.yaml",
	"auditpolicy leaks plugins/kubectl-auditpolicy/testdata/logs/falco-exec_pod.json",
	"auditpolicy backend check plugins/kubectl-auditpolicy/internal/backend/testdata/check/emptydir.yaml",
	"certgen lint plugins/kubectl-certgen/testdata/lint",
	"certgen verify plugins/kubectl-certgen/testdata/rare",
	"certgen expiry --warn 3650d plugins/kubectl-certgen/testdata/rare",
	"logarch advise -f examples/logarch/counter.yaml",
}

func TestEveryPlugin(t *testing.T) {
	judge := schema(t)
	policies, err := filepath.Glob(filepath.Join(program.Repo(), "plugins/kubectl-auditpolicy/testdata/policies/*.yaml"))
	if err != nil || len(policies) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	for _, f := range policies {
		commands = append(commands, "auditpolicy lint "+f)
	}
	found := map[string]int{}
	for _, c := range commands {
		words := strings.Fields(c)
		var stderr bytes.Buffer
		cmd := exec.Command(program.Plugin(t, words[0]), append(words[1:], "-o", "sarif")...)
		cmd.Dir, cmd.Stderr = program.Repo(), &stderr
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
			t.Fatalf("%s: %v: %s", c, err, stderr.String())
		}
		if problems := validate(t, judge, out); len(problems) > 0 {
			t.Errorf("%s: %v", c, problems)
		}
		var doc struct {
			Runs []struct{ Results []json.RawMessage }
		}
		if err := json.Unmarshal(out, &doc); err != nil || len(doc.Runs) != 1 {
			t.Fatalf("%s: %v, %d runs", c, err, len(doc.Runs))
		}
		found[words[0]] += len(doc.Runs[0].Results)
	}
	t.Logf("findings: %v", found)
	for _, p := range []string{"nodehealth", "auditpolicy", "certgen", "logarch"} {
		if found[p] < 3 {
			t.Errorf("%d findings of %s: too few to mean anything", found[p], p)
		}
	}
}

// schema is that of OASIS, which stands in the library as a string.
func schema(t *testing.T) *gojsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && len(l.Value) > len(text) {
			text, _ = strconv.Unquote(l.Value)
		}
		return true
	})
	s, err := gojsonschema.NewSchema(gojsonschema.NewStringLoader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds a document against the schema; the library's own validation
// looks at what its types kept of the document, not at the bytes.
func validate(t *testing.T, judge *gojsonschema.Schema, doc []byte) (problems []string) {
	t.Helper()
	result, err := judge.Validate(gojsonschema.NewBytesLoader(doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range result.Errors() {
		problems = append(problems, e.String())
	}
	return problems
}

// The judge refuses what is no SARIF, or it would judge nothing.
func TestTheJudgeRefuses(t *testing.T) {
	doc := []byte(`{"version":"2.1.0","runs":[{"tool":{"driver":{}},"results":[{"level":"fatal"}]}]}`)
	if len(validate(t, schema(t), doc)) == 0 {
		t.Fatal("a run without the tool's name and with a level of its own was taken")
	}
}
