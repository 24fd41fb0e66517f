package logline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func testMeta() *Meta {
	return &Meta{Restart: -1, Reference: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).UnixNano()}
}

// jsonLines parses a text in one go and returns its records.
func jsonLines(data []byte, meta *Meta) []string {
	var out []string
	p := NewParser(meta, func(ev *Event) { out = append(out, string(ev.AppendJSON(nil))) })
	p.Lines(data, 1)
	p.Flush()
	return out
}

func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	m := map[string]any{}
	if err := d.Decode(&m); err != nil {
		t.Fatalf("not JSON: %v: %s", err, line)
	}
	return m
}

// TestGoldenFormats holds every carrier and format to what it must become.
func TestGoldenFormats(t *testing.T) {
	data, err := os.ReadFile("testdata/logs/formats.txt")
	if err != nil {
		t.Fatal(err)
	}
	clitest.Golden(t, "testdata/formats.jsonl", []byte(strings.Join(jsonLines(data, testMeta()), "\n")+"\n"))
}

// TestPairedOracle: the same calls, logged as klog text and as component JSON,
// are the same records. What differs is what one of the two formats does not
// tell, each case named here.
func TestPairedOracle(t *testing.T) {
	read := func(name string) []map[string]any {
		data, err := os.ReadFile("testdata/logs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var out []map[string]any
		for _, l := range jsonLines(data, testMeta()) {
			m := decode(t, l)
			// The clock of each run; text has no verbosity; where it was read.
			for _, k := range []string{"time", "v", "source"} {
				delete(m, k)
			}
			out = append(out, m)
		}
		return out
	}
	text, js := read("paired-klog.txt"), read("paired-json.jsonl")
	// zap reports the odd key in a record of its own.
	for i, m := range js {
		if strings.HasPrefix(m["msg"].(string), "odd number") {
			js = append(js[:i], js[i+1:]...)
			break
		}
	}
	if len(js) != 22 {
		t.Fatalf("%d JSON records, want 22", len(js))
	}
	for i := range js {
		a, b := text[i], js[i]
		switch b["msg"] {
		case "missing value": // JSON drops the key without a value
			delete(a["fields"].(map[string]any), "k2")
		case "time": // JSON writes the time of the call and base64
			a, b = map[string]any{}, map[string]any{}
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("record %d differs\ntext %v\njson %v", i, a, b)
		}
	}
}

// TestKlogIdentity: klog text comes out of -o klog byte for byte.
func TestKlogIdentity(t *testing.T) {
	data, err := os.ReadFile("testdata/logs/paired-klog.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	p := NewParser(testMeta(), func(ev *Event) { out = append(ev.AppendKlog(out), '\n') })
	p.Lines(data, 1)
	p.Flush()
	if !bytes.Equal(out, data) {
		t.Errorf("klog text changed:\n%s", out)
	}
}

// TestStackAsKlog: a stack trace below a line that is not klog goes with it.
func TestStackAsKlog(t *testing.T) {
	stack := "java.lang.IllegalStateException: no\n\tat com.example.Demo.run(Demo.java:42)"
	p := NewParser(testMeta(), func(ev *Event) {
		text := ev.AppendKlog(nil)
		if !bytes.HasSuffix(text, []byte("] it broke\n"+stack)) {
			t.Errorf("%q", text)
		}
		if back := jsonLines(text, testMeta()); len(back) != 1 {
			t.Errorf("%d events of %q", len(back), text)
		}
	})
	p.Lines([]byte("2026-11-21 03:56:31.123 ERROR it broke\n"+stack+"\n"), 1)
	p.Flush()
}

// TestJSONToKlogAndBack: component JSON written as klog text and read again is
// the same record.
func TestJSONToKlogAndBack(t *testing.T) {
	data, err := os.ReadFile("testdata/logs/paired-json.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	p := NewParser(testMeta(), func(ev *Event) {
		text := ev.AppendKlog(nil)
		want := decode(t, string(ev.AppendJSON(nil)))
		back := jsonLines(text, testMeta())
		if len(back) != 1 {
			t.Errorf("%d records from %s", len(back), text)
			return
		}
		got := decode(t, back[0])
		for _, m := range []map[string]any{want, got} {
			delete(m, "v")
			delete(m, "source")
			m["time"] = m["time"].(string)[:23]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("through klog text:\n%s\ngot  %v\nwant %v", text, got, want)
		}
	})
	p.Lines(data, 1)
	p.Flush()
}

func TestPairs(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`"m" a="1" b=2`, `{"a":"1","b":2}`},
		{`"m" extension point="Balance"`, `{"extension point":"Balance"}`},
		{`"m" a=b="c=d" e="f=g h=i"`, `{"a=b":"c=d","e":"f=g h=i"}`},
		{`"m" %!s(int=1)="test"`, `{"%!s(int=1)":"test"}`},
		{`"m" s={"a":"}] \" ="} n=null`, `{"s":{"a":"}] \" ="},"n":null}`},
		{`"m" d=1s t=2024-01-02 03:04:05 +0000 UTC x="y"`, `{"d":"1s","t":"2024-01-02 03:04:05 +0000 UTC","x":"y"}`},
		{`"m" s={Name:a b=c N:1} y="z"`, `{"s":"{Name:a b=c N:1}","y":"z"}`},
		{`"m" big=1e+21 small=1e-07 k="\u2318\xff"`, `{"big":1e+21,"small":1e-7,"k":"⌘` + "\ufffd" + `"}`},
		{"\"m\" a=<\n\tx\n > b=<\n\ty\n\tz\n >", `{"a":"x\n","b":"y\nz"}`},
		{"\"m\" a=<\n\tx\n\t\n >", `{"a":"x\n\n"}`},
		{`"m" pods=[{"name":"a","namespace":"b"},{"name":"c"}]`, `{"pods":["b/a","c"]}`},
		{`"m" o={"name":"a","kind":"b"}`, `{"o":{"name":"a","kind":"b"}}`},
		{`"m" empty= x=1`, `{"empty":"","x":1}`},
		{`"m" k=1 k=2 k=2 j=1 j=1`, `{"k":2,"j":1}`},
	} {
		lines := jsonLines([]byte("I1121 03:56:31.367033       1 a.go:1] "+c.body), testMeta())
		if len(lines) != 1 {
			t.Errorf("%s: %d events", c.body, len(lines))
			continue
		}
		var got struct {
			Msg    string
			Fields json.RawMessage
		}
		if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
			t.Fatal(err)
		}
		if got.Msg != "m" || string(got.Fields) != c.want {
			t.Errorf("%s:\ngot  %q %s\nwant %s", c.body, got.Msg, got.Fields, c.want)
		}
	}
}

func TestUnstructured(t *testing.T) {
	for _, body := range []string{`Waited for 3s`, `"quoted" at the start`, `"open quote`, `a=b`, ``, `"x" =`, `"x"  two=spaces`} {
		lines := jsonLines([]byte("I1121 03:56:31.367033       1 a.go:1] "+body), testMeta())
		if len(lines) != 1 {
			t.Fatalf("%q: %d events", body, len(lines))
		}
		if got := decode(t, lines[0])["msg"]; got != body && body != `"x"  two=spaces` && body != `"x" =` {
			t.Errorf("%q: msg %q", body, got)
		}
	}
}

// TestYear: klog text has no year and no zone.
func TestYear(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixNano()
	}
	const line = " 23:59:59.000000       1 a.go:1] x"
	for _, c := range []struct {
		name, line string
		meta       Meta
		want       string
	}{
		{"before the file's time", "I1121" + line, Meta{Reference: at("2026-11-22T00:00:00Z")}, "2026-11-21T23:59:59.000000Z"},
		{"last year", "I1231" + line, Meta{Reference: at("2026-01-03T00:00:00Z")}, "2025-12-31T23:59:59.000000Z"},
		{"leap day", "I0229" + line, Meta{Reference: at("2026-11-21T00:00:00Z")}, "2024-02-29T23:59:59.000000Z"},
		{"a year that began since", "I0101" + line, Meta{Reference: at("2025-12-31T23:00:00Z"), Clock: func() int64 { return at("2026-01-02T00:00:00Z") }}, "2026-01-01T23:59:59.000000Z"},
		{"old, in spite of the clock", "I0601" + line, Meta{Reference: at("2025-12-31T23:00:00Z"), Clock: func() int64 { return at("2026-01-02T00:00:00Z") }}, "2025-06-01T23:59:59.000000Z"},
		{"--year", "I1231" + line, Meta{Reference: at("2026-01-03T00:00:00Z"), Year: 2019}, "2019-12-31T23:59:59.000000Z"},
		{"CRI knows the year", "2021-01-01T00:00:00.1Z stderr F I1231" + line, Meta{Reference: at("2026-01-03T00:00:00Z")}, "2020-12-31T23:59:59.000000Z"},
		{"CRI knows the zone", "2021-01-01T04:59:59.1Z stderr F I1231" + line, Meta{}, "2021-01-01T04:59:59.000000Z"},
		{"Nepal", "2020-12-31T18:15:00Z stderr F I1231" + line, Meta{}, "2020-12-31T18:14:59.000000Z"},
		{"read late", "2021-01-01T00:07:00Z stderr F I1231" + line, Meta{}, "2020-12-31T23:59:59.000000Z"},
		{"--timezone", "I1121" + line, Meta{Reference: at("2026-11-22T00:00:00Z"), Offset: func(int64) int64 { return int64(time.Hour) }}, "2026-11-21T22:59:59.000000Z"},
	} {
		lines := jsonLines([]byte(c.line), &c.meta)
		if got := decode(t, lines[0])["time"]; got != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// TestZones: a clock that tells no zone shows the time of the carrier's zone, or
// of the zone that the user gives, in whatever format it stands.
func TestZones(t *testing.T) {
	oslo := func(int64) int64 { return int64(time.Hour) }
	for _, c := range []struct {
		name, line string
		offset     func(int64) int64
		want       string
	}{
		{"log4j in CRI", "2026-11-21T03:56:31.2Z stdout F 2026-11-21 04:56:31,100 INFO [main] a.B: x", nil, "03:56:31.1"},
		{"the same in UTC", "2026-11-21T03:56:31.2Z stdout F 2026-11-21 03:56:31,100 INFO [main] a.B: x", nil, "03:56:31.1"},
		{"with its zone", "2026-11-21T03:56:31.2Z stdout F 2026-11-21 04:56:31,100+01:00 INFO x", nil, "03:56:31.1"},
		{"JSON in docker's", `{"log":"{\"timestamp\":\"2026-11-20T20:56:31.100\",\"level\":\"INFO\",\"message\":\"x\"}\n","stream":"stdout","time":"2026-11-21T03:56:31.2Z"}`, nil, "03:56:31.1"},
		{"logfmt", "2026-11-21T03:56:31.2Z stderr F time=\"2026-11-21 09:26:31.100\" level=info msg=x", nil, "03:56:31.1"},
		{"Go's log package", "2026-11-21T03:56:31.2Z stderr F 2026/11/21 04:56:31 x", nil, "03:56:31.0"},
		{"NATS", "2026-11-21T03:56:31.2Z stderr F [1] 2026/11/21 04:56:31.100000 [INF] x", nil, "03:56:31.1"},
		{"an old event, told again", "2026-11-21T03:56:31.2Z stdout F 2026-11-01 04:56:31,100 INFO x", nil, "04:56:31.1"},
		{"taken a quarter of an hour late", "2026-11-21T04:11:36.2Z stdout F 2026-11-21 03:56:31,100 INFO x", nil, "03:56:31.1"},
		{"--timezone", "2026-11-21 04:56:31,100 INFO x", oslo, "03:56:31.1"},
		{"--timezone of JSON", `{"time":"2026-11-21 04:56:31.100","level":"INFO","msg":"x"}`, oslo, "03:56:31.1"},
		{"--timezone does not change a zone", "2026-11-21T03:56:31.100Z INFO x", oslo, "03:56:31.1"},
		{"a zone's name", "2026-11-20 22:56:31.100 EST [31] LOG:  x", nil, "03:56:31.1"},
		{"a name of many zones", "2026-11-21T03:56:31.2Z stderr F 2026-11-21 11:56:31.100 CST [31] LOG:  x", nil, "03:56:31.1"},
		{"a level is no zone", "2026-11-21 03:56:31.100 INFO x", nil, "03:56:31.1"},
	} {
		m := testMeta()
		m.Offset = c.offset
		got, _ := decode(t, jsonLines([]byte(c.line), m)[0])["time"].(string)
		if !strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(got, "2026-11-21T"), "2026-11-01T"), c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestHostile: text that a container's user chooses must not take long.
func TestHostile(t *testing.T) {
	const header = "I1121 03:56:31.367033       1 a.go:1] \"m\" "
	for name, text := range map[string]string{
		"values that do not end":  header + "a=&=<\n" + strings.Repeat("\t=<\n", 200_000) + " >x\n",
		"equal signs":             header + strings.Repeat("a=", 300_000) + "\n",
		"brackets":                header + strings.Repeat("a=(b ", 100_000) + "\n",
		"backslashes":             header + `k="` + strings.Repeat(`\`, 300_001) + "\n",
		"objects":                 strings.Repeat(`{"a":`, 150_000) + "\n" + header + "k=" + strings.Repeat(`{"a":`, 150_000) + "\n",
		"quotes":                  `level=info msg=x ` + strings.Repeat(`a=" `, 200_000) + "\n",
		"keys":                    header + strings.Repeat("k=1 ", 300_000) + "k=1\n",
		"prefixes":                strings.Repeat("[pod/a/b] a.log:1:12:a-1 b 10.0.0.1: ", 50_000) + header + "\n",
		"colours and prefixes":    strings.Repeat("\x1b[1m10.0.0.1: a.log:1:", 20_000) + header + "\n",
		"streams that do not end": strings.Repeat("2026-11-21T03:56:31.1Z stdout P y\n", 100_000),
	} {
		begin := time.Now()
		lines := jsonLines([]byte(text), testMeta())
		if took := time.Since(begin); took > 10*time.Second || len(lines) == 0 {
			t.Errorf("%s: %d events in %s", name, len(lines), took)
		}
	}
}

// TestVisible: nothing of a log can steer the terminal, and all else is kept.
func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb é 世界 😀 À":        "a\tb é 世界 😀 À",
		"\x1b[1;31mred\x1b[0m": "red",
		"\x1b[2J\x1b]0;t\x07":  `\x1b[2J\x1b]0;t\x07`,
		"\u009b2J":             `\u009b2J`,
		"\x9b2J":               `\x9b2J`,
		"x\r\x00\x7f":          `x\x0d\x00\x7f`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCivil(t *testing.T) {
	for d := int64(-200000); d < 200000; d += 17 {
		y, m, dd := civilFromDays(d)
		want := time.Unix(d*86400, 0).UTC()
		if y != want.Year() || m != int(want.Month()) || dd != want.Day() || daysFromCivil(y, m, dd) != d {
			t.Fatalf("day %d: %d-%d-%d, want %s", d, y, m, dd, want)
		}
	}
}

// TestCarriedOver: cut between any two lines, with the state handed on, the
// events are the same as in one go.
func TestCarriedOver(t *testing.T) {
	for _, name := range []string{"formats.txt", "paired-klog.txt", "paired-json.jsonl"} {
		data, err := os.ReadFile("testdata/logs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Join(jsonLines(data, testMeta()), "\n")
		lines := bytes.SplitAfter(data, []byte("\n"))
		for at := 1; at < len(lines); at++ {
			var out []string
			emit := func(ev *Event) { out = append(out, string(ev.AppendJSON(nil))) }
			first := bytes.Clone(bytes.Join(lines[:at], nil))
			a := NewParser(testMeta(), emit)
			a.Lines(first, 1)
			state := a.Detach()
			for i := range first {
				first[i] = '#' // the buffer is used again
			}
			b := NewParser(testMeta(), emit)
			b.Resume(state)
			b.Lines(bytes.Join(lines[at:], nil), at+1)
			b.Flush()
			if got := strings.Join(out, "\n"); got != want {
				t.Fatalf("%s cut after line %d:\n%s\nwant\n%s", name, at, got, want)
			}
		}
	}
}

// TestNothingLost: every byte of the lines' own text is in some event.
func TestNothingLost(t *testing.T) {
	var in, out int
	var b bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&b, "line %d of nothing known\n", i)
		if i%7 == 0 {
			fmt.Fprintf(&b, "W1121 03:56:31.367033       1 a.go:%d] unstructured\n", i)
		}
	}
	in = b.Len()
	p := NewParser(testMeta(), func(ev *Event) { out += len(ev.Raw) + 1 })
	p.Lines(b.Bytes(), 1)
	p.Flush()
	if in != out {
		t.Errorf("%d bytes in, %d out", in, out)
	}
}

// TestEntryOfSeveralLines: an entry of the journal may hold a message and the trace
// below it, which are told apart as they are where each line is an entry, also where
// the state is handed on.
func TestEntryOfSeveralLines(t *testing.T) {
	for text, want := range map[string]string{
		`2026-11-21 03:56:31.123 ERROR boom\njava.lang.IllegalStateException: y\n\tat a.b(C.java:1)`: `"msg":"boom","fields":{"stack":"java.lang.IllegalStateException: y\n\tat a.b(C.java:1)"}`,
		`Nov 21, 2026 3:56:31 AM a.B run\nSEVERE: boom`:                                              `"severity":"error","component":"app","logger":"a.B","msg":"boom","fields":{"method":"run"}`,
		`2026-11-21 03:56:31.123 ERROR boom\nand more of it`:                                         `"msg":"boom\nand more of it","source"`,
	} {
		line := `{"__REALTIME_TIMESTAMP":"1795233391000000","SYSLOG_IDENTIFIER":"app","MESSAGE":"` + text + `"}`
		var out []string
		a := NewParser(testMeta(), func(ev *Event) { out = append(out, string(ev.AppendJSON(nil))) })
		a.Lines([]byte(line), 1)
		b := NewParser(testMeta(), a.emit)
		b.Resume(a.Detach())
		b.Flush()
		out = append(jsonLines([]byte(line), testMeta()), out...)
		if len(out) != 2 || out[0] != out[1] || !strings.Contains(out[0], want) {
			t.Errorf("%q, want %s", out, want)
		}
	}
}

// TestJSONOfOtherLoggers: what loggers in other languages call time, level, message
// and logger.
func TestJSONOfOtherLoggers(t *testing.T) {
	for line, want := range map[string]string{
		`{"@timestamp":"2026-11-26T16:00:00.000Z","log":{"level":"warn","logger":"x"},"message":"m"}`:                     "2026-11-26T16:00:00.000000Z warning m x",
		`{"log":{"level":"warn"},"level":"error","message":"m","time":"2026-11-26T16:00:00Z"}`:                            "2026-11-26T16:00:00.000000Z error m <nil>",
		`{"Timestamp":"2026-11-26T16:00:00.5Z","Level":"Warning","MessageTemplate":"m {x}","Properties":{"x":1}}`:         "2026-11-26T16:00:00.500000Z warning m {x} <nil>",
		`{"@t":"2026-11-26T16:00:00.5Z","@l":"Error","@mt":"m {x}","x":1}`:                                                "2026-11-26T16:00:00.500000Z error m {x} <nil>",
		`{"asctime":"2026-11-26 16:00:00,123","levelname":"CRITICAL","message":"m"}`:                                      "2026-11-26T16:00:00.123000Z fatal m <nil>",
		`{"instant":{"epochSecond":1732636800,"nanoOfSecond":123000000},"level":"INFO","loggerName":"c.X","message":"m"}`: "2024-11-26T16:00:00.123000Z info m c.X",
		`{"time":"2026-11-26T16:00:00Z","level":"DEBUG-4","msg":"m"}`:                                                     "2026-11-26T16:00:00.000000Z debug m <nil>",
		`time=2026-11-26T16:00:00Z level=INFO+2 msg=m`:                                                                    "2026-11-26T16:00:00.000000Z info m <nil>",
		`{"MESSAGE":"no journal","level":"info","msg":"m"}`:                                                               "<nil> info m <nil>",
		`{"log":{"level":5},"instant":{"epochSecond":-1,"nanoOfSecond":1e9},"msg":"m"}`:                                   "<nil> unknown m <nil>",
	} {
		m := decode(t, jsonLines([]byte(line+"\n"), testMeta())[0])
		if got := fmt.Sprint(m["time"], " ", m["severity"], " ", m["msg"], " ", m["logger"]); got != want {
			t.Errorf("%s\n is %s\nwant %s", line, got, want)
		}
	}
}

// TestDockerLinesOfAnAgent: what Fluent Bit or fluentd ship looks like docker's files,
// with the pod and often without line ends.
func TestDockerLinesOfAnAgent(t *testing.T) {
	line := `{"log":"hello","stream":"stdout","time":"2026-11-26T16:00:00Z","kubernetes":{"pod_name":"p","namespace_name":"n","container_name":"c"}}` + "\n"
	got := jsonLines([]byte(line+line), testMeta())
	if len(got) != 2 || !strings.Contains(got[0], `"msg":"hello"`) || !strings.Contains(got[0], `"namespace":"n","pod":"p","container":"c"`) {
		t.Errorf("%q", got)
	}
}
