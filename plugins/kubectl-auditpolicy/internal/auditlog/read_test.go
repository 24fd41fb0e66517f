package auditlog

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
)

// gather is a visitor that keeps what it sees.
type gather struct {
	mu     *sync.Mutex
	events *[]*Event
}

func (g gather) Visit(e *Event) {
	c := e.Copy()
	g.mu.Lock()
	*g.events = append(*g.events, c)
	g.mu.Unlock()
}

func text(s string) Source {
	return Source{Name: "test", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }}
}

func read(t *testing.T, srcs ...Source) ([]*Event, Stats, error) {
	t.Helper()
	var mu sync.Mutex
	var out []*Event
	_, st, err := Read(context.Background(), srcs, Options{}, func() Visitor { return gather{&mu, &out} })
	sort.SliceStable(out, func(i, j int) bool { return string(out[i].AuditID) < string(out[j].AuditID) })
	return out, st, err
}

// event is an event as kube-apiserver writes it.
func event(id int) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"id-%03d","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/default/secrets/s?x=\u0026y","verb":"get","user":{"username":"alice","uid":"7","groups":["dev","system:authenticated"]},"sourceIPs":["10.0.0.1"],"userAgent":"kubectl/v1.37.1","objectRef":{"resource":"secrets","namespace":"default","name":"s","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"responseObject":{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s"},"data":{"a \"quoted\" key\\":"e30="}},"requestReceivedTimestamp":"2026-01-02T03:04:05.000006Z","stageTimestamp":"2026-01-02T03:04:05.123456Z","annotations":{"authorization.k8s.io/decision":"allow"}}`, id)
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// TestEnvelopes reads the same three events from every form in which clusters,
// clouds and shippers hand them over.
func TestEnvelopes(t *testing.T) {
	e1, e2, e3 := event(1), event(2), event(3)
	pretty := func(s string) string {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(s), "", "  "); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	cri := func(s string) string {
		const ts = "2026-01-02T03:04:05.123456789Z stdout "
		return ts + "P " + s[:100] + "\n" + "2026-01-02T03:04:05.2Z stderr F I0102 03:04:05.000000 1 main.go:1] {x}\n" + ts + "P " + s[100:200] + "\n" + ts + "F " + s[200:] + "\n"
	}
	docker := func(s string) string {
		return `{"log":` + quote(s[:150]) + `,"stream":"stdout","time":"t"}` + "\n" + `{"log":` + quote(s[150:]+"\n") + `,"stream":"stdout","time":"t"}` + "\n"
	}
	gz := func(parts ...string) string {
		var b bytes.Buffer
		for _, p := range parts {
			w := gzip.NewWriter(&b)
			_, _ = w.Write([]byte(p))
			_ = w.Close()
		}
		return b.String()
	}
	list := `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + e1 + "," + e2 + "," + e3 + "]}"
	for name, in := range map[string]string{
		"lines":                       e1 + "\n" + e2 + "\n" + e3 + "\n",
		"no final line end":           e1 + "\n" + e2 + "\n" + e3,
		"CRLF":                        e1 + "\r\n" + e2 + "\r\n" + e3 + "\r\n",
		"byte order mark":             "\xef\xbb\xbf" + e1 + "\n" + e2 + "\n" + e3,
		"UTF-16 (PowerShell)":         wide("\ufeff" + e1 + "\r\n" + e2 + "\r\n" + e3 + "\r\n"),
		"blank lines":                 "\n\n" + e1 + "\n\n" + e2 + "\n" + e3,
		"gzip":                        gz(e1 + "\n" + e2 + "\n" + e3),
		"gzip members":                gz(e1+"\n", e2+"\n"+e3),
		"no separator (Firehose)":     e1 + e2 + e3,
		"EventList":                   list,
		"EventLists, one a line":      `{"kind":"EventList","items":[` + e1 + "]}\n" + `{"kind":"EventList","items":[` + e2 + "," + e3 + "]}\n",
		"EventList, pretty":           pretty(list),
		"EventList, no items":         `{"kind":"EventList","items":[]}` + "\n" + e1 + "\n" + e2 + "\n" + e3,
		"events, pretty":              pretty(e1) + "\n" + pretty(e2) + "\n" + pretty(e3),
		"array":                       "[" + e1 + "," + e2 + "," + e3 + "]",
		"array, pretty":               pretty("[" + e1 + "," + e2 + "," + e3 + "]"),
		"array, one a line":           "[\n" + e1 + ",\n" + e2 + ",\n" + e3 + "\n]\n",
		"v1beta1":                     strings.ReplaceAll(e1+"\n"+e2+"\n"+e3, "audit.k8s.io/v1", "audit.k8s.io/v1beta1"),
		"CRI":                         cri(e1) + cri(e2) + cri(e3),
		"Docker":                      docker(e1) + docker(e2) + docker(e3),
		"kubectl logs --timestamps":   "2026-01-02T03:04:05.1Z " + e1 + "\nI0102 not an event\n2026-01-02T03:04:05.1Z " + e2 + "\n2026-01-02T03:04:05.1Z " + e3,
		"CloudWatch S3 export":        "2026-01-02T03:04:05.000Z " + e1 + "\n2026-01-02T03:04:05.000Z " + e2 + "\n2026-01-02T03:04:05.000Z " + e3,
		"CloudWatch filter-log":       pretty(`{"events":[{"logStreamName":"kube-apiserver-audit-1","timestamp":1,"message":` + quote(e1) + `},{"message":` + quote(e2) + `},{"message":` + quote(e3) + `}],"searchedLogStreams":[]}`),
		"CloudWatch subscription":     `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/aws/eks/c/cluster","logEvents":[{"id":"1","timestamp":1,"message":` + quote(e1) + `},{"id":"2","message":` + quote(e2) + `},{"id":"3","message":` + quote(e3) + `}]}`,
		"CloudWatch Insights":         `{"results":[[{"field":"@timestamp","value":"t"},{"field":"@message","value":` + quote(e1) + `}],[{"field":"@message","value":` + quote(e2) + `}],[{"field":"@message","value":` + quote(e3) + `}]],"status":"Complete"}`,
		"CloudWatch CSV":              "@timestamp,@message\n2026,\"" + strings.ReplaceAll(e1, `"`, `""`) + "\"\n2026,\"" + strings.ReplaceAll(e2, `"`, `""`) + "\"\n2026,\"" + strings.ReplaceAll(e3, `"`, `""`) + "\"\n",
		"AKS, log as a string":        `{"category":"kube-audit","time":"t","properties":{"log":` + quote(e1+"\n") + `,"stream":"stdout","pod":"p"}}` + "\n" + `{"category":"kube-audit","properties":{"log":` + quote(e2) + `}}` + "\n" + `{"properties":{"log":` + quote(e3) + `}}`,
		"AKS, log as an object":       `{"properties":{"log":` + e1 + `}}` + "\n" + `{"properties":{"log":` + e2 + `}}` + "\n" + `{"properties":{"log":` + e3 + `}}`,
		"AKS, Event Hub":              `{"records":[{"properties":{"log":` + quote(e1) + `}},{"properties":{"log":` + quote(e2) + `}},{"properties":{"log":` + e3 + `}}]}`,
		"AKS, properties as a string": `{"properties":` + quote(`{"log":`+quote(e1)+`}`) + `}` + "\n" + e2 + "\n" + e3,
		"fluent-bit":                  `{"date":1.5,"log":` + quote(e1) + `,"kubernetes":{"pod_name":"p"}}` + "\n" + `{"date":1.5,"log":` + quote(e2) + `}` + "\n" + `{"date":1,"log":` + quote(e3) + `}`,
		"Elasticsearch":               `{"_index":"a","_source":` + e1 + `}` + "\n" + `{"_source":{"audit":` + e2 + `}}` + "\n" + `{"_source":{"message":` + quote(e3) + `}}`,
		"Elasticsearch hits":          pretty(`{"took":1,"hits":{"total":3,"hits":[{"_source":` + e1 + `},{"_source":` + e2 + `},{"_source":` + e3 + `}]}}`),
		"Splunk":                      `{"result":{"_raw":` + quote(e1) + `}}` + "\n" + `{"event":` + e2 + `}` + "\n" + `{"event":` + e3 + `}`,
		"Loki":                        `{"streams":[{"stream":{"job":"audit"},"values":[["1",` + quote(e1) + `],["2",` + quote(e2) + `],["3",` + quote(e3) + `]]}]}`,
		"JSON strings":                quote(e1) + "\n" + quote(e2) + "\n" + quote(e3),
		"syslog":                      "<13>Jan  2 03:04:05 cp-1 audit: " + e1 + "\n<13>Jan  2 03:04:05 cp-1 audit: " + e2 + "\n<13>x: " + e3,
		"OTLP": `{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"stringValue":` + quote(e1) + `}},{"body":{"stringValue":` + quote(e2) + `}}]},` +
			`{"logRecords":[{"body":{"stringValue":` + quote(e3) + `}}]}]}]}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, st, err := read(t, text(in))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 3 || st.Events != 3 || st.Broken != 0 {
				t.Fatalf("%d events, %+v", len(got), st)
			}
			for i, e := range got {
				want := event(i + 1)
				if name == "v1beta1" {
					want = strings.Replace(want, "/v1", "/v1beta1", 1)
				}
				if string(e.Raw) != want {
					t.Errorf("event %d\n got %s\nwant %s", i+1, e.Raw, want)
				}
				if string(e.RequestURI) != "/api/v1/namespaces/default/secrets/s?x=&y" || string(e.Username) != "alice" || fmt.Sprint(e.GroupNames()) != "[dev system:authenticated]" {
					t.Errorf("fields: %s %s %v", e.RequestURI, e.Username, e.GroupNames())
				}
				if ts, ok := e.Time(); !ok || ts.UnixMicro() != 1767323045123456 {
					t.Errorf("time %v %v", ts, ok)
				}
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	e := event(1)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	for i := range 1000 {
		fmt.Fprintln(w, event(i))
	}
	_ = w.Close()
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "no audit event"},
		{"prose", "hello\nworld\n", "no audit event"},
		{"binary", "\x7fELF\x00\x00", "binary file"},
		{"UTF-16", "\xff\xfe{\x00", "no audit event"},
		{"zstd", "\x28\xb5\x2f\xfd...", "zstd"},
		{"cut gzip", z.String()[:z.Len()/2], "cut off"},
		{"garbled gzip", z.String()[:100] + "xxxx" + z.String()[104:], "decompress"},
		{"gzip of nothing", "\x1f\x8b", "gzip"},
		{"cut event only", e[:300], "cut off or garbled"},
		{"cut document", "{\n \"kind\": \"EventList\",\n \"items\": [\n {\n \"auditID\": \"x\",\n", "cut off"},
		{"not JSON", "{\n  kind: Event\n}\n", "not JSON"},
		{"GKE", `{"logName":"x","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"io.k8s.core.v1.pods.create"}}`, "Google Cloud"},
		{"GKE list", `[` + "\n  " + `{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog"}}]`, "Google Cloud"},
		{"AKS table", `[{"TimeGenerated":"x","Level":"Metadata","AuditId":"a","Stage":"ResponseComplete","RequestUri":"/api","Verb":"get","User":"{}"}]`, "the table AKSAudit"},
		{"legacy", `2017-03-21T03:57:09.106841886-04:00 AUDIT: id="c939d2a7" stage="ResponseComplete" ip="127.0.0.1" method="get" user="admin" groups="\"system:masters\"" as="<self>" asgroups="<lookup>" namespace="default" uri="/api" response="200"`, "legacy"},
		{"policy", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n", "no audit event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(t, text(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// A live file ends in the middle of a line, and a rotated one may begin there.
func TestCutLines(t *testing.T) {
	in := event(1)[200:] + "\n" + event(2) + "\n" + event(3)[:400]
	got, st, err := read(t, text(in))
	if err != nil || len(got) != 1 || st.Broken != 1 || st.BrokenBytes != 401 || st.Other != 1 {
		t.Fatalf("%d events, %+v, %v", len(got), st, err)
	}
}

func TestManyChunks(t *testing.T) {
	var b strings.Builder
	const n = 20000
	for i := range n {
		b.WriteString(strings.Replace(event(i), "id-", fmt.Sprintf("id-%06d-", i), 1) + "\n")
	}
	got, st, err := read(t, text(b.String()))
	if err != nil || len(got) != n || st.Bytes != int64(b.Len()) {
		t.Fatalf("%d events, %+v, %v", len(got), st, err)
	}
	for i, e := range got {
		if e.Line != int64(i+1) {
			t.Fatalf("event %d says line %d", i+1, e.Line)
		}
	}
}

// A line and a list larger than a chunk, and lists of many chunks.
func TestLongLines(t *testing.T) {
	big := strings.Replace(event(1), `"e30="`, `"`+strings.Repeat("A", 5<<20)+`"`, 1)
	var list strings.Builder
	list.WriteString("{\n\"kind\": \"EventList\",\n\"items\": [\n")
	for i := range 5000 {
		if i > 0 {
			list.WriteString(",\n")
		}
		list.WriteString("  " + strings.Replace(event(i), ",", ",\n", 3))
	}
	list.WriteString("]\n}")
	for name, c := range map[string]struct {
		in string
		n  int
	}{
		"long line":         {big + "\n" + event(2) + "\n" + big + "\n", 3},
		"long pretty event": {strings.Replace(big, ",", ",\n ", 1) + "\n" + strings.Replace(big, ",", ",\n ", 1), 2},
		"long list":         {list.String(), 5000},
		"list on one line":  {strings.ReplaceAll(list.String(), "\n", ""), 5000},
	} {
		got, st, err := read(t, text(c.in))
		if err != nil || len(got) != c.n || st.Broken != 0 {
			t.Errorf("%s: %d events, %+v, %v", name, len(got), st, err)
		}
	}
}

func TestCorpus(t *testing.T) {
	for file, n := range map[string]int{"audit2rbac-demo.log": 37, "falco-exec_pod.json": 1, "falco-anonymous_creates_namespace_foo.json": 1} {
		srcs, err := Sources([]string{filepath.Join("testdata", file)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, st, err := read(t, srcs...)
		if err != nil || len(got) != n || st.Other != 0 {
			t.Errorf("%s: %d events, %+v, %v", file, len(got), st, err)
		}
	}
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"audit.log", "audit-2026-01-02T03-04-05.678.log.gz", "audit-2026-01-01T03-04-05.678.log", ".hidden", "sub/audit.log", "empty.log"} {
		_ = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		body := event(1)
		if name == "empty.log" {
			body = ""
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	srcs, err := Sources([]string{dir, "-"}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range srcs {
		names = append(names, filepath.ToSlash(strings.TrimPrefix(s.Name, dir+string(filepath.Separator))))
	}
	if got := strings.Join(names, " "); got != "audit-2026-01-01T03-04-05.678.log audit-2026-01-02T03-04-05.678.log.gz audit.log sub/audit.log -" {
		t.Error(got)
	}
	for _, args := range [][]string{{"-", "-"}, {filepath.Join(dir, "nothing")}, {t.TempDir()}} {
		if _, err := Sources(args, nil); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// A directory may hold other files; a file that is named must be a log.
func TestPassOver(t *testing.T) {
	dir := t.TempDir()
	core := filepath.Join(dir, "core")
	for name, body := range map[string]string{core: "\x7fELF\x00", filepath.Join(dir, "audit.log"): event(1)} {
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	srcs, err := Sources([]string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, st, err := read(t, srcs...)
	if err != nil || len(got) != 1 || fmt.Sprint(st.PassedOver) != "["+core+"]" {
		t.Errorf("%d events, %+v, %v", len(got), st, err)
	}
	if srcs, err = Sources([]string{core}, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, srcs...); err == nil {
		t.Error("a binary file is read as a log")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := Read(ctx, []Source{text(event(1))}, Options{}, func() Visitor { return gather{&sync.Mutex{}, &[]*Event{}} })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// wide is a text as Windows PowerShell saves it.
func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}
