package fault

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// What was said of the machine around the time at which the node fell silent
// stands in the first lines, and nothing else does.
func TestAlongside(t *testing.T) {
	silent := func() *scene {
		return newScene().unknown(time.Minute).lease(2*time.Minute).kubelet(snapshot.Denied, snapshot.ReasonAPIServer, "needs nodes/proxy")
	}
	event := func(sc *scene, reason string, ago time.Duration) *scene {
		sc.n.Events = append(sc.n.Events, snapshot.Event{Reason: reason, Type: "Warning", Message: "System OOM encountered, victim process: java, pid: 7", Last: now.Add(-ago), First: now.Add(-ago), Count: 1})
		return sc
	}
	for name, c := range map[string]struct {
		scene         *scene
		says, because string
	}{
		"read-only before it":        {silent().condition("ReadonlyFilesystem", corev1.ConditionTrue, "FilesystemIsReadOnly", "kernel: EXT4-fs (sda1): Remounting filesystem read-only", 3*time.Minute), "a filesystem was remounted read-only", "Remounting filesystem"},
		"found after it":             {silent().condition("KernelDeadlock", corev1.ConditionTrue, "DockerHung", "task docker:7 blocked", 10*time.Second), "a kernel task hangs", "task docker:7 blocked"},
		"out of memory before it":    {event(silent(), "SystemOOM", 5*time.Minute), "run out of memory", "victim process: java"},
		"the runtime with it":        {newScene().ready(corev1.ConditionFalse, "KubeletNotReady", "container runtime is down", 5*time.Minute).condition("ReadonlyFilesystem", corev1.ConditionTrue, "x", "remounted", 6*time.Minute), "a filesystem was remounted read-only", "remounted"},
		"long before it":             {silent().condition("KernelDeadlock", corev1.ConditionTrue, "DockerHung", "task docker:7 blocked", 5*time.Hour), "", ""},
		"only a warning":             {silent().condition("FrequentKubeletRestart", corev1.ConditionTrue, "x", "y", 3*time.Minute), "", ""},
		"in order":                   {silent().condition("ReadonlyFilesystem", corev1.ConditionFalse, "FilesystemIsNotReadOnly", "Filesystem is not read-only", 3*time.Minute), "", ""},
		"out of memory in the night": {event(silent(), "SystemOOM", 2*time.Hour), "", ""},
		"ready":                      {newScene().condition("ReadonlyFilesystem", corev1.ConditionTrue, "x", "y", 3*time.Minute), "", ""},
	} {
		f := Diagnose(c.scene.s.View(c.scene.n))
		if f == nil {
			f = &Fault{}
		}
		var with string
		for _, e := range f.Why {
			if e.Label == "with it" {
				with = e.Text
			}
		}
		if (c.says == "") != (with == "") || !strings.Contains(f.Summary, c.says) || !strings.Contains(with, c.because) {
			t.Errorf("%s: %q, with it %q", name, f.Summary, with)
		}
	}
}

// TestWholeReason: the reason that a kubelet gives stands at the end of a long
// message, and is not cut off.
func TestWholeReason(t *testing.T) {
	reason := `[failed to initialize CSINode: error updating CSINode annotation: timed out waiting for the condition; caused by: csinodes.storage.k8s.io "n1" is forbidden: User "system:node:n2" cannot get resource "csinodes" in API group "storage.k8s.io" at the cluster scope: can only access CSINode with the same name as the requesting node]`
	sc := newScene().ready(corev1.ConditionFalse, "KubeletNotReady", reason, 10*time.Minute)
	f := Diagnose(sc.s.View(sc.n))
	if f == nil || !strings.Contains(strings.Join(f.Evidence, "\n"), "same name as the requesting node") {
		t.Errorf("%+v", f)
	}
}
