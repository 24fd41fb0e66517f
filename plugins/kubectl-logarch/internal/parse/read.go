package parse

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

// NotText is an input that is no log, or not wholly one: what it is and what to
// do.
type NotText struct {
	Name, What string
	// Binary says that there is no log in it that could be read in another way.
	Binary bool
}

func (e *NotText) Error() string { return e.Name + ": " + e.What }

// read cuts the inputs into chunks, one after the other. What cannot be read of
// a folder costs its own lines only, and is said.
func (p *pipeline) read(ctx context.Context, inputs []Input, total *Result) error {
	for i := range inputs {
		in := &inputs[i]
		err := p.readInput(ctx, in, total)
		var nt *NotText
		switch {
		case err != nil && !in.FromDir:
			return err
		case errors.As(err, &nt) && nt.Binary:
			total.Notes = append(total.Notes, "passed over "+nt.Error())
		case errors.Is(err, fs.ErrNotExist):
			total.Notes = append(total.Notes, in.Path+": gone before it could be read (rotated or removed)")
		case err != nil:
			total.Unread = append(total.Unread, err)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // what was read is kept in total; the caller knows that it was stopped
		}
	}
	return nil
}

func (p *pipeline) readInput(ctx context.Context, in *Input, total *Result) error {
	in.Meta.Prepare()
	if in.err != nil {
		return in.err
	}
	name := in.Meta.Name
	if name == "" {
		name = "standard input"
	}
	src := in.Stdin
	slow := true // may pause
	if in.Path != "" {
		f, err := openShared(in.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		src = f
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			slow = in.follow
		}
		if in.follow {
			fw := &follower{ctx: ctx, path: in.Path, f: f}
			defer func() { fw.f.Close() }()
			src = fw
		}
	}
	if src == nil {
		return fmt.Errorf("%s: nothing to read", name)
	}
	if f, ok := src.(*os.File); ok && in.Path == "" {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			slow = false
		}
	}
	src, export, err := sniff(name, src, func(what string) { total.Notes = append(total.Notes, name+": "+what) })
	if err != nil {
		return err
	}
	c := &cutter{p: p, ctx: ctx, in: in, name: name, total: total, line: 1}
	if export {
		return c.journal(src)
	}
	if slow {
		return c.pipe(src)
	}
	return c.file(src)
}

// sniff looks at the first bytes: it opens gzip and UTF-16, and tells what is
// no text.
func sniff(name string, src io.Reader, note func(string)) (r io.Reader, export bool, err error) {
	head := make([]byte, 512)
	n, err := io.ReadAtLeast(src, head, 4)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	head = head[:n]
	r = io.MultiReader(bytes.NewReader(head), src)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		gz, err := newMembers(r, note)
		if err != nil {
			return nil, false, &NotText{Name: name, What: "not a whole gzip file: " + err.Error()}
		}
		return sniff(name, gz, note)
	case bytes.HasPrefix(head, []byte("LPKSHHRH")):
		return nil, false, &NotText{Name: name, What: fmt.Sprintf("a binary journal; read it with: journalctl --file %s -o export | kubectl logarch parse -", name)}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, false, &NotText{Name: name, What: fmt.Sprintf("compressed with zstd; read it with: zstd -dc %s | kubectl logarch parse -", name)}
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z'}):
		return nil, false, &NotText{Name: name, What: fmt.Sprintf("compressed with xz; read it with: xz -dc %s | kubectl logarch parse -", name)}
	case len(head) > 10 && bytes.HasPrefix(head, []byte("BZh")) && string(head[4:10]) == "1AY&SY":
		return nil, false, &NotText{Name: name, What: fmt.Sprintf("compressed with bzip2; read it with: bzip2 -dc %s | kubectl logarch parse -", name)}
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return nil, false, &NotText{Name: name, What: "a tar archive; extract it and parse the folder"}
	case widetext.Is(head):
		return widetext.NewReader(r), false, nil
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		if _, err := io.CopyN(io.Discard, r, 3); err != nil {
			return nil, false, fmt.Errorf("%s: %w", name, err)
		}
		return r, false, nil
	case bytes.HasPrefix(head, []byte("{\n")) && bytes.Contains(head, []byte("\t\"__")):
		return nil, false, &NotText{Name: name, What: "what journalctl -o json-pretty writes; take -o json or -o export"}
	case bytes.Contains(head, []byte(" [s=")) && bytes.Contains(head, []byte("]\n    _")):
		return nil, false, &NotText{Name: name, What: "what journalctl -o verbose writes; take -o export"}
	case bytes.HasPrefix(head, []byte("__CURSOR=")), bytes.HasPrefix(head, []byte("__REALTIME_TIMESTAMP=")):
		return r, true, nil
	case bytes.HasPrefix(head, []byte("\x7fELF")) || bytes.HasPrefix(head, []byte("PK\x03\x04")) || binaryData(head):
		return nil, false, &NotText{Name: name, What: "binary data, not a log", Binary: true}
	}
	return r, false, nil
}

// binaryData says whether there are NUL bytes, or so many other control
// characters, as no log has. Long runs of NUL bytes are what copytruncate
// leaves.
func binaryData(head []byte) bool {
	odd, run, size := 0, 0, 0
	for i, c := range head {
		if c == 0 {
			if run++; i+1 < len(head) {
				continue
			}
		}
		if run > 0 && run < 16 && i+1 < len(head) {
			odd += run
		}
		run = 0
		size++
		if c < 0x20 && c != 0 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b {
			odd++
		}
	}
	return 20*odd > size
}

// cutter cuts one input.
type cutter struct {
	p     *pipeline
	ctx   context.Context
	in    *Input
	name  string
	total *Result
	line  int
	long  bool
	nuls  int64 // left out since the last chunk
}

var errStopped = errors.New("stopped")

// send hands on data, which must be whole lines unless end is set.
func (c *cutter) send(data []byte, clean, end bool) error {
	n := bytes.Count(data, []byte{'\n'})
	c.total.Bytes += int64(len(data))
	ch := &chunk{meta: c.in.Meta, data: data, line: c.line, clean: clean, end: end, nuls: c.nuls}
	c.line, c.nuls = c.line+n, 0
	c.total.Lines += int64(n)
	if len(data) > 0 && data[len(data)-1] != '\n' {
		c.total.Lines++
	}
	if !c.p.send(c.ctx, ch) {
		return errStopped
	}
	return nil
}

func (c *cutter) buffer() []byte { return (*c.p.pool.Get().(*[]byte))[:0] }

// next cuts a buffer that is full, sends what can be sent and returns a new
// buffer that begins with the rest.
func (c *cutter) next(buf []byte) ([]byte, error) {
	at, clean := cut(buf, c.in.Meta)
	if at == 0 && buf[0] == 0 {
		// A writer that does not append leaves a hole after copytruncate, of
		// any size. One byte of it stays, for the parser to see.
		text := bytes.TrimLeft(buf, "\x00")
		if hole := len(buf) - len(text); hole > 1 {
			c.nuls += int64(hole - 1)
			return append(buf[:1], text...), nil
		}
	}
	if at == 0 {
		if len(buf) < maxLine {
			return append(make([]byte, 0, 2*cap(buf)), buf...), nil
		}
		if !c.long {
			c.long = true
			c.total.Notes = append(c.total.Notes, noteLong(c.name))
		}
		at = len(buf)
	}
	fresh := c.buffer()
	if rest := len(buf) - at; rest > cap(fresh)/2 {
		fresh = make([]byte, 0, 2*rest)
	}
	fresh = append(fresh, buf[at:]...)
	return fresh, c.send(buf[:at], clean, false)
}

// file reads a regular file as fast as it comes.
func (c *cutter) file(src io.Reader) error {
	buf := c.buffer()
	for {
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return c.finish(buf, err)
		}
		if len(buf) == cap(buf) {
			if buf, err = c.next(buf); err != nil {
				return stopped(err)
			}
		}
		if c.ctx.Err() != nil {
			return nil //nolint:nilerr // stopped, which the caller knows
		}
	}
}

// finish sends what is left at the end of an input.
func (c *cutter) finish(buf []byte, err error) error {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if sendErr := c.send(buf, false, !c.in.More); sendErr != nil {
		return stopped(sendErr)
	}
	if err != nil {
		if corrupt(err) {
			return &NotText{Name: c.name, What: fmt.Sprintf("the compressed data is cut off or damaged after line %d", c.line)}
		}
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// corrupt says whether an error is the decompression's own, and not that of
// reading the file.
func corrupt(err error) bool {
	var deflate flate.CorruptInputError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &deflate)
}

func stopped(err error) error {
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

type block struct {
	data []byte
	err  error
}

// pipe reads an input that may pause: what has come is shown soon, and an
// event that may go on is kept back for a moment only.
func (c *cutter) pipe(src io.Reader) error {
	blocks := make(chan block, 4)
	free := make(chan []byte, 6)
	go func() {
		defer close(blocks)
		for {
			var b []byte
			select {
			case b = <-free:
			default:
				b = make([]byte, 64<<10)
			}
			n, err := src.Read(b[:cap(b)])
			select {
			case blocks <- block{b[:n], err}:
			case <-c.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	buf := c.buffer()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	waiting := false // for more of the same
	for {
		select {
		case <-c.ctx.Done():
			return nil
		case b := <-blocks:
			for data := b.data; len(data) > 0; {
				n := min(cap(buf)-len(buf), len(data))
				buf = append(buf, data[:n]...)
				data = data[n:]
				if len(buf) == cap(buf) {
					var err error
					if buf, err = c.next(buf); err != nil {
						return stopped(err)
					}
				}
			}
			if b.err != nil {
				return c.finish(buf, b.err)
			}
			select {
			case free <- b.data[:0]:
			default:
			}
			if !waiting {
				timer.Reset(cutAfter)
				waiting = true
			}
		case <-timer.C:
			end := bytes.LastIndexByte(buf, '\n') + 1
			switch {
			case end > 0:
				fresh := append(c.buffer(), buf[end:]...)
				if err := c.send(buf[:end], false, false); err != nil {
					return stopped(err)
				}
				buf = fresh
				timer.Reset(idleFlush)
				waiting = false
			default:
				// Nothing came for a while: what was kept back is complete.
				if err := c.send(nil, true, false); err != nil {
					return stopped(err)
				}
				timer.Reset(time.Hour)
				waiting = false
			}
		}
	}
}

// OnlyKlogText looks at the beginning of files and says whether all that is
// there is klog text, which tells no verbosity, and the name of the first.
// Pipes are not looked at.
func OnlyKlogText(inputs []Input) (name string, only bool) {
	for i := range inputs {
		in := &inputs[i]
		if in.Path == "" {
			return "", false
		}
		f, err := os.Open(in.Path)
		if err != nil {
			return "", false
		}
		src, export, err := sniff(in.Meta.Name, f, func(string) {})
		if err != nil || export {
			f.Close()
			return "", false
		}
		head, _ := io.ReadAll(io.LimitReader(src, 256<<10))
		f.Close()
		at := len(head)
		if at == 256<<10 {
			at, _ = cut(head, in.Meta)
		}
		klog, other := 0, 0
		p := logline.NewParser(in.Meta, func(ev *logline.Event) {
			if ev.Format == logline.Klog {
				klog++
			} else if ev.V >= 0 {
				other++
			}
		})
		p.Lines(head[:at], 1)
		p.Flush()
		if other > 0 || klog == 0 {
			return "", false
		}
	}
	return inputs[0].Meta.Name, len(inputs) > 0
}
