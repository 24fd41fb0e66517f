package inject

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/eject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/manifest"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

func options(mode Mode, change func(*Options)) Options {
	o := Defaults()
	o.Mode = mode
	o.Logs = []LogFile{{Path: "/var/log/app/a.log"}, {Path: "/var/log/app2/b.log"}}
	if change != nil {
		change(&o)
	}
	return o
}

// variants are option sets that between them reach every kind of edit.
func variants() map[string]Options {
	return map[string]Options{
		"streaming": options(Streaming, nil),
		"plain":     options(Streaming, func(o *Options) { o.Native = "false" }),
		"resume":    options(Streaming, func(o *Options) { o.Resume = true }),
		"copy":      options(Streaming, func(o *Options) { o.CopyExisting = true }),
		"both":      options(Streaming, func(o *Options) { o.Rotate = true }),
		"agent":     options(Agent, nil),
		"rotate":    options(Rotate, nil),
	}
}

// held checks the three promises for a text; it returns the outcome.
func held(t *testing.T, name, text string, o Options) *Outcome {
	t.Helper()
	f, err := manifest.Read(name, text)
	if err != nil {
		return nil
	}
	base, _ := eject.File(f)
	out, err := File(f, o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if lazy, err := Text(name, text, o); err != nil || lazy.Text() != out.Text() || len(lazy.Items) != len(out.Items) || lazy.Documents != len(f.Docs) {
		t.Errorf("%s: reading part by part gives something else (%v)", name, err)
	}
	if out.Refused() {
		if out.Text() != text {
			t.Errorf("%s: refused and changed all the same", name)
		}
		return out
	}
	g, err := manifest.Read(name, out.Text())
	if err != nil {
		t.Fatalf("%s: the result is not YAML: %v\n%s", name, err, out.Text())
	}
	again, err := File(g, o)
	if err != nil {
		t.Fatal(err)
	}
	if again.Text() != out.Text() {
		t.Errorf("%s: injecting twice changes it again\n%s\n---\n%s", name, out.Text(), again.Text())
	}
	if back, _ := eject.File(g); back != base {
		t.Errorf("%s: ejecting does not give it back\n%q\n%q", name, back, base)
	}
	return out
}

func TestCorpus(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/manifests/*/*.*")
	if len(files) < 25 {
		t.Fatalf("only %d manifests", len(files))
	}
	for variant, o := range variants() {
		injected := 0
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out := held(t, variant+" "+name, string(b), o)
			if out == nil {
				if !strings.Contains(name, ".bad.") {
					t.Errorf("%s: not read", name)
				}
				continue
			}
			for _, it := range out.Items {
				if it.Action == Injected {
					injected++
				}
				for _, f := range it.Findings {
					if f.ID == "LA013" || f.ID == "LA012" {
						t.Errorf("%s: %s: %s", variant, name, f.Message)
					}
				}
			}
		}
		if injected < 20 {
			t.Errorf("%s: only %d workloads were injected", variant, injected)
		}
	}
}

// TestResultIsThePlan decodes what stands in the text after the injection and
// compares it with the plan's own types.
func TestResultIsThePlan(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/manifests/*/*.*")
	for variant, o := range variants() {
		for _, name := range files {
			b, _ := os.ReadFile(name)
			f, err := manifest.Read(name, string(b))
			if err != nil {
				continue
			}
			out, err := File(f, o)
			if err != nil || out.Refused() {
				continue
			}
			g, err := manifest.Read(name, out.Text())
			if err != nil {
				t.Fatal(err)
			}
			var plans []*plan
			for _, d := range f.Docs {
				for _, w := range manifest.Find(d) {
					plans = append(plans, makePlan(w, o, finding.Subject{}, nil))
				}
			}
			i := 0
			for _, d := range g.Docs {
				for _, w := range manifest.Find(d) {
					got := &corev1.PodSpec{}
					if err := runtime.DefaultUnstructuredConverter.FromUnstructured(manifest.JSON(w.Spec).(map[string]any), got); err != nil {
						t.Fatalf("%s %s: %v", variant, name, err)
					}
					want := plans[i].result()
					if len(plans[i].mounts) > 0 {
						key, at := plans[i].targetPlace()
						list := want.Containers
						if key == "initContainers" {
							list = want.InitContainers
						}
						for k := range list {
							if list[k].Name == plans[i].target.Name {
								list[k].VolumeMounts = append(list[k].VolumeMounts, plans[i].mounts...)
							}
						}
						_ = at
					}
					if plans[i].shareProc {
						yes := true
						want.ShareProcessNamespace = &yes
					}
					sortByName(want.InitContainers)
					sortByName(got.InitContainers)
					if !equality.Semantic.DeepEqual(got, want) {
						t.Errorf("%s %s: %s is not what was planned\ngot  %+v\nwant %+v", variant, name, w.Ref(), got, want)
					}
					i++
				}
			}
		}
	}
}

func sortByName(cs []corev1.Container) {
	for i := range cs {
		for j := i + 1; j < len(cs); j++ {
			if cs[j].Name < cs[i].Name {
				cs[i], cs[j] = cs[j], cs[i]
			}
		}
	}
}
