package logarchparse

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	jsonlog "k8s.io/component-base/logs/json"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

// TestSameEventsSameRecords is the paired oracle: random structured calls go
// through klog's text logger and through component-base's JSON logger, and
// parse makes the same records of both.
//
// Left out are only the calls of which one of the two formats keeps less than
// the other: time.Time (JSON writes the time of the call), []byte (base64
// against a quoted string), values that encoding/json cannot write, keys
// without a value, and an err key beside the error itself.
func TestSameEventsSameRecords(t *testing.T) {
	const events = 4000
	for _, seed := range []uint64{1, uint64(time.Now().UnixNano())} {
		t.Logf("seed %d", seed)
		var text, js bytes.Buffer
		textLog := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&text), textlogger.Verbosity(10)))
		jsonLog, _ := jsonlog.NewJSONLogger(10, zapcore.AddSync(&js), nil, nil)
		a, b := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 1))
		for range events {
			call(textLog, a)
			call(jsonLog, b)
		}
		dir := t.TempDir()
		out := func(name string, data []byte, note string) []record {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			stdout, stderr := parse(t, "-o", "json", file)
			if strings.TrimSpace(stderr) != note {
				t.Fatalf("%s: %s", name, stderr)
			}
			return records(t, stdout)
		}
		// Some values are not UTF-8: klog text keeps their bytes, zap does not.
		x := out("text.log", text.Bytes(), "note: bytes that are not UTF-8 are U+FFFD in JSON; -o klog keeps them")
		y := out("json.log", js.Bytes(), "")
		if len(x) != events || len(y) != events {
			t.Fatalf("%d records of text and %d of JSON, want %d", len(x), len(y), events)
		}
		textLines, bad := strings.SplitAfter(text.String(), "\n"), 0
		for i := range x {
			if x[i].V != nil {
				t.Fatalf("record %d of klog text has a verbosity", i)
			}
			if (y[i].V == nil) != (y[i].Severity == "error") {
				t.Fatalf("record %d: v %v at severity %s", i, y[i].V, y[i].Severity)
			}
			line := x[i].Source.Line
			for _, r := range []*record{&x[i], &y[i]} {
				r.Time, r.V, r.Source.Format, r.Source.Line, r.Source.PID = "", nil, "", 0, 0
			}
			if !reflect.DeepEqual(x[i], y[i]) {
				t.Errorf("record %d differs\ntext %s\njson %s\nfrom %q", i, show(x[i]), show(y[i]), textLines[line-1])
				if bad++; bad == 5 {
					t.Fatal("and more")
				}
			}
		}
		// klog text comes back byte for byte.
		stdout, _ := parse(t, "-o", "klog", filepath.Join(dir, "text.log"))
		if stdout != text.String() {
			t.Error("-o klog changed klog text")
		}
	}
}

func show(r record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %q err=%s", r.Severity, r.Logger, r.Caller, r.Msg, r.Err)
	for k, v := range r.Fields {
		fmt.Fprintf(&b, " %q=%s", k, v)
	}
	return b.String()
}

// call makes one random call on a logger.
func call(l logr.Logger, r *rand.Rand) {
	for range r.IntN(3) {
		l = l.WithName(pick(r, "controller", "scheduler", "a b", "ns"))
	}
	for range r.IntN(3) {
		l = l.WithValues(pairs(r, 1+r.IntN(2))...)
	}
	kv := pairs(r, r.IntN(6))
	if r.IntN(3) == 0 {
		var err error
		if r.IntN(4) > 0 {
			err = errors.New(random(r))
		}
		l.Error(err, random(r), kv...)
		return
	}
	if r.IntN(3) == 0 {
		kv = append(kv, "err", errors.New(random(r)))
	}
	l.V(r.IntN(10)).Info(random(r), kv...)
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func pairs(r *rand.Rand, n int) []any {
	var out []any
	for range n {
		out = append(out, pick(r, keys...), value(r))
	}
	return out
}

// keys are such as components use, and such as make a reader stumble.
var keys = []string{
	"pod", "node", "count", "podUID", "volume_name", "k8s.io/name", "a-b", "PLEG", "ключ", "extension point", "a=b", "x y=z", "%!s(int=1)",
	"msg", "caller", "ts", "level", "time", "error", "source", "message", "severity", "[0]", "{k}", "0",
}

type stringer struct{ s string }

func (s stringer) String() string { return s.s }

type thing struct {
	Name   string
	N      int64
	F      float64
	List   []string
	Map    map[string]any
	Nested *thing `json:"nested,omitempty"`
}

func value(r *rand.Rand) any {
	ref := func() *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: pick(r, "nginx", "web-0", "x"), Namespace: pick(r, "", "default", "kube-system")}}
	}
	switch r.IntN(18) {
	case 0, 1, 2:
		return random(r)
	case 3:
		return r.IntN(1_000_000) - 500_000
	case 4:
		return r.Int64() - r.Int64()
	case 5:
		return []float64{0, 1, 0.1, 1e21, 1e-7, 123456.789, -1e300, 5e-324, 1 << 53, 1e20}[r.IntN(10)]
	case 6:
		return r.IntN(2) == 0
	case 7:
		return nil
	case 8:
		return klog.KObj(ref())
	case 9:
		return klog.KRef(pick(r, "", "ns"), pick(r, "name", ""))
	case 10:
		return klog.KObjSlice([]*corev1.Pod{ref(), ref()})
	case 11:
		return time.Duration(r.Int64N(int64(time.Hour)))
	case 12:
		return stringer{random(r)}
	case 13:
		return errors.New(random(r))
	case 14:
		return []string{random(r), random(r)}
	case 15:
		return map[string]any{random(r): random(r), "n": r.IntN(10), "f": 0.5, "nil": nil}
	case 16:
		return thing{Name: random(r), N: r.Int64(), F: r.Float64(), List: []string{random(r)}, Map: map[string]any{"<&>": "<&>"}, Nested: &thing{Name: "in"}}
	}
	return []int{1, 2, r.IntN(100)}
}

// random is a text of what strings in logs are made of.
func random(r *rand.Rand) string {
	atoms := []string{
		"Syncing pod", "x", "", " ", "  ", "=", "\"", "\\", "\\n", "'", "key=value", "k=\"v\"", "=<", " >", "<", ">", "{", "}", "[1,2]", "null", "true", "I1121 03:56:31.367033       1 a.go:1] \"x\"",
		"ü☸😀", "\u2028", "\x7f", "\x00", "\x1b[31m", "\t", "dial tcp 10.0.0.1:443: connect: connection refused", "\xff\xfe", "\u0085", "\ufeff", "%!d(MISSING)", "(MISSING)",
	}
	var b strings.Builder
	for range r.IntN(5) {
		b.WriteString(atoms[r.IntN(len(atoms))])
		if r.IntN(8) == 0 {
			b.WriteByte('\n')
		}
		if r.IntN(40) == 0 {
			b.WriteString("\r")
		}
	}
	return b.String()
}
