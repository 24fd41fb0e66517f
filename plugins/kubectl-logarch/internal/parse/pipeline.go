// Package parse reads logs of any size as a stream: files, rotated and
// compressed ones, /var/log/pods, pipes and files that grow. It cuts them into
// pieces at lines where an event begins, parses the pieces on all cores and
// puts the results back in order, in constant memory.
package parse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/stats"
	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

const (
	// chunkSize is how much is parsed at a time.
	chunkSize = 256 << 10
	// maxLine is the longest line; what is longer is taken as several.
	maxLine = 64 << 20
	// idleFlush is how long an event that may go on is kept back when the
	// input pauses.
	idleFlush = 250 * time.Millisecond
	// cutAfter is how long lines of a slow input are gathered.
	cutAfter = 40 * time.Millisecond
)

// Options say what to do with the events.
type Options struct {
	// Encode appends an event to the output, with its line break. nil writes
	// nothing.
	Encode func(dst []byte, ev *logline.Event) []byte
	Filter *Filter
	// Stats gathers statistics of the events that pass the filter.
	Stats bool
	// By is a key whose values the statistics count.
	By string
	// Workers is how many goroutines parse; 0 is one a core.
	Workers int

	chunk int // chunkSize, where it is not 0
}

// Result says what was read. Every event is counted, shown or not.
type Result struct {
	Events, Shown int64
	Bytes         int64
	Lines         int64
	// Formats and Carriers count events by logline.Format and EnvelopeKind.
	Formats  [logline.FormatCount]int64
	Carriers [logline.EnvelopeCount]int64
	// Blank lines are kept, but not counted as unparsed.
	Blank int64
	// Incomplete are lines whose end the runtime never wrote.
	Incomplete int64
	// UnparsedHidden are unparsed lines that a filter could not judge and left
	// out; NoVerbosity are events kept although they tell no verbosity.
	UnparsedHidden, NoVerbosity int64
	// NULs are NUL bytes before lines, left out: copytruncate leaves them.
	NULs int64
	// NotUTF8 says that there are bytes that JSON cannot hold.
	NotUTF8 bool
	// Unread says what could not be read, of files that were found in folders.
	Unread []error
	// First and Last are the times of the earliest and the latest event, in
	// nanoseconds since 1970 UTC; 0 where there is none.
	First, Last int64
	Stats       *stats.Stats
	// Notes are sentences on what was skipped or read otherwise than the user
	// may expect.
	Notes []string
}

func (r *Result) add(o *Result) {
	r.Events += o.Events
	r.Shown += o.Shown
	r.Blank += o.Blank
	r.Incomplete += o.Incomplete
	r.UnparsedHidden += o.UnparsedHidden
	r.NoVerbosity += o.NoVerbosity
	r.NULs += o.NULs
	r.NotUTF8 = r.NotUTF8 || o.NotUTF8
	for i := range r.Formats {
		r.Formats[i] += o.Formats[i]
	}
	for i := range r.Carriers {
		r.Carriers[i] += o.Carriers[i]
	}
	if o.First != 0 && (r.First == 0 || o.First < r.First) {
		r.First = o.First
	}
	r.Last = max(r.Last, o.Last)
	if o.Stats != nil {
		if r.Stats == nil {
			r.Stats = o.Stats
		} else {
			r.Stats.Merge(o.Stats)
		}
	}
}

// chunk is a piece of an input.
type chunk struct {
	meta *logline.Meta
	data []byte
	line int
	// entries are used in place of data by inputs that are not lines.
	entries []entry
	nuls    int64 // left out before this piece
	// clean says that the next piece begins an event; end that nothing that
	// belongs to this one follows.
	clean, end bool

	out    []byte
	result Result
	carry  logline.State
	// lastTime is the time of the last event, for lines that tell none;
	// untimed says that the piece began with such lines.
	lastTime int64
	untimed  bool
	done     chan struct{}
}

type entry struct {
	env  logline.Envelope
	text []byte
}

// pipeline is one run.
type pipeline struct {
	opt   Options
	out   io.Writer
	pool  sync.Pool
	outs  sync.Pool
	work  chan *chunk
	order chan *chunk
	// stop is closed when the output fails or the merger ends.
	stop     chan struct{}
	stopOnce sync.Once
}

// Run reads the inputs one after the other and writes the events that pass the
// filter to out. A note, where there is one, says what was skipped. Errors of
// single inputs end the run; what was read before them is written.
func Run(ctx context.Context, inputs []Input, opt Options, out io.Writer) (*Result, error) {
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.chunk == 0 {
		opt.chunk = chunkSize
	}
	p := &pipeline{
		opt: opt, out: out,
		work:  make(chan *chunk, opt.Workers),
		order: make(chan *chunk, 2*opt.Workers),
		stop:  make(chan struct{}),
	}
	p.pool.New = func() any { b := make([]byte, 0, opt.chunk+opt.chunk/8); return &b }
	p.outs.New = func() any { b := make([]byte, 0, 3*opt.chunk); return &b }

	var workers sync.WaitGroup
	for range opt.Workers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			w := newWorker(&p.opt)
			for c := range p.work {
				c.out = (*p.outs.Get().(*[]byte))[:0]
				w.run(c, logline.State{}, 0)
				close(c.done)
			}
		}()
	}

	total := &Result{}
	var writeErr error
	merged := make(chan struct{})
	go func() {
		defer close(merged)
		writeErr = p.merge(total)
		if writeErr != nil {
			p.cancel()
			for range p.order { // let the reader go on to its end
			}
		}
	}()

	readErr := p.read(ctx, inputs, total)
	close(p.work)
	close(p.order)
	workers.Wait()
	<-merged
	if writeErr != nil {
		return total, writeErr
	}
	return total, readErr
}

func (p *pipeline) cancel() { p.stopOnce.Do(func() { close(p.stop) }) }

// send hands a chunk to the workers; it returns false where the run is over.
func (p *pipeline) send(ctx context.Context, c *chunk) bool {
	c.done = make(chan struct{})
	select {
	case <-p.stop:
		return false
	case <-ctx.Done():
		return false
	case p.order <- c:
	}
	p.work <- c
	return true
}

// merge writes the results in order. A chunk that turns out to have begun in
// the middle of an event is parsed again, with what its predecessor left open.
func (p *pipeline) merge(total *Result) error {
	var carry logline.State
	var lastTime int64
	var again *worker
	for c := range p.order {
		<-c.done
		if !carry.Empty() || c.untimed && lastTime != 0 && p.opt.Filter.timed() {
			if again == nil {
				again = newWorker(&p.opt)
			}
			c.out = c.out[:0]
			again.run(c, carry, lastTime)
		}
		carry = c.carry
		if c.lastTime != 0 {
			lastTime = c.lastTime
		}
		if c.end {
			lastTime = 0
		}
		total.add(&c.result)
		if len(c.out) > 0 {
			if _, err := p.out.Write(c.out); err != nil {
				return err
			}
		}
		out := c.out[:0]
		if cap(out) <= 8*p.opt.chunk {
			p.outs.Put(&out)
		}
		data := c.data[:0]
		if c.data != nil && cap(data) <= 4*p.opt.chunk {
			p.pool.Put(&data)
		}
		c.data, c.out, c.entries = nil, nil, nil
	}
	return nil
}

// worker parses chunks.
type worker struct {
	opt    *Options
	parser *logline.Parser
	c      *chunk
	filter *judge
}

func newWorker(opt *Options) *worker {
	w := &worker{opt: opt, filter: opt.Filter.judge()}
	w.parser = logline.NewParser(nil, w.event)
	return w
}

func (w *worker) run(c *chunk, carry logline.State, lastTime int64) {
	w.c = c
	c.result = Result{}
	if w.opt.Stats {
		c.result.Stats = stats.New(w.opt.By)
	}
	c.lastTime, c.untimed = lastTime, false
	w.parser.SetMeta(c.meta)
	w.parser.Resume(carry)
	c.result.NotUTF8 = !utf8.Valid(c.data)
	if c.entries != nil {
		for i := range c.entries {
			c.result.NotUTF8 = c.result.NotUTF8 || !utf8.Valid(c.entries[i].text)
			w.parser.Entry(c.entries[i].text, c.entries[i].env, c.line+i)
		}
	} else {
		w.parser.Lines(c.data, c.line)
	}
	if c.clean {
		w.parser.FlushHeld()
	}
	if c.end {
		w.parser.Flush()
	}
	c.result.NULs = c.nuls + int64(w.parser.NULs())
	c.carry = w.parser.Detach()
}

func (w *worker) event(ev *logline.Event) {
	c := w.c
	r := &c.result
	r.Events++
	r.Formats[ev.Format]++
	r.Carriers[ev.Env.Kind]++
	if ev.Format == logline.Unparsed && len(ev.Raw) == 0 {
		r.Blank++
	}
	if ev.Incomplete {
		r.Incomplete++
	}
	t := ev.Time
	if ev.HasTime {
		c.lastTime = t
		if r.First == 0 || t < r.First {
			r.First = t
		}
		r.Last = max(r.Last, t)
	} else {
		t = c.lastTime
		if t == 0 {
			c.untimed = true
		}
	}
	if w.filter != nil && !w.filter.pass(ev, t, r) {
		return
	}
	r.Shown++
	if r.Stats != nil {
		r.Stats.Add(ev)
	}
	if w.opt.Encode != nil {
		c.out = w.opt.Encode(c.out, ev)
	}
}

// cut returns where to cut data that more follows: before the last line that
// begins an event for certain (clean), else after the last whole line. 0 says
// that there is no whole line.
func cut(data []byte, meta *logline.Meta) (at int, clean bool) {
	end := bytes.LastIndexByte(data, '\n') + 1
	if end == 0 {
		return 0, false
	}
	// What stands after the last line break is a line in parts; begin with the
	// whole line before.
	line := end
	for tries := 0; tries < 200 && line > 0; tries++ {
		start := bytes.LastIndexByte(data[:line-1], '\n') + 1
		if start == 0 {
			break
		}
		if logline.StartsEvent(data[start:line-1], meta) {
			return start, true
		}
		line = start
	}
	return end, false
}

func noteLong(name string) string {
	return fmt.Sprintf("%s: a line longer than %d MB was taken as several", name, maxLine>>20)
}
