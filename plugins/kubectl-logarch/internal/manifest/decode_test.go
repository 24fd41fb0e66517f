package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// compare holds Decode against the converter of Kubernetes. It returns whether
// Decode read the spec.
func compare(t *testing.T, name string, spec *yamltree.Node) bool {
	t.Helper()
	var got, want corev1.PodSpec
	if Decode(spec, &got) != nil {
		return false
	}
	m, ok := JSON(spec).(map[string]any)
	if !ok {
		t.Errorf("%s: Decode reads what is no map", name)
		return true
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(m, &want); err != nil {
		t.Errorf("%s: Decode reads what the converter refuses: %v", name, err)
	} else if !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("%s: Decode reads\n%+v\nthe converter\n%+v", name, got, want)
	}
	return true
}

func TestDecodeIsTheConverter(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/manifests/*/*.*")
	read, all := 0, 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range yamltree.Parse(name, string(b)).Docs {
			if d.Root == nil {
				continue
			}
			for _, w := range Find(d) {
				all++
				if compare(t, name, w.Spec) {
					read++
				}
			}
		}
	}
	if all < 20 || read < all*9/10 {
		t.Errorf("Decode reads %d of %d specs", read, all)
	}
}

var specs = []string{
	"containers: [{name: c, ports: [{containerPort: 80}], resources: {limits: {cpu: 1, memory: 1Gi, x: 0x10}}}]",
	"containers: [{name: c, livenessProbe: {httpGet: {port: http}, periodSeconds: 010}}, null]",
	"containers: null\nvolumes: []\ninitContainers: {}",
	"volumes: [{name: a, emptyDir: }, {name: b, configMap: {name: c, defaultMode: 0644}}, {name: p, projected: {sources: [{secret: {name: s}}]}}]",
	"terminationGracePeriodSeconds: 99999999999999999999\nhostNetwork: yes",
	"hostNetwork: 'yes'", "securityContext: {runAsUser: 1.0}", "nodeName: 5", "nodeName: 1\nnodeName: b",
	"overhead: {cpu: 0.5}", "overhead: {cpu: '0.5'}", "overhead: {cpu: 1_000}", "overhead: {cpu: 010}", "overhead: {cpu: -1}",
	"nodeSelector: {a: b}\nnodeSelector: {c: d}", "nodeSelector: {a: 1}", "x: &a {b: c}\nnodeSelector: *a", "x: &a {b: c}\nnodeSelector: {<<: *a}",
	"activeDeadlineSeconds: 5\nenableServiceLinks: true\nhostAliases: [{ip: '1', hostnames: [a, 2]}]", "subdomain: !!str 5", "subdomain: !!int '5'",
	"containers: [{name: c, NAME: d, env: [{name: A, value: 'x'}, {name: B, valueFrom: {fieldRef: {fieldPath: a}}}]}]",
}

func FuzzDecode(f *testing.F) {
	for _, s := range specs {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range yamltree.Parse("f", text).Docs {
			if d.Root != nil && d.Root.Kind == yamltree.Map {
				compare(t, text, d.Root)
			}
		}
	})
}

// TestIntoSaysWhatKubectlReads: y and 5 are no texts to kubectl.
func TestIntoSaysWhatKubectlReads(t *testing.T) {
	for value, want := range map[string]string{"y": `"y" (to kubectl a boolean) stands`, "5": `"5" (to kubectl a number) stands`, "'y'": "", "yo": ""} {
		var spec corev1.PodSpec
		d := yamltree.Parse("f", "containers: [{name: c, env: [{name: A, value: "+value+"}]}]\n").Docs[0]
		if _, wrong := Into(d.Root, &spec); !strings.HasPrefix(wrong, want) || want == "" && wrong != "" {
			t.Errorf("%s: %q", value, wrong)
		}
	}
}
