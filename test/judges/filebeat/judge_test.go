package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v2"

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

// configOf runs the plugin and takes Filebeat's configuration out of the
// ConfigMap that it prints.
func configOf(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command(program.Plugin(t, "logarch"), args...)
	c.Stdin = strings.NewReader(pod)
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errOut.String())
	}
	for _, doc := range strings.Split(out.String(), "\n---\n") {
		var o struct {
			Kind string
			Data map[string]string
		}
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		if o.Kind == "ConfigMap" {
			return o.Data["filebeat.yml"]
		}
	}
	t.Fatalf("%v: no ConfigMap", args)
	return ""
}

func sidecar(t *testing.T, to ...string) string {
	return configOf(t, append([]string{"inject", "-f", "-", "--log", "/var/log/app/a.log", "--mode", "agent", "--agent", "filebeat"}, to...)...)
}

func node(t *testing.T, to ...string) string {
	return configOf(t, append([]string{"agent", "filebeat"}, to...)...)
}

// command makes a process of Filebeat with a configuration.
func command(t *testing.T, conf string, args ...string) *exec.Cmd {
	t.Helper()
	bin := program.Peer(t, "filebeat", ".") // two and a half minutes of one core, the first time
	home := t.TempDir()
	file := filepath.Join(home, "filebeat.yml")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bin, append(args, "-e", "--strict.perms=false", "-c", file, "--path.home", home)...)
	c.Env = append(os.Environ(), "POD_NAME=p", "POD_NAMESPACE=n", "NODE_NAME=node1",
		"ELASTICSEARCH_HOSTS=http://127.0.0.1:9", "ELASTICSEARCH_USERNAME=u", "ELASTICSEARCH_PASSWORD=p", "KIBANA_HOST=http://127.0.0.1:9",
		"ELASTIC_CLOUD_ID=x:bG9jYWxob3N0JGFiYyRkZWY=", "ELASTIC_CLOUD_AUTH=u:p")
	return c
}

// TestEveryConfigurationStarts runs Filebeat with every configuration for a
// second: 'test config' alone does not make the inputs. The configuration for
// autodiscover needs a cluster to start, so it is only tested; its input is run
// by TestNode.
func TestEveryConfigurationStarts(t *testing.T) {
	for _, args := range [][]string{{"beats", "filebeat"}, {"beats", "filebeat", "--cloud"}} {
		if out, err := command(t, configOf(t, args...), "test", "config").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Config OK")) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	check := func(conf string) (string, bool) {
		c := command(t, strings.ReplaceAll(conf, "/var/lib/logarch", t.TempDir()))
		var errOut bytes.Buffer
		c.Stderr = &errOut
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = c.Wait(); close(ended) }()
		select {
		case <-ended:
			return errOut.String(), false
		case <-time.After(1500 * time.Millisecond):
		}
		_ = c.Process.Kill()
		<-ended
		return errOut.String(), strings.Contains(errOut.String(), "filestream")
	}
	for _, to := range [][]string{
		nil,
		{"--destination", "elasticsearch", "--endpoint", "https://127.0.0.1:9/logs"},
		{"--destination", "file", "--endpoint", "/var/lib/logarch/all.json"},
	} {
		for _, conf := range []string{sidecar(t, to...), node(t, to...)} {
			if out, ok := check(conf); !ok {
				t.Errorf("%v: %s\n%s", to, out, conf)
			}
		}
	}
	// The judge must be able to say no.
	for _, change := range [][2]string{{"queue.disk:", "queue.disc:"}, {"type: filestream", "type: filesteam"}, {"fingerprint.length: 64", "fingerprint.length: 6"}, {"check_interval: 1s", "check_interval: soon"}} {
		good := sidecar(t)
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%s is not there", change[0])
		}
		if out, ok := check(bad); ok {
			t.Errorf("%s passes: %s", change[1], out)
		}
	}
}

// messages are those of the events that the file output wrote.
func messages(t *testing.T, pattern string) []map[string]any {
	t.Helper()
	files, _ := filepath.Glob(pattern)
	var all []map[string]any
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			var m map[string]any
			if json.Unmarshal([]byte(line), &m) == nil && m != nil {
				all = append(all, m)
			}
		}
	}
	return all
}

func start(t *testing.T, conf string) *exec.Cmd {
	t.Helper()
	c := command(t, conf)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c
}

// TestSimulate lets kubectl logarch simulate run this Filebeat with what inject
// writes for it.
func TestSimulate(t *testing.T) {
	bin := program.Peer(t, "filebeat", ".") // two and a half minutes of one core, the first time
	cmd := exec.Command(program.Plugin(t, "logarch"), "simulate", "--agent", "filebeat", "--binary", bin, "-o", "json")
	cmd.Stderr = os.Stderr
	out, _ := cmd.Output() // status 1: "stop" loses lines
	var r struct {
		Items []struct {
			Scenario               string
			Written, Lost, Doubled int
			Error                  string
		}
	}
	if err := json.Unmarshal(out, &r); err != nil || len(r.Items) < 10 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, i := range r.Items {
		t.Logf("%-16s written %6d lost %5d doubled %5d", i.Scenario, i.Written, i.Lost, i.Doubled)
		if i.Error != "" {
			t.Errorf("%s: %s", i.Scenario, i.Error)
		}
		switch i.Scenario {
		case "copytruncate", "stop", "no-line-end": // what is said of them in the documentation
		default:
			if i.Lost > 0 || i.Doubled > 0 {
				t.Errorf("%s: %d lines lost, %d doubled", i.Scenario, i.Lost, i.Doubled)
			}
		}
	}
}

// filebeatRun is a Filebeat that can be ended and started again.
type filebeatRun struct {
	conf, log string
	// out is the pattern of the files that it writes.
	out string
	c   *exec.Cmd
}

func (r *filebeatRun) end(sig syscall.Signal) {
	_ = r.c.Process.Signal(sig)
	// Filebeat 7.17 does not always end at SIGTERM; the kubelet kills it then.
	kill := time.AfterFunc(15*time.Second, func() { _ = r.c.Process.Kill() })
	_ = r.c.Wait()
	kill.Stop()
}

func (r *filebeatRun) rename(t *testing.T, round int) {
	if err := os.Rename(r.log, fmt.Sprintf("%s.%d", r.log, round)); err != nil {
		t.Error(err)
	}
}

// wait waits until n events are there, or for a minute.
func (r *filebeatRun) wait(t *testing.T, n int) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && len(messages(t, r.out)) < n; {
		time.Sleep(time.Second)
	}
}

// TestHundredThousandLines counts what a sidecar Filebeat delivers of 100,000
// lines through rename, copytruncate while all is read, kill -9 and a stop during
// which the log is rotated.
func TestHundredThousandLines(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, r *filebeatRun, round int){
		"rename": func(t *testing.T, r *filebeatRun, round int) { r.rename(t, round) },
		"copytruncate": func(t *testing.T, r *filebeatRun, round int) {
			r.wait(t, 10000*(round+1))
			b, err := os.ReadFile(r.log)
			if err != nil || os.WriteFile(fmt.Sprintf("%s.%d", r.log, round), b, 0o644) != nil || os.Truncate(r.log, 0) != nil {
				t.Error("copytruncate failed")
			}
			time.Sleep(2 * time.Second)
		},
		"kill": func(t *testing.T, r *filebeatRun, round int) {
			if round%3 == 1 {
				r.end(syscall.SIGKILL)
				r.c = start(t, r.conf)
			}
		},
		"rotated while it is stopped": func(t *testing.T, r *filebeatRun, round int) {
			if round%4 == 2 {
				r.end(syscall.SIGTERM)
			}
			r.rename(t, round)
			if round%4 == 3 {
				r.c = start(t, r.conf)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, state := t.TempDir(), t.TempDir()
			conf := sidecar(t, "--destination", "file", "--endpoint", "/var/lib/logarch/out/all.json")
			r := &filebeatRun{log: filepath.Join(dir, "a.log"), out: filepath.Join(state, "out", "all.json*"), conf: strings.ReplaceAll(strings.ReplaceAll(conf, "/var/lib/logarch", state), "/var/log/app", dir)}
			r.c = start(t, r.conf)
			n := 0
			line := func(i int) string { return fmt.Sprintf("2026-11-26T10:00:00Z INFO line %d of an application's log", i) }
			for round := range 10 {
				f, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					t.Fatal(err)
				}
				var b strings.Builder
				for range 10000 {
					b.WriteString(line(n) + "\n")
					n++
				}
				if _, err := f.WriteString(b.String()); err != nil {
					t.Fatal(err)
				}
				f.Close()
				time.Sleep(700 * time.Millisecond)
				between(t, r, round)
			}
			r.wait(t, n)
			r.end(syscall.SIGTERM)
			seen := map[string]int{}
			for _, m := range messages(t, r.out) {
				if m["pod"] != "p" || m["namespace"] != "n" {
					t.Fatalf("no pod and namespace in %v", m)
				}
				seen[fmt.Sprint(m["message"])]++
			}
			lost, doubled := 0, 0
			for i := range n {
				switch k := seen[line(i)]; k {
				case 0:
					lost++
				default:
					doubled += k - 1
				}
			}
			t.Logf("%s: %d written, %d lost, %d doubled", name, n, lost, doubled)
			// Ended before it has noted what was sent, it sends that again.
			ended := name != "rename" && name != "copytruncate"
			if lost > 0 || doubled > 0 && !ended {
				t.Errorf("%s: of %d lines %d were lost and %d doubled", name, n, lost, doubled)
			}
		})
	}
}

// TestNode runs the node's configuration, and the input that autodiscover starts
// for a container, over files as the container runtime writes them: parts of
// long lines are joined (Filebeat mixes them where both streams write long lines
// at once: elastic/beats reads parts in the order of the file), a file is rotated as the kubelet does
// it, Filebeat is killed in between, and its own log is not read.
func TestNode(t *testing.T) {
	stripped := func(conf string) map[string]any {
		var m map[string]any
		if err := yaml.Unmarshal([]byte(conf), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "processors") // they ask a cluster
		return m
	}
	ofNode := stripped(node(t, "--destination", "file", "--endpoint", "/var/lib/logarch/out/all.json"))
	auto := stripped(configOf(t, "beats", "filebeat"))
	provider := auto["filebeat.autodiscover"].(map[any]any)["providers"].([]any)[0].(map[any]any)
	hinted := map[string]any{}
	for k, v := range ofNode {
		hinted[k] = v
	}
	hinted["filebeat.inputs"] = []any{provider["hints.default_config"]}
	for name, m := range map[string]map[string]any{"node": ofNode, "autodiscover": hinted} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := yaml.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			state, logs := t.TempDir(), t.TempDir()
			id := strings.Repeat("ab", 32)
			conf := strings.NewReplacer("/var/lib/logarch", state, "/var/log", logs, "${data.kubernetes.container.id}", id).Replace(string(text))
			dir := filepath.Join(logs, "pods", "shop_web-0_0f0e0d0c", "app")
			own := filepath.Join(logs, "pods", "logging_logarch-filebeat-x7k2p_1a", "filebeat")
			for _, d := range []string{dir, own, filepath.Join(logs, "containers")} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			log := filepath.Join(dir, "0.log")
			if err := os.Symlink(log, filepath.Join(logs, "containers", "web-0_shop_app-"+id+".log")); err != nil {
				t.Fatal(err)
			}
			write := func(file string, lines ...string) {
				f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				for i, l := range lines {
					fmt.Fprintf(f, "2026-11-26T10:00:00.%09dZ %s\n", i, l)
				}
			}
			padding := strings.Repeat("x", 300)
			write(filepath.Join(own, "0.log"), "stdout F mine "+padding)
			write(filepath.Join(own, "0.log.20261126-090000"), "stdout F mine before "+padding)
			r := &filebeatRun{conf: conf}
			r.c = start(t, conf)
			write(log, "stdout F first "+padding, "stdout P be", "stdout P gi", "stdout F n", "stderr P to", "stderr F gether")
			time.Sleep(3 * time.Second)
			write(log, "stdout F before the rotation")
			if err := os.Rename(log, log+".20261126-100000"); err != nil {
				t.Fatal(err)
			}
			write(log, "stdout F after the rotation "+padding)
			time.Sleep(3 * time.Second)
			r.end(syscall.SIGKILL)
			write(log, "stdout F while it was gone")
			r.c = start(t, conf)
			want := []string{"first " + padding, "begin", "together", "before the rotation", "after the rotation " + padding, "while it was gone"}
			pattern := filepath.Join(state, "out", "all.json*")
			seen := map[string]int{}
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && len(seen) < len(want); time.Sleep(500 * time.Millisecond) {
				seen = map[string]int{}
				for _, e := range messages(t, pattern) {
					seen[fmt.Sprint(e["message"])]++
				}
			}
			r.end(syscall.SIGTERM)
			for _, w := range want {
				if seen[w] == 0 {
					t.Errorf("not delivered: %.40s; delivered: %.40q", w, slices.Collect(maps.Keys(seen)))
				}
				delete(seen, w)
			}
			if len(seen) > 0 {
				t.Errorf("delivered and not wanted: %.40q", slices.Collect(maps.Keys(seen)))
			}
		})
	}
}
