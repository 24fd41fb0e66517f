// Package liveobject turns an object as the API server has it into a manifest
// that can be applied or created again: what the server filled in for this one
// object goes, what somebody meant stays, generateName, finalizers and owners
// among it.
package liveobject

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Clean returns a cleaned copy.
func Clean(in *unstructured.Unstructured) *unstructured.Unstructured {
	o := in.DeepCopy()
	delete(o.Object, "status")
	meta, _ := o.Object["metadata"].(map[string]any)
	for _, k := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		delete(meta, k)
	}
	drop(o.Object, []string{"metadata", "annotations"}, "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation", "batch.kubernetes.io/job-tracking")
	switch o.GetKind() {
	case "Pod":
		pod(o.Object)
	case "Job":
		job(o.Object)
	}
	unstructured.RemoveNestedField(o.Object, "spec", "template", "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(o.Object, "spec", "jobTemplate", "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(o.Object, "spec", "jobTemplate", "spec", "template", "metadata", "creationTimestamp")
	return o
}

// drop removes keys from a map, and the map where nothing is left.
func drop(o map[string]any, at []string, keys ...string) {
	m, ok, _ := unstructured.NestedMap(o, at...)
	if !ok {
		return
	}
	for _, k := range keys {
		delete(m, k)
	}
	if len(m) == 0 {
		unstructured.RemoveNestedField(o, at...)
		return
	}
	_ = unstructured.SetNestedMap(o, m, at...) // the map was there, so it can be set
}

// pod removes what the scheduler and the admission plugins put into a pod.
func pod(o map[string]any) {
	spec, ok := o["spec"].(map[string]any)
	if !ok {
		return
	}
	delete(spec, "nodeName")
	token := func(v any) bool {
		m, _ := v.(map[string]any)
		name, _ := m["name"].(string)
		return strings.HasPrefix(name, "kube-api-access-")
	}
	without := func(m map[string]any, key string) {
		list, ok := m[key].([]any)
		if !ok {
			return
		}
		var out []any
		for _, v := range list {
			if !token(v) {
				out = append(out, v)
			}
		}
		if len(out) == 0 {
			delete(m, key)
			return
		}
		m[key] = out
	}
	without(spec, "volumes")
	for _, key := range []string{"containers", "initContainers"} {
		list, _ := spec[key].([]any)
		for _, c := range list {
			if m, ok := c.(map[string]any); ok {
				without(m, "volumeMounts")
			}
		}
	}
	delete(spec, "ephemeralContainers")
}

// job removes the selector that the server made for this one Job, without which
// it cannot be created again.
func job(o map[string]any) {
	if manual, _, _ := unstructured.NestedBool(o, "spec", "manualSelector"); manual {
		return
	}
	unstructured.RemoveNestedField(o, "spec", "selector")
	made := []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
	drop(o, []string{"metadata", "labels"}, made...)
	drop(o, []string{"spec", "template", "metadata", "labels"}, made...)
}
