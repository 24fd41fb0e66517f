package policy

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/audit/validation"
	upstream "k8s.io/apiserver/pkg/audit/policy"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// GroupVersion is the apiVersion that kube-apiserver loads.
const GroupVersion = "audit.k8s.io/v1"

// decode fills in what the policy means. kube-apiserver's own loader has the
// last word on whether it is taken and on what it holds; the walk over the
// nodes says all that is wrong at once, and where.
func (p *Policy) decode() {
	p.Version = yamldoc.String(p.Root, "apiVersion")
	w := &walker{}
	w.policy(p.Root)
	p.Dropped = w.dropped
	p.Refused = append(p.versionProblems(), w.wrong...)

	loaded, err := upstream.LoadPolicyFromBytes(onceConverted(p.Text))
	if err == nil {
		p.Internal, p.Refused = loaded, nil
		return
	}
	// Not loaded: make out what can be, so that the other checks can go on.
	p.Internal = w.out
	for _, e := range validation.ValidatePolicy(p.Internal) {
		if w.hasWrong(e.Field) {
			continue
		}
		p.Refused = append(p.Refused, p.invalid(e))
	}
	if len(p.Internal.Rules) == 0 && !w.hasWrong("rules") {
		_, key := yamldoc.Get(p.Root, "rules")
		if key == nil {
			key = p.Root
		}
		p.Refused = append(p.Refused, Problem{Kind: Invalid, Path: "rules", Node: key,
			Message: "a policy without rules: kube-apiserver does not start with it"})
	}
	p.settle()
	if len(p.Refused) == 0 {
		p.Refused = append(p.Refused, Problem{Kind: Invalid, Node: p.Root, Message: plainError(err)})
	}
}

// settle gives rules whose level is none of the four the one that was meant, so
// that the rest can be judged.
func (p *Policy) settle() {
	for i := range p.Internal.Rules {
		r := &p.Internal.Rules[i]
		if Rank(r.Level) >= 0 {
			continue
		}
		meant := AllLevels[1]
		for _, l := range AllLevels {
			if strings.EqualFold(string(l), string(r.Level)) {
				meant = l
			}
		}
		r.Level = meant
	}
}

// onceConverted is the text as JSON where the conversion that the loader makes
// finds nothing to complain of: the loader converts YAML twice, strictly and
// not, which is half of the time that reading a policy takes.
func onceConverted(text []byte) []byte {
	if j, err := sigsyaml.YAMLToJSONStrict(text); err == nil && len(j) > 0 && j[0] == '{' {
		return j
	}
	return text
}

func (p *Policy) versionProblems() []Problem {
	var out []Problem
	v, key := yamldoc.Get(p.Root, "apiVersion")
	at := func(n *yaml.Node) *yaml.Node {
		if n != nil {
			return n
		}
		return p.Root
	}
	switch {
	case key == nil || p.Version == "":
		out = append(out, Problem{Kind: WrongVersion, Path: "apiVersion", Node: at(v),
			Message: "apiVersion is missing: kube-apiserver loads " + GroupVersion + " only"})
	case p.Version != GroupVersion:
		out = append(out, Problem{Kind: WrongVersion, Path: "apiVersion", Node: at(v),
			Message: fmt.Sprintf("apiVersion %q: kube-apiserver loads %s only", p.Version, GroupVersion)})
	}
	kind := yamldoc.String(p.Root, "kind")
	kv, _ := yamldoc.Get(p.Root, "kind")
	if kind != "Policy" && kv != nil {
		out = append(out, Problem{Kind: WrongVersion, Path: "kind", Node: kv,
			Message: fmt.Sprintf("kind %q: an audit policy has kind Policy", kind)})
	}
	return out
}

// invalid turns an error of kube-apiserver's validation into a problem with
// its place.
func (p *Policy) invalid(e *field.Error) Problem {
	path := e.Field
	// The paths of group errors lack the index of the list.
	if m := groupPath.FindStringSubmatch(path); m != nil {
		if i, err := strconv.Atoi(m[1]); err == nil && i < len(p.Internal.Rules) {
			for j, gr := range p.Internal.Rules[i].Resources {
				if m[2] == "group" && e.BadValue == gr.Group ||
					m[2] == "resourceNames" && len(gr.ResourceNames) > 0 && len(gr.Resources) == 0 {
					path = fmt.Sprintf("rules[%d].resources[%d].%s", i, j, m[2])
					break
				}
			}
		}
	}
	return Problem{Kind: Invalid, Path: path, Node: p.Node(path), Message: describe(e, path)}
}

var groupPath = lazyregexp.New(`^rules\[(\d+)\]\.resources\.(group|resourceNames)$`)

func describe(e *field.Error, path string) string {
	value := fmt.Sprint(e.BadValue)
	last := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case e.Type == field.ErrorTypeRequired:
		return last + " is required: one of None, Metadata, Request, RequestResponse"
	case e.Type == field.ErrorTypeNotSupported:
		return fmt.Sprintf("%s %q: not one of None, Metadata, Request, RequestResponse", last, value)
	case strings.HasPrefix(e.Detail, "rules cannot apply"):
		return "a rule cannot have nonResourceURLs together with resources or namespaces"
	case strings.HasPrefix(e.Detail, "allowed stages"):
		return fmt.Sprintf("stage %q: not one of RequestReceived, ResponseStarted, ResponseComplete, Panic", value)
	case strings.HasPrefix(e.Detail, "using resourceNames"):
		return "resourceNames without resources: name at least one resource"
	case last == "group":
		return fmt.Sprintf("group %q: an API group is written without its version, in lower case", value)
	}
	return fmt.Sprintf("%s %q: %s", last, value, e.Detail)
}

// plainError takes Go's type names out of a decoder's message.
func plainError(err error) string {
	s := strings.TrimPrefix(err.Error(), "failed decoding: ")
	s = strings.TrimPrefix(s, "failed lenient decoding: ")
	s = strings.ReplaceAll(s, "into Go struct field ", "into ")
	return clip(goType.ReplaceAllString(s, ""), 200)
}

var goType = lazyregexp.New(` of type [][a-zA-Z0-9_.*]+`)

// Node finds the node at a path such as "rules[6].verbs[0]"; the nearest one
// above it where there is none. It is nil for a path that starts nowhere.
func (p *Policy) Node(path string) *yaml.Node { n, _ := p.lookup(path); return n }

// Has says whether a path exists in the text.
func (p *Policy) Has(path string) bool { _, ok := p.lookup(path); return ok }

// Key finds the key of the last part of a path, nil if it is no key.
func (p *Policy) Key(path string) *yaml.Node {
	i := strings.LastIndexByte(path, '.')
	parent := p.Root
	if i >= 0 {
		parent = p.Node(path[:i])
	}
	_, key := get(parent, path[i+1:])
	return key
}

func (p *Policy) lookup(path string) (*yaml.Node, bool) {
	n := p.Root
	for _, part := range strings.Split(path, ".") {
		if part == "" {
			continue
		}
		name, rest, _ := strings.Cut(part, "[")
		v, _ := get(n, name)
		if v == nil {
			return n, false
		}
		n = v
		for rest != "" {
			var idx string
			idx, rest, _ = strings.Cut(rest, "]")
			rest = strings.TrimPrefix(rest, "[")
			i, err := strconv.Atoi(idx)
			seq := yamldoc.Resolve(n)
			if err != nil || seq == nil || seq.Kind != yaml.SequenceNode || i < 0 || i >= len(seq.Content) {
				return n, false
			}
			n = seq.Content[i]
		}
	}
	return n, true
}

// get is yamldoc.Get with merge keys ("<<").
func get(n *yaml.Node, key string) (value, keyNode *yaml.Node) {
	for _, p := range pairs(n) {
		if p.key.Value == key {
			value, keyNode = p.value, p.key
		}
	}
	return value, keyNode
}

// RulePath is the path of a rule.
func RulePath(i int) string { return fmt.Sprintf("rules[%d]", i) }

// rules are the nodes of the rules in their order.
func (p *Policy) rules() []*yaml.Node {
	v, _ := get(p.Root, "rules")
	if v = yamldoc.Resolve(v); v == nil || v.Kind != yaml.SequenceNode {
		return nil
	}
	return v.Content
}

// RuleNode is the node of a rule, nil if the place is not known.
func (p *Policy) RuleNode(i int) *yaml.Node {
	rules := p.rules()
	if i < 0 || i >= len(rules) {
		return nil
	}
	return rules[i]
}
