package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

const pod = `apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  containers:
  - name: app
    image: busybox:1.36
    volumeMounts: [{name: logs, mountPath: /var/log/app}]
  volumes: [{name: logs, emptyDir: {}}]
`

// configOf runs the plugin and takes the collector's configuration out of the
// ConfigMap that it prints.
func configOf(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	c := exec.Command(program.Plugin(t, "logarch"), args...)
	c.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errOut.String())
	}
	dec := yaml.NewDecoder(&out)
	for {
		var o struct {
			Kind string
			Data map[string]string
		}
		if err := dec.Decode(&o); err != nil {
			t.Fatalf("%v: no ConfigMap: %v", args, err)
		}
		if o.Kind == "ConfigMap" {
			return o.Data["otel.yaml"]
		}
	}
}

// TestEveryConfigurationIsValid asks the collector about every configuration
// for a destination whose exporter it has.
func TestEveryConfigurationIsValid(t *testing.T) {
	for _, to := range [][]string{
		nil,
		{"--destination", "otlp", "--endpoint", "https://collector.example:4317"},
		{"--destination", "otlp", "--endpoint", "http://collector"},
		{"--destination", "otlp", "--endpoint", "http://collector:4318"},
		{"--destination", "otlp", "--endpoint", "https://collector.example/v1/logs"},
		{"--destination", "loki", "--endpoint", "http://loki:3100"},
		{"--destination", "http", "--endpoint", "https://logs.example/ingest"},
		{"--destination", "file", "--endpoint", "/var/lib/logarch/all.json"},
	} {
		for name, conf := range map[string]string{
			"sidecar": configOf(t, pod, append([]string{"inject", "-f", "-", "--log", "/var/log/app/a.log", "--mode", "agent", "--agent", "otel"}, to...)...),
			"node":    configOf(t, "", append([]string{"agent", "otel"}, to...)...),
		} {
			// The directory has to be there for the storage to be valid.
			conf = strings.ReplaceAll(conf, "/var/lib/logarch", t.TempDir())
			file := filepath.Join(t.TempDir(), "otel.yaml")
			if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
				t.Fatal(err)
			}
			c := exec.Command(program.Peer(t, "otelcol", "."), "validate", "--config="+file)
			c.Env = append(os.Environ(), "POD_NAME=p", "POD_NAMESPACE=n")
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s %v: %v\n%s\n%s", name, to, err, out, conf)
			}
		}
	}
}

// TestNothingIsDeprecated starts a collector with each exporter and looks for
// names that it says are old.
func TestNothingIsDeprecated(t *testing.T) {
	for _, to := range [][]string{
		nil,
		{"--destination", "otlp", "--endpoint", "http://127.0.0.1:9"},
		{"--destination", "otlp", "--endpoint", "http://127.0.0.1:4318"},
	} {
		conf := strings.ReplaceAll(configOf(t, "", append([]string{"agent", "otel"}, to...)...), "/var/lib/logarch", t.TempDir())
		file := filepath.Join(t.TempDir(), "otel.yaml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(conf, "/var/log/pods", t.TempDir())), 0o644); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		out, _ := exec.CommandContext(ctx, program.Peer(t, "otelcol", "."), "--config="+file).CombinedOutput()
		cancel()
		if !strings.Contains(string(out), "Everything is ready") || strings.Contains(string(out), "deprecated") {
			t.Errorf("%v: %s", to, out)
		}
	}
}

// run starts the collector with a configuration.
func run(t *testing.T, conf string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "otel.yaml")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(context.Background(), program.Peer(t, "otelcol", "."), "--config="+file)
	c.Env = append(os.Environ(), "POD_NAME=p", "POD_NAMESPACE=n")
	c.Stderr = nil
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}

// bodies reads the records that the file exporter wrote.
func bodies(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var out []string
	for _, line := range strings.Split(string(b), "\n") {
		var batch struct {
			ResourceLogs []struct {
				ScopeLogs []struct {
					LogRecords []struct {
						Body struct{ StringValue string }
					}
				}
			}
		}
		if json.Unmarshal([]byte(line), &batch) != nil {
			continue
		}
		for _, r := range batch.ResourceLogs {
			for _, s := range r.ScopeLogs {
				for _, l := range s.LogRecords {
					out = append(out, l.Body.StringValue)
				}
			}
		}
	}
	return out
}

// TestHundredThousandLines counts what a sidecar collector delivers of 100,000
// lines through rename, copytruncate and kill -9.
func TestHundredThousandLines(t *testing.T) {
	for name, rotate := range map[string]func(t *testing.T, log string, n int){
		"rename": func(t *testing.T, log string, n int) {
			if err := os.Rename(log, fmt.Sprintf("%s.%d", log, n)); err != nil {
				t.Fatal(err)
			}
		},
		"copytruncate": func(t *testing.T, log string, n int) {
			time.Sleep(time.Second) // what was written since the last poll is lost otherwise
			if b, err := os.ReadFile(log); err != nil || os.WriteFile(fmt.Sprintf("%s.%d", log, n), b, 0o644) != nil || os.Truncate(log, 0) != nil {
				t.Fatal("copytruncate failed")
			}
		},
		"kill": nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir, state := t.TempDir(), t.TempDir()
			log, result := filepath.Join(dir, "a.log"), filepath.Join(state, "all.json")
			conf := configOf(t, pod, "inject", "-f", "-", "--log", "/var/log/app/a.log", "--mode", "agent", "--agent", "otel", "--destination", "file", "--endpoint", "/var/lib/logarch/all.json")
			conf = strings.ReplaceAll(strings.ReplaceAll(conf, "/var/lib/logarch", state), "/var/log/app", dir)
			c := run(t, conf)
			n := 0
			for round := range 10 {
				f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					t.Fatal(err)
				}
				var b strings.Builder
				for range 10000 {
					fmt.Fprintf(&b, "line %d\n", n)
					n++
				}
				if _, err := f.WriteString(b.String()); err != nil {
					t.Fatal(err)
				}
				f.Close()
				time.Sleep(time.Second)
				if rotate != nil {
					rotate(t, log, round)
				} else if round == 4 {
					_ = c.Process.Kill()
					_ = c.Wait()
					c = run(t, conf)
				}
			}
			seen := map[string]int{}
			for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
				if got := bodies(t, result); len(got) >= n {
					break
				}
			}
			_ = c.Process.Signal(syscall.SIGTERM)
			_ = c.Wait()
			for _, b := range bodies(t, result) {
				seen[b]++
			}
			lost, doubled := 0, 0
			for i := range n {
				switch k := seen[fmt.Sprintf("line %d", i)]; {
				case k == 0:
					lost++
				default:
					doubled += k - 1
				}
			}
			t.Logf("%s: %d written, %d lost, %d doubled", name, n, lost, doubled)
			// The collector notes its position when it has handed a batch on, not when
			// the batch is written: killed in between it loses a few batches of 100.
			limit := map[string]int{"kill": 1000}[name]
			if lost > limit || doubled > 0 && name == "rename" {
				t.Errorf("%s: of %d lines %d were lost and %d doubled", name, n, lost, doubled)
			}
		})
	}
}
