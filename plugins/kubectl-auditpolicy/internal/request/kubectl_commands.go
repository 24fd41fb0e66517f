package request

import (
	"fmt"
	"slices"
	"strings"
)

// run makes the requests of the line's command, in their order. They are those
// of kubectl 1.37; test/e2e/auditpolicy compares them with what an API server
// logs of it.
func (l *line) run() error {
	switch l.command {
	case "get":
		return l.get()
	case "describe":
		return l.describe()
	case "create":
		return l.create()
	case "apply", "diff":
		return l.apply()
	case "replace":
		if l.has("--force") {
			return l.each(func(t target) error {
				return l.all(step{"", "delete", t.resource, t.name}, step{"waits until it is gone", "get", t.resource, t.name}, step{"", "create", t.resource, ""})
			})
		}
		return l.change("update", "")
	case "delete":
		return l.delete()
	case "label", "annotate", "set", "taint":
		if l.command == "set" && len(l.args) > 0 {
			l.args = l.args[1:] // image, env, resources, ...
		}
		// What is set (KEY=VALUE) or taken away (KEY-) names no object.
		l.args = slices.DeleteFunc(l.args, func(a string) bool { return strings.Contains(a, "=") || strings.HasSuffix(a, "-") })
		if l.has("--list") {
			return l.each(l.read)
		}
		return l.change("patch", "")
	case "edit", "patch":
		return l.change("patch", l.flags["--subresource"])
	case "scale":
		return l.each(func(t target) error {
			if err := l.read(t); err != nil {
				return err
			}
			return l.add("", "patch", withSub(t.resource, "scale"), t.name)
		})
	case "cordon", "uncordon":
		l.args = append([]string{"nodes"}, l.args...)
		return l.change("patch", "")
	case "drain":
		return l.drain()
	case "rollout":
		return l.rollout()
	case "wait":
		return l.each(func(t target) error {
			if err := l.read(t); err != nil {
				return err
			}
			return l.add("until it is so", "watch", t.resource, t.name)
		})
	case "autoscale":
		return l.beside("horizontalpodautoscalers.autoscaling")
	case "expose":
		return l.beside("services")
	case "exec", "attach", "cp", "port-forward":
		return l.connect()
	case "logs":
		return l.logs()
	case "run":
		return l.runPod()
	case "debug":
		return l.debug()
	case "top":
		return l.top()
	case "auth":
		return l.auth()
	case "certificate":
		name := "demo"
		if len(l.args) > 1 {
			name = l.args[1]
		}
		const csr = "certificatesigningrequests.certificates.k8s.io"
		return l.all(step{"reads the object first", "get", csr, name}, step{"", "update", csr + "/approval", name})
	case "events":
		return l.addIn(l.namespace, "", "list", "events", "")
	case "cluster-info":
		return l.addIn("kube-system", "", "list", "services", "")
	case "version":
		return l.url("", "get", "/version")
	case "explain":
		return l.url("", "get", "/openapi/v3")
	case "api-resources", "api-versions":
		if err := l.url("", "get", "/api"); err != nil {
			return err
		}
		return l.url("", "get", "/apis")
	case "config", "completion", "kustomize", "options", "plugin", "proxy":
		return fmt.Errorf("kubectl %s sends nothing to the API server by itself: give a command that does", l.command)
	}
	return fmt.Errorf("kubectl %s: this command is not known here; use --verb and --resource", l.command)
}

// step is one request of a command.
type step struct{ why, verb, resource, name string }

func (l *line) all(steps ...step) error {
	for _, s := range steps {
		if err := l.add(s.why, s.verb, s.resource, s.name); err != nil {
			return err
		}
	}
	return nil
}

// has says whether one of some flags is given, and not as --flag=false.
func (l *line) has(flags ...string) bool {
	for _, f := range flags {
		if v, ok := l.flags[f]; ok && v != "false" {
			return true
		}
	}
	return false
}

// read reads what a command is about before it acts.
func (l *line) read(t target) error {
	if t.name == "" {
		return l.add("finds the objects", "list", t.resource, "")
	}
	return l.add("reads the object first", "get", t.resource, t.name)
}

// change reads and then changes.
func (l *line) change(verb, sub string) error {
	return l.each(func(t target) error {
		if sub != "" {
			t.resource = withSub(t.resource, sub)
		}
		if err := l.read(t); err != nil {
			return err
		}
		return l.add("", verb, t.resource, t.name)
	})
}

// beside reads an object and makes another one for it.
func (l *line) beside(resource string) error {
	return l.each(func(t target) error {
		if err := l.read(t); err != nil {
			return err
		}
		return l.add("", "create", resource, "")
	})
}

func (l *line) get() error {
	if raw := l.flags["--raw"]; raw != "" {
		return l.url("", "get", raw)
	}
	return l.each(func(t target) error {
		verb := "list"
		if t.name != "" {
			verb = "get"
			if sub := l.flags["--subresource"]; sub != "" {
				t.resource = withSub(t.resource, sub)
			}
		}
		if err := l.add("", verb, t.resource, t.name); err != nil || !l.watch {
			return err
		}
		return l.add("-w", "watch", t.resource, t.name)
	})
}

// noEvents are the resources whose description has no events.
var noEvents = []string{"secrets", "namespaces", "resourcequotas", "limitranges", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
	"clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"}

func (l *line) describe() error {
	return l.each(func(t target) error {
		if t.name == "" {
			if err := l.add("finds the objects", "list", t.resource, ""); err != nil {
				return err
			}
		}
		if err := l.add("", "get", t.resource, t.name); err != nil {
			return err
		}
		switch t.resource {
		case "namespaces":
			name := t.name
			if name == "" {
				name = "demo"
			}
			for _, r := range []string{"resourcequotas", "limitranges"} {
				if err := l.addIn(name, "what bounds it", "list", r, ""); err != nil {
					return err
				}
			}
		case "nodes":
			if err := l.addIn("", "its pods", "list", "pods", ""); err != nil {
				return err
			}
			if err := l.addIn("kube-node-lease", "its lease", "get", "leases.coordination.k8s.io", t.name); err != nil {
				return err
			}
			if err := l.add("if it is served", "list", "resourceslices.resource.k8s.io", ""); err != nil {
				return err
			}
		case "deployments.apps":
			if err := l.add("its replica sets", "list", "replicasets.apps", ""); err != nil {
				return err
			}
		}
		if slices.Contains(noEvents, t.resource) {
			return nil
		}
		why := "its events"
		if t.name == "" {
			why += ", if it is the only object"
		}
		return l.addIn(l.scope(t.resource, t.name), why, "list", "events", "")
	})
}

func (l *line) create() error {
	switch {
	case len(l.args) == 0:
		_, err := l.targets()
		return err
	case len(l.args) > 1 && l.args[0] == "token":
		return l.add("", "create", "serviceaccounts/token", l.args[1])
	}
	if kind, name, ok := strings.Cut(l.flags["--from"], "/"); ok {
		if err := l.add("reads the template", "get", l.plural(kind), name); err != nil {
			return err
		}
	}
	return l.add("", "create", l.plural(l.args[0]), "")
}

func (l *line) apply() error {
	why := ""
	if l.command == "diff" {
		why = ", as a dry run"
	}
	return l.each(func(t target) error {
		if l.has("--server-side") && l.command == "apply" {
			return l.add("", "patch", t.resource, t.name)
		}
		return l.all(step{"reads the object first", "get", t.resource, t.name},
			step{"if it is not there" + why, "create", t.resource, ""}, step{"if it is there" + why, "patch", t.resource, t.name})
	})
}

func (l *line) delete() error {
	return l.each(func(t target) error {
		if t.name == "" {
			if err := l.read(t); err != nil {
				return err
			}
		}
		if err := l.add("", "delete", t.resource, t.name); err != nil || l.flags["--wait"] == "false" {
			return err
		}
		return l.add("waits until it is gone", "get", t.resource, t.name)
	})
}

func (l *line) drain() error {
	node := "demo"
	if len(l.args) > 0 {
		node = strings.TrimPrefix(strings.TrimPrefix(l.args[0], "nodes/"), "node/")
	}
	if err := l.all(step{"reads the object first", "get", "nodes", node}, step{"cordons it", "patch", "nodes", node}); err != nil {
		return err
	}
	if err := l.addIn("", "the node's pods", "list", "pods", ""); err != nil {
		return err
	}
	if l.has("--disable-eviction") {
		return l.all(step{"once for each pod", "delete", "pods", "demo"}, step{"waits until it is gone", "get", "pods", "demo"})
	}
	return l.all(step{"once for each pod", "create", "pods/eviction", "demo"}, step{"waits until it is gone", "get", "pods", "demo"})
}

func (l *line) rollout() error {
	if len(l.args) < 2 {
		return fmt.Errorf("kubectl rollout: give the action and the object")
	}
	action := l.args[0]
	l.args = l.args[1:]
	return l.each(func(t target) error {
		if err := l.read(t); err != nil {
			return err
		}
		if action == "history" || action == "undo" {
			revisions := "controllerrevisions.apps"
			if t.resource == "deployments.apps" {
				revisions = "replicasets.apps"
			}
			if err := l.add("its revisions", "list", revisions, ""); err != nil || action == "history" {
				return err
			}
		}
		if action == "status" {
			return l.add("until it is done", "watch", t.resource, t.name)
		}
		return l.add("", "patch", t.resource, t.name)
	})
}

// pod is the pod of exec, logs and the like, and reads what leads to it: a
// workload's pods are looked for.
func (l *line) pod() (string, error) {
	if len(l.args) == 0 {
		return "demo", nil
	}
	kind, name, ok := strings.Cut(l.args[0], "/")
	if !ok {
		return l.args[0], nil
	}
	resource := l.plural(kind)
	if resource == "pods" {
		return name, nil
	}
	return name + "-0", l.all(step{"reads the object first", "get", resource, name}, step{"finds a pod of it", "list", "pods", ""})
}

// stream is a stream into a pod. A client that finds no websocket tries again
// with SPDY.
func (l *line) stream(sub, pod string) error {
	return l.all(step{"websocket, kubectl 1.30 and later", "get", "pods/" + sub, pod}, step{"SPDY, older clients and the fallback", "create", "pods/" + sub, pod})
}

func (l *line) connect() error {
	sub := map[string]string{"exec": "exec", "attach": "attach", "port-forward": "portforward", "cp": "exec"}[l.command]
	if l.command == "cp" {
		return l.copy()
	}
	sent := len(l.requests)
	pod, err := l.pod()
	if err != nil {
		return err
	}
	// Of a workload exec and attach have the pod from the list.
	if len(l.requests) == sent || sub == "portforward" {
		if err := l.add("reads the pod first", "get", "pods", pod); err != nil {
			return err
		}
	}
	return l.stream(sub, pod)
}

// copy runs tar in the pod of [NAMESPACE/]POD:PATH.
func (l *line) copy() error {
	for _, a := range l.args {
		pod, _, ok := strings.Cut(a, ":")
		if !ok {
			continue
		}
		if ns, name, ok := strings.Cut(pod, "/"); ok {
			l.namespace, pod = ns, name
		}
		if err := l.add("reads the pod first", "get", "pods", pod); err != nil {
			return err
		}
		return l.stream("exec", pod)
	}
	return fmt.Errorf("kubectl cp: neither argument is of the form POD:PATH")
}

func (l *line) logs() error {
	if l.flags["-l"]+l.flags["--selector"] != "" {
		return l.all(step{"finds the pods", "list", "pods", ""}, step{"once for each pod", "get", "pods/log", "demo"})
	}
	sent := len(l.requests)
	pod, err := l.pod()
	if err != nil {
		return err
	}
	if len(l.requests) == sent {
		if err := l.add("reads the pod first", "get", "pods", pod); err != nil {
			return err
		}
	}
	return l.add("", "get", "pods/log", pod)
}

// attached says whether run or debug stays with the container.
func (l *line) attached() bool {
	return l.has("-i", "-it", "-ti", "--stdin", "--attach") && l.flags["--attach"] != "false"
}

func (l *line) attach(pod string) error {
	if err := l.add("until the container runs", "watch", "pods", pod); err != nil {
		return err
	}
	if err := l.stream("attach", pod); err != nil {
		return err
	}
	return l.add("if it has ended by then", "get", "pods/log", pod)
}

func (l *line) runPod() error {
	pod := "demo"
	if len(l.args) > 0 {
		pod = l.args[0]
	}
	if err := l.add("", "create", "pods", ""); err != nil {
		return err
	}
	if l.has("--expose") {
		if err := l.add("", "create", "services", ""); err != nil {
			return err
		}
	}
	if l.attached() {
		if err := l.attach(pod); err != nil {
			return err
		}
	}
	if l.has("--rm") {
		return l.all(step{"reads the object first", "get", "pods", pod}, step{"", "delete", "pods", pod})
	}
	return nil
}

func (l *line) debug() error {
	pod, node := "demo", ""
	if len(l.args) > 0 {
		pod = l.args[0]
		if kind, name, ok := strings.Cut(pod, "/"); ok {
			pod = name
			if l.plural(kind) == "nodes" {
				pod, node = "node-debugger-"+name+"-demo", name
			}
		}
	}
	var err error
	switch to := l.flags["--copy-to"]; {
	case node != "":
		err = l.all(step{"reads the object first", "get", "nodes", node}, step{"", "create", "pods", ""})
	case to != "":
		err = l.all(step{"reads the pod first", "get", "pods", pod}, step{"", "create", "pods", ""})
		pod = to
	default:
		err = l.all(step{"reads the pod first", "get", "pods", pod}, step{"adds the container", "patch", "pods/ephemeralcontainers", pod})
	}
	if err != nil || !l.attached() {
		return err
	}
	return l.attach(pod)
}

// top asks the metrics API, and for the nodes' capacity the nodes.
func (l *line) top() error {
	kind := ""
	if len(l.args) > 0 {
		kind = l.plural(l.args[0])
	}
	if kind != "pods" && kind != "nodes" {
		return fmt.Errorf("kubectl top: pods or nodes?")
	}
	verb, name, namespace := "list", "", l.namespace
	if len(l.args) > 1 {
		verb, name = "get", l.args[1]
	}
	if kind == "nodes" {
		namespace = ""
	}
	if err := l.addIn(namespace, "", verb, kind+".metrics.k8s.io", name); err != nil || kind == "pods" {
		return err
	}
	return l.add("their capacity", verb, kind, name)
}

func (l *line) auth() error {
	action := ""
	if len(l.args) > 0 {
		action = l.args[0]
	}
	switch {
	case action == "whoami":
		return l.add("", "create", "selfsubjectreviews.authentication.k8s.io", "")
	case action == "can-i" && l.has("--list"):
		return l.add("", "create", "selfsubjectrulesreviews.authorization.k8s.io", "")
	case action == "can-i":
		return l.add("", "create", "selfsubjectaccessreviews.authorization.k8s.io", "")
	}
	return fmt.Errorf("kubectl auth: can-i and whoami are known here; of reconcile name the resources with --verb and --resource")
}
