// Package beats makes what the tutorial "Logging with Beats" sets up: Filebeat
// for logs, Metricbeat for metrics and Packetbeat for traffic, as DaemonSets
// with autodiscover, in the API versions of today.
package beats

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/podparts"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
)

type (
	obj  = splice.Object
	list = splice.List
)

// Names are the Beats.
var Names = []string{"filebeat", "metricbeat", "packetbeat"}

// SecretName is the tutorial's.
const SecretName = "dynamic-logging"

// SelfManaged and Cloud are the Secret's keys for Elasticsearch of one's own and
// for Elastic Cloud.
var (
	SelfManaged = []string{"ELASTICSEARCH_HOSTS", "ELASTICSEARCH_USERNAME", "ELASTICSEARCH_PASSWORD", "KIBANA_HOST"}
	Cloud       = []string{"ELASTIC_CLOUD_ID", "ELASTIC_CLOUD_AUTH"}
)

// Options describe the set.
type Options struct {
	Beats     []string
	Namespace string
	Version   string
	// Cloud takes cloud id and cloud auth instead of the four values.
	Cloud bool
	// Secret is the Secret's values; nil leaves the Secret out.
	Secret map[string]string
}

// Check says what is wrong with the Secret's values.
func (o Options) Check() error {
	if o.Secret == nil {
		return nil
	}
	for _, k := range o.Keys() {
		v := o.Secret[k]
		if strings.TrimSpace(v) == "" {
			return fmt.Errorf("the value of %s is missing or empty", k)
		}
	}
	if o.Cloud && !strings.Contains(o.Secret["ELASTIC_CLOUD_AUTH"], ":") {
		return fmt.Errorf("ELASTIC_CLOUD_AUTH is not USER:PASSWORD")
	}
	if h := o.Secret["ELASTICSEARCH_HOSTS"]; !o.Cloud && !strings.Contains(h, "://") {
		return fmt.Errorf("ELASTICSEARCH_HOSTS %q is not a list of URLs such as [\"https://elasticsearch:9200\"]", h)
	}
	return nil
}

// Keys are the Secret's keys.
func (o Options) Keys() []string {
	if o.Cloud {
		return Cloud
	}
	return SelfManaged
}

// Objects are the set's objects, in the order in which they can be applied.
func Objects(o Options) []splice.Object {
	var out []splice.Object
	if o.Secret != nil {
		data := obj{}
		for _, k := range o.Keys() {
			// A file's last line end is no part of a password.
			v := strings.TrimRight(o.Secret[k], "\r\n")
			data = append(data, splice.Entry{Key: k, Value: base64.StdEncoding.EncodeToString([]byte(v))})
		}
		out = append(out, podparts.Object("v1", "Secret", named(SecretName, o.Namespace), splice.Entry{Key: "type", Value: "Opaque"}, splice.Entry{Key: "data", Value: data}))
	}
	for _, b := range o.Beats {
		out = append(out, beat(o, b)...)
	}
	return out
}

func named(name, ns string) obj {
	m := obj{{Key: "name", Value: name}}
	if ns != "" {
		m = append(m, splice.Entry{Key: "namespace", Value: ns})
	}
	return m
}

// access is what each Beat asks the API server and the kubelets for.
func access(b string) list {
	r := list{
		podparts.Rule(list{""}, list{"nodes", "namespaces", "pods", "services", "events"}, "get", "list", "watch"),
		podparts.Rule(list{"apps"}, list{"deployments", "replicasets", "statefulsets", "daemonsets"}, "get", "list", "watch"),
		podparts.Rule(list{"batch"}, list{"jobs", "cronjobs"}, "get", "list", "watch"),
		podparts.Rule(list{"coordination.k8s.io"}, list{"leases"}, "get", "create", "update"),
	}
	if b == "metricbeat" {
		r = append(r, podparts.Rule(list{""}, list{"nodes/stats", "nodes/metrics"}, "get"))
	}
	return r
}

func beat(o Options, b string) []splice.Object {
	var out []splice.Object
	ns := o.Namespace
	out = append(out,
		podparts.Object("v1", "ServiceAccount", named(b, ns)),
		podparts.Object("rbac.authorization.k8s.io/v1", "ClusterRole", named("logarch-"+b, ""), splice.Entry{Key: "rules", Value: access(b)}),
		podparts.Object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", named("logarch-"+b, ""),
			splice.Entry{Key: "roleRef", Value: obj{{Key: "apiGroup", Value: "rbac.authorization.k8s.io"}, {Key: "kind", Value: "ClusterRole"}, {Key: "name", Value: "logarch-" + b}}},
			splice.Entry{Key: "subjects", Value: list{obj{{Key: "kind", Value: "ServiceAccount"}, {Key: "name", Value: b}, {Key: "namespace", Value: ns}}}}),
		podparts.Object("v1", "ConfigMap", named(b+"-dynamic-config", ns), splice.Entry{Key: "data", Value: obj{{Key: b + ".yml", Value: config(o, b)}}}),
		podparts.Object("apps/v1", "DaemonSet", append(named(b+"-dynamic", ns), splice.Entry{Key: "labels", Value: labels(b)}), splice.Entry{Key: "spec", Value: daemon(o, b)}),
	)
	return out
}

func labels(b string) obj {
	return obj{{Key: "app.kubernetes.io/name", Value: b}, {Key: "app.kubernetes.io/part-of", Value: "dynamic-logging"}}
}

func daemon(o Options, b string) obj {
	env := list{podparts.FieldVar("NODE_NAME", "spec.nodeName")}
	for _, k := range o.Keys() {
		env = append(env, podparts.SecretVar(k, SecretName, false))
	}
	drop := splice.Entry{Key: "drop", Value: list{"ALL"}}
	capabilities := obj{drop}
	volumes := list{
		obj{{Key: "name", Value: "config"}, {Key: "configMap", Value: obj{{Key: "name", Value: b + "-dynamic-config"}, {Key: "defaultMode", Value: 0o440}}}},
		podparts.HostPath("data", "/var/lib/"+b+"-data", "DirectoryOrCreate"),
	}
	mounts := list{podparts.Mount("config", "/etc/"+b, true), podparts.Mount("data", "/usr/share/"+b+"/data", false)}
	args := list{"-c", "/etc/" + b + "/" + b + ".yml", "-e"}
	pod := obj{
		{Key: "serviceAccountName", Value: b},
		{Key: "tolerations", Value: list{obj{{Key: "operator", Value: "Exists"}}}},
		{Key: "nodeSelector", Value: obj{{Key: "kubernetes.io/os", Value: "linux"}}},
		{Key: "terminationGracePeriodSeconds", Value: 30},
	}
	switch b {
	case "filebeat":
		volumes = append(volumes, podparts.HostPath("pods", "/var/log/pods", "Directory"), podparts.HostPath("containers", "/var/log/containers", "Directory"))
		mounts = append(mounts, podparts.Mount("pods", "/var/log/pods", true), podparts.Mount("containers", "/var/log/containers", true))
	case "metricbeat":
		volumes = append(volumes, podparts.HostPath("proc", "/proc", "Directory"), podparts.HostPath("cgroup", "/sys/fs/cgroup", "Directory"))
		mounts = append(mounts, podparts.Mount("proc", "/hostfs/proc", true), podparts.Mount("cgroup", "/hostfs/sys/fs/cgroup", true))
		args = append(args, "--system.hostfs=/hostfs")
		pod = append(pod, splice.Entry{Key: "hostNetwork", Value: true}, splice.Entry{Key: "dnsPolicy", Value: "ClusterFirstWithHostNet"})
	case "packetbeat":
		capabilities = append(capabilities, splice.Entry{Key: "add", Value: list{"NET_ADMIN", "NET_RAW"}})
		pod = append(pod, splice.Entry{Key: "hostNetwork", Value: true}, splice.Entry{Key: "dnsPolicy", Value: "ClusterFirstWithHostNet"})
	}
	container := obj{
		{Key: "name", Value: b}, {Key: "image", Value: "docker.elastic.co/beats/" + b + "-wolfi:" + o.Version}, {Key: "args", Value: args}, {Key: "env", Value: env},
		{Key: "resources", Value: obj{
			{Key: "requests", Value: obj{{Key: "cpu", Value: "100m"}, {Key: "memory", Value: "200Mi"}}},
			{Key: "limits", Value: obj{{Key: "memory", Value: "400Mi"}}},
		}},
		{Key: "securityContext", Value: obj{{Key: "allowPrivilegeEscalation", Value: false}, {Key: "capabilities", Value: capabilities}, {Key: "runAsUser", Value: 0}, {Key: "seccompProfile", Value: obj{{Key: "type", Value: "RuntimeDefault"}}}}},
		{Key: "volumeMounts", Value: mounts},
	}
	pod = append(pod, splice.Entry{Key: "containers", Value: list{container}}, splice.Entry{Key: "volumes", Value: volumes})
	return obj{
		{Key: "selector", Value: obj{{Key: "matchLabels", Value: labels(b)}}},
		{Key: "template", Value: obj{{Key: "metadata", Value: obj{{Key: "labels", Value: labels(b)}}}, {Key: "spec", Value: pod}}},
	}
}
