package logarchparse

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

const workloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: chatty}
spec:
  selector: {matchLabels: {app: chatty}}
  template:
    metadata: {labels: {app: chatty}}
    spec:
      containers:
      - name: chatty
        image: busybox:1.36
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'while true; do echo "a line of the chatty application, sixty-four bytes long in all"; sleep 0.1; done']
---
apiVersion: v1
kind: Pod
metadata: {name: layer}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: busybox:1.36
    imagePullPolicy: IfNotPresent
    command: [sh, -c, 'while true; do date >> /var/log/app.log; sleep 1; done']
`

type advice struct {
	Items []struct {
		Metadata struct{ Kind, Name, Namespace string }
		Patterns []string
		Budget   struct {
			MaxSize    int64  `json:"containerLogMaxSizeBytes"`
			Source     string `json:"source"`
			Containers []struct {
				BytesPerMinute     float64
				RateSource         string
				KubectlLogsMinutes float64
				UsedBytes          int64
			}
		}
		Findings []struct{ ID string }
	}
	Findings []struct{ ID string }
	Notes    []string
}

// TestAdviseLive asks a real cluster: the pattern of its workloads, their
// measured rate, and with --node-stats the kubelet's own settings.
func TestAdviseLive(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "advise", Nodes: 1})
	k8s, err := cluster.Binary("")
	if err != nil {
		t.Fatal(err)
	}
	run := func(stdin, kubeconfig, program string, args ...string) (string, string, int) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "NO_COLOR=1")
		var out, errOut bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
	}
	if _, msg, code := run(workloads, c.Kubeconfig, k8s, "kubectl", "apply", "-f", "-"); code != 0 {
		t.Fatal(msg)
	}
	for _, what := range []string{"deployment/chatty", "pod/layer"} {
		cond := "--for=condition=Available"
		if strings.HasPrefix(what, "pod/") {
			cond = "--for=condition=Ready"
		}
		if _, msg, code := run("", c.Kubeconfig, k8s, "kubectl", "wait", cond, what, "--timeout=90s"); code != 0 {
			t.Fatal(msg)
		}
	}
	time.Sleep(15 * time.Second)
	out, msg, code := run("", c.Kubeconfig, program.Plugin(t, "logarch"), "advise", "-n", "default", "--node-stats", "-o", "json")
	if code != 1 {
		t.Fatalf("exit status %d, want 1 for the file in the container layer: %s", code, msg)
	}
	var a advice
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, i := range a.Items {
		seen[i.Metadata.Name] = true
		switch i.Metadata.Name {
		case "chatty":
			k := i.Budget.Containers[0]
			// Ten lines a second of 61 bytes, a time of 36 bytes before each,
			// and what the runtime adds: some 60 kB a minute.
			if k.BytesPerMinute < 20_000 || k.BytesPerMinute > 90_000 || !strings.HasPrefix(k.RateSource, "measured") {
				t.Errorf("measured %v", k)
			}
			if k.UsedBytes == 0 || i.Budget.MaxSize != 10<<20 || !strings.Contains(i.Budget.Source, "kube-worker-1") {
				t.Errorf("the kubelet was not asked: %+v", i.Budget)
			}
			if len(i.Patterns) != 1 || i.Patterns[0] != "stdout" || len(i.Findings) != 0 {
				t.Errorf("%+v", i)
			}
		case "layer":
			if len(i.Findings) != 1 || i.Findings[0].ID != "LA101" {
				t.Errorf("%+v", i.Findings)
			}
		}
	}
	if !seen["chatty"] || !seen["layer"] || len(a.Notes) != 0 {
		t.Errorf("saw %v, notes %v", seen, a.Notes)
	}
	// All namespaces: nobody ships.
	out, msg, _ = run("", c.Kubeconfig, program.Plugin(t, "logarch"), "advise", "-A")
	if !strings.Contains(out, "LA118") || !strings.Contains(out, "default/deployment/chatty") {
		t.Errorf("%s%s", out, msg)
	}
	t.Log("\n" + out)
	// Without permission: said, and no verdict on what was not seen.
	poor, err := c.KubeconfigFor("poor", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, msg, code = run("", poor, program.Plugin(t, "logarch"), "advise", "-n", "default"); code != 3 || !strings.Contains(msg, "forbidden") {
		t.Errorf("without permission: exit status %d: %s", code, msg)
	}
}
