package policy

import (
	"fmt"
	"slices"
	"strings"

	goyaml "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// The fields of the types, as audit.k8s.io/v1 has them.
var (
	PolicyFields   = []string{"apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"}
	RuleFields     = []string{"level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages", "omitManagedFields"}
	ResourceFields = []string{"group", "resources", "resourceNames"}
	metaFields     = []string{"name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
		"deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers", "managedFields"}
)

// walker reads a policy from its nodes: tolerant, so that a mistake in one
// rule does not hide those in the next, and with the place of everything that
// kube-apiserver would refuse or drop.
type walker struct {
	out     *audit.Policy
	dropped []Problem
	wrong   []Problem
}

func (w *walker) hasWrong(path string) bool {
	return slices.ContainsFunc(w.wrong, func(p Problem) bool {
		return p.Path == path || strings.HasPrefix(path, p.Path+".") || strings.HasPrefix(path, p.Path+"[") ||
			strings.HasPrefix(p.Path, path+"[")
	})
}

func (w *walker) policy(root *yaml.Node) {
	w.out = &audit.Policy{}
	w.mapping(root, "", PolicyFields, func(key string, v *yaml.Node, path string) {
		switch key {
		case "metadata":
			w.mapping(v, path, metaFields, func(string, *yaml.Node, string) {})
		case "omitStages":
			w.out.OmitStages = stages(w.strings(v, path))
		case "omitManagedFields":
			if b := w.bool(v, path); b != nil {
				w.out.OmitManagedFields = *b
			}
		case "rules":
			w.sequence(v, path, "rules", func(n *yaml.Node, path string) {
				w.out.Rules = append(w.out.Rules, w.rule(n, path))
			})
		}
	})
}

func (w *walker) rule(n *yaml.Node, path string) audit.PolicyRule {
	var r audit.PolicyRule
	w.mapping(n, path, RuleFields, func(key string, v *yaml.Node, path string) {
		switch key {
		case "level":
			s, _ := w.string(v, path)
			r.Level = audit.Level(s)
		case "users":
			r.Users = w.strings(v, path)
		case "userGroups":
			r.UserGroups = w.strings(v, path)
		case "verbs":
			r.Verbs = w.strings(v, path)
		case "namespaces":
			r.Namespaces = w.strings(v, path)
		case "nonResourceURLs":
			r.NonResourceURLs = w.strings(v, path)
		case "omitStages":
			r.OmitStages = stages(w.strings(v, path))
		case "omitManagedFields":
			r.OmitManagedFields = w.bool(v, path)
		case "resources":
			w.sequence(v, path, "group and resources", func(n *yaml.Node, path string) {
				var gr audit.GroupResources
				w.mapping(n, path, ResourceFields, func(key string, v *yaml.Node, path string) {
					switch key {
					case "group":
						gr.Group, _ = w.string(v, path)
					case "resources":
						gr.Resources = w.strings(v, path)
					case "resourceNames":
						gr.ResourceNames = w.strings(v, path)
					}
				})
				r.Resources = append(r.Resources, gr)
			})
		}
	})
	return r
}

func stages(in []string) []audit.Stage {
	var out []audit.Stage
	for _, s := range in {
		out = append(out, audit.Stage(s))
	}
	return out
}

// pair is a key of a mapping with its value; merged says that it comes from
// another mapping.
type pair struct {
	key, value *yaml.Node
	merged     bool
}

// pairs are the pairs of a mapping as kube-apiserver's YAML library meets them:
// in their order, and where a merge (<<) stands those of the merged mappings.
// The last of equal keys wins, so a merge outdoes what stands before it, although
// YAML says otherwise; of a list of merged mappings the first wins.
func pairs(n *yaml.Node) []pair {
	var out []pair
	n = yamldoc.Resolve(n)
	if n == nil {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		for _, c := range slices.Backward(n.Content) {
			out = append(out, pairs(c)...)
		}
		return out
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "<<" && n.Content[i].Tag == "!!merge" {
			for _, p := range pairs(n.Content[i+1]) {
				p.merged = true
				out = append(out, p)
			}
			continue
		}
		out = append(out, pair{key: n.Content[i], value: n.Content[i+1]})
	}
	return out
}

// mapping visits the known fields of a mapping, each once, the last of equal
// keys.
func (w *walker) mapping(n *yaml.Node, path string, fields []string, visit func(key string, v *yaml.Node, path string)) {
	at := n
	n = yamldoc.Resolve(n)
	if n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		w.refuse(path, at, "a mapping (field: value)", n)
		return
	}
	last := map[string]pair{}
	var order []string
	for _, p := range pairs(n) {
		name := p.key.Value
		old, ok := last[name]
		if !ok {
			order = append(order, name)
		}
		last[name] = p
		switch {
		case !ok || old.merged:
			// What is written out behind a merge is meant to outdo it.
		case !p.merged:
			w.dropped = append(w.dropped, Problem{Kind: DuplicateKey, Path: join(path, name), Field: name, Node: old.key,
				Message: fmt.Sprintf("%s stands twice here; the one in line %d wins", name, p.key.Line)})
		case !equal(old.value, p.value):
			w.dropped = append(w.dropped, Problem{Kind: DuplicateKey, Path: join(path, name), Field: name, Node: old.key,
				Message: fmt.Sprintf("%s stands before a merge (<<) that brings the one of line %d, which wins: put the merge first", name, p.key.Line)})
		}
	}
	for _, name := range order {
		e := last[name]
		if !slices.Contains(fields, name) {
			w.dropped = append(w.dropped, Problem{Kind: UnknownField, Path: join(path, name), Field: name, Node: e.key,
				Message: fmt.Sprintf("unknown field %q", name)})
			continue
		}
		visit(name, e.value, join(path, name))
	}
}

// equal says whether two values are the same scalar.
func equal(a, b *yaml.Node) bool {
	a, b = yamldoc.Resolve(a), yamldoc.Resolve(b)
	return a != nil && b != nil && a.Kind == yaml.ScalarNode && b.Kind == yaml.ScalarNode && a.Value == b.Value
}

func (w *walker) sequence(n *yaml.Node, path, of string, visit func(n *yaml.Node, path string)) {
	at := n
	n = yamldoc.Resolve(n)
	if n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		w.refuse(path, at, "a list of "+of, n)
		// A single value where a list is wanted is what the writer meant.
		if n.Kind == yaml.MappingNode {
			visit(n, path)
		}
		return
	}
	for i, c := range n.Content {
		visit(c, fmt.Sprintf("%s[%d]", path, i))
	}
}

func (w *walker) strings(n *yaml.Node, path string) []string {
	at := n
	n = yamldoc.Resolve(n)
	if n == nil || isNull(n) {
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out := []string{}
		for i, c := range n.Content {
			s, _ := w.string(c, fmt.Sprintf("%s[%d]", path, i))
			out = append(out, s)
		}
		return out
	case yaml.ScalarNode:
		w.refuse(path, at, "a list of strings", n)
		return []string{n.Value}
	}
	w.refuse(path, at, "a list of strings", n)
	return nil
}

func (w *walker) string(n *yaml.Node, path string) (string, bool) {
	at := n
	n = yamldoc.Resolve(n)
	if n == nil || isNull(n) {
		return "", true
	}
	if n.Kind != yaml.ScalarNode {
		w.refuse(path, at, "a string", n)
		return "", false
	}
	if kind := scalarKind(n); kind != "string" {
		w.wrong = append(w.wrong, Problem{Kind: WrongType, Path: path, Node: at,
			Message: fmt.Sprintf("%s is read as a %s here, where a string is wanted: put it in quotes", n.Value, kind)})
		return n.Value, false
	}
	return n.Value, true
}

func (w *walker) bool(n *yaml.Node, path string) *bool {
	at := n
	n = yamldoc.Resolve(n)
	if n == nil || isNull(n) {
		return nil
	}
	if n.Kind == yaml.ScalarNode && scalarKind(n) == "boolean" {
		b := slices.Contains([]string{"true", "yes", "on", "y"}, strings.ToLower(n.Value))
		return &b
	}
	w.refuse(path, at, "true or false", n)
	return nil
}

func (w *walker) refuse(path string, at *yaml.Node, want string, got *yaml.Node) {
	have := map[yaml.Kind]string{yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list"}[got.Kind]
	if have == "" {
		have = fmt.Sprintf("%q", clip(got.Value, 40))
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if name == "" {
		name = "the policy"
	}
	w.wrong = append(w.wrong, Problem{Kind: WrongType, Path: path, Node: at,
		Message: fmt.Sprintf("%s must be %s, not %s", name, want, have)})
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// scalarKind is the type that kube-apiserver's YAML library gives a scalar. It
// follows YAML 1.1, in which on, yes and n are booleans.
func scalarKind(n *yaml.Node) string {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return "string"
	}
	if n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0 {
		return "string"
	}
	if n.Value == "" || !maybeTyped(n.Value) {
		return "string"
	}
	var v any
	if err := goyaml.Unmarshal([]byte(n.Value), &v); err != nil {
		return "string"
	}
	switch v.(type) {
	case bool:
		return "boolean"
	case int, int64, uint64, float64:
		return "number"
	}
	return "string"
}

// maybeTyped is a quick test for scalars that could be anything but a string.
func maybeTyped(s string) bool {
	c := s[0]
	if c >= '0' && c <= '9' || strings.IndexByte("+-.~", c) >= 0 {
		return true
	}
	return len(s) <= 5 && strings.IndexByte("yYnNtTfFoO", c) >= 0
}
