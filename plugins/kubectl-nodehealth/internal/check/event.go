package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Events last an hour by default, and their type says little: NodeNotReady and
// NodeHasDiskPressure are Normal. What counts is the reason.

var rebooted = Check{
	Rule: finding.Rule{
		ID: "NH090", Title: "rebooted", Severity: finding.Warning,
		Rationale: "The node's boot id changed: the machine restarted within the last hour (that is how long events last). An unplanned restart explains restarted pods, and comes back if its cause is hardware, the hypervisor or a kernel panic.",
		Remedy:    "ask the machine why: journalctl --list-boots, journalctl -b -1 -e, the provider's event log",
		Source:    "k8s.io/kubernetes pkg/kubelet/events NodeRebooted", Docs: docsDebug,
	},
	Run: func(v *snapshot.View, r *Report) {
		if es := v.EventsOf("Rebooted"); len(es) > 0 {
			r.Add(fmt.Sprintf("rebooted %s ago", phrase.Duration(v.Age(es[0].Last))), phrase.Clip(es[0].Message, 160))
		}
	},
}

var flapping = Check{
	Rule: finding.Rule{
		ID: "NH091", Title: "flapping", Severity: finding.Warning,
		Rationale: "The node changed between ready and not ready more than twice in a quarter of an hour, or again and again for hours. Each change moves endpoints and may start evictions; the cause is usually a network that loses heartbeats, or a node at its limits.",
		Remedy:    "look at the times of the changes against the node's pressure and the network",
		Source:    "kubernetes-mixin KubeNodeReadinessFlapping", Docs: docsNodes, Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		n := int32(0)
		for _, e := range v.EventsOf("NodeReady", "NodeNotReady") {
			switch {
			case v.Age(e.First) <= 15*time.Minute:
				n += e.Count
			case v.Age(e.Last) <= 15*time.Minute:
				n++
			}
		}
		if n > 4 {
			r.Add(fmt.Sprintf("changed between ready and not ready %d times in the last 15m", n))
			return
		}
		// The API server folds what repeats into one event: its count and span
		// are all there is.
		count, first := map[string]int32{}, time.Duration(0)
		for _, e := range v.EventsOf("NodeReady", "NodeNotReady") {
			if v.Age(e.Last) <= time.Hour && v.Age(e.First) <= 6*time.Hour {
				count[e.Reason] += e.Count
				first = max(first, v.Age(e.First))
			}
		}
		total := count["NodeReady"] + count["NodeNotReady"]
		if len(count) == 1 {
			// The other one is not there, or spans days and nights: between two
			// changes to one state lies one back.
			total = 2*total - 1
		}
		if total > 4 && first > 0 {
			r.Add(fmt.Sprintf("changed between ready and not ready %d times in the last %s", total, phrase.Duration(first)))
		}
	},
}

var oom = Check{
	Rule: finding.Rule{
		ID: "NH092", Title: "out of memory", Severity: finding.Warning,
		Rationale: "SystemOOM means that the kernel killed a process because the node itself ran out of memory, not because a container hit its limit: the memory that is reserved for the system is too small, or pods use more than they request.",
		Remedy:    "look at which process was killed; raise systemReserved and kubeReserved, set memory limits",
		Source:    "k8s.io/kubernetes pkg/kubelet/oom; Node Problem Detector OOMKilling", Docs: docsPressure,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, e := range v.EventsOf("SystemOOM", "OOMKilling") {
			r.Add(fmt.Sprintf("%s %s ago, %s: %s", e.Reason, phrase.Duration(v.Age(e.Last)), times(e.Count), phrase.Clip(phrase.Sentence(e.Message), 140)))
			return
		}
	},
}

// eventMeaning says what events of the kubelet, the controllers and the
// detectors tell, whatever their type.
var eventMeaning = map[string]string{
	"EvictionThresholdMet":              "the kubelet reclaims a resource by force",
	"FreeDiskSpaceFailed":               "removing images did not free enough disk",
	"ImageGCFailed":                     "images could not be removed",
	"ContainerGCFailed":                 "dead containers could not be removed",
	"KubeletSetupFailed":                "the kubelet could not set itself up",
	"FailedNodeAllocatableEnforcement":  "the limits for pods could not be enforced",
	"CIDRNotAvailable":                  "no address range is left for this node's pods",
	"CIDRAssignmentFailed":              "no address range could be given to this node's pods",
	"FailedToCreateRoute":               "the cloud's route to this node's pods could not be made",
	"DeletingNode":                      "a controller is deleting the node, because the cloud no longer knows it",
	"RemovingNode":                      "the node was removed",
	"FailedMountOnFilesystemMismatch":   "a filesystem is not what was expected",
	"TaskHung":                          "a kernel task hangs",
	"KernelOops":                        "the kernel failed",
	"UnregisterNetDevice":               "a network device cannot be freed",
	"Ext4Error":                         "a filesystem reports errors",
	"Ext4Warning":                       "a filesystem reports warnings",
	"IOError":                           "a disk reports I/O errors",
	"MemoryReadError":                   "memory errors were corrected or not",
	"DockerHung":                        "docker hangs",
	"CorruptDockerImage":                "an image is corrupt",
	"FilesystemIsReadOnly":              "a filesystem was remounted read-only",
	"DockerContainerStartupFailure":     "docker cannot start containers",
	"ContainerdUnhealthy":               "containerd fails its health check",
	"KubeletUnhealthy":                  "the kubelet fails its health check",
	"PreemptScheduled":                  "the cloud will take the machine away",
	"RebootScheduled":                   "the cloud will reboot the machine",
	"RedeployScheduled":                 "the cloud will move the machine",
	"TerminateScheduled":                "the cloud will delete the machine",
	"FreezeScheduled":                   "the cloud will freeze the machine for a while",
	"Shutdown":                          "the kubelet was told of a shutdown",
	"NetworkNotReady":                   "the network is not ready",
	"PossibleMemoryBackedVolumesOnDisk": "memory-backed volumes may be swapped to disk",
	"ConntrackFull":                     "the connection table is full",
	"NTPIsDown":                         "the clock is not synchronised",
	"FailedPrepareDynamicResources":     "a device could not be prepared",
}

var notableEvent = Check{
	Rule: finding.Rule{
		ID: "NH095", Title: "notable events", Severity: finding.Warning,
		Rationale: "Events that tell of a problem of the node itself, by their reason and not by their type: the kubelet and the controllers report some of the worst as Normal. They last an hour by default.",
		Remedy:    "read the event's message: kubectl get events -A --field-selector involvedObject.kind=Node,involvedObject.name=NODE",
		Source:    "k8s.io/kubernetes pkg/kubelet/events/event.go; node-problem-detector config; AKS scheduled events", Docs: docsDebug,
	},
	Run: func(v *snapshot.View, r *Report) {
		seen := map[string]bool{}
		for _, e := range v.Node.Events {
			means, ok := eventMeaning[e.Reason]
			if !ok || seen[e.Reason] {
				continue
			}
			seen[e.Reason] = true
			r.Add(fmt.Sprintf("%s %s ago, %s: %s (%s)", e.Reason, phrase.Duration(v.Age(e.Last)), times(e.Count), means, phrase.Clip(phrase.Sentence(e.Message), 110)))
		}
	},
}

// quiet are events that belong to other checks, or to the normal start of a
// node, Warning or not.
var quiet = []string{
	"Rebooted", "SystemOOM", "OOMKilling", "CgroupV1", "FailedCreatePodSandBox", "NodeNotReady", "NodeReady", "Evicted", "InvalidDiskCapacity",
	"NodeHasDiskPressure", "NodeHasInsufficientMemory", "NodeHasInsufficientPID", "NodeNotSchedulable", "FailedKillPod", "FailedPodSandBoxStatus",
}

var otherWarnings = Check{
	Rule: finding.Rule{
		ID: "NH096", Title: "other warning events", Severity: finding.Info,
		Rationale: "Warning events about the node whose reason we do not know: from agents and operators of this cluster.",
		Remedy:    "read them: kubectl get events -A --field-selector involvedObject.kind=Node,involvedObject.name=NODE",
		Source:    "events of type Warning", Docs: docsDebug,
	},
	Run: func(v *snapshot.View, r *Report) {
		seen := map[string]bool{}
		for _, e := range v.Node.Events {
			_, known := eventMeaning[e.Reason]
			if e.Type != "Warning" || known || seen[e.Reason] || slices.Contains(quiet, e.Reason) {
				continue
			}
			seen[e.Reason] = true
			if len(seen) > 5 {
				return
			}
			r.Add(fmt.Sprintf("%s %s ago, %s: %s", e.Reason, phrase.Duration(v.Age(e.Last)), times(e.Count), phrase.Clip(phrase.Sentence(e.Message), 110)))
		}
	},
}

var kubeletRestarts = Check{
	Rule: finding.Rule{
		ID: "NH097", Title: "the kubelet restarts often", Severity: finding.Warning,
		Rationale: "The kubelet reports 'Starting kubelet.' each time it starts. More than three starts within the hour that events last mean that it crashes, or that something restarts it.",
		Remedy:    "journalctl -u kubelet: why did it end?",
		Source:    "k8s.io/kubernetes pkg/kubelet/events StartingKubelet", Docs: docsDebug, Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		n := int32(0)
		for _, e := range v.EventsOf("Starting") {
			if e.Component == "kubelet" && v.Age(e.Last) <= time.Hour {
				n += e.Count
			}
		}
		if n > 3 {
			r.Add(fmt.Sprintf("the kubelet started %d times in the last hour", n))
		}
	},
}

var zeroCapacity = Check{
	Rule: finding.Rule{
		ID: "NH094", Title: "image filesystem of no size", Severity: finding.Info,
		Rationale: "InvalidDiskCapacity (0 on image filesystem) is usual once, at the kubelet's start, before the first statistics. If it comes again, the runtime does not report its image filesystem, and imagefs thresholds are not watched.",
		Remedy:    "if it repeats, look at the runtime's image filesystem statistics (crictl imagefsinfo)",
		Source:    "k8s.io/kubernetes pkg/kubelet/images/image_gc_manager.go", Docs: docsPressure,
	},
	Run: func(v *snapshot.View, r *Report) {
		es := v.EventsOf("InvalidDiskCapacity")
		starts := int32(0)
		for _, e := range v.EventsOf("Starting") {
			starts += e.Count
		}
		if len(es) > 0 && es[0].Count > max(1, starts) {
			r.Add(fmt.Sprintf("InvalidDiskCapacity %s, last %s ago: %s", times(es[0].Count), phrase.Duration(v.Age(es[0].Last)), phrase.Clip(es[0].Message, 100)))
		}
	},
}

func times(n int32) string {
	if n <= 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
