package nodelog

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
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
	var tail ring[Record]
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

// Events calls f for each event of a log that the query lets through, as render
// wrote it: lines that belong together are judged and shown together, and
// --tail counts events. It returns how many there were.
func Events(r io.Reader, q Query, meta *logline.Meta, render func([]byte, *logline.Event) []byte, f func([]byte)) (n int, err error) {
	var grep *regexp.Regexp
	if q.Pattern != "" {
		if grep, err = regexp.Compile(q.Pattern); err != nil {
			return 0, err
		}
	}
	var tail ring[[]byte]
	tail.size = q.Tail
	var last time.Time
	parser := logline.NewParser(meta, func(ev *logline.Event) {
		if ev.HasTime {
			last = time.Unix(0, ev.Time)
		}
		switch {
		case !q.Since.IsZero() && !last.IsZero() && last.Before(q.Since):
			return
		case !q.Until.IsZero() && !last.IsZero() && last.After(q.Until):
			return
		case grep != nil && !grep.Match(ev.Raw) && !grep.MatchString(ev.Msg.String()):
			return
		}
		if q.Pattern != "" {
			// The journal may have left out lines in the middle.
			ev.Incomplete = false
		}
		n++
		b := render(nil, ev)
		if q.Tail > 0 {
			tail.push(b)
		} else {
			f(b)
		}
	})
	number := 0
	err = lines(r, func(line string) {
		number++
		parser.Line([]byte(line), number)
	})
	parser.Flush()
	tail.each(f)
	if q.Tail > 0 {
		n = len(tail.buf)
	}
	return n, err
}

// ring keeps the last of many.
type ring[T any] struct {
	size int
	buf  []T
	next int
}

func (r *ring[T]) push(rec T) {
	if len(r.buf) < r.size {
		r.buf = append(r.buf, rec)
		return
	}
	r.buf[r.next] = rec
	r.next = (r.next + 1) % r.size
}

func (r *ring[T]) each(f func(T)) {
	for i := range r.buf {
		f(r.buf[(r.next+i)%len(r.buf)])
	}
}
