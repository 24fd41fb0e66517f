package output

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress shows one line that is redrawn in place, and only where somebody
// looks: it starts after half a second and is erased when done.
type Progress struct {
	w     io.Writer
	mu    sync.Mutex
	text  string
	shown bool
	start time.Time
	done  chan struct{}
	once  sync.Once
}

// NewProgress starts a progress line on w. on is whether both stdout and
// stderr are terminals; where it is false nothing is ever written.
func NewProgress(w io.Writer, on bool) *Progress {
	p := &Progress{w: w, start: time.Now(), done: make(chan struct{})}
	if on {
		go p.draw()
	}
	return p
}

// Set replaces the text.
func (p *Progress) Set(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
}

// Stop erases the line. It may be called more than once.
func (p *Progress) Stop() {
	p.once.Do(func() { close(p.done) })
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

func (p *Progress) draw() {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-t.C:
		}
		p.mu.Lock()
		select {
		case <-p.done:
			p.mu.Unlock()
			return
		default:
		}
		if p.text != "" && time.Since(p.start) > 500*time.Millisecond {
			fmt.Fprintf(p.w, "\r\x1b[K%s", p.text)
			p.shown = true
		}
		p.mu.Unlock()
	}
}
