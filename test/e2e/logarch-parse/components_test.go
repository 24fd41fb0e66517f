package logarchparse

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// TestRealComponents starts a cluster with each --logging-format and reads all
// that its components wrote: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, and on a node kubelet and containerd. No line may be left
// unread, klog text must come back byte for byte, and what the same call wrote
// in both formats must have the same form.
func TestRealComponents(t *testing.T) {
	shapes := map[string]map[string]map[string]bool{} // format, component
	for _, format := range []string{"", "json"} {
		name := "parse-" + map[string]string{"": "text", "json": "json"}[format]
		c := cluster.ForTest(t, cluster.Config{Name: name, Nodes: 1, LogFormat: format, Verbosity: 4, EtcdFlags: []string{"--log-level=info"}})
		// Some life: controllers, scheduling, a pod that the kubelet starts.
		time.Sleep(15 * time.Second)
		// The logs of nodes are gathered when the cluster stops.
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		logs := c.LogsDir()
		var files []string
		err := filepath.WalkDir(logs, func(p string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(p, ".log") && !strings.HasPrefix(filepath.Base(p), "audit") {
				files = append(files, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		shapes[name] = map[string]map[string]bool{}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if i := strings.LastIndexByte(string(data), '\n'); i >= 0 {
				data = data[:i+1]
			}
			copied := filepath.Join(dir, filepath.Base(f))
			if err := os.WriteFile(copied, data, 0o600); err != nil {
				t.Fatal(err)
			}
			check(t, copied, data, shapes[name])
		}
		for _, want := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"} {
			if len(shapes[name][want]) < 5 {
				t.Errorf("%s: only %d kinds of events of %s", name, len(shapes[name][want]), want)
			}
		}
	}
	for component, text := range shapes["parse-text"] {
		js := shapes["parse-json"][component]
		common := 0
		for s := range text {
			if js[s] {
				common++
			}
		}
		least := min(len(text), len(js))
		t.Logf("%s: %d kinds of events in text, %d in JSON, %d the same", component, len(text), len(js), common)
		// Two runs are never quite the same; most kinds of events are.
		if 100*common < 80*least {
			t.Errorf("%s: only %d of %d kinds of events have the same form in both formats", component, common, least)
		}
	}
}

// check reads one log file and collects the kinds of its events: caller and
// keys, and the message where it is constant.
func check(t *testing.T, file string, data []byte, shapes map[string]map[string]bool) {
	t.Helper()
	stdout, _ := parse(t, "-o", "json", file)
	base := filepath.Base(file)
	component := ""
	for _, c := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "etcd", "containerd"} {
		if strings.Contains(base, c) {
			component = c
		}
	}
	if component == "" {
		return // the node's init
	}
	kinds := shapes[component]
	if kinds == nil {
		kinds = map[string]bool{}
		shapes[component] = kinds
	}
	var last time.Time
	unread, klogOnly := 0, true
	for _, r := range records(t, stdout) {
		klogOnly = klogOnly && r.Source.Format == "klog"
		if r.Source.Format == "unparsed" {
			if unread++; unread < 4 {
				t.Errorf("%s:%d is not read: %s", base, r.Source.Line, r.Msg)
			}
			continue
		}
		when, err := time.Parse(time.RFC3339Nano, r.Time)
		if err != nil || time.Since(when) > time.Hour || time.Since(when) < -time.Minute {
			t.Errorf("%s:%d: time %q", base, r.Source.Line, r.Time)
		}
		if when.Before(last.Add(-5 * time.Second)) {
			t.Errorf("%s:%d: %s comes after %s", base, r.Source.Line, when, last)
		}
		last = when
		if r.Severity == "unknown" || r.Caller == "" && component != "containerd" && component != "etcd" {
			t.Errorf("%s:%d: severity %s, caller %q", base, r.Source.Line, r.Severity, r.Caller)
		}
		if len(r.Fields) > 0 {
			var keys []string
			for k := range r.Fields {
				keys = append(keys, k)
			}
			sort.Strings(keys)
			kinds[fmt.Sprintf("%s %s %s %v", r.Severity, r.Caller, r.Msg, keys)] = true
		}
	}
	if klogOnly && len(data) > 0 {
		if back, _ := parse(t, "-o", "klog", file); back != string(data) {
			t.Errorf("%s: -o klog is not the file byte for byte", base)
		}
	}
	// The readable view and the statistics take it too.
	if text, _ := parse(t, file); len(data) > 0 && text == "" {
		t.Errorf("%s: the readable view is empty", base)
	}
	stats, _ := parse(t, "--stats", "-o", "json", file)
	var s struct{ Events int64 }
	if err := json.Unmarshal([]byte(stats), &s); err != nil || s.Events == 0 && len(data) > 0 {
		t.Errorf("%s: statistics: %v %s", base, err, stats)
	}
}
