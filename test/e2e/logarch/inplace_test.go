package logarch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInPlaceSurvivesKill kills the plugin with SIGKILL at every stage of
// writing a large file back: the file is the old one or the new one, whole.
func TestInPlaceSurvivesKill(t *testing.T) {
	u := newUser(t, nil)
	var b strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Pod\nmetadata: {name: p-%d}\nspec:\n  containers:\n  - name: c\n    image: busybox\n---\n", i)
	}
	before := b.String()
	file := filepath.Join(t.TempDir(), "pods.yaml")
	args := []string{"inject", "-f", file, "--log", "/var/log/c/c.log", "--in-place", "--report", "none"}
	write := func() {
		if err := os.WriteFile(file, []byte(before), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write()
	begin := time.Now()
	if out, err := exec.Command(u.plugin, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(begin)
	after := read(t, file)
	if after == before {
		t.Fatal("nothing was injected")
	}
	killed, done := 0, 0
	const tries = 20
	for i := range tries {
		write()
		c := exec.Command(u.plugin, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(whole * time.Duration(i+1) / tries)
		_ = c.Process.Kill()
		if err := c.Wait(); err != nil {
			killed++
		} else {
			done++
		}
		switch got := read(t, file); got {
		case before, after:
		default:
			t.Fatalf("killed after %d of %d: %d bytes, neither the old %d nor the new %d", i+1, tries, len(got), len(before), len(after))
		}
		st, err := os.Stat(file)
		if err != nil || st.Mode().Perm() != 0o640 {
			t.Fatalf("the file's mode is %v, %v", st.Mode(), err)
		}
	}
	t.Logf("%d killed, %d finished", killed, done)
	if killed == 0 {
		t.Error("no process was killed: the test says nothing")
	}
}
