package tailer

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if runtime.GOOS == "windows" {
		fmt.Println("not tested here: the script runs in Linux containers")
		return
	}
	m.Run()
}

// run is the script under busybox where there is one, else under sh.
type run struct {
	t    *testing.T
	cmd  *exec.Cmd
	mu   sync.Mutex
	out  bytes.Buffer
	file string
	// errOut is safe to read when the script has ended.
	errOut bytes.Buffer
}

func (r *run) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(b)
}

func start(t *testing.T, o Options) *run {
	t.Helper()
	r := &run{t: t, file: o.File}
	r.launch(o)
	return r
}

func (r *run) launch(o Options) {
	argv := Command(o)
	if b, err := exec.LookPath("busybox"); err == nil {
		argv = append([]string{b}, argv...)
		// The image has nothing but busybox: neither may the test.
		dir := r.t.TempDir()
		for _, a := range []string{"cat", "dd", "grep", "id", "ls", "sleep", "stat", "tail"} {
			if err := os.Symlink(b, filepath.Join(dir, a)); err != nil {
				r.t.Fatal(err)
			}
		}
		r.cmd = exec.Command(argv[0], argv[1:]...)
		r.cmd.Env = []string{"PATH=" + dir}
	} else {
		r.cmd = exec.Command(argv[0], argv[1:]...)
	}
	r.cmd.Stdout, r.cmd.Stderr = r, io.MultiWriter(os.Stderr, &r.errOut)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = r.cmd.Process.Kill() })
}

// stop sends SIGTERM and returns how long the script took.
func (r *run) stop() time.Duration {
	t := time.Now()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- r.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			r.t.Errorf("the tailer ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		r.t.Fatal("the tailer ignores SIGTERM")
	}
	return time.Since(t)
}

// lines checks that 0..n-1 came, each once and in order of first appearance.
func (r *run) lines(n int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	count := map[string]int{}
	got := strings.Split(strings.TrimSuffix(r.out.String(), "\n"), "\n")
	for _, l := range got {
		count[l]++
	}
	lost, dup := 0, 0
	for i := range n {
		switch c := count[line(i)]; {
		case c == 0:
			lost++
		case c > 1:
			dup += c - 1
		}
		delete(count, line(i))
	}
	delete(count, "")
	if lost+dup+len(count) > 0 {
		r.t.Errorf("of %d lines %d were lost, %d doubled, %d are not ours", n, lost, dup, len(count))
	}
}

func line(i int) string { return fmt.Sprintf("line %06d of the application", i) }

type writer struct {
	f *os.File
	n int
}

func open(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (w *writer) put(k int) {
	var b strings.Builder
	for range k {
		b.WriteString(line(w.n) + "\n")
		w.n++
	}
	_, _ = io.WriteString(w.f, b.String())
}

func copyTruncate(t *testing.T, name, to string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsLost(t *testing.T) {
	for name, play := range map[string]func(t *testing.T, w *writer, log string){
		"last line at the end": func(t *testing.T, w *writer, log string) { w.put(10) },
		"no line end at the end": func(t *testing.T, w *writer, log string) {
			_, _ = io.WriteString(w.f, line(0))
			w.n++
		},
		"rename": func(t *testing.T, w *writer, log string) {
			for range 3 {
				w.put(500)
				time.Sleep(300 * time.Millisecond)
				w.put(500)
				must(t, os.Rename(log, log+".1"))
				w.f = open(t, log)
				w.put(500)
				time.Sleep(2500 * time.Millisecond)
			}
		},
		"rename, the writer keeps the old file": func(t *testing.T, w *writer, log string) {
			w.put(100)
			time.Sleep(1500 * time.Millisecond)
			must(t, os.Rename(log, log+".1"))
			fresh := open(t, log)
			for range 10 {
				w.put(10)
				time.Sleep(300 * time.Millisecond)
			}
			w.f = fresh
			w.put(100)
			time.Sleep(3 * time.Second)
		},
		"two rotations within a second": func(t *testing.T, w *writer, log string) {
			w.put(100)
			time.Sleep(1500 * time.Millisecond)
			for range 2 {
				w.put(100)
				_ = os.Rename(log+".1", log+".2")
				must(t, os.Rename(log, log+".1"))
				w.f = open(t, log)
				w.put(100)
				time.Sleep(200 * time.Millisecond)
			}
			time.Sleep(4 * time.Second)
		},
		"two rotations within a second, named by date": func(t *testing.T, w *writer, log string) {
			w.put(100)
			time.Sleep(1500 * time.Millisecond)
			for i := range 2 {
				w.put(100)
				must(t, os.Rename(log, fmt.Sprintf("%s.2026-11-26.%d.log", strings.TrimSuffix(log, ".log"), i)))
				w.f = open(t, log)
				w.put(100)
				time.Sleep(200 * time.Millisecond)
			}
			time.Sleep(4 * time.Second)
		},
		"rotation right before the end": func(t *testing.T, w *writer, log string) {
			w.put(100)
			time.Sleep(time.Second)
			w.put(100)
			must(t, os.Rename(log, log+".1"))
			w.f = open(t, log)
			w.put(100)
		},
		"copytruncate, outgrown within a poll": func(t *testing.T, w *writer, log string) {
			w.put(100)
			time.Sleep(1500 * time.Millisecond)
			for i := range 3 {
				w.put(100)
				_ = os.Rename(log+".1", log+".2")
				copyTruncate(t, log, log+".1")
				w.put(1000 * (i + 1))
				time.Sleep(2500 * time.Millisecond)
			}
		},
		"copytruncate, twice within a poll": func(t *testing.T, w *writer, log string) {
			w.put(100)
			time.Sleep(1500 * time.Millisecond)
			w.put(50)
			copyTruncate(t, log, log+".1")
			w.put(50)
			must(t, os.Rename(log+".1", log+".2"))
			copyTruncate(t, log, log+".1")
			w.put(50)
			time.Sleep(2 * time.Second)
		},
		"burst": func(t *testing.T, w *writer, log string) {
			for range 20 {
				w.put(5000)
			}
			time.Sleep(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := filepath.Join(t.TempDir(), "app.log")
			w := &writer{f: open(t, log)}
			r := start(t, Options{File: log})
			time.Sleep(time.Second)
			play(t, w, log)
			if d := r.stop(); d > 3*time.Second {
				t.Errorf("it took %v to end", d)
			}
			r.lines(w.n)
		})
	}
}

func TestMissingFileAndDirectory(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "later", "app.log")
	r := start(t, Options{File: log})
	time.Sleep(1200 * time.Millisecond)
	must(t, os.Mkdir(filepath.Dir(log), 0o755))
	w := &writer{f: open(t, log)}
	w.put(10)
	time.Sleep(1500 * time.Millisecond)
	w.put(10)
	r.stop()
	r.lines(20)
}

// TestDotInTheDirectory: what stands beside the directory is no rotated file.
func TestDotInTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := filepath.Join(dir, "app.d", "current")
	must(t, os.Mkdir(filepath.Dir(log), 0o755))
	w := &writer{f: open(t, log)}
	w.put(10)
	r := start(t, Options{File: log})
	time.Sleep(time.Second)
	must(t, os.WriteFile(filepath.Join(dir, "app-1"), []byte("of another\n"), 0o644))
	copyTruncate(t, log, log+".1")
	w.put(5)
	time.Sleep(1500 * time.Millisecond)
	r.stop()
	r.lines(15)
}

// TestDirectoryInPlaceOfAFile: it is said and waited for.
func TestDirectoryInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	r := start(t, Options{File: t.TempDir()})
	time.Sleep(7 * time.Second)
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := r.errOut.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "logarch: cannot read "+r.file+" as ") {
		t.Errorf("%q", got)
	}
}

func TestEndsWithoutAFile(t *testing.T) {
	t.Parallel()
	r := start(t, Options{File: filepath.Join(t.TempDir(), "never.log")})
	time.Sleep(300 * time.Millisecond)
	if d := r.stop(); d > 2*time.Second {
		t.Errorf("it took %v to end", d)
	}
	r.lines(0)
}

func TestLingers(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "app.log")
	w := &writer{f: open(t, log)}
	w.put(10)
	r := start(t, Options{File: log, Linger: 3})
	time.Sleep(time.Second)
	go func() { // the application is slower to end than the tailer
		time.Sleep(1500 * time.Millisecond)
		w.put(10)
	}()
	if d := r.stop(); d < 3*time.Second || d > 12*time.Second {
		t.Errorf("it took %v to end", d)
	}
	r.lines(20)
}

func TestResumes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log, o := filepath.Join(dir, "app.log"), Options{}
	o.File, o.State = log, filepath.Join(t.TempDir(), "state")
	w := &writer{f: open(t, log)}
	w.put(100)
	r := start(t, o)
	time.Sleep(2 * time.Second)
	must(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait()
	w.put(100)
	must(t, os.Rename(log, log+".1"))
	w.f = open(t, log)
	w.put(100)
	r.launch(o)
	time.Sleep(4 * time.Second)
	r.stop()
	r.lines(300)
}
