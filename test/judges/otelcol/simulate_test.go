package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// TestSimulateCollector lets kubectl logarch simulate run this collector: it
// loses nothing but, at times, what was written just before the pod went.
func TestSimulateCollector(t *testing.T) {
	collector := program.Peer(t, "otelcol", ".")
	cmd := exec.Command(program.Plugin(t, "logarch"), "simulate", "--agent", "otel", "--binary", collector, "--scenario", "steady,burst,missing-file,rename,stop", "-o", "json")
	cmd.Stderr = os.Stderr
	out, _ := cmd.Output() // status 1: "stop" loses lines
	var r struct {
		Items []struct {
			Scenario               string
			Written, Lost, Doubled int
			Error                  string
		}
	}
	if err := json.Unmarshal(out, &r); err != nil || len(r.Items) != 5 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, i := range r.Items {
		t.Logf("%-14s written %6d lost %5d doubled %5d", i.Scenario, i.Written, i.Lost, i.Doubled)
		if i.Error != "" {
			t.Errorf("%s: %s", i.Scenario, i.Error)
		}
		// What was written since the last poll is gone when the pod goes.
		if i.Scenario != "stop" && i.Lost > 0 {
			t.Errorf("%s: %d lines lost", i.Scenario, i.Lost)
		}
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 {
		t.Errorf("exit status %d", code)
	}
}
