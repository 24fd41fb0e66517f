package check

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

const (
	taintUninitialized = "node.cloudprovider.kubernetes.io/uninitialized"
	taintShutdown      = "node.cloudprovider.kubernetes.io/shutdown"
)

var cordoned = Check{
	Rule: finding.Rule{
		ID: "NH020", Title: "cordoned", Severity: finding.Warning,
		Rationale: "spec.unschedulable keeps new pods away (except those of DaemonSets); what runs goes on. Somebody or something (kubectl cordon or drain, an autoscaler, an upgrade) set it, and nothing takes it back by itself.",
		Remedy:    "when the maintenance is over: kubectl uncordon NODE",
		Source:    "k8s.io/api/core/v1 NodeSpec.Unschedulable", Docs: "https://kubernetes.io/docs/concepts/architecture/nodes/#manual-node-administration",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object == nil || !v.Node.Object.Spec.Unschedulable {
			return
		}
		var ev []string
		if t := v.Taint(corev1.TaintNodeUnschedulable, ""); t != nil && t.TimeAdded != nil {
			ev = append(ev, fmt.Sprintf("taint %s since %s", t.Key, phrase.Time(t.TimeAdded.Time)))
		}
		r.Add("cordoned: no new pods are scheduled here", ev...)
	},
}

var taintWithoutCause = Check{
	Rule: finding.Rule{
		ID: "NH021", Title: "taint contradicts the condition", Severity: finding.Warning,
		Rationale: "The node lifecycle controller keeps the not-ready, unreachable and pressure taints in step with the conditions, within seconds. A taint whose condition is gone means that the controller is not working, or that somebody set the taint by hand: pods stay away or are evicted for no reason that exists any more.",
		Remedy:    "check kube-controller-manager; else remove the taint: kubectl taint node NODE KEY-",
		Source:    "k8s.io/kubernetes pkg/controller/nodelifecycle: doNoScheduleTaintingPass, processNoTaintBaseEviction", Docs: docsTaints,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, p := range taintPairs {
			t := v.Taint(p.key, "")
			c := v.Condition(p.condition)
			if t == nil || c == nil || p.wants(c.Status) {
				continue
			}
			if settling(v, c, t) {
				continue
			}
			r.Add(fmt.Sprintf("taint %s, but %s=%s", p.key, p.condition, c.Status), seenCondition(c))
		}
	},
}

var causeWithoutTaint = Check{
	Rule: finding.Rule{
		ID: "NH022", Title: "no taint for the condition", Severity: finding.Warning,
		Rationale: "A node that is not ready or unreachable gets a NoSchedule taint at once and a NoExecute taint, by which its pods are evicted. When all nodes of all zones are down the controller takes the NoExecute taints away and evicts nothing, because then it is more likely the control plane that is cut off. A NoSchedule taint that is missing as well means that the controller is not working.",
		Remedy:    "look at the other nodes of the zone, then at kube-controller-manager",
		Source:    "k8s.io/kubernetes pkg/controller/nodelifecycle: handleDisruption", Docs: "https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction",
	},
	Run: func(v *snapshot.View, r *Report) {
		if BeforeTaints(v) {
			return
		}
		for _, p := range taintPairs {
			c := v.Condition(p.condition)
			if c == nil || v.Node.NoTaints || !p.wants(c.Status) || v.Taint(p.key, corev1.TaintEffectNoSchedule) != nil || settling(v, c, nil) {
				continue
			}
			r.Add(fmt.Sprintf("%s=%s, but the taint %s:NoSchedule is missing", p.condition, c.Status, p.key), seenCondition(c))
		}
		c := v.Condition(corev1.NodeReady)
		if c == nil || c.Status == corev1.ConditionTrue || settling(v, c, nil) {
			return
		}
		key := corev1.TaintNodeUnreachable
		if c.Status == corev1.ConditionFalse {
			key = corev1.TaintNodeNotReady
		}
		if v.Taint(key, corev1.TaintEffectNoSchedule) != nil && v.Taint(key, corev1.TaintEffectNoExecute) == nil {
			r.Add(fmt.Sprintf("Ready=%s, but there is no %s:NoExecute taint: eviction is paused", c.Status, key), seenCondition(c))
		}
	},
}

// BeforeTaints says whether the node is of a time when conditions were not
// turned into taints and eviction did not go by them (before v1.13).
func BeforeTaints(v *snapshot.View) bool {
	k, ok := v.KubeletVersion()
	return ok && k.LessThan(version.MustParseGeneric("1.13.0"))
}

type taintPair struct {
	key       string
	condition corev1.NodeConditionType
	status    corev1.ConditionStatus
}

func (p taintPair) wants(s corev1.ConditionStatus) bool { return s == p.status }

var taintPairs = []taintPair{
	{corev1.TaintNodeNotReady, corev1.NodeReady, corev1.ConditionFalse},
	{corev1.TaintNodeUnreachable, corev1.NodeReady, corev1.ConditionUnknown},
	{corev1.TaintNodeMemoryPressure, corev1.NodeMemoryPressure, corev1.ConditionTrue},
	{corev1.TaintNodeDiskPressure, corev1.NodeDiskPressure, corev1.ConditionTrue},
	{corev1.TaintNodePIDPressure, corev1.NodePIDPressure, corev1.ConditionTrue},
	{corev1.TaintNodeNetworkUnavailable, corev1.NodeNetworkUnavailable, corev1.ConditionTrue},
}

// settling says whether a change is so fresh that the controller may be about
// to follow it, or whether the document has no times to tell.
func settling(v *snapshot.View, c *corev1.NodeCondition, t *corev1.Taint) bool {
	if c.LastTransitionTime.IsZero() || v.Age(c.LastTransitionTime.Time) < 30*time.Second {
		return true
	}
	return t != nil && t.TimeAdded != nil && v.Age(t.TimeAdded.Time) < 30*time.Second
}

var outOfService = Check{
	Rule: finding.Rule{
		ID: "NH023", Title: "declared out of service", Severity: finding.Warning,
		Rationale: "node.kubernetes.io/out-of-service is set by hand (or by a fencing operator) on a node that is certainly powered off: its pods are deleted by force and its volumes detached. On a node that still runs, two writers can then hold the same volume.",
		Remedy:    "remove the taint once the node is back: kubectl taint node NODE node.kubernetes.io/out-of-service-",
		Source:    "KEP-2268, stable since v1.28", Docs: "https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown", Since: "1.24 and later",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Taint(corev1.TaintNodeOutOfService, "") == nil {
			return
		}
		age, ok := v.LeaseAge()
		if ok && age < snapshot.LeaseDuration || v.Ready() == corev1.ConditionTrue {
			f := r.Add("declared out of service, but its kubelet is alive: volumes detached from it may still be written")
			f.Severity = finding.Error
			return
		}
		r.Add("declared out of service: its pods are deleted by force and its volumes detached")
	},
}

var cloudTaint = Check{
	Rule: finding.Rule{
		ID: "NH024", Title: "the cloud says no", Severity: finding.Error,
		Rationale: "The cloud controller manager taints a node 'uninitialized' until it has filled in addresses, zone and provider id, and 'shutdown' when the cloud says that the machine is stopped. An uninitialized taint that stays means that no cloud controller manager works on this node; nothing is scheduled there.",
		Remedy:    "look at the cloud-controller-manager's log for this node's name",
		Source:    "k8s.io/cloud-provider/api: TaintExternalCloudProvider, TaintNodeShutdown", Docs: "https://kubernetes.io/docs/tasks/administer-cluster/running-cloud-controller/",
	},
	Run: func(v *snapshot.View, r *Report) {
		if v.Taint(taintShutdown, "") != nil {
			r.Add("the cloud provider says that the machine is shut down")
		}
		if v.Taint(taintUninitialized, "") != nil && v.Age(v.Node.Object.CreationTimestamp.Time) > 2*time.Minute {
			r.Add(fmt.Sprintf("the cloud controller manager has not initialised the node in the %s since it was made", phrase.Duration(v.Age(v.Node.Object.CreationTimestamp.Time))))
		}
	},
}

// leaving are the taints by which autoscalers and provisioners announce that
// they take a node away.
var leaving = []struct{ prefix, who string }{
	{"ToBeDeletedByClusterAutoscaler", "the cluster autoscaler is deleting the node"},
	{"DeletionCandidateOfClusterAutoscaler", "the cluster autoscaler may delete the node soon"},
	{"karpenter.sh/disrupted", "Karpenter is taking the node away"},
	{"karpenter.sh/disruption", "Karpenter is taking the node away"},
	{"aws-node-termination-handler/", "AWS has announced an interruption of the instance"},
	{"cloud.google.com/impending-node-termination", "Google Cloud is about to stop the machine"},
	{"remediation.medik8s.io/", "a remediation operator is repairing the node"},
	{"medik8s.io/", "a remediation operator is repairing the node"},
}

// TakenAway says in a clause who is taking the node away or reconfiguring it,
// "" for nobody: then a cordon is meant, and is not for a person to lift.
func TakenAway(v *snapshot.View) string {
	if v.Node.Object == nil {
		return ""
	}
	for _, t := range v.Node.Object.Spec.Taints {
		for _, l := range leaving {
			if strings.HasPrefix(t.Key, l.prefix) && !strings.HasPrefix(t.Key, "DeletionCandidate") {
				return l.who
			}
		}
	}
	switch v.Node.Object.Annotations[machineConfigPrefix+"state"] {
	case "Working":
		return "the machine config daemon is applying a new configuration"
	case "Degraded", "Unreconcilable":
		return "the machine config daemon could not apply its configuration"
	}
	return ""
}

var leavingSoon = Check{
	Rule: finding.Rule{
		ID: "NH025", Title: "the node is being taken away", Severity: finding.Warning,
		Rationale: "Autoscalers, provisioners and termination handlers announce by a taint that they will remove a node. Its troubles are then meant, and repairing it is wasted work.",
		Remedy:    "let it go, unless nobody works on it: then remove the taint",
		Source:    "kubernetes/autoscaler taints.go; Karpenter v1 disruption; aws-node-termination-handler; medik8s", Docs: docsTaints,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object == nil {
			return
		}
		for _, t := range v.Node.Object.Spec.Taints {
			for _, l := range leaving {
				if strings.HasPrefix(t.Key, l.prefix) {
					f := r.Add(l.who, "taint "+t.ToString())
					if strings.HasPrefix(t.Key, "DeletionCandidate") {
						f.Severity = finding.Info
					}
					break
				}
			}
		}
		if d := v.Node.Object.DeletionTimestamp; d != nil {
			f := r.Add(fmt.Sprintf("the node object has been asked to go %s ago and is held by %s", phrase.Duration(v.Age(d.Time)), phrase.List(v.Node.Object.Finalizers, 3)))
			f.Remedy = "let its owner finish; where that is gone for good, take the finalizer out: kubectl edit node NAME"
		}
	},
}

const machineConfigPrefix = "machineconfiguration.openshift.io/"

var machineConfig = Check{
	Rule: finding.Rule{
		ID: "NH026", Title: "the machine configuration is stuck", Severity: finding.Warning,
		Rationale: "On OpenShift the machine config daemon writes into annotations which configuration the node has, which it should have, and how far it is. Degraded means that it could not apply it; the node keeps the old configuration, and its pool stops upgrading.",
		Remedy:    "oc -n openshift-machine-config-operator logs ds/machine-config-daemon on this node; the reason is in the annotation machineconfiguration.openshift.io/reason",
		Source:    "openshift/machine-config-operator pkg/daemon/constants", Docs: "https://docs.openshift.com/container-platform/latest/machine_configuration/index.html",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if v.Node.Object == nil {
			return
		}
		const prefix = machineConfigPrefix
		a := v.Node.Object.Annotations
		switch a[prefix+"state"] {
		case "Degraded", "Unreconcilable":
			text := "the machine config daemon is " + strings.ToLower(a[prefix+"state"])
			if why := a[prefix+"reason"]; why != "" {
				text += ": " + phrase.Clip(phrase.Sentence(why), 160)
			}
			r.Add(text)
		case "Working":
			r.Add(fmt.Sprintf("a new machine configuration (%s) is being applied", a[prefix+"desiredConfig"])).Severity = finding.Info
		}
	},
}
