package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Policy is one audit policy of a file.
type Policy struct {
	// Name is the file, as the user named it.
	Name string
	// Origin says where in the file the policy stands ("ConfigMap
	// kube-system/audit, data.policy.yaml"), "" for a file that is a policy.
	Origin string
	// Text is what kube-apiserver would read.
	Text []byte
	// Root is the policy's mapping. Its nodes' places are those of Text, or of
	// the file for a policy that stands in another object as YAML; Position
	// turns them into places of the file.
	Root *yaml.Node
	// Version is the apiVersion as written, "" if there is none.
	Version string
	// Internal is the policy as kube-apiserver would run it. It is never nil:
	// of a policy that kube-apiserver refuses it holds what can be made out.
	// It must not be changed.
	Internal *audit.Policy
	// Refused says why kube-apiserver would refuse the policy, all reasons at
	// once; empty for a policy that it takes.
	Refused []Problem
	// Dropped are the fields that lenient decoding drops: unknown fields and
	// all but the last of equal keys.
	Dropped []Problem
	// ExtraDocuments are the places in the file of further YAML documents,
	// which kube-apiserver does not read.
	ExtraDocuments []int

	file  *yamldoc.File // the file that the user named
	inner *yamldoc.File // the text that Root was parsed from, where not file
	place textPlace
	alone bool // the only policy of the file
}

// ProblemKind tells problems of reading apart.
type ProblemKind string

// The kinds of problems.
const (
	// UnknownField is a field that the type does not have.
	UnknownField ProblemKind = "unknown field"
	// DuplicateKey is a key that stands twice in a mapping; the last wins.
	DuplicateKey ProblemKind = "duplicate key"
	// WrongType is a value of a type that the field cannot hold.
	WrongType ProblemKind = "wrong type"
	// WrongVersion is an apiVersion or kind that kube-apiserver does not load.
	WrongVersion ProblemKind = "wrong version"
	// Invalid is a value that validation refuses.
	Invalid ProblemKind = "invalid"
)

// Problem is one thing that kube-apiserver refuses or drops.
type Problem struct {
	Kind ProblemKind
	// Path is the place in the policy, such as "rules[6].verbs[0]".
	Path string
	// Field is the last part of Path, for an unknown field.
	Field   string
	Message string
	// Node is what to point at, nil if the place is not known.
	Node *yaml.Node
}

// Said is the message with its path, where that says more than the message.
func (p Problem) Said() string {
	if strings.HasPrefix(p.Message, p.Path) {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// NotPolicyError says that an input is not a policy and holds none.
type NotPolicyError struct{ Reason string }

func (e *NotPolicyError) Error() string { return e.Reason }

// MaxBytes is the largest input that Load takes, that of the YAML reader.
// kube-apiserver takes any size; a rule is some hundred bytes.
const MaxBytes = yamldoc.MaxBytes

// MaxExact is the largest number of rules about which exact questions are asked:
// ten times what any known policy has. What only evaluates takes any number.
const MaxExact = 20_000

// maxExpanded is the number of nodes that a document may have once its aliases
// are expanded: kube-apiserver's YAML library gives up at a like number.
const maxExpanded = 4_000_000

// maxDepth bounds the nesting of a document.
const maxDepth = 1000

// Load finds the audit policies in a file. A file whose first document is a
// policy is that policy, because kube-apiserver reads no further; in anything
// else all documents are searched for embedded ones. The error is of type
// *yamldoc.SyntaxError or *NotPolicyError.
func Load(name string, data []byte) ([]*Policy, error) {
	if len(data) > MaxBytes {
		return nil, &NotPolicyError{fmt.Sprintf("%s: more than the %d MB that are read", name, MaxBytes>>20)}
	}
	out, err := load(name, data)
	if err != nil {
		return nil, err
	}
	for _, p := range out {
		p.alone = len(out) == 1
		if err := p.templateValue(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func load(name string, data []byte) ([]*Policy, error) {
	file, err := parse(name, data)
	if err != nil {
		if out, inBlock := blocks(name, data); len(out) > 0 || inBlock != nil {
			return out, inBlock
		}
		if t := cmp.Or(terraform(name, data), templateText(name, data)); t != nil {
			return nil, t
		}
		return nil, err
	}
	var docs []*yamldoc.Document
	for _, d := range file.Docs {
		if d.Root == nil {
			continue
		}
		if err := checkExpansion(d.Root); err != nil {
			return nil, &NotPolicyError{fmt.Sprintf("%s: not a usable YAML document: %s", name, err)}
		}
		docs = append(docs, d)
	}
	if len(docs) == 0 {
		return nil, &NotPolicyError{name + ": no YAML document in it, only comments"}
	}
	if looksLikePolicy(docs[0].Root) {
		p := &Policy{Name: name, Text: data, Root: docs[0].Root, file: file}
		for _, d := range docs[1:] {
			p.ExtraDocuments = append(p.ExtraDocuments, d.Root.Line)
		}
		p.decode()
		return []*Policy{p}, nil
	}
	var out []*Policy
	var broken error
	for i, d := range docs {
		where := ""
		if len(docs) > 1 {
			where = fmt.Sprintf("document %d", i+1)
		}
		found, err := search(file, d, where)
		out = append(out, found...)
		broken = cmp.Or(broken, err)
	}
	switch {
	case len(out) > 0:
		return out, nil
	case broken != nil:
		return nil, broken
	case docs[0].Root.Kind == yaml.ScalarNode:
		if out, err := blocks(name, data); len(out) > 0 || err != nil {
			return out, err
		}
		if t := terraform(name, data); t != nil {
			return nil, t
		}
	}
	return nil, notPolicy(name, docs)
}

// parse reads the file. kube-apiserver reads the first document only, so a
// policy is still a policy if a later document is no YAML.
func parse(name string, data []byte) (*yamldoc.File, error) {
	file, err := yamldoc.Parse(name, data)
	if err == nil {
		return file, nil
	}
	var syntax *yamldoc.SyntaxError
	if !errors.As(err, &syntax) || syntax.Line == 0 {
		return nil, err
	}
	if word := strings.TrimSpace(lineOf(data, syntax.Line)); slices.Contains([]string{"EOF", "EOT", "EOL", "YAML", "END"}, word) {
		syntax.Err = word + " is the end of a shell's here-document, not of the policy: delete the line"
		return nil, err
	}
	end := firstDocumentEnd(data)
	if end == len(data) {
		return nil, err
	}
	// What follows keeps its place as a document that is only a string.
	blanked := append([]byte(nil), data[:end]...)
	blanked = append(blanked, "---\nnull\n"...)
	first, err2 := yamldoc.Parse(name, blanked)
	if err2 != nil || len(first.Docs) == 0 || !looksLikePolicy(first.Docs[0].Root) {
		return nil, err
	}
	return first, nil
}

// lineOf is a line of a text, from 1.
func lineOf(data []byte, n int) string {
	for line := range bytes.Lines(data) {
		if n--; n == 0 {
			return string(line)
		}
	}
	return ""
}

// firstDocumentEnd is the offset of the marker that ends the first document
// with content, or the length of the data.
func firstDocumentEnd(data []byte) int {
	off, content := 0, false
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), " \t\r\n")
		switch {
		case text == "---" || text == "..." || strings.HasPrefix(text, "--- "):
			if content {
				return off
			}
		case text != "" && text[0] != '#' && text[0] != '%':
			content = true
		}
		off += len(line)
	}
	return len(data)
}

// checkExpansion refuses documents whose aliases expand without bound.
func checkExpansion(root *yaml.Node) error {
	size := map[*yaml.Node]int{}
	open := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node, depth int) (int, error)
	walk = func(n *yaml.Node, depth int) (int, error) {
		if depth > maxDepth {
			return 0, fmt.Errorf("nested more than %d deep", maxDepth)
		}
		if n.Kind == yaml.ScalarNode {
			return 1, nil
		}
		if s, ok := size[n]; ok {
			return s, nil
		}
		if open[n] {
			return 0, fmt.Errorf("an alias refers to what it stands in; write out what it means")
		}
		open[n] = true
		total := 1
		if n.Kind == yaml.AliasNode {
			s, err := walk(n.Alias, depth+1)
			if err != nil {
				return 0, err
			}
			total += s
		}
		for _, c := range n.Content {
			s, err := walk(c, depth+1)
			if err != nil {
				return 0, err
			}
			if total += s; total > maxExpanded {
				return 0, fmt.Errorf("its aliases expand to more than %d values", maxExpanded)
			}
		}
		delete(open, n)
		size[n] = total
		return total, nil
	}
	_, err := walk(root, 0)
	return err
}

// looksLikePolicy says whether a mapping claims to be an audit policy, however
// broken: by its group, by its kind, or by its rules.
func looksLikePolicy(n *yaml.Node) bool {
	n = yamldoc.Resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return false
	}
	version, kind := yamldoc.String(n, "apiVersion"), yamldoc.String(n, "kind")
	if group, _, _ := strings.Cut(version, "/"); group == audit.GroupName {
		return kind != "Event" && kind != "EventList"
	}
	if kind == "Policy" && (version == "" || !strings.Contains(version, "/")) {
		return true
	}
	if version != "" && strings.Contains(version, "/") || kind != "" && kind != "Policy" {
		return false
	}
	rules, _ := yamldoc.Get(n, "rules")
	rules = yamldoc.Resolve(rules)
	if rules == nil || rules.Kind != yaml.SequenceNode {
		return false
	}
	for _, r := range rules.Content {
		if v, _ := yamldoc.Get(r, "level"); v != nil {
			return true
		}
	}
	return false
}

func notPolicy(name string, docs []*yamldoc.Document) error {
	root := yamldoc.Resolve(docs[0].Root)
	found := "a list"
	if rules := root.Content; root.Kind == yaml.SequenceNode && len(rules) > 0 && yamldoc.String(yamldoc.Resolve(rules[0]), "level") != "" {
		found = "a list of rules without the policy that holds them under rules"
	}
	if root.Kind == yaml.MappingNode {
		kind, version := yamldoc.String(root, "kind"), yamldoc.String(root, "apiVersion")
		switch {
		case kind == "Event" || kind == "EventList":
			return &NotPolicyError{fmt.Sprintf("%s: no audit policy in it: these are audit events (%s); replay and leaks read them", name, kind)}
		case kind != "":
			found = strings.TrimSpace(version + " " + kind)
		default:
			found = "a mapping without a kind"
			if len(root.Content) > 0 {
				found = fmt.Sprintf("a mapping that starts with %q", clip(root.Content[0].Value, 40))
			}
		}
		if p := referencedPolicy(root); p != "" {
			return &NotPolicyError{fmt.Sprintf("%s: no audit policy in it: %s names the file %s; check that file", name, found, p)}
		}
	} else if root.Kind == yaml.ScalarNode {
		found = fmt.Sprintf("the text %q", clip(root.Value, 40))
	}
	return &NotPolicyError{fmt.Sprintf("%s: no audit policy in it: found %s; a policy has apiVersion: audit.k8s.io/v1 and kind: Policy", name, found)}
}

func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "..."
	}
	return s
}

// File is the file that holds the policy.
func (p *Policy) File() *yamldoc.File { return p.file }

// Title names the policy in messages: the file, and where in it.
func (p *Policy) Title() string {
	if p.Origin == "" {
		return p.Name
	}
	return p.Name + " (" + p.Origin + ")"
}
