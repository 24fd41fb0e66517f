package debugpod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Conn is a connection to a socket of the host, made by a bridge.
type Conn struct {
	*io.PipeWriter
	out    *io.PipeReader
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Connect runs a bridge on the host and returns the connection that it makes.
// That it leads anywhere shows with the first answer only.
func (p *Pod) Connect(ctx context.Context, program, socket string) *Conn {
	ctx, cancel := context.WithCancel(ctx)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &Conn{PipeWriter: inW, out: outR, cancel: cancel, done: make(chan struct{})}
	complaint := &lockedBuffer{}
	go func() {
		defer close(c.done)
		code, err := p.Exec(ctx, Bridge(program, socket), Streams{In: inR, Out: outW, Err: complaint})
		if err == nil {
			err = io.EOF
			if code != 0 || complaint.String() != "" {
				err = fmt.Errorf("%s: %s", program, oneLine(complaint.String()))
			}
		}
		c.err = err
		_ = outW.CloseWithError(err)
		_ = inR.CloseWithError(err)
	}()
	return c
}

// Read reads what the socket says.
func (c *Conn) Read(b []byte) (int, error) { return c.out.Read(b) }

// closeTimeout is how long a bridge may take to end by itself.
const closeTimeout = 2 * time.Second

// Close ends the bridge: by the end of its input, as a stream that is broken
// off has client-go complain on stderr, else by force.
func (c *Conn) Close() error {
	_ = c.PipeWriter.Close()
	go func() { _, _ = io.Copy(io.Discard, c.out) }()
	select {
	case <-c.done:
	case <-time.After(closeTimeout):
	}
	c.cancel()
	<-c.done
	return nil
}

// Why is the bridge's own complaint where it has ended with one.
func (c *Conn) Why() error {
	select {
	case <-c.done:
		if !errors.Is(c.err, io.EOF) && !errors.Is(c.err, context.Canceled) {
			return c.err
		}
	default:
	}
	return nil
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
