package nodelog

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"
)

// maxLine bounds one line; what is longer is cut there.
const maxLine = 1 << 20

// Read calls f for each record of a log that the query lets through. Filters
// are applied here too, because a log that is a plain file knows none. A line
// without a time of its own belongs to the one before it.
func Read(r io.Reader, q Query, now time.Time, f func(Record)) error {
	var grep *regexp.Regexp
	if q.Pattern != "" {
		var err error
		if grep, err = regexp.Compile(q.Pattern); err != nil {
			return err
		}
	}
	emit := f
	var tail ring
	if q.Tail > 0 {
		tail.size = q.Tail
		emit = tail.push
	}
	var last time.Time
	clock := newClock(now)
	n := 0
	err := lines(r, func(line string) {
		n++
		rec := Record{Time: clock.at(line), Raw: line, Line: n}
		at := rec.Time
		if at.IsZero() {
			at = last
		} else {
			last = at
		}
		switch {
		case !q.Since.IsZero() && !at.IsZero() && at.Before(q.Since):
		case !q.Until.IsZero() && !at.IsZero() && at.After(q.Until):
		case grep != nil && !grep.MatchString(line):
		default:
			emit(rec)
		}
	})
	tail.each(f)
	return err
}

// lines calls f for each line.
func lines(r io.Reader, f func(string)) error {
	br := bufio.NewReaderSize(r, 1<<16)
	var long []byte
	for {
		part, err := br.ReadSlice('\n')
		if len(long)+len(part) <= maxLine {
			long = append(long, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(long) > 0 {
			f(strings.TrimRight(string(long), "\r\n"))
		}
		long = long[:0]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// ring keeps the last records.
type ring struct {
	size int
	buf  []Record
	next int
}

func (r *ring) push(rec Record) {
	if len(r.buf) < r.size {
		r.buf = append(r.buf, rec)
		return
	}
	r.buf[r.next] = rec
	r.next = (r.next + 1) % r.size
}

func (r *ring) each(f func(Record)) {
	for i := range r.buf {
		f(r.buf[(r.next+i)%len(r.buf)])
	}
}
