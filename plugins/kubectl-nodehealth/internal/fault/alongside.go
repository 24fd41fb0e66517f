package fault

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// alongside is what a detector or the kubelet said of the machine itself around
// the time at which the node failed: the silence is then most likely its
// consequence. It is nothing for a fault that says why already.
func alongside(v *snapshot.View, name string) (string, *Evidence) {
	switch name {
	case KubeletDown, KubeletHung, HostDown, RuntimeDown:
	default:
		return "", nil
	}
	ready := v.Condition(corev1.NodeReady)
	if ready == nil || ready.Status == corev1.ConditionTrue || ready.LastTransitionTime.IsZero() {
		return "", nil
	}
	failed := ready.LastTransitionTime.Time
	for i := range v.Node.Object.Status.Conditions {
		c := &v.Node.Object.Status.Conditions[i]
		k, ok := check.BadCondition(c)
		if !ok || k.Severity != finding.Error || c.LastTransitionTime.IsZero() || failed.Sub(c.LastTransitionTime.Time) > time.Hour {
			continue
		}
		since := phrase.Clock(c.LastTransitionTime.Time)
		return fmt.Sprintf(" The %s says since %s: %s.", k.Owner, since, k.Means),
			&Evidence{"with it", fmt.Sprintf("%s=%s since %s: %s", c.Type, c.Status, since, phrase.Clip(phrase.Sentence(c.Message), 240)), "node status"}
	}
	for _, e := range v.EventsOf("SystemOOM", "OOMKilling") {
		if before := failed.Sub(e.Last); before >= -5*time.Minute && before <= 30*time.Minute {
			return " Shortly before, the kernel killed processes because the machine had run out of memory.",
				&Evidence{"with it", fmt.Sprintf("%s at %s: %s", e.Reason, phrase.Clock(e.Last), phrase.Clip(phrase.Sentence(e.Message), 240)), "event"}
		}
	}
	return "", nil
}
