// Package stats sums up log events: how many of each severity, the busiest
// minute, the messages that repeat most, and the errors behind them.
package stats

import (
	"cmp"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// maxSignatures bounds the memory; what comes after is counted in Others.
const maxSignatures = 20000

const minute = 60_000_000_000

// Stats are sums over events. They can be merged.
type Stats struct {
	Events     int64
	Severities [6]int64
	Formats    [logline.FormatCount]int64
	Components map[string]*Part
	Messages   map[string]*Message
	Causes     map[string]*Message
	// Minutes counts events and errors by minute since 1970.
	Minutes map[int64]*Part
	// Others are events whose signature was not kept.
	Others      int64
	First, Last int64
	// Unparsed are the first few lines in no known format.
	Unparsed []string
	// By is a key whose values are counted in Values, where it is not "".
	By     string
	Values map[string]*Message
	buf    []byte
	key    []byte
}

// Part is a number of events and how many of them are errors.
type Part struct{ Events, Errors int64 }

// Message is a group of events that say the same but for numbers and names.
type Message struct {
	Signature   string
	Severity    logline.Severity
	Caller      string
	Count       int64
	Errors      int64 // of severity error or worse
	First, Last int64
	// Example is the first one, as it was; Cause is its error.
	Example, Cause string
}

// New returns empty sums; by is the key whose values are counted, "" for none.
func New(by string) *Stats {
	return &Stats{By: by, Values: map[string]*Message{}, Components: map[string]*Part{}, Messages: map[string]*Message{}, Causes: map[string]*Message{}, Minutes: map[int64]*Part{}}
}

// Add counts an event.
func (s *Stats) Add(ev *logline.Event) {
	if ev.Format == logline.Unparsed && len(ev.Raw) == 0 {
		return
	}
	s.Events++
	s.Severities[ev.Severity]++
	s.Formats[ev.Format]++
	bad := int64(0)
	if ev.Severity >= logline.Error {
		bad = 1
	}
	if c := ev.Component(); len(c) > 0 {
		p := s.Components[string(c)]
		if p == nil {
			p = &Part{}
			s.Components[string(c)] = p
		}
		p.Events++
		p.Errors += bad
	}
	if ev.HasTime {
		if s.First == 0 || ev.Time < s.First {
			s.First = ev.Time
		}
		s.Last = max(s.Last, ev.Time)
		m := ev.Time / minute
		p := s.Minutes[m]
		if p == nil {
			p = &Part{}
			s.Minutes[m] = p
		}
		p.Events++
		p.Errors += bad
	}
	if ev.Format == logline.Unparsed && len(s.Unparsed) < 3 {
		s.Unparsed = append(s.Unparsed, string(ev.Raw[:min(len(ev.Raw), 200)]))
	}
	s.buf = ev.Msg.Text(s.buf[:0])
	m := s.count(s.Messages, ev, ev.Caller, s.buf, ev.Structured)
	if ev.ErrAt >= 0 {
		s.buf = ev.Err.Text(s.buf[:0])
		s.count(s.Causes, ev, nil, s.buf, false)
		if m != nil && m.Cause == "" {
			m.Cause = string(s.buf[:min(len(s.buf), 300)])
		}
	}
	if s.By != "" {
		s.value(ev)
	}
}

// Absent is the value of events that do not have the key.
const Absent = "(none)"

func (s *Stats) value(ev *logline.Event) {
	var ok bool
	if s.buf, ok = ev.Lookup(s.buf[:0], s.By); !ok {
		s.buf = append(s.buf[:0], Absent...)
	}
	text := s.buf[:min(len(s.buf), 300)]
	m := s.Values[string(text)]
	if m == nil {
		if len(s.Values) >= maxSignatures {
			return
		}
		m = &Message{Signature: string(text)}
		s.Values[m.Signature] = m
	}
	m.add(ev)
	m.Severity = max(m.Severity, ev.Severity)
}

func (m *Message) add(ev *logline.Event) {
	m.Count++
	if ev.Severity >= logline.Error {
		m.Errors++
	}
	if ev.HasTime {
		if m.First == 0 || ev.Time < m.First {
			m.First = ev.Time
		}
		m.Last = max(m.Last, ev.Time)
	}
}

func (s *Stats) count(in map[string]*Message, ev *logline.Event, caller, text []byte, exact bool) *Message {
	s.key = append(append(s.key[:0], ev.Severity.Letter()), caller...)
	s.key = append(s.key, 0)
	n := len(s.key)
	if exact {
		s.key = append(s.key, text[:min(len(text), 300)]...)
	} else {
		s.key = appendSignature(s.key, text)
	}
	m := in[string(s.key)]
	if m == nil {
		if len(in) >= maxSignatures {
			s.Others++
			return nil
		}
		m = &Message{Signature: string(s.key[n:]), Severity: ev.Severity, Caller: string(caller), Example: string(text[:min(len(text), 300)])}
		in[string(s.key)] = m
	}
	m.add(ev)
	return m
}

// appendSignature appends a text with what changes from one time to the next
// taken out: words with digits in them, and what stands in quotes.
func appendSignature(dst, s []byte) []byte {
	s = s[:min(len(s), 300)]
	for i := 0; i < len(s); {
		c := s[i]
		if c == '\n' {
			break
		}
		if c == '"' {
			if end := closing(s[i+1:]); end >= 0 {
				dst = append(dst, `"*"`...)
				i += end + 2
				continue
			}
		}
		if !wordByte(c) {
			dst = append(dst, c)
			i++
			continue
		}
		start := i
		digit := false
		for i < len(s) && (wordByte(s[i]) || i > start && joins(s[i]) && i+1 < len(s) && wordByte(s[i+1])) {
			digit = digit || s[i] >= '0' && s[i] <= '9'
			i++
		}
		if digit {
			dst = append(dst, '*')
		} else {
			dst = append(dst, s[start:i]...)
		}
	}
	return dst
}

func closing(s []byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func wordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func joins(c byte) bool { return c == '.' || c == '-' || c == ':' || c == '/' || c == '@' }

// Merge adds the sums of o, which came after s.
func (s *Stats) Merge(o *Stats) {
	s.Events += o.Events
	s.Others += o.Others
	for i := range s.Severities {
		s.Severities[i] += o.Severities[i]
	}
	for i := range s.Formats {
		s.Formats[i] += o.Formats[i]
	}
	if o.First != 0 && (s.First == 0 || o.First < s.First) {
		s.First = o.First
	}
	s.Last = max(s.Last, o.Last)
	mergeParts(s.Components, o.Components)
	mergeParts(s.Minutes, o.Minutes)
	s.Others += mergeMessages(s.Messages, o.Messages)
	mergeMessages(s.Causes, o.Causes)
	mergeMessages(s.Values, o.Values)
	for _, u := range o.Unparsed {
		if len(s.Unparsed) < 3 {
			s.Unparsed = append(s.Unparsed, u)
		}
	}
}

func mergeParts[K comparable](a, b map[K]*Part) {
	for k, p := range b {
		if have := a[k]; have != nil {
			have.Events += p.Events
			have.Errors += p.Errors
		} else {
			a[k] = p
		}
	}
}

func mergeMessages(a, b map[string]*Message) (others int64) {
	for k, m := range b {
		have := a[k]
		switch {
		case have != nil:
			have.Count += m.Count
			have.Errors += m.Errors
			have.Severity = max(have.Severity, m.Severity)
			if have.Cause == "" {
				have.Cause = m.Cause
			}
			if m.First != 0 && (have.First == 0 || m.First < have.First) {
				have.First = m.First
			}
			have.Last = max(have.Last, m.Last)
		case len(a) >= maxSignatures:
			others += m.Count
		default:
			a[k] = m
		}
	}
	return others
}

// Top returns the n messages that repeat most, worst first among equals; only
// those for which want is true.
func Top(in map[string]*Message, n int, want func(*Message) bool) []*Message {
	var out []*Message
	for _, m := range in {
		if want == nil || want(m) {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b *Message) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Severity, a.Severity),
			strings.Compare(a.Signature, b.Signature), strings.Compare(a.Caller, b.Caller))
	})
	return out[:min(n, len(out))]
}

// Errors is the number of errors and worse.
func (s *Stats) Errors() int64 { return s.Severities[logline.Error] + s.Severities[logline.Fatal] }

// Busiest returns the minute (in nanoseconds since 1970) with the most events,
// or with the most errors.
func (s *Stats) Busiest(errors bool) (at int64, p Part) {
	at = -1
	for m, q := range s.Minutes {
		a, b := q.Events, p.Events
		if errors {
			a, b = q.Errors, p.Errors
		}
		if a > b || a == b && a > 0 && m*minute < at {
			at, p = m*minute, *q
		}
	}
	return at, p
}

// Timeline sums the minutes up into at most n parts of equal length, and
// returns that length in nanoseconds; part i begins at start + i*width. It is
// empty where no event has a time.
func (s *Stats) Timeline(n int) (start, width int64, parts []Part) {
	if s.First == 0 {
		return 0, 0, nil
	}
	first, last := s.First/minute, s.Last/minute
	per := (last-first)/int64(n) + 1
	parts = make([]Part, (last-first)/per+1)
	for m, p := range s.Minutes {
		if i := (m - first) / per; i >= 0 && i < int64(len(parts)) {
			parts[i].Events += p.Events
			parts[i].Errors += p.Errors
		}
	}
	return first * minute, per * minute, parts
}
