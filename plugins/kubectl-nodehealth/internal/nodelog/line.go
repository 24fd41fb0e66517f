package nodelog

import (
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Record is a line of a log, parsed as far as it can be.
type Record struct {
	// Time is zero where the line has none that can be read.
	Time time.Time `json:"time,omitzero"`
	// Severity is I, W, E or F of klog, "" for others.
	Severity string `json:"severity,omitempty"`
	// Unit is the identifier in a journal or syslog line.
	Unit string `json:"unit,omitempty"`
	// Caller is klog's file:line.
	Caller  string `json:"caller,omitempty"`
	Message string `json:"message"`
	// Raw is the line as it was.
	Raw string `json:"-"`
}

var (
	journalLine = lazyregexp.New(`^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?) (\S+) ([^\s:\[]+)(?:\[\d+\])?: ?(.*)$`)
	isoLine     = lazyregexp.New(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)) (\S+) ([^\s:\[]+)(?:\[\d+\])?: ?(.*)$`)
	klogLine    = lazyregexp.New(`^([IWEF])(\d{4} \d\d:\d\d:\d\d\.\d+) +\d+ ([^ \]]+:\d+)\] ?(.*)$`)
	logfmtTime  = lazyregexp.New(`^time="([^"]+)" level=(\w+) `)
)

// Parse reads a line: a journal or syslog prefix, klog's header, containerd's
// logfmt. now gives the year that klog and syslog leave out: a time that would
// lie more than a day ahead is last year's. Times without a zone are UTC, as
// the kubelet asks the journal for them.
func Parse(line string, now time.Time) Record {
	r := Record{Raw: line, Message: line}
	if m := journalLine.FindStringSubmatch(line); m != nil {
		r.Time, r.Unit, r.Message = withYear("Jan _2 15:04:05.999999", m[1], now), m[3], m[4]
	} else if m := isoLine.FindStringSubmatch(line); m != nil {
		if t, err := time.Parse(time.RFC3339Nano, strings.Replace(m[1], ",", ".", 1)); err == nil {
			r.Time, r.Unit, r.Message = t.UTC(), m[3], m[4]
		}
	}
	if m := klogLine.FindStringSubmatch(r.Message); m != nil {
		if t := withYear("0102 15:04:05.999999", m[2], now); r.Time.IsZero() {
			r.Time = t
		}
		r.Severity, r.Caller, r.Message = m[1], m[3], m[4]
	} else if m := logfmtTime.FindStringSubmatch(r.Message); m != nil {
		if t, err := time.Parse(time.RFC3339Nano, m[1]); err == nil && r.Time.IsZero() {
			r.Time = t.UTC()
		}
		r.Severity = map[string]string{"info": "I", "warning": "W", "error": "E", "fatal": "F"}[m[2]]
		r.Message = r.Message[len(m[0]):]
	}
	return r
}

func withYear(layout, s string, now time.Time) time.Time {
	t, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}
	}
	t = t.AddDate(now.UTC().Year(), 0, 0)
	if t.After(now.Add(24 * time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	return t
}
