package inject

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
)

// awkward writes manifests as no two people write them: every value in a style of
// its own, with comments, blank lines, odd indentation, empty and null lists,
// quoted keys, anchors, markers and line ends in all the places where YAML allows
// them.
type awkward struct {
	r       *rand.Rand
	step    int
	anchors bool // the document starts with shared values
}

// alias stands for a shared value.
type alias string

// shared are the values that aliases stand for.
const shared = "x-mounts: &mounts\n- name: data\n  mountPath: /data\nx-env: &env [{name: A, value: b}]\nx-base: &base\n  image: busybox\n  volumeMounts: *mounts\n"

type pair struct {
	key   string
	value any // string, []any, []pair, nil
}

func (a *awkward) one(of ...string) string { return of[a.r.IntN(len(of))] }
func (a *awkward) often(n int) bool        { return a.r.IntN(n) != 0 }
func (a *awkward) seldom(n int) bool       { return a.r.IntN(n) == 0 }

func (a *awkward) comment(col int) string {
	switch a.r.IntN(8) {
	case 0:
		return strings.Repeat(" ", col) + a.one("# here", "#", "# key: value", "# - item", "#logarch", "# ---") + "\n"
	case 1:
		return a.one("\n", "   \n", "# at the margin\n", strings.Repeat(" ", col+3)+"# deeper\n")
	}
	return ""
}

func (a *awkward) tail() string {
	return a.one("", "", "", "", " # why", "  ", " #")
}

func (a *awkward) key(k string) string {
	switch a.r.IntN(10) {
	case 0:
		return `"` + k + `"`
	case 1:
		return "'" + k + "'"
	}
	return k
}

func (a *awkward) scalar(s string) string {
	switch a.r.IntN(6) {
	case 0:
		return `"` + s + `"`
	case 1:
		return "'" + s + "'"
	}
	return s
}

func (a *awkward) flow(v any) string {
	sp := a.one("", " ")
	switch x := v.(type) {
	case []any:
		if len(x) == 0 {
			return a.one("[]", "[ ]")
		}
		var parts []string
		for _, i := range x {
			parts = append(parts, a.flow(i))
		}
		return "[" + sp + strings.Join(parts, a.one(", ", ",", ",\n      ")) + a.one("", ",", " ") + "]"
	case []pair:
		if len(x) == 0 {
			return a.one("{}", "{ }")
		}
		var parts []string
		for _, p := range x {
			parts = append(parts, a.key(p.key)+": "+a.flow(p.value))
		}
		return "{" + sp + strings.Join(parts, ", ") + a.one("", ",", " ") + "}"
	case nil:
		return a.one("null", "~")
	case alias:
		return "*" + string(x) + " "
	}
	return `"` + v.(string) + `"`
}

// entry writes what follows "key:" or "-".
func (a *awkward) entry(b *strings.Builder, v any, col int, list bool) {
	switch x := v.(type) {
	case nil:
		b.WriteString(a.one("", " null", " ~", " # none") + "\n")
	case alias:
		b.WriteString(" *" + string(x) + a.tail() + "\n")
	case string:
		switch {
		case a.seldom(12):
			in := strings.Repeat(" ", col+a.r.IntN(3)+1)
			b.WriteString(" " + a.one("|", "|-", "|+", ">", ">-") + "\n" + in + x + "\n" + a.one("", in+"more\n", "\n"))
		default:
			b.WriteString(" " + a.scalar(x) + a.tail() + "\n")
		}
	case []any:
		if len(x) == 0 || a.seldom(5) {
			b.WriteString(" " + a.flow(x) + a.tail() + "\n")
			return
		}
		at := col + a.step
		if !list && a.often(2) {
			at = col
		}
		b.WriteString(a.one("", " # the list") + "\n")
		for _, i := range x {
			b.WriteString(a.comment(at) + strings.Repeat(" ", at) + "-")
			a.entry(b, i, at, true)
		}
	case []pair:
		if len(x) == 0 || a.seldom(6) {
			b.WriteString(" " + a.flow(x) + a.tail() + "\n")
			return
		}
		at, first := col+a.step, true
		if list {
			gap := 1 + a.r.IntN(3)
			at = col + 1 + gap
			b.WriteString(strings.Repeat(" ", gap))
		} else {
			b.WriteString(a.tail() + "\n")
		}
		for _, p := range x {
			if !first || !list {
				b.WriteString(a.comment(at) + strings.Repeat(" ", at))
			}
			first = false
			b.WriteString(a.key(p.key) + ":")
			a.entry(b, p.value, at, false)
		}
	}
}

func (a *awkward) maybe(ps []pair, n int, key string, values ...any) []pair {
	if a.seldom(n) {
		return ps
	}
	return append(ps, pair{key, values[a.r.IntN(len(values))]})
}

func (a *awkward) pod() []pair {
	mount := []any{[]pair{{"name", "data"}, {"mountPath", a.one("/data", "/var/log/app", "/var/log/app2")}}}
	var containers []any
	for i := range 1 + a.r.IntN(3) {
		c := []pair{{"name", fmt.Sprintf("c%d", i)}}
		c = a.maybe(c, 3, "image", "busybox", "example.com/a/b:1", "nginx")
		c = a.maybe(c, 2, "volumeMounts", nil, []any{}, mount)
		c = a.maybe(c, 2, "args", []any{"a", "b"}, []any{})
		if a.anchors && a.often(2) {
			c = a.maybe(c, 2, "env", alias("env"))
			c = a.maybe(c, 2, "volumeMounts", alias("mounts"))
			c = a.maybe(c, 3, "<<", alias("base"))
			containers = append(containers, c)
			continue
		}
		c = a.maybe(c, 2, "env", []any{[]pair{{"name", "A"}, {"value", "b c"}}}, nil)
		a.r.Shuffle(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
		containers = append(containers, c)
	}
	spec := []pair{{"containers", containers}}
	init := []any{[]pair{{"name", "i"}, {"image", "busybox"}, {"volumeMounts", mount}}}
	spec = a.maybe(spec, 2, "initContainers", nil, []any{}, init, init)
	spec = append(spec, pair{"volumes", []any{[]pair{{"name", "data"}, {"emptyDir", []pair{}}}}})
	spec = a.maybe(spec, 2, "restartPolicy", "Never", "Always")
	spec = a.maybe(spec, 2, "nodeSelector", []pair{}, nil, []pair{{"a", "b"}})
	a.r.Shuffle(len(spec), func(i, j int) { spec[i], spec[j] = spec[j], spec[i] })
	return spec
}

func (a *awkward) meta(name string) any {
	m := []pair{}
	if name != "" {
		m = append(m, pair{"name", name})
	}
	m = a.maybe(m, 2, "annotations", nil, []pair{}, []pair{{"a.b/c", "d"}}, []pair{{"x", "y"}, {"kubectl.kubernetes.io/default-container", "c0"}})
	m = a.maybe(m, 2, "labels", []pair{{"app", "x"}}, []pair{})
	if len(m) == 0 && a.often(2) {
		return nil
	}
	a.r.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
	return m
}

func (a *awkward) object(i int) []pair {
	name := fmt.Sprintf("o%d", i)
	template := func() []pair {
		t := []pair{{"spec", a.pod()}}
		return a.maybe(t, 4, "metadata", a.meta(""))
	}
	switch a.r.IntN(6) {
	case 0:
		return []pair{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"metadata", []pair{{"name", name}}}, {"spec", []pair{{"template", template()}}}}
	case 1:
		return []pair{{"kind", "CronJob"}, {"apiVersion", "batch/v1"}, {"metadata", []pair{{"name", name}}}, {"spec", []pair{{"schedule", "daily"}, {"jobTemplate", []pair{{"spec", []pair{{"template", template()}}}}}}}}
	case 2:
		return []pair{{"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", []pair{{"name", name}}}}
	case 3:
		return []pair{{"apiVersion", "v1"}, {"kind", "List"}, {"items", []any{
			[]pair{{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", a.meta(name)}, {"spec", a.pod()}},
			[]pair{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", []pair{{"name", "c"}}}},
		}}}
	}
	return []pair{{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", a.meta(name)}, {"spec", a.pod()}}
}

func (a *awkward) file() string {
	var b strings.Builder
	b.WriteString(a.one("", "", "", "\ufeff", "# head\n", "---\n", "--- # first\n", "\n\n", "%YAML 1.1\n---\n"))
	for i := range 1 + a.r.IntN(4) {
		if i > 0 {
			b.WriteString(a.one("---\n", "---\n", "--- # next\n", "...\n---\n", "---\n---\n", "--- \n# c\n"))
		}
		a.step = []int{2, 2, 4, 8, 3}[a.r.IntN(5)]
		var o strings.Builder
		if a.anchors = a.seldom(4); a.anchors {
			o.WriteString(shared)
		}
		if !a.anchors && a.seldom(8) {
			o.WriteString(a.flow(a.object(i)) + "\n")
		} else {
			for _, p := range a.object(i) {
				o.WriteString(a.comment(0) + a.key(p.key) + ":")
				a.entry(&o, p.value, 0, false)
			}
		}
		text := o.String()
		switch a.r.IntN(8) {
		case 0:
			text = strings.ReplaceAll(text, "\n", "\r\n")
		case 1: // both kinds
			lines := strings.SplitAfter(text, "\n")
			for i, l := range lines {
				if a.often(2) {
					lines[i] = strings.Replace(l, "\n", "\r\n", 1)
				}
			}
			text = strings.Join(lines, "")
		}
		b.WriteString(text)
	}
	if a.seldom(3) {
		return strings.TrimRight(b.String(), "\r\n")
	}
	return b.String() + a.one("", "", "...\n", "---\n", "# end", "\n\n")
}

// TestAwkward: whatever is read is injected with all promises kept, or refused with
// a reason; nothing is refused because the result could not be proved.
func TestAwkward(t *testing.T) {
	n := 200 // AWKWARD=5000 for a thorough search
	if v, err := strconv.Atoi(os.Getenv("AWKWARD")); err == nil {
		n = v
	}
	all := variants()
	read, injected := 0, 0
	for seed := range n {
		a := &awkward{r: rand.New(rand.NewPCG(uint64(seed), 7))}
		text := a.file()
		for variant, o := range all {
			out := held(t, fmt.Sprintf("%s, seed %d", variant, seed), text, o)
			if out == nil {
				if seed < 20 {
					_, err := manifest.Read("x", text)
					t.Logf("seed %d is not read: %v", seed, err)
				}
				break
			}
			read++
			for _, it := range out.Items {
				if it.Action == Injected {
					injected++
				}
				for _, f := range it.Findings {
					if f.ID == "LA013" {
						t.Fatalf("seed %d, %s: %s\n%s", seed, variant, f.Message, text)
					}
				}
			}
		}
		if t.Failed() {
			t.Fatalf("%s", text)
		}
	}
	t.Logf("%d readings, %d injections", read, injected)
	if injected < n {
		t.Errorf("only %d injections in %d files", injected, n)
	}
}
