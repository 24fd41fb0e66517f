package output

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// Progress shows one line that is redrawn in place, and only where somebody
// looks: it starts after half a second and is erased when done.
type Progress struct {
	w       io.Writer
	columns int
	mu      sync.Mutex
	text    string
	drawn   string
	shown   bool
	start   time.Time
	done    chan struct{}
	once    sync.Once
}

// NewProgress starts a progress line on w, a terminal of some columns
// (Env.Interactive); where they are 0 nothing is ever written.
func NewProgress(w io.Writer, columns int) *Progress {
	p := &Progress{w: w, columns: columns, start: time.Now(), done: make(chan struct{})}
	if columns > 0 {
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
		// The same line again would be read out again by a screen reader.
		if p.text != p.drawn && time.Since(p.start) > 500*time.Millisecond {
			// A line that the terminal breaks could not be erased.
			fmt.Fprintf(p.w, "\r\x1b[K%s", fold.Clip(p.text, p.columns-1))
			p.shown, p.drawn = true, p.text
		}
		p.mu.Unlock()
	}
}
