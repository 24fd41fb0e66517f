// Package npd holds "npd test" against the real Node Problem Detector's log
// monitor, rule by rule, over the detector's published configurations, its
// published problems and lines made for each pattern; and it pins the detector
// that the end-to-end tests run on a node.
package npd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "unsafe" // go:linkname

	"k8s.io/klog/v2"
	"k8s.io/node-problem-detector/pkg/systemlogmonitor"
	watchertypes "k8s.io/node-problem-detector/pkg/systemlogmonitor/logwatchers/types"
	logtypes "k8s.io/node-problem-detector/pkg/systemlogmonitor/types"
	"k8s.io/node-problem-detector/pkg/types"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// last is a line that a rule of our own answers to, so that the end of the log
// is known.
const last = "this is the last line of the log"

type outcome struct {
	// Events are the reasons and messages in order, those of a change of a
	// condition included.
	Events     []string
	Conditions map[string]string
}

// registerLogWatcher is the detector's own way to add a watcher, which it keeps
// to itself.
//
//go:linkname registerLogWatcher k8s.io/node-problem-detector/pkg/systemlogmonitor/logwatchers.registerLogWatcher
func registerLogWatcher(name string, create watchertypes.WatcherCreateFunc)

// memory is a watcher that hands over what it was given.
type memory struct{ lines chan *logtypes.Log }

func (m memory) Watch() (<-chan *logtypes.Log, error) { return m.lines, nil }
func (m memory) Stop()                                {}

// real runs the real monitor over lines as a watcher hands them over.
func real(t *testing.T, config map[string]any, messages []string) outcome {
	t.Helper()
	lines := make(chan *logtypes.Log, len(messages)+1)
	for _, m := range append(slices.Clone(messages), last) {
		lines <- &logtypes.Log{Timestamp: time.Now(), Message: m}
	}
	registerLogWatcher("memory", func(watchertypes.WatcherConfig) watchertypes.LogWatcher { return memory{lines} })
	c := maps.Clone(config)
	c["plugin"], c["metricsReporting"] = "memory", false
	rules, _ := c["rules"].([]any)
	c["rules"] = append(slices.Clone(rules), map[string]any{"type": "temporary", "reason": "LastLine", "pattern": last})
	file := filepath.Join(t.TempDir(), "config.json")
	b, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := systemlogmonitor.NewLogMonitorOrDie(file)
	ch, err := m.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Stop()
	out := outcome{Events: []string{}, Conditions: map[string]string{}}
	timeout := time.After(time.Minute)
	for {
		select {
		case s := <-ch:
			for _, e := range s.Events {
				if e.Reason == "LastLine" {
					for _, c := range s.Conditions {
						out.Conditions[c.Type] = fmt.Sprintf("%s %s %s", c.Status, c.Reason, c.Message)
					}
					return out
				}
				message := e.Message
				// A change of a condition is told in the detector's own sentence.
				if _, rest, ok := strings.Cut(message, ", message: \""); ok && strings.HasPrefix(message, "Node condition ") {
					if text, err := strconv.Unquote("\"" + rest); err == nil {
						message = text
					}
				}
				out.Events = append(out.Events, e.Reason+": "+message)
			}
		case <-timeout:
			t.Fatal("the real monitor did not reach the end of the log")
		}
	}
}

// ours runs npd test.
func ours(t *testing.T, bin, config string, messages []string) outcome {
	t.Helper()
	c := exec.Command(bin, "npd", "test", "--rules", config, "--log", "-", "--log-format", "raw", "-o", "json")
	c.Stdin = strings.NewReader(strings.Join(append(slices.Clone(messages), last), "\n") + "\n")
	var errOut bytes.Buffer
	c.Stderr = &errOut
	b, err := c.Output()
	if err != nil {
		t.Fatalf("npd test --rules %s: %v: %s", config, err, errOut.String())
	}
	var report struct {
		Items []struct {
			Firings []struct {
				Type, Reason, Condition, Message string
				Changed                          bool
			}
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	if err := json.Unmarshal(b, &report); err != nil || len(report.Items) != 1 {
		t.Fatalf("%v: %s", err, b)
	}
	out := outcome{Events: []string{}, Conditions: map[string]string{}}
	for _, f := range report.Items[0].Firings {
		if f.Type == string(types.Temp) || f.Changed {
			out.Events = append(out.Events, f.Reason+": "+f.Message)
		}
	}
	for _, s := range report.Items[0].Conditions {
		out.Conditions[s.Type] = fmt.Sprintf("%s %s %s", s.Status, s.Reason, s.Message)
	}
	return out
}

// configs are the detector's own log monitors, from its module.
func configs(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "-m", "k8s.io/node-problem-detector").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "config", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%v: %d configurations", err, len(files))
	}
	more, err := filepath.Glob("testdata/*.json")
	if err != nil || len(more) == 0 {
		t.Fatalf("%v: no testdata", err)
	}
	return append(files, more...)
}

// logs are lines to run: published problems, and lines that each pattern of
// each configuration is meant for.
func logs(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.log")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v: %d logs", err, len(files))
	}
	var all []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			all = append(all, strings.TrimRight(l, "\r\n"))
		}
	}
	// The same lines in other orders, with repetitions: the buffer, patterns of
	// several lines, conditions that change their reason and change no more.
	random := rand.New(rand.NewPCG(1, 2))
	var mixed []string
	for range 1000 {
		at := random.IntN(len(all))
		mixed = append(mixed, all[at:min(len(all), at+1+random.IntN(4))]...)
	}
	out := map[string][]string{"the published and made lines": all, "the same, mixed": mixed}
	return out
}

func TestAgainstTheDetector(t *testing.T) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	bin := program.Plugin(t, "nodehealth")
	lines := logs(t)
	monitors, events := 0, 0
	fired := map[string]bool{}
	for _, file := range configs(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := json.Unmarshal(b, &config); err != nil {
			t.Logf("%s: %v (so says the detector too)", filepath.Base(file), err)
			continue
		}
		if config["plugin"] == "custom" || config["rules"] == nil {
			continue // runs scripts, or has metrics only
		}
		monitors++
		for name, messages := range lines {
			want, got := real(t, config, messages), ours(t, bin, file, messages)
			events += len(want.Events)
			for _, e := range want.Events {
				reason, _, _ := strings.Cut(e, ":")
				fired[filepath.Base(file)+" "+reason] = true
			}
			if !reflect.DeepEqual(want, got) {
				t.Errorf("%s over %s: %s", filepath.Base(file), name, difference(want, got))
			}
		}
	}
	if monitors < 8 || events < 1000 || len(fired) < 20 {
		t.Errorf("%d monitors, %d events, %d rules fired: too few to mean anything", monitors, events, len(fired))
	}
	t.Logf("%d monitors, %d events of %d rules", monitors, events, len(fired))
}

// difference is the first one.
func difference(want, got outcome) string {
	for i := range max(len(want.Events), len(got.Events)) {
		a, b := "nothing", "nothing"
		if i < len(want.Events) {
			a = want.Events[i]
		}
		if i < len(got.Events) {
			b = got.Events[i]
		}
		if a != b {
			return fmt.Sprintf("event %d\nthe detector %q\nnpd test     %q", i, a, b)
		}
	}
	return fmt.Sprintf("conditions\nthe detector %q\nnpd test     %q", want.Conditions, got.Conditions)
}
