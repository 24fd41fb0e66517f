package debugpod

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// The Job has to end by itself: a deadline, no retry, removed when finished,
// and a pod that no scheduler, taint or grace period holds up.
func TestJobRemovesItself(t *testing.T) {
	j := job(Options{Node: "n1", Namespace: "ns", Image: "busybox"})
	s := j.Spec
	if s.ActiveDeadlineSeconds == nil || *s.ActiveDeadlineSeconds > 60 {
		t.Errorf("deadline %v: the two minutes that a dead client may leave it are at stake", s.ActiveDeadlineSeconds)
	}
	if s.TTLSecondsAfterFinished == nil || *s.TTLSecondsAfterFinished != 0 || s.BackoffLimit == nil || *s.BackoffLimit != 0 {
		t.Error("a finished Job has to go at once and must not be retried")
	}
	p := s.Template.Spec
	if p.NodeName != "n1" || *p.TerminationGracePeriodSeconds != 0 || *p.AutomountServiceAccountToken || len(p.Tolerations) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestJudge(t *testing.T) {
	waiting := func(reason, message string) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}}}
	}
	for name, c := range map[string]struct {
		pod     *corev1.Pod
		running bool
		fatal   bool
		says    string
	}{
		"new":     {&corev1.Pod{}, false, false, "has not started"},
		"pulling": {waiting("ContainerCreating", ""), false, false, "ContainerCreating"},
		"no pull": {waiting("ErrImagePull", "no such\nhost"), false, true, "ErrImagePull: no such host (choose"},
		"refused": {&corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfpods"}}, false, true, "OutOfpods"},
		"ended": {&corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 127}}}}}}, false, true, "127"},
		"running": {&corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}}, true, false, ""},
	} {
		running, state, fatal := judge(c.pod)
		if running != c.running || fatal != c.fatal || !strings.Contains(state, c.says) {
			t.Errorf("%s: %v %q %v", name, running, state, fatal)
		}
	}
}
