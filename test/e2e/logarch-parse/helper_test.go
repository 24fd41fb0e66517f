package logarchparse

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// parse runs kubectl logarch parse and returns both streams.
func parse(t testing.TB, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(program.Plugin(t, "logarch"), append([]string{"parse"}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("parse %v: %v: %s", args, err, errOut.String())
	}
	return out.String(), errOut.String()
}

type record struct {
	Time     string
	Severity string
	V        *int
	Logger   string
	Caller   string
	Msg      string
	Err      json.RawMessage
	Fields   map[string]json.RawMessage
	Source   struct {
		Format string
		Line   int
		PID    int
	}
}

func records(t testing.TB, jsonl string) []record {
	t.Helper()
	var out []record
	for line := range strings.Lines(jsonl) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("not a JSON record: %v: %s", err, line)
		}
		out = append(out, r)
	}
	return out
}
