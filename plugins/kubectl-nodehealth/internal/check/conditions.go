package check

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var networkUnavailable = Check{
	Rule: finding.Rule{
		ID: "NH011", Title: "network unavailable", Severity: finding.Error,
		Rationale: "NetworkUnavailable=True is written by the network plugin or the cloud's route controller, not by the kubelet: the node has no route for its pods. The node lifecycle controller taints it so that pods are kept away. Nobody sets it back but its writer: a plugin that was removed leaves it behind.",
		Remedy:    "look at the network plugin's pod on this node and at the cloud's route controller",
		Source:    "k8s.io/component-helpers/node/util; pkg/controller/nodelifecycle", Docs: docsNodes,
	},
	Run: func(v *snapshot.View, r *Report) {
		if c := v.Condition(corev1.NodeNetworkUnavailable); c != nil && c.Status == corev1.ConditionTrue {
			r.Add("the network is not set up: "+phrase.Clip(phrase.Sentence(c.Message), 160), seenCondition(c))
		}
	},
}

var problemCondition = Check{
	Rule: finding.Rule{
		ID: "NH012", Title: "a detector reports a problem", Severity: finding.Error,
		Rationale: "Node Problem Detector and the cloud providers' agents write conditions of their own. For most types False is good; for the *Ready types of the EKS agent True is. The table of types is in the source; a type that is not in it is never judged.",
		Remedy:    "read the condition's message and the detector's events; repair or replace the node",
		Source:    "kubernetes/node-problem-detector config/; aws/eks-node-monitoring-agent; AKS documentation", Docs: "https://github.com/kubernetes/node-problem-detector",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, c := range conditionsOf(v) {
			k, ok := KnownCondition(c.Type)
			if !ok || core(c.Type) || !k.bad(c.Status) {
				continue
			}
			msg := fmt.Sprintf("%s=%s: %s", c.Type, c.Status, k.Means)
			if c.Message != "" {
				msg += " (" + phrase.Clip(phrase.Sentence(c.Message), 120) + ")"
			}
			f := r.Add(msg, seenCondition(&c), "written by "+writer(v, &c, k))
			f.Severity = k.Severity
		}
	},
}

var staleWriter = Check{
	Rule: finding.Rule{
		ID: "NH013", Title: "a condition is no longer written", Severity: finding.Warning,
		Rationale: "A detector refreshes the heartbeat of its conditions every five minutes. One that is much older than the kubelet's is orphaned: the detector was removed, crashed or renamed, and what the condition says, good or bad, is history. Conditions are never garbage-collected.",
		Remedy:    "repair the detector, or remove the condition: kubectl edit node NAME --subresource=status",
		Source:    "kubernetes/node-problem-detector issues 423, 470, 1011", Docs: "https://github.com/kubernetes/node-problem-detector/issues/423",
		Heuristic: true,
	},
	Run: func(v *snapshot.View, r *Report) {
		hb, ok := v.Heartbeat()
		if !ok || v.Ready() == corev1.ConditionUnknown {
			return
		}
		for _, c := range conditionsOf(v) {
			// Kubernetes' own are the kubelet's, and NetworkUnavailable is
			// written once.
			if core(c.Type) || c.Type == "" || c.LastHeartbeatTime.IsZero() {
				continue
			}
			k, known := KnownCondition(c.Type)
			if !known || k.Polarity == Notice {
				continue
			}
			if lag := hb.Sub(c.LastHeartbeatTime.Time); lag > 30*time.Minute {
				f := r.Add(fmt.Sprintf("%s=%s was last written %s before the kubelet's own conditions: its writer (%s) is gone or stuck", c.Type, c.Status, phrase.Duration(lag), k.Owner), seenCondition(&c))
				if !k.bad(c.Status) {
					f.Severity = finding.Info
				}
			}
		}
	},
}

var latched = Check{
	Rule: finding.Rule{
		ID: "NH014", Title: "a condition latches", Severity: finding.Info,
		Rationale: "The log monitors of Node Problem Detector, and the EKS agent, set a condition when they see a line and never take it back by themselves: it stays until the detector restarts. A bad condition that is old may describe a problem that is over.",
		Remedy:    "check whether the problem still exists; restart the detector's pod to clear the condition",
		Source:    "kubernetes/node-problem-detector issues 215, 474, 728, 936; aws/eks-node-monitoring-agent#250", Docs: "https://github.com/kubernetes/node-problem-detector/issues/474",
		Heuristic: true,
	},
	Run: func(v *snapshot.View, r *Report) {
		for _, c := range conditionsOf(v) {
			k, ok := KnownCondition(c.Type)
			if !ok || !k.Latches || !k.bad(c.Status) || v.Age(c.LastTransitionTime.Time) < 24*time.Hour {
				continue
			}
			r.Add(fmt.Sprintf("%s=%s since %s: %s does not clear it by itself, so the cause may be over", c.Type, c.Status, phrase.Duration(v.Age(c.LastTransitionTime.Time)), k.Owner), seenCondition(&c))
		}
	},
}

var unknownCondition = Check{
	Rule: finding.Rule{
		ID: "NH016", Title: "condition of unknown meaning", Severity: finding.Info,
		Rationale: "Anybody may write node conditions, and their names do not say whether True is good. A type that is not in our table is shown and not judged: guessing it is how healthy nodes come to be reported as broken.",
		Remedy:    "ask its writer's documentation which status is the good one",
		Source:    "k8sgpt-ai/k8sgpt#1461", Docs: docsNodes,
	},
	Run: func(v *snapshot.View, r *Report) {
		var types []string
		for _, c := range conditionsOf(v) {
			if _, ok := KnownCondition(c.Type); !ok && !core(c.Type) && c.Type != "" {
				types = append(types, fmt.Sprintf("%s=%s", c.Type, c.Status))
			}
		}
		if len(types) > 0 {
			r.Add(fmt.Sprintf("not judged, because nobody says which status is good: %s", phrase.List(types, 6)))
		}
	},
}

var malformedCondition = Check{
	Rule: finding.Rule{
		ID: "NH017", Title: "malformed condition", Severity: finding.Info,
		Rationale: "The API server does not check node conditions: a controller with a bug can write one without a type, or two of the same type, or a status that is none of True, False, Unknown. Tools that trust the list then show nonsense.",
		Remedy:    "find the writer in the managed fields (kubectl get node NAME -o yaml --show-managed-fields) and remove the entry",
		Source:    "k8s.io/kubernetes pkg/apis/core/validation: node status conditions are not validated", Docs: docsNodes,
	},
	Run: func(v *snapshot.View, r *Report) {
		seen := map[corev1.NodeConditionType]bool{}
		for _, c := range conditionsOf(v) {
			switch {
			case c.Type == "":
				r.Add(fmt.Sprintf("a condition has no type (status %q, reason %q)", c.Status, c.Reason))
			case seen[c.Type]:
				r.Add(fmt.Sprintf("there are two conditions of type %s", c.Type))
			}
			seen[c.Type] = true
			switch c.Status {
			case corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown:
			default:
				r.Add(fmt.Sprintf("%s has the status %q, which is none of True, False, Unknown", c.Type, c.Status))
			}
		}
	},
}

var unknownByDetector = Check{
	Rule: finding.Rule{
		ID: "NH018", Title: "a detector cannot tell", Severity: finding.Info,
		Rationale: "A detector's condition with the status Unknown means that its own check failed or timed out, which is neither good nor bad. Reading it as False hides a problem; reading it as True invents one.",
		Remedy:    "look at the detector's log on this node",
		Source:    "kubernetes/node-problem-detector docs/custom_plugin_monitor.md: exit status 2 and above is Unknown", Docs: "https://github.com/kubernetes/node-problem-detector/blob/master/docs/custom_plugin_monitor.md",
	},
	Run: func(v *snapshot.View, r *Report) {
		for _, c := range conditionsOf(v) {
			k, ok := KnownCondition(c.Type)
			if ok && !core(c.Type) && k.Polarity != Notice && c.Status == corev1.ConditionUnknown {
				r.Add(fmt.Sprintf("%s=Unknown: %s cannot tell", c.Type, k.Owner), seenCondition(&c))
			}
		}
	},
}

func conditionsOf(v *snapshot.View) []corev1.NodeCondition {
	if v.Node.Object == nil {
		return nil
	}
	return v.Node.Object.Status.Conditions
}

// seenCondition is a condition as evidence.
func seenCondition(c *corev1.NodeCondition) string {
	s := fmt.Sprintf("%s=%s", c.Type, c.Status)
	if !c.LastTransitionTime.IsZero() {
		s += " since " + phrase.Time(c.LastTransitionTime.Time)
	}
	if c.Reason != "" {
		s += " (" + c.Reason + ")"
	}
	return s
}

// writer names who writes a condition: by the managed fields where they are
// there, else by what is known of the type.
func writer(v *snapshot.View, c *corev1.NodeCondition, k Known) string {
	for _, w := range v.Node.Writers {
		for _, t := range w.Conditions {
			if t == string(c.Type) {
				return w.Manager
			}
		}
	}
	if k.Owner != "" {
		return k.Owner + " (by its type)"
	}
	return "unknown"
}
