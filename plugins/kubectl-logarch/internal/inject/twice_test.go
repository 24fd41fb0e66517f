package inject

import (
	"slices"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
)

// TestTwice: a key that is written twice is told with the place that has no effect,
// also in JSON, in a list and after an earlier injection; the sidecar goes where the
// last one stands, and comes out again.
func TestTwice(t *testing.T) {
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  volumes:\n  - name: first\n    emptyDir: {}\n  containers:\n  - name: c\n    image: x\n    image: z\n  volumes:\n  - name: last\n    emptyDir: {}\n"
	long := "{\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n\"metadata\": {\"name\": \"a\", \"labels\": {" + strings.Repeat("\"k\": \"v\",\n", 17) + "\"l\": \"v\"}},\n\"spec\": {\"containers\": [{\"name\": \"c\", \"image\": \"x\"}]}}\n"
	for _, c := range []struct {
		name, text string
		want       []int // lines
	}{
		{"block", pod, []int{5, 10}},
		{"second document", "# c\n---\n" + pod, []int{7, 12}},
		{"list", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a, name: b}\n  spec: {containers: [{name: c, image: x}]}\n", []int{6}},
		{"JSON", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"},\n\"spec\": {\"containers\": [],\n\"containers\": [{\"name\": \"c\", \"image\": \"x\"}]}}\n", []int{2}},
		{"many keys", long, []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}},
		{"equal keys of two maps", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: c, image: x}, {name: d, image: x}]\n", nil},
	} {
		o := options(Streaming, nil)
		lines := func(text string) (*Outcome, []int) {
			out := held(t, c.name, text, o)
			var at []int
			for _, f := range out.Items[0].Findings {
				if f.ID == check.DuplicateKey.ID {
					at = append(at, f.Subject.Line)
				}
			}
			return out, at
		}
		out, got := lines(c.text)
		if out.Refused() || !slices.Equal(got, c.want) {
			t.Errorf("%s: refused %v, lines %v, want %v", c.name, out.Refused(), got, c.want)
		}
		if _, got := lines(out.Text()); len(got) != len(c.want) {
			t.Errorf("%s: %d told the second time, want %d", c.name, len(got), len(c.want))
		}
	}
}
