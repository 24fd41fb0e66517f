package logline

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLines: whatever the input, nothing crashes, every record is one line of
// valid JSON and valid UTF-8, every byte of a line is in some event, and plain
// klog text comes back as it was.
func FuzzLines(f *testing.F) {
	for _, name := range []string{"formats.txt", "paired-klog.txt", "paired-json.jsonl"} {
		data, err := os.ReadFile("testdata/logs/" + name)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range bytes.SplitAfter(data, []byte("\n")) {
			f.Add(line)
		}
		f.Add(data)
	}
	view := NewView(unpainted{})
	f.Fuzz(func(t *testing.T, data []byte) {
		carried := false
		var back []byte
		p := NewParser(testMeta(), func(ev *Event) {
			line := ev.AppendJSON(nil)
			if !json.Valid(line) || !utf8.Valid(line) || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("not a JSON line: %q from %q", line, ev.Raw)
			}
			checkValue(t, ev.Msg)
			for _, f := range ev.Fields {
				checkValue(t, f.Key)
				checkValue(t, f.Value)
			}
			text := view.Append(nil, ev, true)
			if bytes.ContainsAny(text, "\x1b\x07\x00") {
				t.Fatalf("control characters reach the terminal: %q", text)
			}
			carried = carried || ev.Env.Kind != NoEnvelope || ev.Format != Klog && ev.Format != Unparsed && ev.Format != Panic
			back = append(ev.AppendKlog(back), '\n')
		})
		p.Lines(data, 1)
		p.Flush()
		if carried || bytes.Contains(data, []byte("\r")) {
			return
		}
		want := holes.ReplaceAllString(string(data), "")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if string(back) != want {
			t.Fatalf("klog text changed: %q, want %q", back, want)
		}
	})
}

// holes are NUL bytes before lines, which are left out.
var holes = regexp.MustCompile(`(?m)^\x00+\n?`)

// checkValue: the short ways of writing a text are the same as the long one.
func checkValue(t *testing.T, v Value) {
	t.Helper()
	text := v.Text(nil)
	if v.IsString() {
		if got, want := v.AppendJSON(nil), AppendJSONString(nil, text); !bytes.Equal(got, want) {
			t.Fatalf("%q (%d) is written %s, want %s", v.Raw, v.Enc, got, want)
		}
	}
	if (v.Enc == GoString || v.Enc == GoLiteral) && utf8.Valid(v.Raw) {
		if want, err := strconv.Unquote(`"` + string(v.Raw) + `"`); err == nil && want != string(text) {
			t.Fatalf("%q is read as %q, want %q", v.Raw, text, want)
		}
	}
}

// FuzzJSONScan: the scanner accepts what encoding/json accepts, but for depth
// and bytes that are not UTF-8.
func FuzzJSONScan(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,"x\u00e9\n",null,true,false,{}]}`, `[]`, `{"a":{"name":"x"}}`, `[{"name":"x"}]`, `{"name":"x","namespace":"y"}`, `[[{"name":"x"}]]`, `"`, `-`, `01`, `1.`, `{"a" : 1 , "b":[ ]}`, `"\ud800"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		start := skipSpace(b, 0)
		end := scanValue(b, start, 0)
		got := end >= 0 && skipSpace(b, end) == len(b)
		if strings.Count(s, "[")+strings.Count(s, "{") > maxDepth {
			return
		}
		if want := json.Valid(b); got != want {
			t.Fatalf("%q: valid %v, encoding/json says %v", s, got, want)
		}
		if n := scanNormal(b, 0, 0); n == len(b) {
			if out := appendCanonical(nil, b, true); !got || string(out) != s {
				t.Fatalf("%q is not in the normal form, which is %q", s, out)
			}
		}
		if got {
			out := appendCanonical(nil, b, true)
			if !json.Valid(out) {
				t.Fatalf("%q became %q", s, out)
			}
		}
	})
}

type unpainted struct{}

func (unpainted) Faint(s string) string   { return s }
func (unpainted) Error(s string) string   { return s }
func (unpainted) Warning(s string) string { return s }
func (unpainted) Info(s string) string    { return s }
