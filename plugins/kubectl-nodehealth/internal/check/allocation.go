package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var overRequested = Check{
	Rule: finding.Rule{
		ID: "NH070", Title: "requests exceed the node", Severity: finding.Warning,
		Rationale: "The pods here request more than the node can allocate. The scheduler never does that: static pods, a node that shrank, or a resize in place did. Sidecars, pod-level resources, overhead and resizes are counted as the scheduler counts them, and rows and totals come from the same source.",
		Remedy:    "move pods away, or find out why the node's allocatable shrank",
		Source:    "k8s.io/component-helpers/resource PodRequests with UseStatusResources", Docs: "https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/",
	},
	Run: func(v *snapshot.View, r *Report) {
		p := v.Node.Pods
		if p == nil || p.Partial || v.Node.Object == nil {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(p.Requests)) {
			req := p.Requests[name]
			alloc, ok := v.Node.Object.Status.Allocatable[name]
			if ok && req.Cmp(alloc) > 0 {
				r.Add(fmt.Sprintf("%s: %s requested of %s allocatable", name, req.String(), alloc.String()))
			}
		}
	},
}

var podsFull = Check{
	Rule: finding.Rule{
		ID: "NH071", Title: "no room for more pods", Severity: finding.Warning,
		Rationale: "A node takes a fixed number of pods (maxPods, 110 by default, less by some network plugins). Near it, new pods stay Pending although CPU and memory are free.",
		Remedy:    "add nodes, or raise maxPods if the network plugin's address range allows it",
		Source:    "kubernetes-mixin KubeletTooManyPods (95%)", Docs: "https://kubernetes.io/docs/setup/best-practices/cluster-large/",
	},
	Run: func(v *snapshot.View, r *Report) {
		p := v.Node.Pods
		if p == nil || v.Node.Object == nil {
			return
		}
		q, ok := v.Node.Object.Status.Allocatable[corev1.ResourcePods]
		if limit := q.Value(); ok && limit > 0 && float64(p.Total) > 0.95*float64(limit) {
			r.Add(fmt.Sprintf("%d of %d pods", p.Total, limit))
		}
	},
}

var lostDevices = Check{
	Rule: finding.Rule{
		ID: "NH072", Title: "devices are unhealthy", Severity: finding.Warning,
		Rationale: "An extended resource (GPUs and the like) has less allocatable than capacity: its device plugin reports devices as unhealthy. With both at zero the plugin has gone, although its pod may run. After a restart of the kubelet the figure can be a remembered one until the plugin registers again.",
		Remedy:    "look at the device plugin's pod on this node and at the device itself",
		Source:    "k8s.io/kubernetes pkg/kubelet/cm/devicemanager; kubernetes/kubernetes#114422", Docs: "https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object == nil {
			return
		}
		st := v.Node.Object.Status
		for _, name := range slices.Sorted(maps.Keys(st.Capacity)) {
			if !extended(name) {
				continue
			}
			have := st.Capacity[name]
			usable := st.Allocatable[name]
			switch {
			case usable.Cmp(have) < 0:
				r.Add(fmt.Sprintf("%s: %s of %s are healthy", name, usable.String(), have.String()))
			case have.IsZero():
				f := r.Add(fmt.Sprintf("%s is registered with no device: its plugin is gone or finds none", name))
				f.Severity = finding.Info
			}
		}
	},
}

// extended says whether a resource is one of a device plugin.
func extended(name corev1.ResourceName) bool {
	s := string(name)
	return strings.Contains(s, "/") && !strings.HasPrefix(s, "kubernetes.io/") && !strings.HasPrefix(s, "requests.")
}

var noCapacity = Check{
	Rule: finding.Rule{
		ID: "NH074", Title: "no capacity", Severity: finding.Error,
		Rationale: "The node reports no CPU, memory or pods to allocate: the kubelet could not read the machine from cAdvisor or the runtime, or all of it is reserved. Nothing can be scheduled, whatever Ready says.",
		Remedy:    "look at the kubelet's log for cAdvisor errors; check systemReserved and kubeReserved",
		Source:    "k8s.io/kubernetes pkg/kubelet/nodestatus: MachineInfo", Docs: docsNodes,
	},
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object == nil || len(v.Node.Object.Status.Allocatable) == 0 {
			return
		}
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourcePods} {
			if q, ok := v.Node.Object.Status.Allocatable[name]; ok && q.Sign() <= 0 {
				r.Add(fmt.Sprintf("allocatable %s is %s", name, q.String()))
			}
		}
	},
}

var sickDevice = Check{
	Rule: finding.Rule{
		ID: "NH075", Title: "a pod holds an unhealthy device", Severity: finding.Warning,
		Rationale: "The kubelet reports the health of the devices it gave to a container. A pod that holds an unhealthy one does not get another: it has to be replaced.",
		Remedy:    "delete the pod, so that its replacement gets a healthy device",
		Source:    "KEP-4680, pod status allocatedResourcesStatus", Docs: "https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/#device-plugin-and-unhealthy-devices", Since: "1.36 and later (beta)",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, p := range pods(v) {
			if len(p.SickDevices) > 0 {
				r.Add(fmt.Sprintf("%s holds %s", p, phrase.List(p.SickDevices, 3)))
			}
		}
	},
}

// pods are the pods that are known by name: all in one node's story, the
// notable ones in a table of many.
func pods(v *snapshot.View) []snapshot.Pod {
	switch p := v.Node.Pods; {
	case p == nil:
		return nil
	case len(p.Rows) > 0:
		return p.Rows
	default:
		return p.Notable
	}
}

var taintedDevices = Check{
	Rule: finding.Rule{
		ID: "NH076", Title: "devices are tainted", Severity: finding.Warning,
		Rationale: "A driver of dynamic resource allocation, or an administrator, has tainted devices of this node: NoSchedule keeps them from new claims, NoExecute also evicts the pods that hold them. Drivers do it to devices that fail.",
		Remedy:    "look at the driver's pod on this node and at the devices; DeviceTaintRules that an administrator made are listed by kubectl get devicetaintrules",
		Source:    "KEP-5055, ResourceSlice spec.devices[].taints", Docs: "https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#device-taints-and-tolerations", Since: "1.34 and later (ResourceSlice v1)",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, d := range v.Node.Devices {
			if n := len(d.Tainted); n > 0 {
				r.Add(fmt.Sprintf("%s: %d of %s are tainted: %s", d.Driver, n, phrase.Count(d.Total, "device"), phrase.List(d.Tainted, 3)))
			}
		}
	},
}
