package auditlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// Visitor takes events. A reader makes one visitor for each of its workers and
// never calls one from two of them, so a visitor needs no lock; what visitors
// gathered is put together afterwards.
type Visitor interface {
	Visit(*Event)
}

// Stats says what was read.
type Stats struct {
	Files int `json:"files"`
	// Bytes is the size of the text, after decompression.
	Bytes int64 `json:"bytes"`
	// Events is how many events were found.
	Events int64 `json:"events"`
	// Broken is how many texts began as an audit event and were cut or
	// garbled; BrokenBytes is their size.
	Broken      int64 `json:"broken"`
	BrokenBytes int64 `json:"brokenBytes"`
	// Other is how many lines held no audit event: the server's own log on
	// the same stream, for example.
	Other int64 `json:"other"`
	// Legacy is how many of these are in the text format that
	// --audit-log-format=legacy writes.
	Legacy int64 `json:"-"`
	// PassedOver are the files of a directory that are no audit logs.
	PassedOver []string `json:"passedOver,omitempty"`
}

func (s *Stats) add(o Stats) {
	s.Bytes += o.Bytes
	s.Events += o.Events
	s.Broken += o.Broken
	s.BrokenBytes += o.BrokenBytes
	s.Other += o.Other
	s.Legacy += o.Legacy
}

// Options are the reader's settings; the zero value is good.
type Options struct {
	// Workers is how many goroutines scan; 0 is one for each processor.
	Workers int
	// Progress is called now and then with the number of stored bytes read so
	// far and of all (0 where a source has no size).
	Progress func(read, total int64)
}

// ErrNoEvents is wrapped by the error for input in which no audit event was
// found.
var ErrNoEvents = errors.New("no audit event in it")

var errStop = errors.New("stopped")

// Read reads the sources one after the other and gives every event to a
// visitor that newVisitor made. The order of events is not kept. It returns
// the visitors; on an error they hold what was read until then.
func Read(ctx context.Context, sources []Source, o Options, newVisitor func() Visitor) ([]Visitor, Stats, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	var total int64
	for _, s := range sources {
		if s.Size == 0 {
			total = 0
			break
		}
		total += s.Size
	}
	p := &pipeline{chunks: make(chan chunk, 2), free: make(chan []byte, o.Workers+4)}
	visitors := make([]Visitor, o.Workers)
	stats := make([]Stats, o.Workers)
	var wg sync.WaitGroup
	for i := range visitors {
		visitors[i] = newVisitor()
		wg.Add(1)
		go func() {
			defer wg.Done()
			p.work(visitors[i], &stats[i])
		}()
	}
	var read int64
	sum := Stats{}
	var err error
	for _, src := range sources {
		before := p.events.Load() + p.broken.Load()
		err = p.source(ctx, src, func(n int) {
			read += int64(n)
			if o.Progress != nil {
				o.Progress(read, total)
			}
		})
		p.pending.Wait()
		if f := p.foreign.Load(); f != nil {
			err = *f
		}
		if src.Found && errors.Is(err, errNotLog) {
			sum.PassedOver = append(sum.PassedOver, src.Name)
			err = nil
			continue
		}
		if err == nil && p.events.Load()+p.broken.Load() == before && len(sources) == 1 {
			err = p.nothing()
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				err = fmt.Errorf("log %s: %w", src.Name, err)
			}
			break
		}
		sum.Files++
	}
	close(p.chunks)
	wg.Wait()
	for _, s := range stats {
		sum.add(s)
	}
	if err == nil && sum.Events == 0 {
		name := "the logs"
		if len(sources) == 1 {
			name = "log " + sources[0].Name
		}
		err = fmt.Errorf("%s: %w", name, p.nothing())
		if sum.Bytes == 0 && len(sources) == 1 {
			err = fmt.Errorf("%s: the file is empty", name)
		}
	}
	return visitors, sum, err
}

// Parse reads the events in one piece of text, such as a line of a log, in
// whatever envelope. They share no memory with it.
func Parse(text []byte) []*Event {
	var out []*Event
	(&Event{}).line(text, func(e *Event) { out = append(out, e.Copy()) })
	return out
}

type pipeline struct {
	chunks  chan chunk
	free    chan []byte
	pending sync.WaitGroup
	foreign atomic.Pointer[error]
	events  atomic.Int64
	broken  atomic.Int64
	legacy  atomic.Int64
}

// nothing says why there are no events, as far as that can be told.
func (p *pipeline) nothing() error {
	switch {
	case p.legacy.Load() > 0:
		return fmt.Errorf("%w: it is in the text format of --audit-log-format=legacy, which keeps no level and no body; log with json", ErrNoEvents)
	case p.broken.Load() > 0:
		return fmt.Errorf("%w that is whole: %d are cut off or garbled", ErrNoEvents, p.broken.Load())
	}
	return fmt.Errorf("%w (JSON lines, EventList, CRI, CloudWatch, AKS and shippers' envelopes are read)", ErrNoEvents)
}

func (p *pipeline) source(ctx context.Context, src Source, progress func(int)) error {
	f, err := src.Open()
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	text, err := decompress(&counter{r: &canceller{ctx, f}, n: progress})
	if err != nil {
		return err
	}
	s := &splitter{
		file: src.Name,
		get: func() []byte {
			select {
			case b := <-p.free:
				return b
			default:
				return make([]byte, chunkSize)
			}
		},
		emit: func(c chunk) error {
			if p.foreign.Load() != nil {
				return errStop
			}
			p.pending.Add(1)
			p.chunks <- c
			return nil
		},
	}
	if err := s.split(text); err != nil && !errors.Is(err, errStop) {
		return err
	}
	return nil
}

// canceller ends a read when the user gives up.
type canceller struct {
	ctx context.Context
	r   io.Reader
}

func (c *canceller) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, context.Canceled
	}
	return c.r.Read(p)
}

func (p *pipeline) work(v Visitor, st *Stats) {
	e := &Event{}
	emit := v.Visit
	for c := range p.chunks {
		st.Bytes += int64(len(c.data))
		e.File, e.Line = c.file, c.line
		var n found
		for b := c.data; len(b) > 0; {
			end := bytes.IndexByte(b, '\n')
			line := b
			if end < 0 {
				b = nil
			} else {
				line, b = b[:end], b[end+1:]
			}
			f, legacy := e.line(line, emit)
			n.add(f)
			switch {
			case f.broken > 0:
				st.BrokenBytes += int64(len(line)) + 1
			case legacy:
				st.Other++
				st.Legacy++
				p.legacy.Add(1)
			case f.events == 0 && len(bytes.TrimSpace(line)) > 1:
				st.Other++
			}
			if c.line > 0 {
				e.Line++
			}
		}
		st.Events += int64(n.events)
		st.Broken += int64(n.broken)
		p.events.Add(int64(n.events))
		p.broken.Add(int64(n.broken))
		if n.foreign != nil {
			p.foreign.Store(&n.foreign)
		}
		if buf := c.data[:cap(c.data)]; len(buf) == chunkSize {
			select {
			case p.free <- buf:
			default:
			}
		}
		p.pending.Done()
	}
}
