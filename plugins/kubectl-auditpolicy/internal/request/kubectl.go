package request

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
)

// line is a parsed line of kubectl.
type line struct {
	command         string
	args            []string
	flags           map[string]string
	namespace       string
	watch           bool
	user            string
	groups          []string
	table           *apitable.Table
	requests        []*Request
	unauthenticated bool
}

// withValue are kubectl's flags that take a value in the next word.
var withValue = map[string]bool{"-n": true, "--namespace": true, "-o": true, "--output": true, "-f": true, "--filename": true, "-l": true, "--selector": true,
	"-c": true, "--container": true, "--context": true, "--kubeconfig": true, "--as": true, "--as-group": true, "--user": true, "-p": true, "--patch": true,
	"--type": true, "--replicas": true, "--image": true, "--field-selector": true, "-k": true, "--kustomize": true, "--tail": true, "--since": true,
	"--token": true, "-s": true, "--server": true, "--cluster": true, "--from-literal": true, "--from-file": true, "--duration": true, "--grace-period": true, "--timeout": true,
	"--raw": true, "-v": true, "--v": true, "--request-timeout": true, "--since-time": true, "--sort-by": true, "-L": true, "--label-columns": true, "--template": true}

// takesValue says whether a flag takes a value in the next word. With logs, -f
// is --follow and -p --previous, which take none.
func takesValue(command, name string) bool {
	return withValue[name] && (command != "logs" || name != "-f" && name != "-p")
}

// Kubectl turns a line of kubectl into the requests that it makes, the ones for
// discovery left out.
func Kubectl(words []string, s Spec, table *apitable.Table) ([]*Request, error) {
	if len(words) > 0 && strings.HasSuffix(words[0], "kubectl") {
		words = words[1:]
	}
	l := &line{flags: map[string]string{}, namespace: "default", user: s.User, groups: s.Groups, table: table, unauthenticated: s.Unauthenticated}
	if s.NamespaceSet {
		l.namespace = s.Namespace
	}
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w == "--" {
			break // what follows is run in the container
		}
		if !strings.HasPrefix(w, "-") || w == "-" {
			if l.command == "" {
				l.command = w
			} else {
				l.args = append(l.args, w)
			}
			continue
		}
		name, value, has := strings.Cut(w, "=")
		switch {
		case len(w) > 2 && w[1] != '-' && w[2] != '=' && takesValue(l.command, w[:2]):
			name, value = w[:2], w[2:] // -nprod
		case !has && takesValue(l.command, name) && i+1 < len(words):
			i++
			value = words[i]
		}
		l.flags[name] = value
		switch name {
		case "-n", "--namespace":
			l.namespace = value
		case "-A", "--all-namespaces":
			l.namespace = ""
		case "-w", "--watch":
			l.watch = true
		}
	}
	if l.command == "" {
		return nil, fmt.Errorf("no command of kubectl in the line")
	}
	if err := l.run(); err != nil {
		return nil, err
	}
	if as := l.flags["--as"]; as != "" {
		for _, r := range l.requests {
			r.Notes = append(r.Notes, "--as "+as+" changes nothing here: rules see the user who authenticated")
		}
	}
	return l.requests, nil
}

func (l *line) add(why, verb, resource, name string) error {
	r, err := Make(Spec{User: l.user, Groups: l.groups, Unauthenticated: l.unauthenticated, Verb: verb, Resource: resource, Name: name, Namespace: l.scope(resource, name), NamespaceSet: true}, l.table)
	if err != nil {
		return err
	}
	r.Why = why
	l.requests = append(l.requests, r)
	return nil
}

// scope is the namespace of a request for a resource.
func (l *line) scope(resource, name string) string {
	base, _, _ := strings.Cut(resource, "/")
	plain, group, _ := strings.Cut(base, ".")
	e, ok := l.table.Lookup(group, plain)
	if !ok {
		if e = l.table.Meant(group, plain); e == nil {
			return l.namespace
		}
	}
	if e.Namespaced {
		return l.namespace
	}
	if e.Resource == "namespaces" {
		return name
	}
	return ""
}

// targets are the resources and names of the arguments: "pods a b", "pod/a",
// "pods,services".
func (l *line) targets() (out []target, err error) {
	if len(l.args) == 0 {
		if f := l.flags["-f"] + l.flags["--filename"] + l.flags["-k"]; f != "" {
			return nil, fmt.Errorf("what is in %s is not known here: name the resource, as in %q", f, l.command+" deployments NAME")
		}
		return nil, fmt.Errorf("kubectl %s: no resource in the line", l.command)
	}
	if strings.Contains(l.args[0], "/") {
		for _, a := range l.args {
			kind, name, _ := strings.Cut(a, "/")
			out = append(out, target{l.plural(kind), name})
		}
		return out, nil
	}
	for _, kind := range strings.Split(l.args[0], ",") {
		if len(l.args) == 1 {
			out = append(out, target{resource: l.plural(kind)})
		}
		for _, name := range l.args[1:] {
			out = append(out, target{l.plural(kind), name})
		}
	}
	return out, nil
}

type target struct{ resource, name string }

// plural is the resource that kubectl finds for a kind, a singular or a short
// name, with its group.
func (l *line) plural(kind string) string {
	name, group, _ := strings.Cut(kind, ".")
	if e := l.table.Meant(group, name); e != nil {
		return qualified(e)
	}
	return kind
}

func (l *line) each(f func(t target) error) error {
	ts, err := l.targets()
	if err != nil {
		return err
	}
	for _, t := range ts {
		if err := f(t); err != nil {
			return err
		}
	}
	return nil
}

// pod is the pod of exec, logs and the like.
func (l *line) pod() string {
	if len(l.args) == 0 {
		return "demo"
	}
	if kind, name, ok := strings.Cut(l.args[0], "/"); ok {
		if !slices.Contains([]string{"pod", "pods", "po"}, kind) {
			return name + "-0"
		}
		return name
	}
	return l.args[0]
}

func (l *line) changes(verbs ...string) error {
	return l.each(func(t target) error {
		for i, v := range verbs {
			why := "what kubectl " + l.command + " does"
			if i == 0 && v == "get" {
				why = "reads the object first"
			}
			if err := l.add(why, v, t.resource, t.name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *line) stream(sub string) error {
	if err := l.add("websocket, kubectl 1.30 and later", "get", "pods/"+sub, l.pod()); err != nil {
		return err
	}
	return l.add("SPDY, older clients and the fallback", "create", "pods/"+sub, l.pod())
}

func (l *line) url(why, verb, path string) error {
	r, err := Make(Spec{User: l.user, Groups: l.groups, Unauthenticated: l.unauthenticated, Verb: verb, URL: path}, l.table)
	if err != nil {
		return err
	}
	r.Why = why
	l.requests = append(l.requests, r)
	return nil
}

func withSub(resource, sub string) string {
	name, group, has := strings.Cut(resource, ".")
	if has {
		return name + "." + group + "/" + sub
	}
	return name + "/" + sub
}

func (l *line) run() error {
	switch l.command {
	case "get", "describe":
		if raw := l.flags["--raw"]; raw != "" {
			return l.url("", "get", raw)
		}
		return l.each(func(t target) error {
			if t.name != "" {
				return l.add("", "get", t.resource, t.name)
			}
			if err := l.add("", "list", t.resource, ""); err != nil || !l.watch {
				return err
			}
			return l.add("-w", "watch", t.resource, "")
		})
	case "delete":
		return l.each(func(t target) error {
			if t.name == "" {
				if err := l.add("lists what to delete", "list", t.resource, ""); err != nil {
					return err
				}
			}
			return l.add("once for each object", "delete", t.resource, t.name)
		})
	case "create":
		switch {
		case len(l.args) > 1 && l.args[0] == "token":
			return l.add("", "create", "serviceaccounts/token", l.args[1])
		case len(l.args) > 1 && l.args[0] == "secret":
			return l.add("", "create", "secrets", "")
		}
		return l.each(func(t target) error { return l.add("", "create", t.resource, "") })
	case "apply":
		return l.each(func(t target) error {
			if err := l.add("reads the object first", "get", t.resource, t.name); err != nil {
				return err
			}
			if err := l.add("if it is not there", "create", t.resource, ""); err != nil {
				return err
			}
			return l.add("if it is there", "patch", t.resource, t.name)
		})
	case "replace":
		return l.changes("get", "update")
	case "label", "annotate", "set", "taint":
		if l.command == "set" && len(l.args) > 0 {
			l.args = l.args[1:] // image, env, resources, ...
		}
		// What is set (KEY=VALUE) or taken away (KEY-) names no object.
		l.args = slices.DeleteFunc(l.args, func(a string) bool { return strings.Contains(a, "=") || strings.HasSuffix(a, "-") })
		return l.changes("get", "patch")
	case "cordon", "uncordon":
		l.args = append([]string{"nodes"}, l.args...)
		return l.changes("get", "patch")
	case "edit", "patch":
		return l.changes("get", "patch")
	case "rollout":
		if len(l.args) < 2 {
			return fmt.Errorf("kubectl rollout: give the action and the object")
		}
		verb := "get"
		if slices.Contains([]string{"restart", "undo", "pause", "resume"}, l.args[0]) {
			verb = "patch"
		}
		l.args = l.args[1:]
		return l.changes("get", verb)
	case "scale":
		return l.each(func(t target) error {
			if err := l.add("reads the object first", "get", t.resource, t.name); err != nil {
				return err
			}
			return l.add("", "patch", withSub(t.resource, "scale"), t.name)
		})
	case "exec", "attach", "port-forward", "cp":
		if err := l.add("reads the pod first", "get", "pods", l.pod()); err != nil {
			return err
		}
		return l.stream(map[string]string{"exec": "exec", "attach": "attach", "port-forward": "portforward", "cp": "exec"}[l.command])
	case "logs":
		if err := l.add("reads the pod first", "get", "pods", l.pod()); err != nil {
			return err
		}
		return l.add("", "get", "pods/log", l.pod())
	case "run":
		return l.add("", "create", "pods", "")
	case "debug":
		if err := l.add("adds the container", "patch", "pods/ephemeralcontainers", l.pod()); err != nil {
			return err
		}
		return l.stream("attach")
	case "drain":
		if err := l.add("", "patch", "nodes", l.pod()); err != nil {
			return err
		}
		return l.add("once for each pod", "create", "pods/eviction", "demo")
	case "expose":
		return l.add("", "create", "services", "")
	case "top":
		if len(l.args) == 0 {
			return fmt.Errorf("kubectl top: pods or nodes?")
		}
		return l.add("", "list", l.plural(l.args[0])+".metrics.k8s.io", "")
	case "auth":
		return l.add("", "create", "selfsubjectaccessreviews.authorization.k8s.io", "")
	case "certificate":
		name := "demo"
		if len(l.args) > 1 {
			name = l.args[1]
		}
		return l.add("", "update", "certificatesigningrequests.certificates.k8s.io/approval", name)
	case "version":
		return l.url("", "get", "/version")
	case "api-resources", "api-versions":
		if err := l.url("", "get", "/api"); err != nil {
			return err
		}
		return l.url("", "get", "/apis")
	}
	return fmt.Errorf("kubectl %s: this command is not known here; use --verb and --resource", l.command)
}
