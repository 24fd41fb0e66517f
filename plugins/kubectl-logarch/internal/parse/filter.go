package parse

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
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

// Condition is what the value of a key has to be.
type Condition struct {
	Key   string
	Op    string // one of ops
	Value string
	// number is Value as a number or a duration, to be compared with.
	number float64
}

// ops are the comparisons, longer ones first.
var ops = []string{"!=", "!~", ">=", "<=", "=", "~", ">", "<"}

// ParseCondition reads key=value, key!=value, key~part, key!~part and
// comparisons of numbers and durations such as latency>=1s. A value may hold *
// for any text, and may be quoted as klog quotes it.
func ParseCondition(s string) (Condition, error) {
	i := strings.IndexAny(s, "=~<>")
	if i > 0 && s[i-1] == '!' {
		i--
	}
	c := Condition{Key: strings.TrimSpace(s[:max(i, 0)])}
	for _, op := range ops {
		if i > 0 && strings.HasPrefix(s[i:], op) {
			c.Op, c.Value = op, strings.TrimSpace(s[i+len(op):])
			break
		}
	}
	if c.Key == "" || c.Op == "" { // there is no !>
		return Condition{}, fmt.Errorf("%q is not key=value, key!=value, key~part or key>number", s)
	}
	if n := len(c.Value); n > 1 && c.Value[0] == '"' && c.Value[n-1] == '"' {
		if v, err := strconv.Unquote(c.Value); err == nil {
			c.Value = v
		}
	}
	if strings.ContainsAny(c.Op, "<>") {
		n, ok := number(c.Value)
		if !ok {
			return Condition{}, fmt.Errorf("%q: %q is neither a number nor a duration such as 1.5s", s, c.Value)
		}
		c.number = n
	}
	return c, nil
}

// number reads a number, or a duration in seconds.
func number(s string) (float64, bool) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f, true
	}
	d, err := time.ParseDuration(s)
	return d.Seconds(), err == nil
}

// holds says whether a value fulfils the condition.
func (c *Condition) holds(text string) bool {
	switch c.Op {
	case "=":
		return matches(c.Value, text)
	case "~":
		return strings.Contains(text, c.Value)
	}
	n, ok := number(text)
	if !ok {
		return false
	}
	switch c.Op {
	case ">":
		return n > c.number
	case ">=":
		return n >= c.number
	case "<":
		return n < c.number
	}
	return n <= c.number
}

// ParseWhen reads a point in time: RFC 3339, a date with or without a time
// (UTC), a time of today, or a duration before now (10m, 2d, 1w).
func ParseWhen(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d.Abs()), nil
	}
	if n := len(s) - 1; n > 0 && (s[n] == 'd' || s[n] == 'w') {
		if days, err := strconv.Atoi(strings.TrimPrefix(s[:n], "-")); err == nil && days < 100_000 {
			if s[n] == 'w' {
				days *= 7
			}
			return now.AddDate(0, 0, -days), nil
		}
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
	return time.Time{}, fmt.Errorf("%q is no time: write 10m, 2d, 15:04, 2006-01-02T15:04:05Z or 2006-01-02", s)
}

// Nanos is a time as a Filter wants it. What nanoseconds cannot reach becomes the
// nearest that they can: --until 9999-12-31 is for ever.
func Nanos(t time.Time) int64 {
	switch year := t.UTC().Year(); {
	case year < 1678:
		return math.MinInt64
	case year > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
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
	if ev.Format == logline.Unparsed && (j.Severity > ev.Severity || len(j.Callers) > 0 || !j.known(ev)) {
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

// known says whether the keys of all conditions are known of an event.
func (j *judge) known(ev *logline.Event) bool {
	for i := range j.Where {
		if _, ok := ev.Lookup(j.buf[:0], j.Where[i].Key); !ok {
			return false
		}
	}
	return true
}

func (j *judge) where(ev *logline.Event, c *Condition) bool {
	var found bool
	j.buf, found = ev.Lookup(j.buf[:0], c.Key)
	if c.Key == "pod" && !strings.Contains(c.Value, "/") {
		// A pod is namespace/name; its name alone will do.
		if i := bytes.LastIndexByte(j.buf, '/'); i >= 0 {
			j.buf = append(j.buf[:0], j.buf[i+1:]...)
		}
	}
	switch c.Op {
	case "!=":
		return !found || !matches(c.Value, string(j.buf))
	case "!~":
		return !found || !strings.Contains(string(j.buf), c.Value)
	}
	return found && c.holds(string(j.buf))
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
