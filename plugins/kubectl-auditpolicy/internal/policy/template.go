package policy

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// placeholder is what a template engine replaces: Jinja, Helm and Go templates,
// ERB and Mako, the shell and Terraform. No name in a policy has such a form.
var placeholder = lazyregexp.New(`\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|[$%]\{[^}]*\}|\{\{|\{%|<%`)

// renderers are the programs that make YAML of a template with a marker.
var renderers = []struct{ marker, with string }{
	{"{{-", "helm template"}, {"{{ .", "helm template"}, {".Values", "helm template"}, {"{{ include", "helm template"},
	{"{%", "Ansible"}, {"{{", "Ansible or helm template"},
	{"${", "envsubst or terraform"}, {"%{", "terraform"}, {"<%", "its template engine"},
}

func templateError(name string, line int, found string) error {
	with := ""
	for _, r := range renderers {
		if strings.Contains(found, r.marker) {
			with = r.with
			break
		}
	}
	return &NotPolicyError{fmt.Sprintf("%s:%d: a template, not yet a policy: it has %s; render it with %s and check what comes out",
		name, line, clip(found, 60), with)}
}

// terraform finds a policy that is written as an expression of Terraform's, nil
// if there is none.
func terraform(name string, data []byte) error {
	if !bytes.Contains(data, []byte("audit.k8s.io/")) {
		return nil
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		for _, f := range []string{"yamlencode(", "jsonencode("} {
			if bytes.Contains(line, []byte(f)) {
				return &NotPolicyError{fmt.Sprintf("%s:%d: a template, not yet a policy: Terraform's %s) makes it; check what comes out, as 'terraform console' shows it", name, n, f)}
			}
		}
	}
	return nil
}

// templateText finds the first placeholder of a text that is not YAML, outside
// comments; nil if there is none.
func templateText(name string, data []byte) error {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "#") {
			continue
		}
		text, _, _ = strings.Cut(text, " #")
		if found := placeholder.FindString(text); found != "" {
			return templateError(name, n, found)
		}
	}
	return nil
}

// templateValue finds the first value of a policy that is still a placeholder,
// nil if there is none. YAML reads an unquoted {{ x }} as a mapping whose key is
// a mapping.
func (p *Policy) templateValue() error {
	seen := map[*yaml.Node]bool{}
	var find func(n *yaml.Node) (*yaml.Node, string)
	find = func(n *yaml.Node) (*yaml.Node, string) {
		n = yamldoc.Resolve(n)
		if n == nil || seen[n] {
			return nil, ""
		}
		switch n.Kind {
		case yaml.ScalarNode:
			if found := placeholder.FindString(n.Value); found != "" {
				return n, found
			}
			return nil, ""
		case yaml.MappingNode:
			if len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode {
				name := ""
				if c := n.Content[0].Content; len(c) > 0 {
					name = " " + c[0].Value
				}
				return n, "{{" + name + " }}"
			}
		}
		seen[n] = true
		for _, c := range n.Content {
			if at, found := find(c); at != nil {
				return at, found
			}
		}
		return nil, ""
	}
	at, found := find(p.Root)
	if at == nil {
		return nil
	}
	line, _ := p.Position(at)
	return templateError(p.Name, line, found)
}
