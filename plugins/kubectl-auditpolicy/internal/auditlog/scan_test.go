package auditlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// decoded is what encoding/json reads of an event.
type decoded struct {
	Level, Stage, Verb, RequestURI, AuditID string
	StageTimestamp                          string
	RequestReceivedTimestamp                string
	User                                    struct {
		Username string
		Groups   []string
	}
	RequestObject, ResponseObject, ResponseStatus, Annotations, ObjectRef, ImpersonatedUser json.RawMessage
}

// reference decodes with encoding/json, by exact names: kube-apiserver's JSON
// does not fold case.
func reference(b []byte) (d decoded, ok bool) {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil || m == nil {
		return d, false
	}
	str := func(m map[string]json.RawMessage, key string) string {
		var s string
		_ = json.Unmarshal(m[key], &s)
		return s
	}
	d.Level, d.Stage, d.Verb, d.RequestURI = str(m, "level"), str(m, "stage"), str(m, "verb"), str(m, "requestURI")
	d.AuditID, d.StageTimestamp, d.RequestReceivedTimestamp = str(m, "auditID"), str(m, "stageTimestamp"), str(m, "requestReceivedTimestamp")
	var u map[string]json.RawMessage
	if json.Unmarshal(m["user"], &u) == nil {
		d.User.Username = str(u, "username")
		_ = json.Unmarshal(u["groups"], &d.User.Groups)
	}
	raw := func(key string) json.RawMessage {
		if v := m[key]; string(v) != "null" {
			return v
		}
		return nil
	}
	d.RequestObject, d.ResponseObject, d.ResponseStatus = raw("requestObject"), raw("responseObject"), raw("responseStatus")
	d.Annotations, d.ObjectRef, d.ImpersonatedUser = raw("annotations"), raw("objectRef"), raw("impersonatedUser")
	return d, true
}

func scanned(e *Event) (d decoded) {
	d.Level, d.Stage, d.Verb, d.RequestURI = string(e.Level), string(e.Stage), string(e.Verb), string(e.RequestURI)
	d.AuditID, d.StageTimestamp, d.RequestReceivedTimestamp = string(e.AuditID), string(e.StageTime), string(e.ReceivedTime)
	d.User.Username, d.User.Groups = string(e.Username), e.GroupNames()
	d.RequestObject, d.ResponseObject, d.ResponseStatus = e.RequestObject.Value, e.ResponseObject.Value, e.ResponseStatus.Value
	d.Annotations, d.ObjectRef, d.ImpersonatedUser = e.Annotations.Value, e.ObjectRef.Value, e.ImpersonatedUser.Value
	return d
}

// compare holds the scanner against encoding/json on one text.
func compare(t *testing.T, b []byte) {
	t.Helper()
	var e Event
	n := e.scan(b)
	want, ok := reference(b)
	if !ok {
		return // only what is JSON must agree; a scanner may leap over nonsense
	}
	if n < 0 {
		t.Fatalf("the scanner refuses %s", b)
	}
	if rest := bytes.TrimSpace(b[n:]); len(rest) > 0 {
		t.Fatalf("the scanner stops at %q of %s", rest, b)
	}
	if got := scanned(&e); !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\n got %+v\nwant %+v", b, got, want)
	}
	// A member's size is what the event loses with it.
	for _, s := range []struct {
		key  string
		span Span
	}{{"requestObject", e.RequestObject}, {"responseObject", e.ResponseObject}, {"annotations", e.Annotations}} {
		if s.span.Value == nil || bytes.Count(b, []byte(`"`+s.key+`":`)) != 1 {
			continue
		}
		if bytes.Contains(b, []byte(`"`+s.key+`":`+string(s.span.Value))) && s.span.Size != len(s.key)+3+len(s.span.Value)+1 {
			t.Fatalf("%s: size %d", s.key, s.span.Size)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(event(1)))
	f.Add([]byte(` {"level" : "None", "user": null, "requestObject": null, "stage":"\u0052","stage":"X", "user":{"username":"\"\\","groups":[]}} `))
	f.Add([]byte(`{"a":{"b":["}","]","\\\""]},"verb":1e5,"user":[1,2]}`))
	f.Add([]byte(`{"l\u0065vel":"None","user":{"groups":"x","username":7}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.TrimLeft(b, " \t\r\n")
		// encoding/json replaces what is not UTF-8; the scanner hands it on.
		if !json.Valid(b) || bytes.ContainsRune(b, '\ufffd') || !validUTF8(b) {
			var e Event
			e.line(b, func(*Event) {})
			_ = layout(append(b, '\n'), false)
			return
		}
		compare(t, b)
	})
}

func validUTF8(b []byte) bool { return bytes.Equal(bytes.ToValidUTF8(b, nil), b) }

// randomJSON makes a value with everything that is hard to leap over.
func randomJSON(r *rand.Rand, depth int) any {
	words := []string{"", "a", `"`, `\`, `\"`, "{", "}", "[]", ",", ":", "\n\t", "é", "\u2028", "level", "user", "stage", `{"level":"x"}`, "</script>"}
	word := func() string { return words[r.IntN(len(words))] + words[r.IntN(len(words))] }
	switch k := r.IntN(8); {
	case depth > 3 || k < 3:
		return word()
	case k == 3:
		return r.Float64() * 1e6
	case k == 4:
		return []any{nil, true, false}[r.IntN(3)]
	case k == 5:
		out := []any{}
		for range r.IntN(4) {
			out = append(out, randomJSON(r, depth+1))
		}
		return out
	}
	m := map[string]any{}
	for range r.IntN(4) {
		m[word()] = randomJSON(r, depth+1)
	}
	return m
}

// TestAgainstEncodingJSON generates events, compact and spaced, with hostile
// bodies, and compares every field.
func TestAgainstEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	keys := []string{"level", "stage", "verb", "requestURI", "auditID", "user", "requestObject", "responseObject", "annotations", "objectRef", "responseStatus", "impersonatedUser", "stageTimestamp", "requestReceivedTimestamp", "kind", "Level", "sourceIPs", "usr"}
	n := 30000
	if testing.Short() {
		n = 3000
	}
	for range n {
		var b bytes.Buffer
		b.WriteByte('{')
		for i := range r.IntN(12) {
			if i > 0 {
				b.WriteByte(',')
			}
			key := keys[r.IntN(len(keys))]
			v := randomJSON(r, 0)
			if key == "user" && r.IntN(3) > 0 {
				v = map[string]any{"username": randomJSON(r, 4), "groups": []any{"g", randomJSON(r, 4)}, "extra": randomJSON(r, 0)}
			}
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(r.IntN(2) == 0)
			fmt.Fprintf(&b, "%q:", key)
			if err := enc.Encode(v); err != nil {
				t.Fatal(err)
			}
			if r.IntN(2) == 0 {
				b.Truncate(b.Len() - 1)
			}
		}
		b.WriteByte('}')
		compare(t, b.Bytes())
		if r.IntN(4) == 0 {
			var p bytes.Buffer
			if err := json.Indent(&p, b.Bytes(), " ", "\t"); err != nil {
				t.Fatal(err)
			}
			compare(t, p.Bytes())
		}
	}
}

// Whatever is cut off a text, the scanner ends and does not take it for whole.
func TestEveryPrefix(t *testing.T) {
	b := []byte(event(1))
	for i := range b {
		var e Event
		if e.scan(b[:i]) >= 0 {
			t.Fatalf("prefix of %d bytes passes", i)
		}
		e.line(b[:i], func(*Event) { t.Fatalf("event from a prefix of %d bytes", i) })
	}
}

func TestParseTime(t *testing.T) {
	for _, s := range []string{
		"2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.123456789Z",
		"2026-01-02T03:04:05.123456+02:00", "2026-13-02T03:04:05Z", "2026-02-31T03:04:05Z", "", "x", "2026-01-02T03:04:05.Z", "2026-01-02T0x:04:05Z",
	} {
		want, err := time.Parse(time.RFC3339Nano, s)
		got, ok := parseTime([]byte(s))
		if ok != (err == nil) && s != "2026-02-31T03:04:05Z" || ok && err == nil && !got.Equal(want) {
			t.Errorf("%q: %v %v, want %v %v", s, got, ok, want, err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	line := []byte(event(1))
	var e Event
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if e.scan(line) < 0 {
			b.Fatal()
		}
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	line := []byte(event(1))
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		var d decoded
		if err := json.Unmarshal(line, &d); err != nil {
			b.Fatal(err)
		}
	}
}
