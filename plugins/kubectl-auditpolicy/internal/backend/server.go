package backend

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// FlagUse is a flag as it stands in a file.
type FlagUse struct {
	Name, Value  string
	Line, Column int
	// Bare says that the flag has no value, which switches a boolean on.
	Bare bool
}

// MountUse is a mount as it stands in a file.
type MountUse struct {
	Name, HostPath, MountPath string
	ReadOnly                  bool
	// Type is the hostPath type; Volume is what kind of volume it is.
	Type, Volume string
	Line, Column int
}

// Server is an API server as a file describes it.
type Server struct {
	// Name is the file, Kind what it turned out to be.
	Name, Kind string
	// Flags are the flags that concern auditing, in their order; the last of a
	// name wins.
	Flags  []FlagUse
	Mounts []MountUse
	// Contained says that the server runs in a container whose mounts are all
	// in Mounts, apart from Given: paths that the installer mounts by itself.
	Contained bool
	Given     []string
	// Extra are mounts beside those that RKE2 makes itself, one of which is the
	// log's directory.
	Extra []MountUse
	// OwnPolicy says that the installer sets the policy and log flags itself.
	OwnPolicy bool
	// Pinned are the versions to which patches of a kubeadm configuration are
	// bound.
	Pinned []Pin
	// Webhook says that the file is not a server's but the kubeconfig of an
	// audit webhook.
	Webhook bool
	Text    []byte
}

// Pin is the apiVersion of a patch.
type Pin struct {
	Version string
	Line    int
}

// Flag returns the flag that counts, the last of its name.
func (s *Server) Flag(name string) (FlagUse, bool) {
	for i := len(s.Flags) - 1; i >= 0; i-- {
		if s.Flags[i].Name == name {
			return s.Flags[i], true
		}
	}
	return FlagUse{}, false
}

// webhookKind is Server.Kind of a webhook's kubeconfig.
const webhookKind = "audit webhook kubeconfig"

// NotServerError says that an input describes no API server.
type NotServerError struct{ Reason string }

func (e *NotServerError) Error() string { return e.Reason }

// ReadServer finds the API server in a file: a static pod manifest or another
// object with its pod, a kubeadm ClusterConfiguration of any version, also in an
// object of Cluster API, the configuration of k3s or RKE2, kind, Talos or kops,
// or text with flags (a unit file, a script, a command line).
func ReadServer(name string, data []byte) (*Server, error) {
	if len(data) > 8<<20 {
		return nil, &NotServerError{fmt.Sprintf("%s: %d MB: more than any such file has", name, len(data)>>20)}
	}
	f, err := yamldoc.Parse(name, data)
	if err == nil {
		for _, d := range f.Docs {
			if d.Root == nil {
				continue
			}
			if s := fromYAML(d.Root); s != nil {
				s.Name, s.Text = name, data
				return s, nil
			}
		}
		structured := false
		for _, d := range f.Docs {
			structured = structured || d.Root != nil && yamldoc.Resolve(d.Root).Kind == yaml.MappingNode && yamldoc.String(d.Root, "kind") != ""
		}
		if structured {
			return nil, &NotServerError{name + ": no API server in it: a static pod manifest, a kubeadm, k3s, RKE2, kind, Talos or kops configuration, or text with flags is read"}
		}
	}
	if strings.ContainsRune(string(data), 0) {
		return nil, &NotServerError{name + ": a binary file, not the configuration of an API server"}
	}
	s := &Server{Name: name, Kind: "flags", Text: data}
	all := textFlags(string(data))
	s.add(all)
	// Flags of another program do not say that auditing is off.
	apiserver := strings.Contains(string(data), "apiserver") || slices.ContainsFunc(all, func(f FlagUse) bool { return f.Name == "etcd-servers" || f.Name == "service-cluster-ip-range" })
	if len(s.Flags) == 0 && (len(all) == 0 || !apiserver) {
		if err != nil {
			return nil, err
		}
		return nil, &NotServerError{name + ": no flags of kube-apiserver in it, such as --audit-log-path=FILE"}
	}
	return s, nil
}

func (s *Server) add(flags []FlagUse) {
	for _, f := range flags {
		if strings.HasPrefix(f.Name, "audit-") || f.Name == "feature-gates" && strings.Contains(f.Value, "Audit") {
			s.Flags = append(s.Flags, f)
		}
	}
}

var flagWord = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`--([a-z][a-z0-9-]*)(?:=("[^"]*"|'[^']*'|[^\s"'\\]*))?`)
})

// textFlags finds flags in text. A flag and its value may be two words.
func textFlags(text string) []FlagUse {
	var out []FlagUse
	for n, line := range strings.Split(text, "\n") {
		if t := strings.TrimSpace(line); strings.HasPrefix(t, "#") || strings.HasPrefix(t, ";") {
			continue
		}
		found := flagWord().FindAllStringSubmatchIndex(line, -1)
		for i, m := range found {
			if m[0] > 0 && !strings.ContainsRune(" \t\"'=[,", rune(line[m[0]-1])) {
				continue
			}
			f := FlagUse{Name: line[m[2]:m[3]], Line: n + 1, Column: m[0] + 1}
			if m[4] >= 0 {
				f.Value = strings.Trim(line[m[4]:m[5]], `"'`)
			} else {
				f.Bare = true
				end := len(line)
				if i+1 < len(found) {
					end = found[i+1][0]
				}
				// The next word, unless it ends a quoted string or a line.
				if next := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line[m[1]:end]), `\`)); len(next) == 1 && line[m[1]] == ' ' {
					f.Value, f.Bare = strings.Trim(next[0], `"'`), false
				}
			}
			out = append(out, handed(f))
		}
	}
	return out
}

// handed is the flag of the API server that minikube (--extra-config), k3s
// (--kube-apiserver-arg) or k3d (the same, with @NODES behind) hands to it.
func handed(f FlagUse) FlagUse {
	name, value, has := strings.Cut(f.Value, "=")
	switch {
	case f.Name == "kube-apiserver-arg":
		value, _, _ = strings.Cut(value, "@")
	case f.Name == "extra-config" && strings.HasPrefix(name, "apiserver."):
		name = strings.TrimPrefix(name, "apiserver.")
	default:
		return f
	}
	f.Name, f.Value, f.Bare = name, value, !has
	return f
}

// words reads flags from a list of arguments.
func words(list *yaml.Node) []FlagUse {
	var out []FlagUse
	list = yamldoc.Resolve(list)
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	for i := 0; i < len(list.Content); i++ {
		n := yamldoc.Resolve(list.Content[i])
		if !strings.HasPrefix(n.Value, "--") {
			// A shell's script in one argument.
			if strings.Contains(n.Value, "kube-apiserver ") || strings.Contains(n.Value, " --audit-") {
				for _, f := range textFlags(n.Value) {
					f.Line, f.Column = f.Line+n.Line-1, n.Column
					out = append(out, f)
				}
			}
			continue
		}
		name, value, has := strings.Cut(n.Value[2:], "=")
		f := FlagUse{Name: strings.TrimSpace(name), Value: value, Line: n.Line, Column: n.Column, Bare: !has}
		if !has && i+1 < len(list.Content) && !strings.HasPrefix(list.Content[i+1].Value, "--") && !booleanFlag(name) {
			i++
			f.Value, f.Bare = yamldoc.Resolve(list.Content[i]).Value, false
		}
		out = append(out, f)
	}
	return out
}

func booleanFlag(name string) bool {
	k, ok := known[name]
	return ok && k.kind == boolean
}

// pairs reads flags from a map, or from a list of name and value (kubeadm
// v1beta4) or of "name=value" (k3s).
func pairs(n *yaml.Node) []FlagUse {
	n = yamldoc.Resolve(n)
	var out []FlagUse
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], yamldoc.Resolve(n.Content[i+1])
			if v.Kind == yaml.SequenceNode && len(v.Content) > 0 {
				v = yamldoc.Resolve(v.Content[len(v.Content)-1])
			}
			out = append(out, FlagUse{Name: strings.TrimLeft(k.Value, "-"), Value: v.Value, Line: k.Line, Column: k.Column})
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			item = yamldoc.Resolve(item)
			if item.Kind == yaml.MappingNode {
				value, _ := yamldoc.Get(item, "value")
				f := FlagUse{Name: yamldoc.String(item, "name"), Line: item.Line, Column: item.Column}
				if value != nil {
					f.Value = yamldoc.Resolve(value).Value
				}
				out = append(out, f)
				continue
			}
			name, value, has := strings.Cut(strings.TrimLeft(item.Value, "-"), "=")
			out = append(out, FlagUse{Name: name, Value: value, Line: item.Line, Column: item.Column, Bare: !has})
		}
	case yaml.ScalarNode:
		name, value, has := strings.Cut(strings.TrimLeft(n.Value, "-"), "=")
		if has {
			out = append(out, FlagUse{Name: name, Value: value, Line: n.Line, Column: n.Column})
		}
	}
	return out
}
