package simulate

import (
	"io"
	"os"
	"strings"
	"time"
)

// Scenario is something that happens to a log.
type Scenario struct {
	Name  string
	About string
	// Late says that the file is not there when the reader starts, NoFolder
	// that its folder is not either, and AtOnce that the reader is told to stop
	// right after the last line.
	Late, NoFolder, AtOnce bool
	Play                   func(*Stage)
}

// Scenarios are all, in the order in which they are shown.
var Scenarios = []Scenario{
	{Name: "steady", About: "lines come one by one", Play: func(st *Stage) { st.Steady(st.lines, 2*time.Second) }},
	{Name: "burst", About: "twenty times the lines at once", Play: func(st *Stage) { st.Write(20 * st.lines) }},
	{Name: "missing-file", About: "the folder and the file appear after the reader started", Late: true, NoFolder: true, Play: func(st *Stage) {
		st.Sleep(2 * time.Second)
		st.MakeFolder()
		st.Sleep(1500 * time.Millisecond)
		st.Open()
		st.Write(st.lines)
	}},
	{Name: "rename", About: "rotated three times by rename and a new file", Play: func(st *Stage) {
		for range 3 {
			st.Write(st.lines / 6)
			st.Sleep(300 * time.Millisecond)
			st.Write(st.lines / 6)
			st.Rename()
			st.Open()
			st.Write(st.lines / 6)
			st.Sleep(2500 * time.Millisecond)
		}
	}},
	{Name: "rename-late", About: "the writer goes on in the renamed file for two seconds", Play: func(st *Stage) {
		st.Write(st.lines / 4)
		st.Sleep(1200 * time.Millisecond)
		old := st.f
		st.Rename()
		st.f = nil // and stays open
		st.Open()
		fresh := st.f
		st.f = old
		st.Steady(st.lines/4, 2*time.Second)
		st.f = fresh
		old.Close()
		st.Write(st.lines / 4)
	}},
	{Name: "double-rotation", About: "rotated twice by rename within half a second", Play: func(st *Stage) {
		st.Write(st.lines / 5)
		st.Sleep(1500 * time.Millisecond)
		for range 2 {
			st.Write(st.lines / 5)
			st.Rename()
			st.Open()
			st.Write(st.lines / 5)
			st.Sleep(200 * time.Millisecond)
		}
	}},
	{Name: "copytruncate", About: "copied and truncated; the new content soon outgrows the old", Play: func(st *Stage) {
		st.Write(st.lines / 10)
		st.Sleep(1500 * time.Millisecond)
		st.Write(st.lines / 10)
		st.CopyTruncate()
		st.Write(st.lines * 8 / 10)
	}},
	{Name: "kill", About: "the reader is killed and started again while lines come", Play: func(st *Stage) {
		st.Steady(st.lines/3, time.Second)
		st.Kill()
		st.Steady(st.lines/3, time.Second)
		st.Start()
		st.Steady(st.lines/3, time.Second)
	}},
	{Name: "stop", About: "the pod is deleted right after the last line", AtOnce: true, Play: func(st *Stage) {
		st.Steady(st.lines, time.Second)
		st.Write(10)
	}},
	{Name: "no-line-end", About: "the last line has no line break, and the pod is deleted", AtOnce: true, Play: func(st *Stage) {
		st.Write(st.lines)
		st.Sleep(1500 * time.Millisecond)
		st.put(lineText(st.n))
		st.n++
	}},
}

func (st *Stage) put(s string) {
	if st.err != nil {
		return
	}
	if st.f == nil {
		st.Open()
	}
	_, err := io.WriteString(st.f, s)
	st.fail(err)
}

// Open opens the log for appending, and makes it where it is not there. What was
// open before is closed.
func (st *Stage) Open() {
	if st.err != nil {
		return
	}
	if st.f != nil {
		st.f.Close()
	}
	f, err := os.OpenFile(st.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	st.fail(err)
	st.f = f
}

// MakeFolder makes the log's folder.
func (st *Stage) MakeFolder() { st.fail(os.MkdirAll(st.logs, 0o755)) }

// Write writes n lines in one go.
func (st *Stage) Write(n int) {
	var b strings.Builder
	for range n {
		b.WriteString(lineText(st.n))
		b.WriteByte('\n')
		st.n++
	}
	st.put(b.String())
}

// Steady writes n lines over a time.
func (st *Stage) Steady(n int, over time.Duration) {
	const step = 50 * time.Millisecond
	steps := max(1, int(over/step))
	for i := range steps {
		st.Write(n*(i+1)/steps - n*i/steps)
		st.Sleep(step)
	}
}

// Rename rotates: app.log.1 becomes app.log.2 and the log app.log.1. The writer
// keeps the renamed file until it opens the log again.
func (st *Stage) Rename() {
	if st.err != nil {
		return
	}
	_ = os.Rename(st.File+".1", st.File+".2")
	st.fail(os.Rename(st.File, st.File+".1"))
}

// CopyTruncate rotates as logrotate's copytruncate does.
func (st *Stage) CopyTruncate() {
	b, err := os.ReadFile(st.File)
	st.fail(err)
	st.fail(os.WriteFile(st.File+".1", b, 0o644))
	st.fail(os.Truncate(st.File, 0))
}
