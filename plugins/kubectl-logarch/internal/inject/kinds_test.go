package inject

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
)

// TestWindows: a pod that can run on Windows only is refused, however it says so.
func TestWindows(t *testing.T) {
	affinity := func(terms string) string {
		return "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [" + terms + "]}}}"
	}
	const windows = "{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows]}]}"
	for spec, want := range map[string]bool{
		"os: {name: windows}":                                                       true,
		"nodeSelector: {kubernetes.io/os: windows}":                                 true,
		"nodeSelector: {beta.kubernetes.io/os: windows}":                            true,
		"securityContext: {windowsOptions: {}}":                                     true,
		affinity(windows):                                                           true,
		affinity(windows + ", {matchExpressions: []}"):                              false,
		affinity("{matchExpressions: [{key: a, operator: In, values: [windows]}]}"): false,
		"nodeSelector: {kubernetes.io/os: linux}":                                   false,
		"os: {name: linux}\n  nodeSelector: {kubernetes.io/os: windows}":            false,
	} {
		out, err := Text("pod.yaml", podHead+"spec:\n  "+spec+"\n  containers: [{name: a, image: busybox}]\n", options(Streaming, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Refused() && out.Items[0].Findings[0].ID == check.Windows.ID; got != want {
			t.Errorf("%s: %v, want %v", spec, got, want)
		}
	}
}

// TestKindsOfOthers: a kind is changed where its pod template stands in a place that
// is known; of others it is said that they hold containers.
func TestKindsOfOthers(t *testing.T) {
	const pod = "{spec: {containers: [{name: a, image: busybox}]}}"
	for text, want := range map[string]string{
		"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {template: " + pod + "}":                                                               "",
		"apiVersion: keda.sh/v1alpha1\nkind: ScaledJob\nspec: {jobTargetRef: {template: " + pod + "}}":                                                 "",
		"apiVersion: apps.kruise.io/v1alpha1\nkind: AdvancedCronJob\nspec: {template: {jobTemplate: {spec: {template: " + pod + "}}}}":                 "",
		"apiVersion: ray.io/v1\nkind: RayCluster\nspec: {headGroupSpec: {template: " + pod + "}}":                                                      "spec.headGroupSpec.template.spec.containers",
		"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nspec: {replicatedJobs: [{template: {spec: {template: " + pod + "}}}]}":                    "spec.replicatedJobs[0].template.spec.template.spec.containers",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: ray.io/v1, kind: RayJob, spec: {rayClusterSpec: {headGroupSpec: {template: " + pod + "}}}}]": "spec.rayClusterSpec.headGroupSpec.template.spec.containers",
	} {
		out, err := Text("f.yaml", text+"\n", options(Streaming, nil))
		if err != nil || len(out.Items) != 1 {
			t.Fatalf("%s: %v, %d items", text, err, len(out.Items))
		}
		it := out.Items[0]
		if want == "" && it.Action != Injected || want != "" && (it.Action != Skipped || !strings.HasSuffix(it.Reason, " "+want) || out.Text() != text+"\n") {
			t.Errorf("%s: %s, %q", text, it.Action, it.Reason)
		}
	}
	// What holds no containers, or what a schema calls so, is nobody's pod.
	for _, text := range []string{
		"apiVersion: example.com/v1\nkind: Thing\nspec: {containers: [a, b]}\n",
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {x: {containers: [{image: x}]}}\n",
	} {
		if out, err := Text("f.yaml", text, options(Streaming, nil)); err != nil || len(out.Items) != 0 {
			t.Errorf("%s: %v, %+v", text, err, out.Items)
		}
	}
}

// TestSaidOnce: what is true of a volume is said once, not for each log in it.
func TestSaidOnce(t *testing.T) {
	o := Defaults()
	o.Logs = []LogFile{{Path: "/var/log/app/a.log"}, {Path: "/var/log/app/b.log"}}
	out, err := Text("pod.yaml", podHead+"spec:\n  containers: [{name: a, image: busybox, volumeMounts: [{name: v, mountPath: /var/log/app}]}]\n  volumes: [{name: v, emptyDir: {medium: Memory}}]\n", o)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range out.Items[0].Findings {
		if f.ID == check.MemoryVolume.ID {
			n++
		}
	}
	if n != 1 {
		t.Errorf("said %d times", n)
	}
}

// TestLongContainerName: the tailers' names end with the file's, whatever is cut.
func TestLongContainerName(t *testing.T) {
	o := Defaults()
	o.Logs = []LogFile{{Path: "/var/log/app/access.log"}, {Path: "/var/log/app/error.log"}}
	out, err := Text("pod.yaml", podHead+"spec:\n  containers: [{name: "+strings.Repeat("c", 60)+", image: busybox}]\n", o)
	if err != nil {
		t.Fatal(err)
	}
	for i, end := range []string{"-log-access", "-log-error"} {
		if name := out.Items[0].Sidecars[i].Name; !strings.HasSuffix(name, end) || len(name) > 63 {
			t.Errorf("%s", name)
		}
	}
}

// TestRootInANonRootPod: where the sidecar is to be root and the pod says that nobody
// is, the kubelet starts it only if it says otherwise itself.
func TestRootInANonRootPod(t *testing.T) {
	root := int64(0)
	asked := options(Streaming, nil)
	asked.RunAsUser = &root
	for spec, o := range map[string]Options{
		"securityContext: {runAsNonRoot: true}\n  containers: [{name: a, image: x, securityContext: {runAsNonRoot: false, runAsUser: 0}}]": options(Streaming, nil),
		"securityContext: {runAsNonRoot: true, runAsUser: 5}\n  containers: [{name: a, image: x}]":                                         asked,
	} {
		out, err := Text("pod.yaml", podHead+"spec:\n  "+spec+"\n", o)
		if err != nil || out.Refused() {
			t.Fatal(err, out.Items)
		}
		if text := out.Text(); !strings.Contains(text, "runAsUser: 0\n") || !strings.Contains(text, "runAsNonRoot: false\n") {
			t.Errorf("%s:\n%s", spec, text)
		}
	}
}

// TestClaimTemplates: the controller puts a claim in the place of a volume of the same
// name, so that a new volume takes another; and a claim is a volume that the pod has.
func TestClaimTemplates(t *testing.T) {
	const claim = "\n  volumeClaimTemplates: [{metadata: {name: logs}}]\n"
	const pod = "\n  template: {spec: {containers: [{name: a, image: busybox, volumeMounts: [{name: logs, mountPath: %s}]}]}}"
	for head, refused := range map[string]bool{
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec:":                false,
		"apiVersion: apps.kruise.io/v1alpha1\nkind: CloneSet\nmetadata: {name: s}\nspec:":   false,
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: s}\nspec:\n  x: &x [{}]\n": true,
	} {
		for _, at := range []string{"/data", "/var/log/app"} {
			tail := claim
			if refused {
				tail = "\n"
			}
			out, err := Text("s.yaml", head+strings.Replace(pod, "%s", at, 1)+tail, options(Streaming, nil))
			if err != nil {
				t.Fatal(err)
			}
			it := out.Items[0]
			if want := refused && at == "/var/log/app"; out.Refused() != want {
				t.Errorf("%s, mounted on %s: %s, %v", head, at, it.Action, it.Findings)
			}
			if !refused && at == "/data" && !strings.Contains(out.Text(), "logs-2") {
				t.Errorf("%s: the volume has the claim's name:\n%s", head, out.Text())
			}
		}
	}
}
