package compare

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

func node(name, kubelet string, evict string) *snapshot.Node {
	return &snapshot.Node{
		Name: name,
		Object: &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, "pool": "a"}},
			Status:     corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: kubelet}},
		},
		Kubelet: snapshot.Kubelet{Config: &snapshot.KubeletConfig{Raw: map[string]any{
			"address": name, "evictionHard": map[string]any{"memory.available": evict}, "maxPods": float64(110),
		}}},
	}
}

func TestNodes(t *testing.T) {
	a, b := node("n1", "v1.37.1", "100Mi"), node("n2", "v1.36.0", "500Mi")
	a.Object.Spec.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	got := fmt.Sprint(Nodes(a, b))
	want := "[{software kubelet v1.37.1 v1.36.0} {taints gpu:NoSchedule yes -} {configuration evictionHard.memory.available 100Mi 500Mi}]"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := Nodes(a, a); len(got) != 0 {
		t.Errorf("a node differs from itself: %v", got)
	}
}
