package logline

import "strconv"

// memo remembers what most events of a log have in common, so that it is made
// once: it belongs to one Event, whose memory a Parser uses again and again.
type memo struct {
	date date
	wall wall

	line   int
	digits []byte // of line

	head     []byte
	headOf   headKey
	tail     []byte
	tailOf   tailKey
	headMade bool
	tailMade bool
}

// headKey is what the first part of a source depends on.
type headKey struct {
	format Format
	kind   EnvelopeKind
	file   *Meta
}

// tailKey is what the part after the line's number depends on.
type tailKey struct {
	stream uint8
	pid    int
	file   *Meta
}

// appendHead appends the source up to the line's number.
func (m *memo) appendHead(dst []byte, e *Event) []byte {
	key := headKey{e.Format, e.Env.Kind, e.File}
	if m.headMade && m.headOf == key {
		return append(dst, m.head...)
	}
	h := append(m.head[:0], `,"source":{"format":"`...)
	h = append(append(h, formatNames[e.Format]...), '"')
	if e.Env.Kind != NoEnvelope {
		h = append(append(append(h, `,"via":"`...), envelopeNames[e.Env.Kind]...), '"')
	}
	switch f := e.File; {
	case f == nil:
	case f.prepared:
		h = append(h, f.jsonFile...)
	default:
		h = f.appendFile(h)
	}
	m.head = append(h, `,"line":`...)
	// What is not prepared may still change.
	m.headOf, m.headMade = key, e.File == nil || e.File.prepared
	return append(dst, m.head...)
}

// appendTail appends what comes after the line's number in most sources.
func (m *memo) appendTail(dst []byte, e *Event) []byte {
	key := tailKey{e.Env.Stream, e.PID, e.File}
	if m.tailMade && m.tailOf == key {
		return append(dst, m.tail...)
	}
	t := m.tail[:0]
	if e.Env.Stream > 0 {
		t = append(append(append(t, `,"stream":"`...), streamNames[e.Env.Stream]...), '"')
	}
	if e.PID > 0 {
		t = strconv.AppendInt(append(t, `,"pid":`...), int64(e.PID), 10)
	}
	switch f := e.File; {
	case f == nil:
	case f.prepared:
		t = append(t, f.jsonPod...)
	default:
		t = f.appendPod(t)
	}
	m.tail = t
	m.tailOf, m.tailMade = key, e.File == nil || e.File.prepared
	return append(dst, m.tail...)
}

// appendLine appends a number that is mostly one more than the last one.
func (m *memo) appendLine(dst []byte, n int) []byte {
	if n == m.line+1 && len(m.digits) > 0 {
		i := len(m.digits) - 1
		for i >= 0 && m.digits[i] == '9' {
			m.digits[i] = '0'
			i--
		}
		if i < 0 {
			m.digits = strconv.AppendInt(m.digits[:0], int64(n), 10)
		} else {
			m.digits[i]++
		}
	} else if n != m.line || len(m.digits) == 0 {
		m.digits = strconv.AppendInt(m.digits[:0], int64(n), 10)
	}
	m.line = n
	return append(dst, m.digits...)
}

// wall remembers the year that a date without one was found to be of.
type wall struct {
	mo, d  int
	envDay int64
	y      int
	start  int64 // of the day, in nanoseconds
}

// of returns the year of a carrier's day (since 1970), and the start of a date
// in that year.
func (w *wall) of(mo, d int, envDay int64) (y int, start int64) {
	if w == nil {
		w = &wall{}
	}
	if w.mo != mo || w.d != d || w.envDay != envDay {
		w.y, _, _ = civilFromDays(envDay)
		w.start = daysFromCivil(w.y, mo, d) * day
		w.mo, w.d, w.envDay = mo, d, envDay
	}
	return w.y, w.start
}
