package collect

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

func list(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

// variousPods have everything that counts for a node's sums.
func variousPods() []*corev1.Pod {
	always := corev1.ContainerRestartPolicyAlways
	yes := true
	deleted := metav1.Time{Time: time.Unix(1_700_000_000, 0)}
	base := func(name string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: "u", Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"long": "text"},
				CreationTimestamp: deleted, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m", FieldsV1: metav1.NewFieldsV1("{}")}},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "rs", UID: "o", Controller: &yes}}},
			Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{
				Name: "c", Image: "i", Env: []corev1.EnvVar{{Name: "E", Value: "v"}},
				Resources: corev1.ResourceRequirements{Requests: list("100m", "64Mi"), Limits: list("200m", "128Mi")}}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, Message: "m"}}},
		}
	}
	sidecar := base("sidecar")
	sidecar.Spec.InitContainers = []corev1.Container{
		{Name: "s", RestartPolicy: &always, Resources: corev1.ResourceRequirements{Requests: list("50m", "10Mi")}},
		{Name: "once", Resources: corev1.ResourceRequirements{Requests: list("2", "1Gi")}},
	}
	podLevel := base("pod-level")
	podLevel.Spec.Resources = &corev1.ResourceRequirements{Requests: list("3", "2Gi"), Limits: list("4", "3Gi")}
	overhead := base("overhead")
	overhead.Spec.Overhead = list("250m", "120Mi")
	resized := base("resized")
	resized.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", AllocatedResources: list("700m", "700Mi"),
		Resources: &corev1.ResourceRequirements{Requests: list("700m", "700Mi"), Limits: list("800m", "800Mi")}}}
	gone := base("terminating")
	gone.DeletionTimestamp = &deleted
	done := base("done")
	done.Status.Phase = corev1.PodSucceeded
	refused := base("refused")
	refused.Status.Phase, refused.Status.Reason, refused.Status.Message = corev1.PodFailed, "AppArmor", "Cannot enforce AppArmor: profile is not loaded"
	agent := base("agent")
	agent.OwnerReferences[0].Kind = "DaemonSet"
	static := base("static")
	static.OwnerReferences[0].Kind = "Node"
	unready := base("unready")
	unready.Status.Conditions = nil
	sick := base("sick")
	sick.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", AllocatedResourcesStatus: []corev1.ResourceStatus{{Name: "example.com/gpu",
		Resources: []corev1.ResourceHealth{{ResourceID: "gpu-3", Health: corev1.ResourceHealthStatusUnhealthy}}}}}}
	pending := base("pending")
	pending.Spec.NodeName = ""
	return []*corev1.Pod{base("plain"), base("twin"), sidecar, podLevel, overhead, resized, gone, done, refused, agent, static, unready, sick, pending}
}

// Cutting a pod's protobuf down before it is decoded must not change what is
// folded of it.
func TestDecoderFoldsAsWhole(t *testing.T) {
	d := podDecoder{sizes: map[string]podSizes{}}
	all, cut := &snapshot.Pods{}, &snapshot.Pods{}
	for _, p := range variousPods() {
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, size, err := d.decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got.Spec.NodeName != p.Spec.NodeName {
			t.Errorf("%s is on %q", p.Name, got.Spec.NodeName)
		}
		one, other := &snapshot.Pods{}, &snapshot.Pods{}
		one.Add(p, false)
		other.AddSized(got, size.requests, size.limits, false)
		same(t, p.Name, one, other)
		all.Add(p, false)
		cut.AddSized(got, size.requests, size.limits, false)
	}
	same(t, "the sum", all, cut)
	if len(d.sizes) >= len(variousPods()) {
		t.Errorf("%d sizes for %d pods: equal ones are not recognised", len(d.sizes), len(variousPods()))
	}
}

func same(t *testing.T, what string, want, got *snapshot.Pods) {
	t.Helper()
	// What only one node's story needs is not decoded here.
	for _, p := range []*snapshot.Pods{want, got} {
		for i := range p.Notable {
			p.Notable[i].Images, p.Notable[i].Stays, p.Notable[i].EvictAfter = nil, false, 0
		}
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		t.Errorf("%s:\nwhole   %s\ntrimmed %s", what, a, b)
	}
}

func TestTrimRefusesDamage(t *testing.T) {
	raw, err := variousPods()[0].Marshal()
	if err != nil {
		t.Fatal(err)
	}
	d := podDecoder{sizes: map[string]podSizes{}}
	for n := 1; n < len(raw); n += 7 {
		// Whatever the cut, no panic; a message cut between fields is valid.
		_, _, _ = d.decode(raw[:n])
	}
	if _, _, err := d.decode([]byte{0xff, 0xff, 0xff}); err == nil {
		t.Error("damaged bytes were decoded")
	}
}

func BenchmarkDecode(b *testing.B) {
	var raws [][]byte
	for i := range 1000 {
		p := variousPods()[i%2]
		p.Name = fmt.Sprintf("pod-%d", i)
		raw, err := p.Marshal()
		if err != nil {
			b.Fatal(err)
		}
		raws = append(raws, raw)
	}
	b.Run("whole", func(b *testing.B) {
		for i := range b.N {
			var p corev1.Pod
			if err := p.Unmarshal(raws[i%len(raws)]); err != nil {
				b.Fatal(err)
			}
			snapshot.Resources(&p)
		}
	})
	b.Run("trimmed", func(b *testing.B) {
		d := podDecoder{sizes: map[string]podSizes{}}
		for i := range b.N {
			if _, _, err := d.decode(raws[i%len(raws)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
