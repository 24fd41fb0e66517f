package simulate

import (
	"context"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	for _, c := range []struct {
		got  []string
		want Result
	}{
		{[]string{lineText(0), lineText(1), lineText(2)}, Result{Delivered: 3}},
		{[]string{lineText(2), lineText(0), lineText(0)}, Result{Delivered: 2, Lost: 1, Doubled: 1, FirstLost: 2}},
		{[]string{lineText(0), lineText(1)[:30], lineText(2), "other", lineText(9)}, Result{Delivered: 2, Lost: 1, Foreign: 3, FirstLost: 2}},
		{nil, Result{Lost: 3, FirstLost: 1}},
	} {
		r := Result{Written: 3}
		tally([]byte(strings.Join(c.got, "\n")+"\n"), &r)
		c.want.Written = 3
		if r != c.want {
			t.Errorf("%v: %+v, want %+v", c.got, r, c.want)
		}
	}
}

// TestUnexpected: a known loss excuses no reader that does not end.
func TestUnexpected(t *testing.T) {
	for want, rs := range map[bool][]Result{
		false: {{}, {Lost: 1, Known: "by design"}, {Killed: true, Known: Comparison}, {Lost: 1, Killed: true, Known: Comparison}},
		true:  {{Lost: 1}, {Killed: true}, {Lost: 1, Killed: true, Known: "by design"}},
	} {
		for _, r := range rs {
			if r.Unexpected() != want {
				t.Errorf("%+v: want %v", r, want)
			}
		}
	}
}

func pick(t *testing.T, names ...string) []Scenario {
	t.Helper()
	var out []Scenario
	for _, n := range names {
		i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == n })
		if i < 0 {
			t.Fatalf("no scenario %s", n)
		}
		out = append(out, Scenarios[i])
	}
	return out
}

// TestCounts: a reader that keeps all is told from one that drops, and one
// that ends or never ends by itself is not counted as clean.
func TestCounts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the readers are POSIX shell lines; TestTally covers the counting")
	}
	sh := func(name, script string) Reader {
		return Reader{Name: name, Command: func(file, dir string) (*exec.Cmd, error) {
			return exec.Command("sh", "-c", script, "sh", file), nil
		}}
	}
	readers := []Reader{
		sh("all", `tail -n+1 -f "$1"`),
		sh("every second", `tail -n+1 -f "$1" | sed -un 2~2p`),
		sh("ends", `sleep 1; echo gone >&2; exit 7`),
	}
	got, err := Run(t.Context(), readers, pick(t, "burst"), Options{Lines: 60, Dir: t.TempDir(), Parallel: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := got[0]; r.Written != 1200 || r.Delivered != 1200 || r.Lost != 0 || r.Unexpected() {
		t.Errorf("%+v", r)
	}
	if r := got[1]; r.Lost != 600 || !r.Unexpected() || r.FirstLost != 1 {
		t.Errorf("%+v", r)
	}
	if r := got[2]; r.Lost != 1200 || !strings.Contains(r.Ended, "gone") {
		t.Errorf("%+v", r)
	}
}

// TestTailer: the tailer that inject adds loses nothing where a plain tail
// does.
func TestTailer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the tailer needs /proc; the scenarios run in CI on Linux")
	}
	shell, err := FindShell()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Run(t.Context(), []Reader{Tailer(shell), PlainTail(shell, "-f")}, pick(t, "rename", "stop", "kill"), Options{Lines: 300, Dir: t.TempDir(), Parallel: 6}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got[:3] {
		if r.Lost != 0 || r.Error != "" || r.Unexpected() {
			t.Errorf("%+v", r)
		}
	}
	if r := got[3]; r.Lost == 0 {
		t.Errorf("tail -f lost nothing over a rename, so the scenario proves nothing: %+v", r)
	}
}

// TestCancelled: Ctrl-C ends everything at once.
func TestCancelled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the reader is a POSIX shell line")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := Run(ctx, []Reader{Any([]string{"sleep", "60"})}, pick(t, "steady", "stop"), Options{Lines: 60, Dir: t.TempDir(), Parallel: 2}, nil)
	if err == nil || time.Since(begin) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
}
