package npd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Every combination is YAML with the objects that belong to it, mounts have
// their volumes, and every file of ours passes our own lint.
func TestManifests(t *testing.T) {
	for _, runtime := range Runtimes {
		for _, log := range Logs {
			for _, health := range []bool{false, true} {
				in := Install{Namespace: "kube-system", Image: Image, Runtime: runtime, Log: log, HealthChecks: health,
					Extra: map[string][]byte{"/some/where/mine.json": []byte(config(`{"type":"permanent","condition":"C","reason":"R","pattern":"p"}`))}}
				all := ""
				for name, text := range in.Manifests() {
					if _, err := yamldoc.Parse(name, []byte(text)); err != nil {
						t.Fatalf("%s %s: %v\n%s", runtime, log, err, text)
					}
					all += text
				}
				if !strings.Contains(all, "/config-override/mine.json") || !strings.Contains(all, "  mine.json: |") {
					t.Errorf("%s %s: the user's own monitor is not wired", runtime, log)
				}
				if strings.Contains(all, "--enable-repair=true") {
					t.Error("a health check that repairs restarts services on the node")
				}
				if health != strings.Contains(all, "hostNetwork: true") {
					t.Errorf("%s %s %v: host network", runtime, log, health)
				}
				for name, data := range in.files() {
					f, err := Load(name, data)
					if err != nil {
						t.Fatal(err)
					}
					for _, x := range Lint(f) {
						if x.Severity == "error" {
							t.Errorf("%s: %+v", name, x)
						}
					}
				}
			}
		}
	}
}

// The monitor that we add sees what the stock one is blind to.
func TestRuntimeTaskMonitorSeesContainerd(t *testing.T) {
	f, err := Load("x", []byte(runtimeTaskMonitor))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := replay(t, f, "auto", "INFO: task containerd-shim:77 blocked for more than 120 seconds.\nINFO: task kubelet:8 blocked for more than 120 seconds.\nINFO: task bash:9 blocked for more than 120 seconds.")
	if fired(got) != "TaskBlocked@1-1=ContainerRuntimeTaskHung TaskBlocked@2-2=ContainerRuntimeTaskHung" {
		t.Errorf("%q", fired(got))
	}
}

func TestHealthCheckerIsJSONForTheRuntime(t *testing.T) {
	in := Install{Runtime: "cri-o", HealthChecks: true, Crictl: "/opt/bin/crictl"}
	var c Config
	if err := json.Unmarshal(in.files()["health-checker-runtime.json"], &c); err != nil {
		t.Fatal(err)
	}
	if !c.Custom() || !strings.Contains(string(in.files()["health-checker-runtime.json"]), "/run/crio/crio.sock") {
		t.Errorf("%+v", c)
	}
	// The image has no crictl, and a checker without it calls every runtime
	// unhealthy.
	in.Crictl = ""
	if in.files()["health-checker-runtime.json"] != nil || strings.Contains(in.daemonSet(), "crio.sock") {
		t.Error("the runtime is checked without crictl")
	}
}

func TestUnitNamesOnlyHostFiles(t *testing.T) {
	unit := Install{Runtime: "containerd", Log: "journald"}.Unit()
	if strings.Contains(unit, "=/config/") || !strings.Contains(unit, "/etc/node-problem-detector/kernel-monitor.json") {
		t.Error(unit)
	}
}
