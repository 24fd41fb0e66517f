package inject

import (
	"slices"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// TestKnative: a Service whose container has no name gets plain sidecars, which eject
// finds again; what Knative's webhook refuses is refused here.
func TestKnative(t *testing.T) {
	const head = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: hello\nspec:\n  template:\n    spec:\n      containers:\n"
	const port = "          ports:\n            - containerPort: 8080\n"
	named := options(Streaming, nil)
	named.Container = "user-container"
	native := options(Streaming, nil)
	native.Native = "true"
	for _, c := range []struct {
		name, containers string
		o                Options
		refused          string
	}{
		{"no name", "        - image: a\n" + port, options(Streaming, nil), ""},
		{"no name, and named by Knative's", "        - image: a\n" + port, named, ""},
		{"a name", "        - name: web\n          image: a\n" + port, options(Streaming, nil), ""},
		{"one of two has a name", "        - image: a\n" + port + "        - name: user-container\n          image: b\n", options(Streaming, nil), ""},
		{"an agent", "        - image: a\n" + port, options(Agent, nil), ""},
		{"a native sidecar is no second container", "        - image: a\n", native, ""},
		{"no port", "        - image: a\n", options(Streaming, nil), check.KnativePort.ID},
		{"two without a name", "        - image: a\n" + port + "        - image: b\n", options(Streaming, nil), check.NoContainer.ID},
	} {
		src := head + c.containers
		out, err := Text("ksvc.yaml", src, c.o)
		if err != nil {
			t.Fatal(err)
		}
		it := out.Items[0]
		if c.refused != "" {
			if it.Action != Refused || !slices.ContainsFunc(it.Findings, func(f finding.Finding) bool { return f.ID == c.refused }) {
				t.Errorf("%s: %s, %v", c.name, it.Action, it.Findings)
			}
			continue
		}
		text := out.Text()
		if it.Action != Injected || it.Native != (c.o.Native == "true") || strings.Contains(text, `name: ""`) {
			t.Errorf("%s: %s, native %v, %v\n%s", c.name, it.Action, it.Native, it.Findings, text)
		}
		if back, _ := eject.File(yamltree.Parse("ksvc.yaml", text)); back != src {
			t.Errorf("%s: eject gives\n%s", c.name, back)
		}
		if again, err := Text("ksvc.yaml", text, c.o); err != nil || again.Text() != text {
			t.Errorf("%s: a second injection changes it: %v", c.name, err)
		}
		if nameless := strings.Contains(c.containers, "- image"); (it.Patch() == nil) != nameless {
			t.Errorf("%s: a patch of a container without a name", c.name)
		}
	}
}
