package check

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// A node whose object is held back is not about a taint.
func TestHeldNode(t *testing.T) {
	f := find(view(set(func(n *snapshot.Node) {
		d := at(-50 * time.Minute)
		n.Object.DeletionTimestamp, n.Object.Finalizers = &d, []string{"karpenter.sh/termination"}
	})), "NH025")
	if f == nil || !strings.Contains(f.Message, "50m ago and is held by karpenter.sh/termination") || strings.Contains(f.Remedy, "taint") {
		t.Errorf("%+v", f)
	}
}

// Without the kubelet's figures its words to the pods that it evicted tell which
// resource it is about.
func TestEvictedPodsTellTheSignal(t *testing.T) {
	v := view(set(func(n *snapshot.Node) {
		n.Pods = &snapshot.Pods{Rows: []snapshot.Pod{
			{Name: "a", Phase: "Failed", Reason: "Evicted", Message: "The node was low on resource: ephemeral-storage."},
			{Name: "b", Phase: "Running"},
		}}
	}))
	if got := Explain(v, corev1.NodeDiskPressure); !strings.Contains(got, "told 1 pod that it evicted: The node was low on resource: ephemeral-storage") {
		t.Error(got)
	}
}
