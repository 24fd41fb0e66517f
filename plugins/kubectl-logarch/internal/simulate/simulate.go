// Package simulate runs a log reader (the tailer that inject adds, a plain tail,
// an agent) against what happens to log files, and counts the lines that were
// written, delivered, lost and doubled. Nothing is modelled: real processes read
// real files.
package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Grace is how long a reader may take to end after SIGTERM, as in a pod.
const Grace = 30 * time.Second

// settle is how long to wait for the last lines, and quiet how long nothing
// must come to take it that no more will.
const (
	settle = 15 * time.Second
	quiet  = 3 * time.Second
)

// Reader is a program that reads a log.
type Reader struct {
	Name string
	// About says in a few words what runs.
	About string
	// Command makes the process that reads file. dir is a folder of its own
	// that survives a restart: for state, configuration and output.
	Command func(file, dir string) (*exec.Cmd, error)
	// Output reads what was delivered so far, where that is not the process's
	// stdout.
	Output func(dir string) ([]byte, error)
	// Known says why losing lines in a scenario is expected of this reader;
	// "" says that it must not.
	Known func(scenario string) string
}

// Result is one reader in one scenario.
type Result struct {
	Reader   string `json:"reader"`
	Scenario string `json:"scenario"`
	About    string `json:"about"`
	// Written, Delivered, Lost and Doubled count lines. Delivered counts each
	// line once; Foreign are lines that were never written so, such as halves.
	Written   int `json:"written"`
	Delivered int `json:"delivered"`
	Lost      int `json:"lost"`
	Doubled   int `json:"doubled"`
	Foreign   int `json:"foreign"`
	// FirstLost is the number of the first line that was lost, from 1.
	FirstLost int `json:"firstLost,omitempty"`
	// StopSeconds is how long the reader took to end after SIGTERM; Killed says
	// that it did not, within the grace period.
	StopSeconds float64 `json:"stopSeconds"`
	Killed      bool    `json:"killed,omitempty"`
	// Known says why the loss is expected.
	Known string `json:"known,omitempty"`
	// Ended is what the reader said when it ended by itself, too early.
	Ended string `json:"ended,omitempty"`
	// Error is a scenario that could not be played.
	Error string `json:"error,omitempty"`
}

// Unexpected says whether lines are missing that should have come, or a reader had
// to be killed that is not only shown for comparison.
func (r *Result) Unexpected() bool {
	return r.Lost > 0 && r.Known == "" || r.Killed && r.Known != Comparison
}

// Options scale a run.
type Options struct {
	// Lines is about how many lines each scenario writes.
	Lines int
	// Dir is where the files go; a folder in it is made for each scenario.
	Dir string
	// Parallel is how many scenarios run at a time.
	Parallel int
}

// Run plays the scenarios with every reader. The results are in the order of
// the arguments. It returns an error only when ctx ends.
func Run(ctx context.Context, readers []Reader, scenarios []Scenario, opt Options, progress func(done, all int)) ([]Result, error) {
	results := make([]Result, len(readers)*len(scenarios))
	slots := make(chan struct{}, max(1, opt.Parallel))
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i := range readers {
		for k := range scenarios {
			at := i*len(scenarios) + k
			wg.Add(1)
			go func() {
				defer wg.Done()
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				defer func() { <-slots }()
				results[at] = play(ctx, &readers[i], &scenarios[k], opt, filepath.Join(opt.Dir, fmt.Sprintf("%d-%s", i, scenarios[k].Name)))
				mu.Lock()
				defer mu.Unlock()
				done++
				if progress != nil {
					progress(done, len(results))
				}
			}()
		}
	}
	wg.Wait()
	return results, ctx.Err()
}

func play(ctx context.Context, r *Reader, s *Scenario, opt Options, dir string) Result {
	res := Result{Reader: r.Name, Scenario: s.Name, About: s.About}
	if r.Known != nil {
		res.Known = r.Known(s.Name)
	}
	st := &Stage{ctx: ctx, reader: r, lines: opt.Lines, logs: filepath.Join(dir, "logs"), own: filepath.Join(dir, "reader")}
	st.File = filepath.Join(st.logs, "app.log")
	err := st.play(s)
	res.Written = st.n
	res.StopSeconds, res.Killed, res.Ended = st.stopped.Seconds(), st.killed, st.early
	if err != nil {
		res.Error = err.Error()
		return res
	}
	got, err := st.delivered()
	if err != nil {
		res.Error = err.Error()
		return res
	}
	tally(got, &res)
	if res.Lost == 0 && !res.Killed {
		res.Known = ""
	}
	return res
}

// Stage is where a scenario is played: the log file, who writes it and who
// reads it.
type Stage struct {
	// File is the log.
	File string

	ctx     context.Context
	reader  *Reader
	lines   int
	logs    string
	own     string
	f       *os.File
	n       int
	cmd     *exec.Cmd
	exited  chan error
	out     output
	stopped time.Duration
	killed  bool
	err     error
	ended   bool
	early   string
}

type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	errs bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

type errOutput struct{ *output }

func (o errOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.errs.Len() < 4096 {
		o.errs.Write(p)
	}
	return len(p), nil
}

func (st *Stage) play(s *Scenario) error {
	if err := os.MkdirAll(st.own, 0o755); err != nil {
		return err
	}
	if !s.NoFolder {
		if err := os.MkdirAll(st.logs, 0o755); err != nil {
			return err
		}
	}
	defer func() {
		if st.cmd != nil && !st.ended {
			st.signal(syscall.SIGKILL)
			<-st.exited
		}
		if st.f != nil {
			st.f.Close()
		}
	}()
	if !s.Late {
		st.Open()
		st.Start()
		st.Sleep(700 * time.Millisecond)
	} else {
		st.Start()
	}
	s.Play(st)
	if st.err != nil {
		return st.err
	}
	if !s.AtOnce {
		st.settle()
	}
	if st.f != nil {
		st.f.Close()
		st.f = nil
	}
	st.stop()
	return st.err
}

// fail keeps the first error.
func (st *Stage) fail(err error) {
	if err != nil && st.err == nil {
		st.err = err
	}
}

// Start starts the reader.
func (st *Stage) Start() {
	if st.err != nil {
		return
	}
	cmd, err := st.reader.Command(st.File, st.own)
	if err != nil {
		st.fail(err)
		return
	}
	cmd.Stdout, cmd.Stderr = &st.out, errOutput{&st.out}
	// A group of its own, so that the children of a shell end with it.
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		st.fail(fmt.Errorf("start %s: %w", st.reader.Name, err))
		return
	}
	st.cmd, st.ended = cmd, false
	st.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(cmd, st.exited)
}

func (st *Stage) signal(sig syscall.Signal) {
	if st.cmd != nil && st.cmd.Process != nil {
		if sig == syscall.SIGKILL {
			killGroup(st.cmd.Process)
			return
		}
		_ = st.cmd.Process.Signal(sig)
	}
}

// Kill ends the reader as the kernel's OOM killer does.
func (st *Stage) Kill() {
	if st.err != nil {
		return
	}
	st.signal(syscall.SIGKILL)
	<-st.exited
	st.ended = true
}

// stop ends the reader as the kubelet does: SIGTERM, the grace period, SIGKILL.
func (st *Stage) stop() {
	if st.err != nil || st.ended {
		return
	}
	select {
	case err := <-st.exited:
		st.endedEarly(err)
		return
	default:
	}
	begin := time.Now()
	st.signal(syscall.SIGTERM)
	select {
	case <-st.exited:
	case <-time.After(Grace):
		st.killed = true
		st.signal(syscall.SIGKILL)
		<-st.exited
	case <-st.ctx.Done():
		st.signal(syscall.SIGKILL)
		<-st.exited
		st.fail(st.ctx.Err())
	}
	st.ended = true
	st.stopped = time.Since(begin)
	killGroup(st.cmd.Process)
}

// settle waits until all lines have come, or until no more come.
func (st *Stage) settle() {
	deadline := time.Now().Add(settle)
	last, since := -1, time.Now()
	for time.Now().Before(deadline) && st.err == nil {
		got, err := st.delivered()
		if err != nil {
			st.fail(err)
			return
		}
		var r Result
		r.Written = st.n
		tally(got, &r)
		if r.Lost == 0 && r.Written > 0 {
			return
		}
		if r.Delivered != last {
			last, since = r.Delivered, time.Now()
		} else if time.Since(since) > quiet {
			return
		}
		select {
		case err := <-st.exited:
			st.endedEarly(err)
			return
		default:
		}
		st.Sleep(200 * time.Millisecond)
	}
}

// endedEarly notes a reader that ended before it was told to.
func (st *Stage) endedEarly(err error) {
	st.ended = true
	st.out.mu.Lock()
	defer st.out.mu.Unlock()
	st.early = fmt.Sprintf("%s: %s", exitText(err), lastLine(bytes.TrimSpace(st.out.errs.Bytes())))
}

func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func lastLine(b []byte) string {
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	return string(b[:min(len(b), 200)])
}

func (st *Stage) delivered() ([]byte, error) {
	if st.reader.Output != nil {
		b, err := st.reader.Output(st.own)
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return b, err
	}
	st.out.mu.Lock()
	defer st.out.mu.Unlock()
	return bytes.Clone(st.out.buf.Bytes()), nil
}

// Sleep waits, or ends early with the run.
func (st *Stage) Sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-st.ctx.Done():
		st.fail(st.ctx.Err())
	}
}

const linePrefix = "logarch-simulate "

func lineText(i int) string {
	return fmt.Sprintf(linePrefix+"%08d the quick brown fox jumps over the lazy dog", i)
}

// tally compares what was delivered with what was written.
func tally(got []byte, r *Result) {
	seen := make([]int, r.Written)
	for len(got) > 0 {
		line := got
		if nl := bytes.IndexByte(got, '\n'); nl >= 0 {
			line, got = got[:nl], got[nl+1:]
		} else {
			got = nil
		}
		if len(line) == 0 {
			continue
		}
		i := number(line)
		if i < 0 || i >= r.Written || string(line) != lineText(i) {
			r.Foreign++
			continue
		}
		seen[i]++
	}
	for i, n := range seen {
		if n > 0 {
			r.Delivered++
			r.Doubled += n - 1
			continue
		}
		if r.Lost == 0 {
			r.FirstLost = i + 1
		}
		r.Lost++
	}
}

func number(line []byte) int {
	rest, ok := bytes.CutPrefix(line, []byte(linePrefix))
	if !ok || len(rest) < 8 {
		return -1
	}
	n := 0
	for _, c := range rest[:8] {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
