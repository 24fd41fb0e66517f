package rotation

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/tailer"
)

func TestRotatesAndKeepsEveryLine(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script runs in Linux containers")
	}
	log := filepath.Join(t.TempDir(), "app.log")
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		fmt.Fprintf(f, "line %04d\n", i)
	}
	argv := Command(1000, 3, []string{log})
	if b, err := exec.LookPath("busybox"); err == nil {
		argv = append([]string{b}, argv...)
	}
	c := exec.Command(argv[0], argv[1:]...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill() }()
	rotated := func(name string) bool {
		for range 100 {
			st, err := os.Stat(log)
			if _, e := os.Stat(name); e == nil && err == nil && st.Size() == 0 {
				return true
			}
			time.Sleep(100 * time.Millisecond)
		}
		return false
	}
	if !rotated(log + ".1") {
		t.Fatal("the file was not rotated")
	}
	for i := 1000; i < 2000; i++ {
		fmt.Fprintf(f, "line %04d\n", i)
	}
	if !rotated(log + ".2") {
		t.Fatal("the file was not rotated again")
	}
	var all strings.Builder
	for _, n := range []string{".2", ".1", ""} {
		b, err := os.ReadFile(log + n)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	if got := strings.Count(all.String(), "\n"); got != 2000 {
		t.Errorf("%d lines of 2000 are left", got)
	}
}

// TestFullDisk: what cannot be copied is not emptied, and the copies that are there
// are not pushed out by parts of it.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script runs in Linux containers")
	}
	log := filepath.Join(t.TempDir(), "app.log")
	for name, size := range map[string]int{"": 5000, ".1": 10, ".2": 20, ".3": 30} {
		if err := os.WriteFile(log+name, []byte(strings.Repeat("x", size)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	argv := append([]string{"-c", `ulimit -f 1; exec "$@"`, "sh"}, Command(1000, 3, []string{log})...)
	c := exec.Command("sh", argv...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill() }()
	size := func(name string) int64 {
		st, err := os.Stat(log + name)
		if err != nil {
			return -1
		}
		return st.Size()
	}
	for range 100 {
		if time.Sleep(50 * time.Millisecond); size(".3") < 0 {
			break
		}
	}
	for name, want := range map[string]int64{"": 5000, ".1": 10, ".2": 20, ".3": -1, ".tmp": -1} {
		if got := size(name); got != want {
			t.Errorf("app.log%s has %d bytes, want %d", name, got, want)
		}
	}
}

// TestBesideTheTailer: a tailer in the same pod copies every line once while its file
// is rotated under it.
func TestBesideTheTailer(t *testing.T) {
	if runtime.GOOS == "windows" || testing.Short() {
		t.Skip("the script runs in Linux containers, and looks every five seconds")
	}
	log := filepath.Join(t.TempDir(), "app.log")
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	start := func(argv []string, out *strings.Builder) *exec.Cmd {
		if b, err := exec.LookPath("busybox"); err == nil {
			argv = append([]string{b}, argv...)
		}
		c := exec.Command(argv[0], argv[1:]...)
		if out != nil {
			c.Stdout = out
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		return c
	}
	var out strings.Builder
	start(Command(1000, 3, []string{log}), nil)
	reader := start(tailer.Command(tailer.Options{File: log}), &out)
	written, end := 0, time.Now().Add(13*time.Second)
	for ; time.Now().Before(end); written++ {
		fmt.Fprintf(f, "line %06d\n", written)
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := os.Stat(log + ".2"); err != nil {
		t.Fatal("the file was not rotated twice")
	}
	_ = reader.Process.Signal(syscall.SIGTERM)
	_ = reader.Wait()
	for i := range written {
		if n := strings.Count(out.String(), fmt.Sprintf("line %06d\n", i)); n != 1 {
			t.Fatalf("line %d of %d came %d times", i, written, n)
		}
	}
}
