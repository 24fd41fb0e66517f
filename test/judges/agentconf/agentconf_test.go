// Package agentconf holds the configurations that kubectl logarch writes for
// agents that cannot be run here against what their makers publish: Fluent Bit's
// own schema of plugins and properties, and Alloy's parser.
package agentconf

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	fluentbit "github.com/calyptia/go-fluentbit-config/v2"
	"github.com/grafana/alloy/syntax/ast"
	"github.com/grafana/alloy/syntax/parser"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

const pod = `apiVersion: v1
kind: Pod
metadata:
  name: app
spec:
  containers:
  - name: app
    image: busybox
`

var endpoints = [][2]string{
	{"stdout"}, {"file"}, {"otlp", "https://otel.example.com:4318"}, {"otlp", "http://otel.example.com:4317"},
	{"elasticsearch", "https://es.example.com:9200/prefix"}, {"loki", "http://loki.example.com:3100"}, {"http", "https://logs.example.com/ingest"},
}

// configs are the configurations of an agent by what they are for: as a sidecar
// and on a node, for each destination that it can send to.
func configs(t *testing.T, agent string) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, e := range endpoints {
		dest, endpoint := e[0], e[1]
		to := []string{"--destination", dest}
		if endpoint != "" {
			to = append(to, "--endpoint", endpoint)
		}
		for what, args := range map[string][]string{
			"sidecar": append([]string{"inject", "-f", "-", "--mode", "agent", "--agent", agent, "--log", "/var/log/app/app.log", "--log", "/var/log/app/b.log"}, to...),
			"node":    append([]string{"agent", agent}, to...),
		} {
			c := exec.Command(program.Plugin(t, "logarch"), args...)
			c.Stdin = strings.NewReader(pod)
			var stderr bytes.Buffer
			c.Stderr = &stderr
			text, err := c.Output()
			if err != nil {
				if strings.Contains(stderr.String(), "does not send to") || strings.Contains(stderr.String(), "over HTTP only") {
					continue
				}
				t.Fatalf("%v: %v: %s", args, err, stderr.String())
			}
			for _, doc := range strings.Split(string(text), "\n---\n") {
				var o struct {
					Kind string
					Data map[string]string
				}
				if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
					t.Fatalf("%v: %v", args, err)
				}
				if o.Kind == "ConfigMap" {
					out[what+" to "+dest+" "+endpoint] = o.Data
				}
			}
		}
	}
	if len(out) < 4 {
		t.Fatalf("only %d configurations of %s", len(out), agent)
	}
	return out
}

// TestFluentBit asks the schema that the agent itself prints: every section is a
// plugin that there is, every key one of its properties, every value of its type.
func TestFluentBit(t *testing.T) {
	for what, files := range configs(t, "fluent-bit") {
		c, err := fluentbit.ParseAsClassic(files["fluent-bit.conf"])
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if len(c.Pipeline.Inputs) == 0 || len(c.Pipeline.Outputs) != 1 {
			t.Errorf("%s: %d inputs and %d outputs were read", what, len(c.Pipeline.Inputs), len(c.Pipeline.Outputs))
		}
		if err := c.ValidateWithSchema(fluentbit.DefaultSchema); err != nil {
			t.Errorf("%s: %v\n%s", what, err, files["fluent-bit.conf"])
		}
	}
	// The judge must be able to say no.
	c, err := fluentbit.ParseAsClassic("[INPUT]\n    Name tail\n    Read_from_Hed true\n")
	if err == nil {
		err = c.ValidateWithSchema(fluentbit.DefaultSchema)
	}
	if err == nil {
		t.Error("the schema takes a property that there is not")
	}
}

// TestAlloy asks Alloy's parser, and that every component which is forwarded to is
// there.
func TestAlloy(t *testing.T) {
	for what, files := range configs(t, "alloy") {
		text := files["config.alloy"]
		f, err := parser.ParseFile(what, []byte(text))
		if err != nil {
			t.Errorf("%s: %v\n%s", what, err, text)
			continue
		}
		there := map[string]bool{}
		for _, s := range f.Body {
			if b, ok := s.(*ast.BlockStmt); ok {
				there[strings.Join(b.Name, ".")+"."+b.Label] = true
			}
		}
		if len(there) < 3 {
			t.Errorf("%s: only %d components", what, len(there))
		}
		ast.Walk(visitor(func(n ast.Node) {
			if a, ok := n.(*ast.AccessExpr); ok && (a.Name.Name == "receiver" || a.Name.Name == "input" || a.Name.Name == "targets" || a.Name.Name == "output") {
				if ref := path(a.Value); strings.Count(ref, ".") >= 2 && !there[ref] {
					t.Errorf("%s: %s is used and not there", what, ref)
				}
			}
		}), f)
	}
	if _, err := parser.ParseFile("bad", []byte("loki.echo \"out\" {")); err == nil {
		t.Error("the parser takes what is not closed")
	}
}

type visitor func(ast.Node)

func (v visitor) Visit(n ast.Node) ast.Visitor {
	v(n)
	return v
}

func path(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.IdentifierExpr:
		return x.Ident.Name
	case *ast.AccessExpr:
		return path(x.Value) + "." + x.Name.Name
	}
	return ""
}

// TestYAML holds those that are YAML at least to that, and to the keys that an
// agent cannot start without.
func TestYAML(t *testing.T) {
	for agent, keys := range map[string][]string{"vector": {"sources", "sinks", "data_dir"}, "filebeat": {"filebeat.inputs", "path.data"}} {
		for what, files := range configs(t, agent) {
			own := 0
			for name, text := range files {
				if strings.HasPrefix(name, agent) {
					own++
				}
				var m map[string]any
				if err := yaml.UnmarshalStrict([]byte(text), &m); err != nil {
					t.Errorf("%s: %s: %v", what, name, err)
				}
				for _, k := range keys {
					if _, ok := m[k]; !ok && strings.HasPrefix(name, agent) {
						t.Errorf("%s: %s: no %s in it\n%s", what, name, k, text)
					}
				}
			}
			if own == 0 {
				t.Errorf("%s: no file is called after %s, so nothing was looked for", what, agent)
			}
		}
	}
}
