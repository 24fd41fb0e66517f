// Package auditlog reads Kubernetes audit events from wherever clusters leave
// them: the API server's own log files, rotated and compressed, webhook
// batches, container runtimes' line formats, and the envelopes of clouds and
// log shippers.
//
// Questions to an audit log touch few fields of an event and skip its bodies,
// which are most of its bytes. So events are not decoded: a scanner walks the
// bytes once, remembers where the wanted fields are and leaps over the rest.
// Memory does not depend on the size of the log.
package auditlog

import (
	"bytes"
	"encoding/json"
	"time"
)

// Event is one audit event. Its byte slices point into a buffer that is used
// again after the visitor returns: copy what must be kept. A string field is
// unquoted and unescaped, a Span is raw JSON; both are empty where the event
// does not have the field.
type Event struct {
	// Raw is the whole event as one JSON object without surrounding space.
	Raw []byte
	// File and Line say where the event began: the source as the user named
	// it, and its line counted from 1 after decompression (0 for an event of a
	// document that is not made of lines).
	File string
	Line int64

	Level, Stage, Verb, RequestURI, AuditID []byte
	// Username is empty for a request that failed authentication: then
	// kube-apiserver had no user to match rules with.
	Username []byte
	// Groups is the raw JSON array of the user's groups.
	Groups []byte
	// StageTime and ReceivedTime are RFC 3339 times.
	StageTime, ReceivedTime []byte

	// The parts of an event that a lower level or another stage leaves out.
	User, ImpersonatedUser, ObjectRef, ResponseStatus     Span
	RequestObject, ResponseObject, Annotations, UserAgent Span

	// oldTime is the one time that early v1beta1 events have.
	oldTime []byte
	scratch []byte
}

// Span is a member of the event's top-level object.
type Span struct {
	// Value is the raw JSON value, nil where the member is absent or null.
	Value []byte
	// Size is how many bytes the event would lose with the member: key, colon,
	// value and a comma.
	Size int
}

// Size is the number of bytes that kube-apiserver's log backend writes for
// this event: the object and a line feed.
func (e *Event) Size() int64 { return int64(len(e.Raw)) + 1 }

// GroupNames decodes the user's groups.
func (e *Event) GroupNames() []string {
	if len(e.Groups) == 0 {
		return nil
	}
	var g []string
	if json.Unmarshal(e.Groups, &g) != nil {
		return nil
	}
	return g
}

// Time is when the stage was reached, or the request came where the stage has
// no time of its own, or the one time of early v1beta1 events. ok is false for
// an event without any.
func (e *Event) Time() (t time.Time, ok bool) {
	for _, b := range [...][]byte{e.StageTime, e.ReceivedTime, e.oldTime} {
		if len(b) == 0 {
			continue
		}
		if t, ok := parseTime(b); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// Received is when the request came.
func (e *Event) Received() (time.Time, bool) { return parseTime(e.ReceivedTime) }

// parseTime reads the form that kube-apiserver writes (2006-01-02T15:04:05.000000Z)
// without allocating, and any other RFC 3339 form with the standard library.
func parseTime(b []byte) (time.Time, bool) {
	if len(b) >= 20 && b[len(b)-1] == 'Z' && b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' && b[16] == ':' {
		ok := true
		num := func(from, to int) int {
			n := 0
			for _, c := range b[from:to] {
				if c < '0' || c > '9' {
					ok = false
					return 0
				}
				n = n*10 + int(c-'0')
			}
			return n
		}
		y, mo, d, h, mi, s := num(0, 4), num(5, 7), num(8, 10), num(11, 13), num(14, 16), num(17, 19)
		nanos := 0
		if frac := b[19 : len(b)-1]; len(frac) > 1 && len(frac) <= 10 && frac[0] == '.' {
			nanos = num(20, len(b)-1)
			for i := len(frac) - 1; i < 9; i++ {
				nanos *= 10
			}
		} else if len(frac) != 0 {
			ok = false
		}
		if ok && mo >= 1 && mo <= 12 && d >= 1 && d <= 31 && h < 24 && mi < 60 && s < 60 {
			return time.Date(y, time.Month(mo), d, h, mi, s, nanos, time.UTC), true
		}
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	return t, err == nil
}

// Copy returns an event that does not share memory with the reader.
func (e *Event) Copy() *Event {
	c := &Event{}
	c.scan(bytes.Clone(e.Raw))
	c.File, c.Line = e.File, e.Line
	return c
}
