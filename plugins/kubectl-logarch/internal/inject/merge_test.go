package inject

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// TestAmbiguousMerge: where kubectl's decoder does not take a merge key as YAML says,
// nobody knows what the pod is to be, and it is left alone.
func TestAmbiguousMerge(t *testing.T) {
	const base = "x-base: &base\n  image: base\nx-more: &more\n  image: more\n" + podHead + "spec:\n  containers:\n  - "
	for _, c := range []struct {
		name, container string
		image           string // what kubectl sends
		refused         bool
	}{
		{"merge first", "<<: *base\n    name: c\n    image: own\n", "own", false},
		{"merge behind another key", "name: c\n    <<: *base\n", "base", false},
		{"merge behind the same key", "name: c\n    image: own\n    <<: *base\n", "base", true},
		{"two merges", "name: c\n    <<: *base\n    <<: *more\n", "more", true},
		{"a list of merges", "name: c\n    <<: [*base, *more]\n", "base", false},
		{"a list behind the same key", "name: c\n    image: own\n    <<: [*base, *more]\n", "base", true},
	} {
		text := base + c.container
		var pod struct {
			Spec struct{ Containers []struct{ Image string } }
		}
		if err := yaml.Unmarshal([]byte(text), &pod); err != nil || pod.Spec.Containers[0].Image != c.image {
			t.Errorf("%s: Kubernetes reads %+v, %v", c.name, pod, err)
		}
		if out := held(t, c.name, text, options(Streaming, nil)); out.Refused() != c.refused {
			t.Errorf("%s: refused %v, want %v", c.name, out.Refused(), c.refused)
		}
	}
}
