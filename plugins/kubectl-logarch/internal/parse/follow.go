package parse

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// pollFile and pollDir are how often a file is looked at for more, and a
	// folder for new files.
	pollFile = 200 * time.Millisecond
	pollDir  = 2 * time.Second
	// followChunk is the chunkSize of each of many files.
	followChunk = 32 << 10
)

// Follow is Run for inputs that grow: it reads what is there and then what is
// added, through rotation (a new file of the same name) and truncation, until
// ctx is cancelled. In folders, files that appear later are followed too.
// Inputs are followed side by side, so that their events come as they are
// written.
func Follow(ctx context.Context, args []string, stdin io.Reader, d Defaults, opt Options, out io.Writer) (*Result, error) {
	inputs, err := Expand(args, stdin, d)
	if err != nil {
		return nil, err
	}
	opt.Workers, opt.chunk = 1, followChunk
	total := &Result{}
	var mu sync.Mutex
	var firstErr error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	started := map[string]bool{}
	w := &lockedWriter{w: out, mu: &sync.Mutex{}}
	start := func(group []Input) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := Run(ctx, group, opt, w)
			mu.Lock()
			defer mu.Unlock()
			total.add(r)
			total.Bytes += r.Bytes
			total.Lines += r.Lines
			total.Notes = append(total.Notes, r.Notes...)
			total.Unread = append(total.Unread, r.Unread...)
			if err != nil && firstErr == nil {
				firstErr = err
				cancel()
			}
		}()
	}
	begin := func(inputs []Input) {
		var group []Input
		for _, in := range inputs {
			known := in.Path != "" && started[in.Path]
			if in.Path != "" {
				started[in.Path] = true
			}
			if !known {
				group = append(group, in)
			}
			if in.More || len(group) == 0 {
				continue
			}
			last := &group[len(group)-1]
			if _, r := series(last.Path); last.Path != "" && (r.live || !last.FromDir) {
				last.follow, last.Meta.Clock = true, d.Clock
			}
			start(group)
			group = nil
		}
	}
	begin(inputs)
	idle := make(chan struct{})
	var dirs []string
	for _, a := range args {
		if info, err := os.Stat(a); err == nil && info.IsDir() {
			dirs = append(dirs, a)
		}
	}
	if len(dirs) > 0 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			t := time.NewTicker(pollDir)
			defer t.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-t.C:
				}
				if more, err := Expand(dirs, nil, d); err == nil {
					// A rotated file was read under its former name.
					var fresh []Input
					for _, in := range more {
						if _, r := series(in.Path); r.live && !started[in.Path] {
							in.More = false
							fresh = append(fresh, in)
						}
					}
					begin(fresh)
				}
			}
		}()
	}
	go func() { wg.Wait(); close(idle) }()
	<-idle
	return total, firstErr
}

type lockedWriter struct {
	w  io.Writer
	mu *sync.Mutex
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// follower reads a file that grows, like tail -F.
type follower struct {
	ctx  context.Context
	path string
	f    *os.File
	at   int64
	// cut says that what was read last does not end a line; again, that the
	// file begins anew.
	cut, again bool
}

func (r *follower) Read(p []byte) (int, error) {
	for {
		if r.again {
			r.again = false
			if r.cut {
				// The rest of this line is gone with the old file.
				r.cut = false
				p[0] = '\n'
				return 1, nil
			}
		}
		n, err := r.f.Read(p)
		r.at += int64(n)
		if n > 0 {
			r.cut = p[n-1] != '\n'
			return n, nil
		}
		if err != nil && err != io.EOF {
			return 0, err
		}
		if again, err := r.reopen(); err != nil {
			return 0, err
		} else if again {
			continue
		}
		select {
		case <-r.ctx.Done():
			return 0, io.EOF
		case <-time.After(pollFile):
		}
	}
}

// reopen looks whether the file was truncated or replaced. The old file is read
// to its end first: a writer may hold it for a while after the rename.
func (r *follower) reopen() (bool, error) {
	old, err := r.f.Stat()
	if err != nil {
		return false, err
	}
	if old.Size() < r.at {
		r.at, r.again = 0, true
		_, err := r.f.Seek(0, io.SeekStart)
		return true, err
	}
	now, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if os.SameFile(old, now) {
		return false, nil
	}
	// Give the writer time for its last lines, then read on in the old file
	// once more before leaving it.
	select {
	case <-r.ctx.Done():
	case <-time.After(pollFile):
	}
	if grown, err := r.f.Stat(); err == nil && grown.Size() > r.at {
		return true, nil
	}
	f, err := openShared(filepath.Clean(r.path))
	if err != nil {
		return false, err
	}
	r.f.Close()
	r.f, r.at, r.again = f, 0, true
	return true, nil
}
