package podsecurity

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// TestBothIsOfTwice adds every container to every pod.
func TestBothIsOfTwice(t *testing.T) {
	strict := &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), RunAsNonRoot: ptr.To(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	half := &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false)}
	loose := &corev1.SecurityContext{Privileged: ptr.To(true)}
	contexts := []*corev1.SecurityContext{nil, strict, half, loose}
	pods := []corev1.PodSpec{{}, {HostNetwork: true}, {Volumes: []corev1.Volume{{Name: "h", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}},
		{SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}}}
	seen := map[Level]int{}
	for _, minor := range []int{25, 29, 35, 37} {
		for _, pod := range pods {
			for _, mine := range contexts {
				for _, added := range contexts {
					before, after := pod, pod
					before.Containers = []corev1.Container{{Name: "a", SecurityContext: mine}}
					after.Containers = []corev1.Container{{Name: "a", SecurityContext: mine}, {Name: "b", SecurityContext: added}}
					meta := &metav1.ObjectMeta{}
					was, is := Both(minor, meta, &before, &after)
					if w, i := Of(minor, meta, &before), Of(minor, meta, &after); was != w || is != i {
						t.Errorf("1.%d %+v: %s, %s; one by one %s, %s", minor, after, was, is, w, i)
					}
					seen[was]++
				}
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("not all levels were met: %v", seen)
	}
}
