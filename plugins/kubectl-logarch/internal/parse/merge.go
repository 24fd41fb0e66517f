package parse

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

const (
	// maxMerged is how many logs are merged at a time: each takes about a
	// megabyte.
	maxMerged = 200
	// mergeChunk is the chunkSize of a merge.
	mergeChunk = 64 << 10
	frameHead  = 12
)

// TooMany is more logs than can be merged by time.
type TooMany struct{ Logs int }

func (e *TooMany) Error() string {
	return fmt.Sprintf("%d logs are more than the %d that can be merged by time", e.Logs, maxMerged)
}

// Merge is Run with the events of all inputs in the order of their time. A
// rotated file and its successor are one log. Within a log events keep their
// order, so that one whose clock jumps back comes after its predecessor; an
// event without a time stays with the one before it.
func Merge(ctx context.Context, inputs []Input, opt Options, out io.Writer) (*Result, error) {
	var logs [][]Input
	for i := range inputs {
		if i == 0 || !inputs[i-1].More {
			logs = append(logs, nil)
		}
		logs[len(logs)-1] = append(logs[len(logs)-1], inputs[i])
	}
	if len(logs) > maxMerged {
		return &Result{}, &TooMany{len(logs)}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	encode := opt.Encode
	opt.Workers, opt.chunk = 1, mergeChunk
	opt.Encode = func(dst []byte, ev *logline.Event) []byte {
		start := len(dst)
		dst = append(dst, make([]byte, frameHead)...)
		dst = encode(dst, ev)
		if ev.HasTime {
			binary.LittleEndian.PutUint64(dst[start:], uint64(ev.Time))
		}
		binary.LittleEndian.PutUint32(dst[start+8:], uint32(len(dst)-start-frameHead))
		return dst
	}
	total := &Result{}
	var mu sync.Mutex
	var firstErr error
	heads := make([]*head, len(logs))
	for i, log := range logs {
		h := &head{blocks: make(chan []byte, 1)}
		heads[i] = h
		go func() {
			r, err := Run(ctx, log, opt, &blockWriter{ctx, h.blocks})
			mu.Lock()
			total.add(r)
			total.Bytes += r.Bytes
			total.Lines += r.Lines
			total.Notes = append(total.Notes, r.Notes...)
			total.Unread = append(total.Unread, r.Unread...)
			if err != nil && firstErr == nil && ctx.Err() == nil {
				firstErr = err
			}
			mu.Unlock()
			close(h.blocks)
		}()
	}
	var writeErr error
	var live []*head
	for _, h := range heads {
		if h.next() {
			live = append(live, h)
		}
	}
	for len(live) > 0 && writeErr == nil {
		// Few logs, and the same one mostly goes on: a scan is as good as a
		// heap.
		at := 0
		for i, h := range live {
			if h.time < live[at].time {
				at = i
			}
		}
		h := live[at]
		_, writeErr = out.Write(h.record)
		if !h.next() {
			live = append(live[:at], live[at+1:]...)
		}
	}
	cancel()
	for _, h := range heads {
		for range h.blocks { // until its Run has ended
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if writeErr != nil {
		return total, writeErr
	}
	return total, firstErr
}

// head is the next record of one log.
type head struct {
	blocks chan []byte
	block  []byte
	record []byte
	time   int64
}

// next goes on to the next record; it returns false at the end of the log.
func (h *head) next() bool {
	for len(h.block) < frameHead {
		b, ok := <-h.blocks
		if !ok {
			return false
		}
		h.block = b
	}
	if t := int64(binary.LittleEndian.Uint64(h.block)); t > h.time {
		h.time = t
	}
	n := int(binary.LittleEndian.Uint32(h.block[8:]))
	h.record, h.block = h.block[frameHead:frameHead+n], h.block[frameHead+n:]
	return true
}

// blockWriter hands copies of what is written to a merge.
type blockWriter struct {
	ctx context.Context
	to  chan []byte
}

func (w *blockWriter) Write(p []byte) (int, error) {
	select {
	case w.to <- bytes.Clone(p):
		return len(p), nil
	case <-w.ctx.Done():
		return 0, w.ctx.Err()
	}
}
