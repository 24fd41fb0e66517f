package capture

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

const nodesDir = "../../testdata/nodes"

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(nodesDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func fromStdin(text string) (*snapshot.Snapshot, error) {
	return Open("-", Options{Stdin: strings.NewReader(text)})
}

func mustRead(t *testing.T, text string) *snapshot.Snapshot {
	t.Helper()
	s, err := fromStdin(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDescribe(t *testing.T) {
	text := readFile(t, "kube-worker-1.describe.txt")
	s := mustRead(t, text)
	if len(s.Nodes) != 1 {
		t.Fatalf("%d nodes", len(s.Nodes))
	}
	n := s.Nodes[0]
	if want := time.Date(2022, 2, 17, 22, 13, 52, 0, time.UTC); s.Clock != snapshot.ClockNewest || !s.ObservedAt.Equal(want) {
		t.Errorf("now is %s (%s), want %s, the newest time in the text", s.ObservedAt, s.Clock, want)
	}
	if age, ok := s.View(n).LeaseAge(); !ok || age != 43*time.Second {
		t.Errorf("lease age %s, want 43s", age)
	}
	if grace, why := s.View(n).Grace(); grace != 40*time.Second {
		t.Errorf("grace %s (%s): a v1.23 cluster gives up after 40s", grace, why)
	}
	if got := s.View(n).Ready(); got != corev1.ConditionUnknown {
		t.Errorf("Ready %s", got)
	}
	if len(n.Object.Spec.Taints) != 2 || n.Object.Spec.Taints[0].Key != corev1.TaintNodeUnreachable {
		t.Errorf("taints %v", n.Object.Spec.Taints)
	}
	if n.Pods == nil || n.Pods.Total != 4 || n.Pods.Requests.Cpu().String() != "1100m" || n.Pods.Requests.Memory().String() != "456Mi" {
		t.Errorf("pods %+v", n.Pods)
	}
	if p, _ := snapshot.Find(n.Probes, snapshot.SourceEvents); p.Status != snapshot.Absent {
		t.Errorf("the events are cut off in the text, and yet %+v", p)
	}
	if n.Object.Status.NodeInfo.KubeletVersion != "v1.23.3" || s.View(n).InternalIP() != "192.168.0.113" {
		t.Errorf("system info %+v", n.Object.Status.NodeInfo)
	}
}

// What people do to a text before they send it.
func TestDescribeAsPasted(t *testing.T) {
	text := readFile(t, "kube-worker-1.describe.txt")
	second := strings.ReplaceAll(text, "kube-worker-1", "kube-worker-2")
	change := func(f func(string) string) string {
		var out []string
		for _, l := range strings.Split(text, "\n") {
			out = append(out, f(l))
		}
		return strings.Join(out, "\n")
	}
	units := utf16.Encode([]rune(text))
	wide := []byte{0xff, 0xfe}
	for _, u := range units {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, in := range map[string]struct {
		text  string
		nodes int
	}{
		"plain":             {text, 1},
		"two nodes":         {text + "\n\n" + second, 2},
		"prompt before":     {"$ kubectl describe node kube-worker-1\n" + text, 1},
		"quoted":            {change(func(l string) string { return "> " + l }), 1},
		"indented quote":    {change(func(l string) string { return "    > " + l }), 1},
		"indented":          {change(func(l string) string { return "    " + l }), 1},
		"no indentation":    {change(strings.TrimSpace), 1},
		"CRLF":              {strings.ReplaceAll(text, "\n", "\r\n"), 1},
		"UTF-16":            {string(wide), 1},
		"byte order mark":   {"\ufeff" + text, 1},
		"colours":           {strings.ReplaceAll(text, "Unknown", "\x1b[33mUnknown\x1b[0m"), 1},
		"trailing prompt":   {text + "\n$ ", 1},
		"code fence":        {"```\n" + text + "\n```\n", 1},
		"a pod beside it":   {text + "\n\nName:         web\nNamespace:    default\nNode:         kube-worker-1/192.168.0.113\nConditions:\n  Type   Status\n  Ready  True\nEvents: <none>\n", 1},
		"columns collapsed": {change(func(l string) string { return strings.Join(strings.Fields(l), " ") }), 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustRead(t, in.text)
			if len(s.Nodes) != in.nodes {
				t.Fatalf("%d nodes, want %d", len(s.Nodes), in.nodes)
			}
			v := s.View(s.Nodes[0])
			if age, ok := v.LeaseAge(); v.Ready() != corev1.ConditionUnknown || !ok || age != 43*time.Second || len(s.Nodes[0].Object.Status.Conditions) != 5 {
				t.Errorf("Ready %s, lease %s, %d conditions", v.Ready(), age, len(s.Nodes[0].Object.Status.Conditions))
			}
		})
	}
}

const eventsText = `Name:               n1
CreationTimestamp:  Mon, 02 Feb 2026 10:00:00 +0100
Taints:             <none>
Unschedulable:      false
Lease:              Failed to get lease: leases.coordination.k8s.io "n1" is forbidden: User "u" cannot get resource "leases"
Conditions:
  Type    Status  LastHeartbeatTime                 LastTransitionTime                Reason        Message
  ----    ------  -----------------                 ------------------                ------        -------
  Ready   True    Mon, 02 Feb 2026 12:00:00 +0100   Mon, 02 Feb 2026 11:55:00 +0100   KubeletReady  kubelet is posting ready status
Capacity:
 cpu:     2
Allocatable:
 cpu:     2
System Info:
 Kubelet Version:  v1.34.1
Non-terminated Pods:  (0 in total)
Events:
  Type     Reason     Age                From             Message
  ----     ------     ----               ----             -------
  Warning  Rebooted   9m                 kubelet, n1      Node n1 has been rebooted, boot id: 7c8f
  Normal   NodeReady  7m (x3 over 2h)    kubelet          Node n1 status is now: NodeReady
`

func TestDescribedEventsDateTheText(t *testing.T) {
	s := mustRead(t, eventsText)
	n := s.Nodes[0]
	// NodeReady was 7m before the text was made, and Ready became True at
	// 10:55Z: the text is of 11:02Z, later than its newest heartbeat.
	if want := time.Date(2026, 2, 2, 11, 2, 0, 0, time.UTC); !s.ObservedAt.Equal(want) {
		t.Errorf("now %s, want %s", s.ObservedAt, want)
	}
	es := s.View(n).EventsOf("NodeReady")
	if len(es) != 1 || es[0].Count != 3 || es[0].Last.Sub(s.ObservedAt) != -7*time.Minute || es[0].First.Sub(s.ObservedAt) != -2*time.Hour {
		t.Errorf("events %+v", n.Events)
	}
	if p, _ := snapshot.Find(n.Probes, snapshot.SourceLease); p.Status != snapshot.Denied {
		t.Errorf("lease %+v, want denied", p)
	}
	if n.Pods == nil || n.Pods.Total != 0 {
		t.Errorf("pods %+v: none were there, which is not the same as not read", n.Pods)
	}
}

func TestOldEventColumns(t *testing.T) {
	e, ok := eventOf(`  12m		3m		4	{kubelet n1}			Normal		NodeNotReady	Node n1 status is now: NodeNotReady`)
	if !ok || e.Reason != "NodeNotReady" || e.Count != 4 || e.last != 3*time.Minute || e.first != 12*time.Minute {
		t.Errorf("%v %+v", ok, e)
	}
}

func TestEveryRealDocument(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(nodesDir, "*.yaml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		s, err := Open(f, Options{})
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		for _, n := range s.Nodes {
			if s.View(n).Ready() == "" || s.ObservedAt.IsZero() {
				t.Errorf("%s: %s: Ready %q at %s", f, n.Name, s.View(n).Ready(), s.ObservedAt)
			}
		}
	}
}

// objects makes a small cluster in the forms in which captures hold it.
func objects(t *testing.T) (node, lease, pod, event string) {
	t.Helper()
	node = toJSON(t, readFile(t, "kube-worker-1.yaml"))
	lease = `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"kube-worker-1","namespace":"kube-node-lease"},"spec":{"holderIdentity":"kube-worker-1","leaseDurationSeconds":40,"renewTime":"2022-02-17T22:20:30.000000Z"}}`
	pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","creationTimestamp":"2022-02-17T22:00:00Z"},"spec":{"nodeName":"kube-worker-1","containers":[{"name":"c","image":"nginx","resources":{"requests":{"cpu":"100m"}}}]},"status":{"phase":"Running"}}`
	event = `{"apiVersion":"v1","kind":"Event","metadata":{"name":"e1","namespace":"default"},"involvedObject":{"kind":"Node","name":"kube-worker-1","uid":"kube-worker-1"},"reason":"Rebooted","type":"Warning","message":"rebooted","lastTimestamp":"2022-02-17T22:15:00Z","count":1}`
	return node, lease, pod, event
}

func toJSON(t *testing.T, text string) string {
	t.Helper()
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// bare drops what lists of a kind leave out of their items.
func bare(t *testing.T, object string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "kind")
	delete(m, "apiVersion")
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func layouts(t *testing.T) map[string]map[string]string {
	node, lease, pod, event := objects(t)
	list := func(kind string, items ...string) string {
		for i := range items {
			items[i] = bare(t, items[i])
		}
		return `{"kind":"` + kind + `List","apiVersion":"v1","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
	}
	asYAML := func(text string) string {
		b, err := yaml.JSONToYAML([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return map[string]map[string]string{
		"cluster-info dump": {
			"nodes.json":                 list("Node", node),
			"default/pods.json":          list("Pod", pod),
			"default/events.json":        list("Event", event),
			"default/web/logs.txt":       "Name: not a describe\nConditions: none",
			"kube-system/services.json":  `{"kind":"ServiceList","apiVersion":"v1","items":[]}`,
			"kube-node-lease/leases.yml": asYAML(lease),
		},
		"must-gather": {
			"must-gather.local.1/quay-io/timestamp":                                                                "2022-02-17 22:20:40.123456789 +0000 UTC m=+0.1\n2022-02-17 22:21:00.5 +0000 UTC m=+20\n",
			"must-gather.local.1/quay-io/cluster-scoped-resources/core/nodes/kube-worker-1.yaml":                   asYAML(node),
			"must-gather.local.1/quay-io/namespaces/default/core/pods.yaml":                                        asYAML(list("Pod", pod)),
			"must-gather.local.1/quay-io/namespaces/default/core/events.yaml":                                      asYAML(list("Event", event)),
			"must-gather.local.1/quay-io/namespaces/default/pods/web/web.yaml":                                     asYAML(pod),
			"must-gather.local.1/quay-io/namespaces/kube-node-lease/coordination.k8s.io/leases/kube-worker-1.yaml": asYAML(lease),
		},
		"support bundle": {
			"support-bundle-2022-02-17T22_21_00/cluster-resources/nodes.json":                  `[` + bare(t, node) + `]`,
			"support-bundle-2022-02-17T22_21_00/cluster-resources/pods/default.json":           list("Pod", pod),
			"support-bundle-2022-02-17T22_21_00/cluster-resources/events/default.json":         list("Event", event),
			"support-bundle-2022-02-17T22_21_00/cluster-resources/leases/kube-node-lease.json": `[` + lease + `]`,
			"support-bundle-2022-02-17T22_21_00/cluster-info/cluster_version.json":             `{"info":{"major":"1","minor":"23","gitVersion":"v1.23.3"},"string":"v1.23.3"}`,
			"support-bundle-2022-02-17T22_21_00/analysis.json":                                 `[{"name":"x"}]`,
		},
		"unexpected names": {
			"ticket-4711/a.json": `{"kind":"List","apiVersion":"v1","items":[` + node + `,` + lease + `,` + pod + `,` + event + `]}`,
		},
	}
}

func TestLayouts(t *testing.T) {
	for name, files := range layouts(t) {
		root := t.TempDir()
		var archive bytes.Buffer
		z := gzip.NewWriter(&archive)
		tw := tar.NewWriter(z)
		for path, text := range files {
			full := filepath.Join(root, "in", filepath.FromSlash(path))
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := tw.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
				t.Fatal(err)
			}
			if _, err := tw.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		packed := filepath.Join(root, "in.tar.gz")
		if err := os.WriteFile(packed, archive.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{filepath.Join(root, "in"), packed} {
			t.Run(name+" "+filepath.Base(path), func(t *testing.T) {
				s, err := Open(path, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if len(s.Nodes) != 1 {
					t.Fatalf("%d nodes", len(s.Nodes))
				}
				n := s.Nodes[0]
				if n.Lease == nil || n.Pods == nil || n.Pods.Total != 1 || len(n.Events) != 1 || n.Events[0].Reason != "Rebooted" {
					t.Errorf("lease %+v, pods %+v, events %+v, notes %q", n.Lease, n.Pods, n.Events, s.Notes)
				}
				switch name {
				case "must-gather", "support bundle":
					if s.Clock != snapshot.ClockCapture || !s.ObservedAt.Equal(time.Date(2022, 2, 17, 22, 21, 0, s.ObservedAt.Nanosecond(), time.UTC)) {
						t.Errorf("now %s (%s): the capture says when it was taken", s.ObservedAt, s.Clock)
					}
				}
				if name == "support bundle" && s.Cluster.ServerVersion != "v1.23.3" {
					t.Errorf("version %q", s.Cluster.ServerVersion)
				}
			})
		}
		// An archive that was cut off anywhere is refused, never half believed.
		for _, part := range []int{3, 2} {
			if _, err := fromStdin(string(archive.Bytes()[:archive.Len()*(part-1)/part])); err == nil || !strings.Contains(err.Error(), "truncated") {
				t.Errorf("%s: cut to %d/%d: %v", name, part-1, part, err)
			}
		}
	}
}

func TestDumpOutput(t *testing.T) {
	node, _, pod, event := objects(t)
	logs := "==== START logs for container c of pod default/web ====\n{\"kind\":\"Node\",\"metadata\":{\"name\":\"only a log line\"}}\nName:   x\n---\n==== END logs for container c of pod default/web ====\n"
	for name, text := range map[string]string{
		"json": `{"kind":"NodeList","apiVersion":"v1","items":[` + bare(t, node) + `]}` + "\n" + `{"kind":"EventList","apiVersion":"v1","items":[` + bare(t, event) + `]}` + "\n" + `{"kind":"PodList","apiVersion":"v1","items":[` + bare(t, pod) + `]}` + "\n" + logs,
		"yaml": "---\napiVersion: v1\nkind: NodeList\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(readFile(t, "kube-worker-1.yaml")), "\n", "\n  ") + "\n" + logs,
	} {
		s, err := fromStdin(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(s.Nodes) != 1 || s.Nodes[0].Name != "kube-worker-1" {
			t.Errorf("%s: nodes %v", name, s.Nodes)
		}
	}
	if _, err := fromStdin(`{"kind":"NodeList","items":[` + bare(t, node) + `]}` + "\n==== START logs for container c of pod default/web ====\nline"); err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("a dump that ends inside a log: %v", err)
	}
}

// A dump's failed requests for logs are a probe of the kubelet: with the reason
// they tell a dead kubelet, without it only that nobody answered.
func TestLogErrorsAreEvidence(t *testing.T) {
	node, _, pod, _ := objects(t)
	for name, tc := range map[string]struct{ line, status, reason string }{
		"with a reason":    {`Request log error: Get "https://192.168.0.113:10250/containerLogs/default/web/c": dial tcp 192.168.0.113:10250: connect: connection refused`, "unreachable", snapshot.ReasonRefused},
		"without one":      {`Request log error: an error on the server ("unknown") has prevented the request from succeeding (get pods web)`, "unreachable", ""},
		"a log of its own": {"first line\nRequest log error: dial tcp: connect: connection refused", "absent", ""},
		"all is well":      {"hello", "absent", ""},
	} {
		logs := "==== START logs for container c of pod default/web ====\n" + tc.line + "\n==== END logs for container c of pod default/web ====\n"
		dir := t.TempDir()
		for file, text := range map[string]string{"nodes.json": `{"kind":"NodeList","items":[` + node + `]}`, "default/pods.json": `{"kind":"PodList","items":[` + pod + `]}`,
			"default/web/logs.txt": logs, "default/big/logs.txt": strings.Repeat("x\n", maxLog)} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		folder, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for form, s := range map[string]*snapshot.Snapshot{"folder": folder, "output": mustRead(t, `{"kind":"NodeList","items":[`+node+`]}`+"\n"+`{"kind":"PodList","items":[`+pod+`]}`+"\n"+logs)} {
			p, _ := snapshot.Find(s.Nodes[0].Probes, snapshot.SourceHealthz)
			if string(p.Status) != tc.status || p.Reason != tc.reason {
				t.Errorf("%s, %s: %+v", name, form, p)
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	for want, text := range map[string]string{
		"the file is empty":               "  \n",
		"truncated":                       `{"kind":"NodeList","items":[{"metadata":{"name":"a"`,
		"not JSON: line 2":                "{\"kind\":\n}",
		"not YAML":                        "apiVersion: v1\nkind: [Node\n",
		"no node in it, only Deployment":  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
		"binary data":                     "\x00\x01\x02PNG",
		"the table of kubectl get":        "NAME   STATUS   ROLES    AGE   VERSION\nn1     Ready    <none>   5d    v1.30.0\n",
		"the table of kubectl get, which": "$ kubectl get events -A\nNAMESPACE   LAST SEEN   TYPE      REASON         OBJECT    MESSAGE\ndefault     3m12s       Normal    NodeNotReady   node/n1   Node n1 status is now: NodeNotReady\n",
		"only an error of kubectl":        "Error from server (NotFound): nodes \"x\" not found\n",
		"not a capture":                   "just some words\n",
		"not of a node":                   "Name:         web\nNamespace:    default\nConditions:\n  Type   Status\n",
		"a Node without a name":           "apiVersion: v1\nkind: Node\nmetadata: {}\n",
		"a Node in it cannot be read":     "apiVersion: v1\nkind: Node\nmetadata: {name: [1]}\n",
		"no node in it, only Event":       `{"kind":"EventList","apiVersion":"v1","items":[]}`,
	} {
		_, err := fromStdin(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the error is more than a line: %v", text, err)
		}
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "empty folder") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "nope"), Options{}); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// One node whose clock runs an hour ahead must not make all others look dead.
func TestSkewedNodeDoesNotSetTheClock(t *testing.T) {
	var docs []string
	for i, at := range []string{"2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z", "2026-01-01T12:02:00Z", "2026-01-01T13:30:00Z"} {
		docs = append(docs, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n`+string(rune('0'+i))+`","creationTimestamp":"2025-01-01T00:00:00Z"},"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"`+at+`","lastTransitionTime":"2025-01-01T00:00:00Z"}]}}`)
	}
	s := mustRead(t, strings.Join(docs, "\n"))
	if want := time.Date(2026, 1, 1, 12, 2, 0, 0, time.UTC); !s.ObservedAt.Equal(want) {
		t.Errorf("now %s, want %s", s.ObservedAt, want)
	}
	// The same gap with dead nodes behind is no skew.
	s = mustRead(t, strings.ReplaceAll(strings.Join(docs[1:], "\n"), `"status":"True","lastHeartbeatTime":"2026-01-01T12`, `"status":"Unknown","reason":"NodeStatusUnknown","lastHeartbeatTime":"2026-01-01T12`))
	if want := time.Date(2026, 1, 1, 13, 30, 0, 0, time.UTC); !s.ObservedAt.Equal(want) {
		t.Errorf("now %s, want %s", s.ObservedAt, want)
	}
}

// A snapshot written as JSON is read back as it was.
func TestSavedSnapshot(t *testing.T) {
	s := mustRead(t, readFile(t, "kube-worker-1.describe.txt"))
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again := mustRead(t, string(b))
	c, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != string(c) {
		t.Errorf("read back differently:\n%s\n%s", b, c)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(readFile(f, "kube-worker-1.describe.txt"))
	f.Add(readFile(f, "kube-worker-1.yaml"))
	f.Add(eventsText)
	f.Add("==== START logs for container c of pod p ====\n==== END logs for container c of pod p ====\n{}")
	f.Add(`{"kind":"List","items":[{"kind":"Event","involvedObject":{"kind":"Node"}},null,1]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := fromStdin(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") && !strings.Contains(text, "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		if len(s.Nodes) == 0 {
			t.Error("neither a node nor an error")
		}
	})
}
