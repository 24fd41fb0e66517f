// Package nodeagent makes the objects of a log agent on every node: the pattern
// of the handbook that needs nothing of the application. One DaemonSet reads the
// container logs that the runtime writes.
package nodeagent

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/podparts"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
)

type (
	obj  = splice.Object
	list = splice.List
)

// Options describe the agent.
type Options struct {
	Agent, Namespace, Destination, Endpoint string
	// Image replaces the agent's own.
	Image string
	// MakeNamespace adds the Namespace.
	MakeNamespace bool
}

// state is where the agent keeps its positions on the node: over restarts of
// its pod, unlike an emptyDir.
const state = "/var/lib/logarch"

// Spec is the agent's description.
func (o Options) Spec() agentconf.Spec {
	return agentconf.Spec{
		Agent: o.Agent, State: state, Destination: o.Destination, Endpoint: o.Endpoint,
		// Rotated ones too: most agents read those to their end.
		Own: "/var/log/pods/" + o.Namespace + "_logarch-" + o.Agent + "-*/*/*.log*",
	}
}

// rules are what an agent asks the API server for: the metadata of pods. The
// others take all they need from the path.
var rules = map[string]list{
	"fluent-bit": {podparts.Rule(list{""}, list{"pods", "namespaces"}, "get", "list", "watch")},
	"vector":     {podparts.Rule(list{""}, list{"pods", "namespaces", "nodes"}, "get", "list", "watch")},
	"filebeat": {
		podparts.Rule(list{""}, list{"pods", "namespaces", "nodes"}, "get", "list", "watch"),
		podparts.Rule(list{"apps"}, list{"replicasets"}, "get", "list", "watch"),
		podparts.Rule(list{"batch"}, list{"jobs"}, "get", "list", "watch"),
	},
	"alloy": {podparts.Rule(list{""}, list{"pods"}, "get", "list", "watch")},
}

var memory = map[string]string{"otel": "256Mi", "fluent-bit": "128Mi", "fluentd": "512Mi", "vector": "256Mi", "filebeat": "300Mi", "alloy": "512Mi"}

// Objects are the agent's objects, in the order in which they can be applied.
func Objects(o Options) []splice.Object {
	conf := agentconf.Render(o.Spec())
	name := "logarch-" + o.Agent
	labels := obj{{Key: "app.kubernetes.io/name", Value: name}}
	meta := func(namespaced bool) obj {
		m := obj{{Key: "name", Value: name}}
		if namespaced {
			m = append(m, splice.Entry{Key: "namespace", Value: o.Namespace})
		}
		return append(m, splice.Entry{Key: "labels", Value: labels})
	}
	var out []splice.Object
	if o.MakeNamespace {
		// hostPath volumes fail even the baseline standard.
		out = append(out, podparts.Object("v1", "Namespace", obj{{Key: "name", Value: o.Namespace}, {Key: "labels", Value: obj{{Key: "pod-security.kubernetes.io/enforce", Value: "privileged"}}}}))
	}
	r, asks := rules[o.Agent]
	out = append(out, podparts.Object("v1", "ServiceAccount", meta(true), splice.Entry{Key: "automountServiceAccountToken", Value: asks}))
	if asks {
		out = append(out,
			podparts.Object("rbac.authorization.k8s.io/v1", "ClusterRole", meta(false), splice.Entry{Key: "rules", Value: r}),
			podparts.Object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", meta(false),
				splice.Entry{Key: "roleRef", Value: obj{{Key: "apiGroup", Value: "rbac.authorization.k8s.io"}, {Key: "kind", Value: "ClusterRole"}, {Key: "name", Value: name}}},
				splice.Entry{Key: "subjects", Value: list{obj{{Key: "kind", Value: "ServiceAccount"}, {Key: "name", Value: name}, {Key: "namespace", Value: o.Namespace}}}}))
	}
	data, sum := obj{}, sha256.New()
	for _, f := range slices.Sorted(maps.Keys(conf.Files)) {
		data = append(data, splice.Entry{Key: f, Value: conf.Files[f]})
		sum.Write([]byte(f + "\x00" + conf.Files[f]))
	}
	out = append(out, podparts.Object("v1", "ConfigMap", meta(true), splice.Entry{Key: "data", Value: data}))
	annotations := obj{{Key: "logarch.clusterwright.dev/config", Value: "sha256-" + hex.EncodeToString(sum.Sum(nil))[:16]}}
	return append(out, podparts.Object("apps/v1", "DaemonSet", meta(true), splice.Entry{Key: "spec", Value: daemon(o, conf, name, labels, annotations, asks)}))
}

func daemon(o Options, conf agentconf.Config, name string, labels, annotations obj, asks bool) obj {
	image := conf.Image
	if o.Image != "" {
		image = o.Image
	}
	env := list{podparts.FieldVar("NODE_NAME", "spec.nodeName"), podparts.FieldVar("POD_NAME", "metadata.name"), podparts.FieldVar("POD_NAMESPACE", "metadata.namespace")}
	if o.Agent == "vector" {
		env = append(env, podparts.FieldVar("VECTOR_SELF_NODE_NAME", "spec.nodeName"))
	}
	if conf.Secrets {
		for _, key := range []string{"ELASTICSEARCH_USERNAME", "ELASTICSEARCH_PASSWORD"} {
			env = append(env, podparts.SecretVar(key, "dynamic-logging", true))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(conf.Env)) {
		env = append(env, obj{{Key: "name", Value: key}, {Key: "value", Value: conf.Env[key]}})
	}
	var args list
	for _, a := range conf.Args {
		args = append(args, a)
	}
	security := obj{
		{Key: "allowPrivilegeEscalation", Value: false},
		{Key: "capabilities", Value: obj{{Key: "drop", Value: list{"ALL"}}}},
	}
	if o.Agent != "fluentd" {
		security = append(security, splice.Entry{Key: "readOnlyRootFilesystem", Value: true})
	}
	// The kubelet's files belong to root and are not readable by others.
	security = append(security, splice.Entry{Key: "runAsUser", Value: 0}, splice.Entry{Key: "seccompProfile", Value: obj{{Key: "type", Value: "RuntimeDefault"}}})
	container := obj{
		{Key: "name", Value: o.Agent}, {Key: "image", Value: image},
	}
	if len(args) > 0 {
		container = append(container, splice.Entry{Key: "args", Value: args})
	}
	container = append(container, obj{
		{Key: "env", Value: env},
		{Key: "resources", Value: obj{
			{Key: "requests", Value: obj{{Key: "cpu", Value: "100m"}, {Key: "memory", Value: memory[o.Agent]}}},
			{Key: "limits", Value: obj{{Key: "memory", Value: memory[o.Agent]}}},
		}},
		{Key: "securityContext", Value: security},
		{Key: "volumeMounts", Value: list{podparts.Mount("config", conf.Dir, true), podparts.Mount("state", state, false), podparts.Mount("pods", "/var/log/pods", true), podparts.Mount("containers", "/var/log/containers", true)}},
	}...)
	pod := obj{
		{Key: "serviceAccountName", Value: name},
		{Key: "automountServiceAccountToken", Value: asks},
		// Every node has logs, those that refuse other pods most of all.
		{Key: "tolerations", Value: list{obj{{Key: "operator", Value: "Exists"}}}},
		{Key: "priorityClassName", Value: "system-node-critical"},
		{Key: "terminationGracePeriodSeconds", Value: 30},
		{Key: "nodeSelector", Value: obj{{Key: "kubernetes.io/os", Value: "linux"}}},
		{Key: "containers", Value: list{container}},
		{Key: "volumes", Value: list{
			obj{{Key: "name", Value: "config"}, {Key: "configMap", Value: obj{{Key: "name", Value: name}}}},
			podparts.HostPath("state", "/var/lib/logarch-"+o.Agent, "DirectoryOrCreate"), podparts.HostPath("pods", "/var/log/pods", "Directory"), podparts.HostPath("containers", "/var/log/containers", "Directory"),
		}},
	}
	return obj{
		{Key: "selector", Value: obj{{Key: "matchLabels", Value: labels}}},
		{Key: "updateStrategy", Value: obj{{Key: "type", Value: "RollingUpdate"}, {Key: "rollingUpdate", Value: obj{{Key: "maxUnavailable", Value: "10%"}}}}},
		{Key: "template", Value: obj{{Key: "metadata", Value: obj{{Key: "labels", Value: labels}, {Key: "annotations", Value: annotations}}}, {Key: "spec", Value: pod}}},
	}
}
