package parse

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// Filter says which events are wanted. The zero value, and nil, want all.
type Filter struct {
	// Since and Until bound the time, in nanoseconds since 1970 UTC; 0 is no
	// bound. Lines that tell no time have that of the event before them.
	Since, Until int64
	// Severity is the least severity.
	Severity logline.Severity
	// Components are the wanted ones; none is all.
	Components []string
	// Callers are file.go or file.go:line.
	Callers []string
	Where   []Condition
	// V is the highest verbosity; negative is no bound. Errors and warnings
	// have none and pass.
	V    int
	Grep []*regexp.Regexp
}

// NewFilter returns a filter that wants all.
func NewFilter() *Filter { return &Filter{V: -1} }

// Condition is a wanted value of a key.
type Condition struct {
	Key   string
	Value string
	// Not turns the condition round; Contains asks for a part of the value.
	Not, Contains bool
}

// ParseCondition reads key=value, key!=value or key~part. A value may hold * for
// any text.
func ParseCondition(s string) (Condition, error) {
	i := strings.IndexAny(s, "=~")
	if i <= 0 {
		return Condition{}, fmt.Errorf("%q is not key=value, key!=value or key~part", s)
	}
	c := Condition{Key: s[:i], Value: s[i+1:], Contains: s[i] == '~'}
	if strings.HasSuffix(c.Key, "!") {
		c.Key, c.Not = strings.TrimSuffix(c.Key, "!"), true
	}
	return c, nil
}

// ParseWhen reads a point in time: RFC 3339, a date with or without a time
// (UTC), a time of today, or a duration before now.
func ParseWhen(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d.Abs()), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			n := now.UTC()
			return time.Date(n.Year(), n.Month(), n.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 10m, 15:04, 2006-01-02T15:04:05Z or 2006-01-02", s)
}

func (f *Filter) timed() bool { return f != nil && (f.Since != 0 || f.Until != 0) }

// Any says whether the filter leaves anything out.
func (f *Filter) Any() bool {
	return f != nil && (f.timed() || f.Severity != logline.Unknown || len(f.Components) > 0 || len(f.Callers) > 0 ||
		len(f.Where) > 0 || f.V >= 0 || len(f.Grep) > 0)
}

// judge is a filter with the memory of one worker.
type judge struct {
	*Filter
	buf []byte
}

func (f *Filter) judge() *judge {
	if !f.Any() {
		return nil
	}
	return &judge{Filter: f}
}

func (j *judge) pass(ev *logline.Event, t int64, r *Result) bool {
	if j.Since != 0 && t < j.Since || j.Until != 0 && t > j.Until {
		return false
	}
	// What has no form cannot be judged by its parts, only by its text.
	if ev.Format == logline.Unparsed && (j.Severity > ev.Severity || len(j.Callers) > 0 || len(j.Where) > 0) {
		if len(ev.Raw) > 0 {
			r.UnparsedHidden++
		}
		return false
	}
	if ev.Severity < j.Severity {
		return false
	}
	if len(j.Components) > 0 && !j.component(ev) {
		return false
	}
	if len(j.Callers) > 0 && !j.caller(ev) {
		return false
	}
	if j.V >= 0 {
		if ev.V > j.V {
			return false
		}
		if ev.V < 0 && (ev.Severity == logline.Info || ev.Severity == logline.Unknown) {
			r.NoVerbosity++
		}
	}
	for i := range j.Where {
		if !j.where(ev, &j.Where[i]) {
			return false
		}
	}
	for _, re := range j.Grep {
		if !re.Match(ev.Raw) && !re.Match(ev.Msg.Text(j.buf[:0])) {
			return false
		}
	}
	return true
}

func (j *judge) component(ev *logline.Event) bool {
	have := ev.Component()
	for _, c := range j.Components {
		if matches(c, string(have)) || ev.File != nil && ev.File.Container != "" && matches(c, ev.File.Container) {
			return true
		}
	}
	return false
}

func (j *judge) caller(ev *logline.Event) bool {
	for _, c := range j.Callers {
		if string(ev.Caller) == c {
			return true
		}
		if i := bytes.LastIndexByte(ev.Caller, ':'); i >= 0 && string(ev.Caller[:i]) == c {
			return true
		}
	}
	return false
}

func (j *judge) where(ev *logline.Event, c *Condition) bool {
	found := false
	try := func(v logline.Value) {
		j.buf = v.Text(j.buf[:0])
		text := string(j.buf)
		found = found || c.Contains && strings.Contains(text, c.Value) || !c.Contains && matches(c.Value, text)
	}
	switch c.Key {
	case "msg":
		try(ev.Msg)
	case "err":
		if ev.ErrAt >= 0 {
			try(ev.Err)
		}
	case "logger":
		if ev.LoggerAt >= 0 {
			try(ev.Logger)
		}
	}
	for i := range ev.Fields {
		j.buf = ev.Fields[i].Key.Text(j.buf[:0])
		if string(j.buf) == c.Key {
			try(ev.Fields[i].Value)
		}
	}
	return found != c.Not
}

// matches compares a text with a pattern in which * stands for any text.
func matches(pattern, s string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == s
	}
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return len(s) >= len(last) && strings.HasSuffix(s, last)
}
