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

// withValue are kubectl's flags that take a value in the next word. Those that
// may stand alone (--cascade, --dry-run) are not among them.
// Source: kubectl 1.37, the help of every command.
var withValue = func() map[string]bool {
	m := map[string]bool{}
	for _, f := range strings.Fields(`-L -P -c -e -f -k -l -n -o -p -s -u -v
		--accept-hosts --accept-paths --address --aggregation-rule --annotation --annotations --api-group --api-prefix --api-version --as
		--as-group --as-uid --as-user-extra --audience --bound-object-kind --bound-object-name --bound-object-uid --cache-dir --categories
		--cert --certificate-authority --chunk-size --class --client-certificate --client-key --cluster --cluster-ip --clusterip
		--clusterrole --concurrency --container --context --copy-to --cpu --current-replicas --custom --default-backend --description
		--detach-keys --docker-email --docker-password --docker-server --docker-username --duration --env --external-ip --field-manager
		--field-selector --filename --for --from --from-env-file --from-file --from-literal --grace-period --group --hard --image
		--image-pull-policy --keepalive --key --keys --kubeconfig --kuberc --kustomize --label-columns --labels --limit-bytes --limits
		--load-balancer-ip --log-flush-frequency --max --max-log-requests --max-unavailable --memory --min --min-available --name --namespace
		--node-port --non-resource-url --output --override-type --overrides --password --patch --patch-file --pod-running-timeout
		--pod-selector --port --preemption-policy --profile --profile-output --protocol --proxy-url --prune-allowlist --raw --reject-methods
		--reject-paths --replicas --request-timeout --requests --resource --resource-name --resource-version --restart --retries --revision
		--role --rule --schedule --scopes --selector --server --serviceaccount --session-affinity --set-image --since --since-time
		--skip-wait-for-delete-timeout --sort-by --subresource --tail --target --target-port --tcp --template --timeout --tls-server-name
		--to-revision --token --type --types --unix-socket --user --username --v --value --verb --verbs --vmodule --www --www-prefix`) {
		m[f] = true
	}
	return m
}()

// takesValue says whether a flag takes a value in the next word. With logs, -f
// is --follow and -p --previous, which take none.
func takesValue(command, name string) bool {
	return withValue[name] && (command != "logs" || name != "-f" && name != "-p")
}

// Kubectl turns a line of kubectl into the requests that it makes, the ones for
// discovery left out.
func Kubectl(words []string, s Spec, table *apitable.Table) ([]*Request, error) {
	words = afterName(words)
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
		return nil, fmt.Errorf("no command of kubectl in the line, such as get pods")
	}
	if err := l.run(); err != nil {
		return nil, err
	}
	if l.flags["--dry-run"] == "client" {
		l.requests = slices.DeleteFunc(l.requests, func(r *Request) bool { return r.Verb != "get" && r.Verb != "list" })
	}
	if len(l.requests) == 0 {
		return nil, fmt.Errorf("kubectl %s sends nothing to the API server with these flags: give a line that does", l.command)
	}
	if as := l.flags["--as"]; as != "" {
		for _, r := range l.requests {
			r.Notes = append(r.Notes, "--as "+as+" changes nothing here: rules see the user who authenticated")
		}
	}
	return l.requests, nil
}

// afterName leaves out what kubectl is called by, if the line has it: a path to
// it, its short name, oc, or before it a program that carries it (k3s kubectl).
func afterName(words []string) []string {
	if len(words) > 1 && slices.Contains([]string{"k3s", "k0s", "microk8s", "minikube", "sudo"}, words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	name := strings.TrimSuffix(words[0][strings.LastIndexAny(words[0], `/\`)+1:], ".exe")
	if !strings.HasSuffix(name, "kubectl") && name != "k" && name != "oc" {
		return words
	}
	words = words[1:]
	if len(words) > 0 && words[0] == "--" { // minikube kubectl -- get pods
		words = words[1:]
	}
	return words
}

// add adds a request for a resource in the line's namespace, or in none if the
// resource is in none.
func (l *line) add(why, verb, resource, name string) error {
	return l.addIn(l.scope(resource, name), why, verb, resource, name)
}

func (l *line) addIn(namespace, why, verb, resource, name string) error {
	r, err := Make(Spec{User: l.user, Groups: l.groups, Unauthenticated: l.unauthenticated, Verb: verb, Resource: resource, Name: name, Namespace: namespace, NamespaceSet: true}, l.table)
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
		return nil, fmt.Errorf("kubectl %s: no resource in the line, such as pods web-1", l.command)
	}
	if strings.Contains(l.args[0], "/") {
		for _, a := range l.args {
			kind, name, _ := strings.Cut(a, "/")
			out = append(out, target{l.plural(kind), name})
		}
		return out, nil
	}
	for _, kind := range strings.Split(l.args[0], ",") {
		if kind == "all" && l.command != "create" {
			for _, r := range categoryAll {
				out = append(out, target{resource: r})
			}
			continue
		}
		if len(l.args) == 1 {
			out = append(out, target{resource: l.plural(kind)})
		}
		for _, name := range l.args[1:] {
			out = append(out, target{l.plural(kind), name})
		}
	}
	return out, nil
}

// categoryAll is what kubectl makes of "all": the resources of that category.
var categoryAll = []string{"pods", "replicationcontrollers", "services", "daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps",
	"horizontalpodautoscalers.autoscaling", "cronjobs.batch", "jobs.batch"}

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
