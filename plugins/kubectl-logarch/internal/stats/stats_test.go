package stats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

func TestSignature(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`dial tcp 10.0.0.1:443: connect: connection refused`, `dial tcp *: connect: connection refused`},
		{`node "kube-worker-1" not found`, `node "*" not found`},
		{`pod web-7d764666f9-abcde is gone`, `pod * is gone`},
		{`Trace[123]: "List"`, `Trace[*]: "*"`},
		{"first line\nsecond", "first line"},
		{`an "open quote`, `an "open quote`},
		{"", ""},
	} {
		if got := string(appendSignature(nil, []byte(c.in))); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func gather(lines []string) *Stats {
	s := New("")
	p := logline.NewParser(&logline.Meta{Restart: -1, Year: 2026}, s.Add)
	p.Lines([]byte(strings.Join(lines, "\n")), 1)
	p.Flush()
	return s
}

// TestMergeIsOneGo: summed up in two parts and merged is the same as in one go.
func TestMergeIsOneGo(t *testing.T) {
	var lines []string
	for i := range 120 {
		lines = append(lines, fmt.Sprintf(`I1121 03:%02d:00.000000       1 a.go:1] "started" pod="p%d"`, i/4, i))
		if i%3 == 0 {
			lines = append(lines, fmt.Sprintf(`E1121 03:%02d:01.000000       1 b.go:2] "failed" err="node \"n%d\" not found"`, i/4, i))
		}
		if i%40 == 0 {
			lines = append(lines, "not known")
		}
	}
	whole, a, b := gather(lines), gather(lines[:71]), gather(lines[71:])
	a.Merge(b)
	for _, s := range []*Stats{whole, a} {
		if s.Events != 163 || s.Errors() != 40 || s.Severities[logline.Info] != 120 || s.Formats[logline.Unparsed] != 3 || len(s.Unparsed) != 3 {
			t.Errorf("%+v", s)
		}
		top := Top(s.Messages, 2, nil)
		if len(top) != 2 || top[0].Signature != "started" || top[0].Count != 120 || top[1].Caller != "b.go:2" || top[1].Count != 40 {
			t.Errorf("%+v", top)
		}
		cause := Top(s.Causes, 5, nil)
		if len(cause) != 1 || cause[0].Signature != `node "*" not found` || cause[0].Count != 40 || cause[0].Example != `node "n0" not found` {
			t.Errorf("%+v", cause[0])
		}
		if _, p := s.Busiest(true); p.Errors != 2 {
			t.Errorf("worst minute %+v", p)
		}
	}
}

// TestByAndTimeline: the values of a key are counted in parts as in one go, and
// the timeline covers the whole log.
func TestByAndTimeline(t *testing.T) {
	var lines []string
	for i := range 300 {
		lines = append(lines, fmt.Sprintf(`%c1121 %02d:%02d:00.000000       1 a.go:1] "HTTP" resp=%d err="boom %d"`, "IE"[i%3/2], i/60, i%60, 200+i%2, i))
	}
	lines = append(lines, `I1121 05:00:00.000000       1 a.go:1] "other"`)
	sums := func(lines []string) *Stats {
		s := New("resp")
		p := logline.NewParser(&logline.Meta{Restart: -1, Year: 2026}, s.Add)
		p.Lines([]byte(strings.Join(lines, "\n")), 1)
		p.Flush()
		return s
	}
	a := sums(lines[:100])
	a.Merge(sums(lines[100:]))
	top := Top(a.Values, 10, nil)
	if len(top) != 3 || top[0].Count != 150 || top[0].Errors != 50 || top[2].Signature != Absent || top[2].Count != 1 {
		t.Errorf("%+v", top)
	}
	if m := Top(a.Messages, 1, func(m *Message) bool { return m.Severity == logline.Error }); m[0].Count != 100 || m[0].Cause != "boom 2" {
		t.Errorf("%+v", m[0])
	}
	_, width, parts := a.Timeline(48)
	var events, errors int64
	for _, p := range parts {
		events, errors = events+p.Events, errors+p.Errors
	}
	if len(parts) > 48 || width != 7*minute || events != 301 || errors != 100 {
		t.Errorf("%d parts of %d, %d events, %d errors", len(parts), width/minute, events, errors)
	}
}
