package policy

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// search finds the policies in a document that is not one itself: as a string
// (ConfigMap, kops file asset, Cluster API and cloud-init files, Rancher's
// machineGlobalConfig), as base64, also packed with gzip (Secret, cloud-init,
// Ignition's data URLs), or as YAML (Talos, RKE cluster.yml, List).
// The error is that of the first string that should be a policy and is not YAML.
func search(file *yamldoc.File, d *yamldoc.Document, where string) ([]*Policy, error) {
	s := &searcher{file: file, where: where, seen: map[*yaml.Node]bool{}}
	s.visit(d.Root, "", objectName(d.Root))
	return s.found, s.broken
}

type searcher struct {
	file   *yamldoc.File
	where  string
	seen   map[*yaml.Node]bool
	found  []*Policy
	broken error
}

func (s *searcher) visit(n *yaml.Node, path, object string) {
	n = yamldoc.Resolve(n)
	if n == nil || s.seen[n] {
		return
	}
	s.seen[n] = true
	switch n.Kind {
	case yaml.MappingNode:
		if path != "" && structured(n) {
			s.embedded(n, path, object)
			return
		}
		if name := objectName(n); name != "" && (path == "" || strings.HasPrefix(path, "items[")) {
			object = name
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			next := join(path, key)
			if strings.ContainsAny(key, ". ") {
				next = fmt.Sprintf("%s[%q]", path, key)
			}
			s.visit(n.Content[i+1], next, object)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.visit(c, fmt.Sprintf("%s[%d]", path, i), object)
		}
	case yaml.ScalarNode:
		s.text(n, path, object)
	}
}

// structured says whether a mapping inside another object is a policy. It must
// say so itself: a Role has rules too.
func structured(n *yaml.Node) bool {
	group, _, _ := strings.Cut(yamldoc.String(n, "apiVersion"), "/")
	return group == "audit.k8s.io" && yamldoc.String(n, "kind") == "Policy"
}

func (s *searcher) origin(path, object string) string {
	var parts []string
	for _, p := range []string{s.where, object, path} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

func (s *searcher) embedded(n *yaml.Node, path, object string) {
	text, err := yaml.Marshal(n)
	if err != nil {
		return
	}
	p := &Policy{Name: s.file.Name, Origin: s.origin(path, object), Text: text, Root: n, file: s.file}
	p.decode()
	s.found = append(s.found, p)
}

// text looks for a policy in a string.
func (s *searcher) text(n *yaml.Node, path, object string) {
	value := n.Value
	indent := -1
	switch {
	case strings.HasPrefix(value, "data:"):
		meta, data, ok := strings.Cut(value[len("data:"):], ",")
		if !ok {
			return
		}
		if strings.HasSuffix(meta, ";base64") {
			value = decode64(data)
		} else if v, err := url.PathUnescape(data); err == nil {
			value = v
		}
	case strings.Contains(value, "rules") && strings.Contains(value, "level") || strings.Contains(value, "audit.k8s.io"):
		indent = literalIndent(s.file, n)
	default:
		value = decode64(value)
	}
	if !strings.Contains(value, "rules") {
		return
	}
	inner, err := parse(s.file.Name, []byte(value))
	if err != nil && s.broken == nil && claimsPolicy.MatchString(value) {
		s.broken = s.innerError(n, path, object, indent, value, err)
	}
	if err != nil || len(inner.Docs) == 0 || inner.Docs[0].Root == nil || !looksLikePolicy(inner.Docs[0].Root) ||
		checkExpansion(inner.Docs[0].Root) != nil {
		return
	}
	p := &Policy{Name: s.file.Name, Origin: s.origin(path, object), Text: []byte(value), Root: inner.Docs[0].Root,
		file: s.file, inner: inner, place: textPlace{scalar: n, indent: indent}}
	for _, d := range inner.Docs[1:] {
		if d.Root != nil {
			line, _ := p.Position(d.Root)
			p.ExtraDocuments = append(p.ExtraDocuments, line)
		}
	}
	p.decode()
	s.found = append(s.found, p)
}

// claimsPolicy finds the first line of an audit policy in a text.
var claimsPolicy = lazyregexp.New(`(?m)^\s*"?apiVersion"?\s*:\s*["']?audit\.k8s\.io/`)

// innerError says of an embedded text that should be a policy why it is none.
func (s *searcher) innerError(n *yaml.Node, path, object string, indent int, value string, err error) error {
	line, inner := n.Line, 0 //nolint:wastedassign // declared together; both branches set it
	var why string
	if t := templateText(s.file.Name, []byte(value)); t != nil {
		err = t
	}
	var syntax *yamldoc.SyntaxError
	if errors.As(err, &syntax) {
		inner, why = syntax.Line, "not YAML: "+syntax.Err
	} else {
		_, rest, _ := strings.Cut(strings.TrimPrefix(err.Error(), s.file.Name), ":")
		number, text, _ := strings.Cut(rest, ": ")
		inner, _ = strconv.Atoi(number) // no number: the file as a whole
		why = text
	}
	if indent >= 0 {
		line += inner
	} else if inner > 0 {
		why = fmt.Sprintf("line %d of it: %s", inner, why)
	}
	return &NotPolicyError{fmt.Sprintf("%s:%d: the policy in %s: %s", s.file.Name, line, s.origin(path, object), why)}
}

// decode64 decodes a base64 text that is long enough to hold a policy, and
// unpacks it where it is gzip (cloud-init's gz+b64, Ignition's compression).
func decode64(s string) string {
	s = strings.Join(strings.Fields(s), "")
	if len(s) < 60 || len(s)%4 != 0 {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	if !bytes.HasPrefix(b, []byte("\x1f\x8b")) {
		return string(b)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return ""
	}
	if b, err = io.ReadAll(io.LimitReader(z, MaxBytes+1)); err != nil || len(b) > MaxBytes {
		return ""
	}
	return string(b)
}

// objectName is "Kind namespace/name" of a Kubernetes object, "" of anything
// else.
func objectName(n *yaml.Node) string {
	kind := yamldoc.String(n, "kind")
	if kind == "" || kind == "List" {
		return ""
	}
	meta, _ := yamldoc.Get(n, "metadata")
	name := yamldoc.String(meta, "name")
	if ns := yamldoc.String(meta, "namespace"); ns != "" {
		name = ns + "/" + name
	}
	return strings.TrimSpace(kind + " " + name)
}

// referencedPolicy is the path of the policy file that a configuration names
// (kubeadm, kind, k3s, kops, KubeOne, a static pod), "" if it names none.
func referencedPolicy(root *yaml.Node) string {
	seen := map[*yaml.Node]bool{}
	var find func(n *yaml.Node) string
	find = func(n *yaml.Node) string {
		n = yamldoc.Resolve(n)
		if n == nil || seen[n] {
			return ""
		}
		seen[n] = true
		if n.Kind == yaml.ScalarNode {
			// A flag, or a patch written as text: kind's kubeadmConfigPatches.
			_, v, ok := strings.Cut(n.Value, "audit-policy-file")
			if !ok {
				return ""
			}
			const between = "=:\"' \n"
			v = strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(v, between), "value:"), between)
			if f := strings.Fields(v); len(f) > 0 && strings.Contains(f[0], "/") {
				return clip(strings.Trim(f[0], "\"'"), 80)
			}
			return ""
		}
		if n.Kind == yaml.MappingNode {
			for _, key := range []string{"audit-policy-file", "auditPolicyFile", "policyFilePath"} {
				if v := yamldoc.String(n, key); v != "" {
					return clip(v, 80)
				}
			}
			if yamldoc.String(n, "name") == "audit-policy-file" {
				return clip(yamldoc.String(n, "value"), 80)
			}
		}
		for _, c := range n.Content {
			if p := find(c); p != "" {
				return p
			}
		}
		return ""
	}
	return find(root)
}
