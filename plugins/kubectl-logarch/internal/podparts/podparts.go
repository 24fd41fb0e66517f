// Package podparts builds the pieces that the DaemonSets of nodeagent and beats
// have in common, in the order in which they are written.
package podparts

import "github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"

type (
	obj  = splice.Object
	list = splice.List
)

// Rule is a rule of a ClusterRole.
func Rule(groups, resources list, verbs ...string) obj {
	var v list
	for _, s := range verbs {
		v = append(v, s)
	}
	return obj{{Key: "apiGroups", Value: groups}, {Key: "resources", Value: resources}, {Key: "verbs", Value: v}}
}

// Object is an object of Kubernetes: its type, its metadata and what follows.
func Object(api, kind string, meta obj, rest ...splice.Entry) obj {
	return append(obj{{Key: "apiVersion", Value: api}, {Key: "kind", Value: kind}, {Key: "metadata", Value: meta}}, rest...)
}

// HostPath is a volume of the node.
func HostPath(name, path, kind string) obj {
	return obj{{Key: "name", Value: name}, {Key: "hostPath", Value: obj{{Key: "path", Value: path}, {Key: "type", Value: kind}}}}
}

// Mount is the mount of a volume.
func Mount(volume, path string, readOnly bool) obj {
	m := obj{{Key: "name", Value: volume}, {Key: "mountPath", Value: path}}
	if readOnly {
		m = append(m, splice.Entry{Key: "readOnly", Value: true})
	}
	return m
}

// FieldVar is a variable with a field of the pod.
func FieldVar(name, path string) obj {
	return obj{{Key: "name", Value: name}, {Key: "valueFrom", Value: obj{{Key: "fieldRef", Value: obj{{Key: "fieldPath", Value: path}}}}}}
}

// SecretVar is a variable with a value of a Secret, which may be missing if it is
// optional.
func SecretVar(name, secret string, optional bool) obj {
	ref := obj{{Key: "name", Value: secret}, {Key: "key", Value: name}}
	if optional {
		ref = append(ref, splice.Entry{Key: "optional", Value: true})
	}
	return obj{{Key: "name", Value: name}, {Key: "valueFrom", Value: obj{{Key: "secretKeyRef", Value: ref}}}}
}
