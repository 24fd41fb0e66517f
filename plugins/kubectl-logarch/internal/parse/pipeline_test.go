package parse

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

func toJSON(dst []byte, ev *logline.Event) []byte { return append(ev.AppendJSON(dst), '\n') }

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func run(t *testing.T, opt Options, args ...string) (string, *Result) {
	t.Helper()
	in, err := Expand(args, nil, Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := Run(t.Context(), in, opt, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), r
}

// mixedLog is a CRI log of two streams with split lines, blocks and messages of
// several lines, so that pieces are cut in all of them.
func mixedLog(size int, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for i := 0; b.Len() < size; i++ {
		at = at.Add(time.Duration(rnd.IntN(50)) * time.Millisecond)
		cri := at.Format(time.RFC3339Nano)
		header := "I" + at.Format("0102 15:04:05.000000") + "       1 a.go:7] "
		switch rnd.IntN(8) {
		case 0:
			fmt.Fprintf(&b, "%s stdout P part %d %s\n", cri, i, strings.Repeat("x", rnd.IntN(3000)))
			fmt.Fprintf(&b, "%s stderr F %s\"between\" i=%d\n", cri, header, i)
			fmt.Fprintf(&b, "%s stdout F end %d\n", cri, i)
		case 1:
			fmt.Fprintf(&b, "%s stderr F %s\"block\" data=<\n", cri, header)
			for range rnd.IntN(40) {
				fmt.Fprintf(&b, "%s stderr F \tline\n%s stdout F plain\n", cri, cri)
			}
			fmt.Fprintf(&b, "%s stderr F  > i=%d\n", cri, i)
		case 2:
			fmt.Fprintf(&b, "%s stderr F %sfree text %d\n%s stderr F second line\n", cri, header, i, cri)
		case 3:
			for range rnd.IntN(300) {
				fmt.Fprintf(&b, "%s stdout F unknown\n", cri)
			}
		default:
			fmt.Fprintf(&b, "%s stderr F %s\"msg\" i=%d s=%q\n", cri, header, i, strings.Repeat("y", rnd.IntN(200)))
		}
	}
	return b.Bytes()
}

// TestPiecesEqualWhole: cut into pieces on several workers, the output is byte
// for byte that of one parser over the whole.
func TestPiecesEqualWhole(t *testing.T) {
	for seed := range uint64(3) {
		data := mixedLog(6<<20, seed)
		name := write(t, filepath.Join(t.TempDir(), "0.log"), data)
		meta := MetaOf(name)
		var want []byte
		p := logline.NewParser(meta, func(ev *logline.Event) { want = toJSON(want, ev) })
		p.Lines(data, 1)
		p.Flush()
		got, r := run(t, Options{Encode: toJSON, Workers: 4}, name)
		if got != string(want) {
			a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range a {
				if i >= len(b) || a[i] != b[i] {
					t.Fatalf("record %d differs:\n%s\nwant\n%s", i, a[i], b[min(i, len(b)-1)])
				}
			}
			t.Fatal("output differs in length")
		}
		if r.Lines != int64(bytes.Count(data, []byte("\n"))) || r.Bytes != int64(len(data)) {
			t.Errorf("%d lines, %d bytes read", r.Lines, r.Bytes)
		}
	}
}

// TestPodsFolder: the layout of /var/log/pods, with rotated and compressed
// files, and an event that spans a rotation.
func TestPodsFolder(t *testing.T) {
	dir := t.TempDir()
	c := filepath.Join(dir, "kube-system_etcd-n1_0123456789abcdef0123456789abcdef", "etcd")
	cri := func(s string) []byte { return []byte("2026-11-21T03:00:00.5Z stderr " + s + "\n") }
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, _ = z.Write(cri("F oldest"))
	_ = z.Close()
	write(t, filepath.Join(c, "0.log.20261121-010000.gz"), gz.Bytes())
	write(t, filepath.Join(c, "0.log.20261121-020000"), cri("P begins before "))
	write(t, filepath.Join(c, "0.log"), cri("F and ends after the rotation"))
	write(t, filepath.Join(c, "1.log"), cri("F second life"))
	write(t, filepath.Join(c, "10.log"), cri("F eleventh life"))
	write(t, filepath.Join(dir, "notes.bin"), []byte("no log"))
	if err := os.Symlink(filepath.Join(c, "1.log"), filepath.Join(dir, "link.log")); err != nil {
		t.Fatal(err)
	}
	out, _ := run(t, Options{Encode: toJSON}, dir)
	for i, want := range []string{
		`"msg":"oldest"`, `"msg":"begins before and ends after the rotation"`, `"msg":"second life"`, `"msg":"eleventh life"`,
	} {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 4 {
			t.Fatalf("%d records, want 4:\n%s", len(lines), out)
		}
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], `"namespace":"kube-system","pod":"etcd-n1","uid":"0123456789abcdef0123456789abcdef","container":"etcd"`) || !strings.Contains(lines[i], `"component":"etcd"`) {
			t.Errorf("record %d: %s\nwant %s", i, lines[i], want)
		}
	}
}

func TestSeries(t *testing.T) {
	for _, c := range []struct {
		older, newer string
		same         bool
	}{
		{"0.log.20261121-010000.gz", "0.log.20261121-020000", true},
		{"0.log.20261121-020000", "0.log", true},
		{"kubelet.log.2.gz", "kubelet.log.1", true},
		{"kubelet.log.10", "kubelet.log.9", true},
		{"kubelet.log.1", "kubelet.log", true},
		{"audit-2026-11-20T10-00-00.000.log", "audit.log", true},
		{"kube-proxy.log-20261120", "kube-proxy.log", true},
		{"0.log", "1.log", false},
	} {
		sa, ra := series(c.older)
		sb, rb := series(c.newer)
		if (sa == sb) != c.same {
			t.Errorf("%s and %s: series %q, %q", c.older, c.newer, sa, sb)
		}
		if c.same && compareRank(ra, rb) >= 0 {
			t.Errorf("%s does not come before %s", c.older, c.newer)
		}
	}
}

func TestNotLogs(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"system.journal": "LPKSHHRH........",
		"x.zst":          "\x28\xb5\x2f\xfd....",
		"bin":            "\x7fELF\x02\x01",
		"zero":           "abc\x00def\x00",
	} {
		in, err := Expand([]string{write(t, filepath.Join(dir, name), []byte(data))}, nil, Defaults{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Run(t.Context(), in, Options{}, &bytes.Buffer{})
		var nt *NotText
		if !errors.As(err, &nt) {
			t.Errorf("%s: %v, want that it is no log", name, err)
		}
	}
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, _ = z.Write(bytes.Repeat([]byte("a line\n"), 100000))
	_ = z.Close()
	in, _ := Expand([]string{write(t, filepath.Join(dir, "cut.gz"), gz.Bytes()[:gz.Len()/2])}, nil, Defaults{})
	if _, err := Run(t.Context(), in, Options{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("half a gzip file: %v", err)
	}
}

func TestUTF16(t *testing.T) {
	units := utf16.Encode([]rune("\ufeffI1121 03:56:31.367033       1 a.go:1] \"grüß ☸ 😀\" k=\"v\"\r\n"))
	var b bytes.Buffer
	for _, u := range units {
		b.Write([]byte{byte(u), byte(u >> 8)})
	}
	out, _ := run(t, Options{Encode: toJSON}, write(t, filepath.Join(t.TempDir(), "x.log"), b.Bytes()))
	if !strings.Contains(out, `"msg":"grüß ☸ 😀","fields":{"k":"v"}`) {
		t.Errorf("%s", out)
	}
}

func TestFilters(t *testing.T) {
	name := write(t, filepath.Join(t.TempDir(), "x.log"), []byte(`I1121 03:00:00.000000       1 a.go:1] "one" pod="a/b" n=1
E1121 03:10:00.000000       1 b.go:2] "two" err="boom" pod="a/c"
not known
{"ts":1795230600000.0,"caller":"c.go:3","msg":"three","v":4,"pod":{"name":"b","namespace":"a"}}
`))
	year := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(name, year, year); err != nil {
		t.Fatal(err)
	}
	where := func(s string) []Condition {
		c, err := ParseCondition(s)
		if err != nil {
			t.Fatal(err)
		}
		return []Condition{c}
	}
	at := func(s string) int64 {
		w, err := ParseWhen(s, year)
		if err != nil {
			t.Fatal(err)
		}
		return w.UnixNano()
	}
	for _, c := range []struct {
		name string
		f    Filter
		want string
	}{
		{"all", Filter{V: -1}, "one two not known three"},
		{"severity", Filter{V: -1, Severity: logline.Error}, "two"},
		{"pod in either format", Filter{V: -1, Where: where("pod=a/b")}, "one three"},
		{"glob", Filter{V: -1, Where: where("pod=a/*")}, "one two three"},
		{"not", Filter{V: -1, Where: where("pod!=a/b")}, "two"},
		{"part", Filter{V: -1, Where: where("err~oo")}, "two"},
		{"number", Filter{V: -1, Where: where("n=1")}, "one"},
		{"caller", Filter{V: -1, Callers: []string{"b.go:2", "c.go"}}, "two three"},
		{"since, text inherits the time", Filter{V: -1, Since: at("03:05")}, "two not known three"},
		{"until", Filter{V: -1, Until: at("2026-11-21T03:05:00Z")}, "one"},
		{"verbosity keeps what does not tell", Filter{V: 2}, "one two not known"},
	} {
		got, r := run(t, Options{Filter: &c.f, Encode: func(dst []byte, ev *logline.Event) []byte {
			return append(append(dst, ev.Msg.String()...), ' ')
		}}, name)
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if r.Events != 4 {
			t.Errorf("%s: %d events counted", c.name, r.Events)
		}
	}
}

// TestWhere: conditions on members of objects, on numbers and durations, and on
// where a line came from, whatever its format.
func TestWhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop_web-0_0123456789abcdef0123456789abcdef", "app")
	name := write(t, filepath.Join(dir, "0.log"), []byte(`2026-11-21T03:00:00.0Z stderr F I1121 03:00:00.000000       1 a.go:1] "one" event={"Type":"Died","at":{"node.name":"n1"}} latency="1.5s" n=7 k="x y"
2026-11-21T03:00:01.0Z stdout F {"level":"info","msg":"two","event":{"Type":"Started"},"latency":0.2,"n":-1,"pod":"kube-system/dns"}
2026-11-21T03:00:02.0Z stdout F plain
`))
	for cond, want := range map[string]string{
		"event.Type=Died":       "one",
		"event.at.node.name=n1": "one",
		"event.Type!=Died":      "two",
		"event.type=Died":       "",
		"latency>1":             "one",
		"latency>=1500ms":       "one",
		"latency<200ms":         "",
		"latency<=200ms":        "two",
		"n>-2":                  "one two",
		`k="x y"`:               "one",
		"k!~x":                  "two",
		"pod=web-0":             "one plain",
		"pod=shop/web-0":        "one plain",
		"pod=dns":               "two",
		"namespace=shop":        "one two plain",
		"stream=stdout":         "two plain",
		"container!=app":        "",
		"severity=info":         "one two",
		"msg~o":                 "one two",
		"caller=a.go:1":         "one",
	} {
		c, err := ParseCondition(cond)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := run(t, Options{Filter: &Filter{V: -1, Where: []Condition{c}}, Encode: func(dst []byte, ev *logline.Event) []byte {
			return append(append(dst, ev.Msg.String()...), ' ')
		}}, name)
		if strings.TrimSpace(got) != want {
			t.Errorf("%s: %q, want %q", cond, got, want)
		}
	}
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{"90m": "2026-03-10T10:30:00Z", "2d": "2026-03-08T12:00:00Z", "1w": "2026-03-03T12:00:00Z", "03:04": "2026-03-10T03:04:00Z", "2026-01-02": "2026-01-02T00:00:00Z", "2026-01-02T03:04:05+01:00": "2026-01-02T02:04:05Z"} {
		if at, err := ParseWhen(s, now); err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s %v, want %s", s, at, err, want)
		}
	}
	for _, bad := range []string{"", "d", "xd", "1.5d", "yesterday", "2026-13-01"} {
		if at, err := ParseWhen(bad, now); err == nil {
			t.Errorf("%q: %s", bad, at)
		}
	}
	for _, bad := range []string{"", "x", "=x", "!=x", " =x", "n!>5", "n!<5", "n>many"} {
		if c, err := ParseCondition(bad); err == nil {
			t.Errorf("%q: %+v", bad, c)
		}
	}
}

// TestPipeEqualsFile: what comes through a pipe in large pieces, faster than it
// is parsed, is all read.
func TestPipeEqualsFile(t *testing.T) {
	data := mixedLog(8<<20, 5)
	want, _ := run(t, Options{Encode: toJSON}, write(t, filepath.Join(t.TempDir(), "x.log"), data))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		_, _ = w.Write(data)
		w.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got bytes.Buffer
	if _, err := Run(ctx, []Input{{Stdin: r, Meta: &logline.Meta{Restart: -1}}}, Options{Encode: toJSON}, &got); err != nil || ctx.Err() != nil {
		t.Fatalf("%v %v", err, ctx.Err())
	}
	file := regexp.MustCompile(`,"file":"[^"]*"`)
	if file.ReplaceAllString(want, "") != got.String() {
		t.Errorf("%d bytes of records through a pipe, %d from a file, or others", got.Len(), len(want))
	}
}

// TestPipePauses: what came before a pause is shown during it.
func TestPipePauses(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 10)
	done := make(chan error)
	go func() {
		_, err := Run(t.Context(), []Input{{Stdin: pr, Meta: &logline.Meta{Restart: -1}}}, Options{Encode: toJSON}, chanWriter(lines))
		done <- err
	}()
	for i := range 3 {
		fmt.Fprintf(pw, "I1121 03:56:31.367033       1 a.go:1] free text %d\n", i)
		select {
		case got := <-lines:
			if !strings.Contains(got, fmt.Sprintf("free text %d", i)) {
				t.Fatalf("got %s", got)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing shown while the input pauses")
		}
	}
	pw.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

type chanWriter chan string

func (c chanWriter) Write(p []byte) (int, error) { c <- string(p); return len(p), nil }

// TestFollow: lines added, a rotation by rename and a truncation.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "app.log")
	line := func(i int) string { return fmt.Sprintf("I1121 03:56:31.367033       1 a.go:1] \"line\" i=%d\n", i) }
	write(t, name, []byte(line(0)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines := make(chan string, 100)
	done := make(chan error)
	go func() {
		_, err := Follow(ctx, []string{dir}, nil, Defaults{}, Options{Encode: toJSON}, chanWriter(lines))
		done <- err
	}()
	expect := func(i int) {
		t.Helper()
		select {
		case got := <-lines:
			if !strings.Contains(got, fmt.Sprintf(`"i":%d}`, i)) {
				t.Fatalf("got %s, want %d", got, i)
			}
		case <-time.After(15 * time.Second):
			t.Fatalf("line %d never came", i)
		}
	}
	add := func(flag int, s string) {
		t.Helper()
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|flag, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	expect(0)
	add(os.O_APPEND, line(1))
	expect(1)
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	add(os.O_EXCL, line(2))
	expect(2)
	add(os.O_APPEND, line(3))
	expect(3)
	add(os.O_TRUNC, line(4))
	expect(4)
	// A line cut off by a truncation is not glued to what comes after it.
	add(os.O_APPEND, strings.Repeat("x", 500))
	time.Sleep(time.Second)
	add(os.O_TRUNC, line(5))
	var got string
	for !strings.Contains(got, `"i":5}`) {
		select {
		case more := <-lines:
			got += more
		case <-time.After(15 * time.Second):
			t.Fatalf("line 5 never came, only %s", got)
		}
	}
	if strings.Count(got, "\n") != 2 || !strings.Contains(got, "xxx") {
		t.Errorf("got %s, want the cut line and the next", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestMerge: the events of several logs come in the order of their time, a line
// without a time stays behind its event, and rotated files are one log.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log.1"), []byte("2026-11-21T03:00:01Z stdout F a1\n"))
	write(t, filepath.Join(dir, "a.log"), []byte("2026-11-21T03:00:04Z stdout F a4\nnot a line of CRI\n2026-11-21T03:00:06Z stdout F a6\n2026-11-21T03:00:02Z stdout F a back\n"))
	write(t, filepath.Join(dir, "b.log"), []byte("2026-11-21T03:00:02Z stdout F b2\n2026-11-21T03:00:05Z stdout F b5\n2026-11-21T03:00:07Z stdout F b7\n"))
	write(t, filepath.Join(dir, "c.log"), nil)
	in, err := Expand([]string{dir}, nil, Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := Merge(t.Context(), in, Options{Encode: func(dst []byte, ev *logline.Event) []byte {
		return append(append(dst, ev.Msg.String()...), '|')
	}}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a1|b2|a4|not a line of CRI|b5|a6|a back|b7|"; out.String() != want {
		t.Errorf("%s, want %s", out.String(), want)
	}
	if r.Events != 8 || r.Lines != 8 {
		t.Errorf("%d events of %d lines", r.Events, r.Lines)
	}
	// Large logs, so that blocks end anywhere: nothing is lost.
	var names []string
	lines := int64(0)
	for i := range uint64(5) {
		data := mixedLog(1<<20, i)
		names = append(names, write(t, filepath.Join(dir, fmt.Sprintf("big%d.log", i)), data))
		lines += int64(bytes.Count(data, []byte("\n")))
	}
	separate, _ := run(t, Options{Encode: toJSON}, names...)
	in, err = Expand(names, nil, Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if r, err = Merge(t.Context(), in, Options{Encode: toJSON}, &out); err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(separate, "\n"), strings.Split(out.String(), "\n")
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) || r.Lines != lines {
		t.Errorf("the merge has %d records of %d lines, the files %d of %d", len(b), r.Lines, len(a), lines)
	}
}
