package auditpolicy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// run runs the plugin and returns its output and exit status.
func run(t testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program.Plugin(t, "auditpolicy"), args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// must is run for a command that has to succeed.
func must(t testing.TB, args ...string) string {
	t.Helper()
	out, errOut, code := run(t, nil, args...)
	if code != 0 {
		t.Fatalf("%v: exit status %d\n%s%s", args, code, out, errOut)
	}
	return out
}

// write writes a file of the test and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// loggedEvent is what the tests read of an audit event, with encoding/json.
type loggedEvent struct {
	Level, Stage, Verb, RequestURI, AuditID string
	User                                    struct{ Username string }
	line                                    []byte
}

func readLog(t testing.TB, path string) []loggedEvent {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []loggedEvent
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var e loggedEvent
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		e.line = append(bytes.Clone(s.Bytes()), '\n')
		out = append(out, e)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func writeEvents(t testing.TB, name string, events []loggedEvent) string {
	t.Helper()
	var b bytes.Buffer
	for _, e := range events {
		b.Write(e.line)
	}
	return write(t, name, b.String())
}
