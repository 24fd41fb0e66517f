package logarch

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

func TestInject(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "logarch", Nodes: 1})
	u := newUser(t, c)
	u.kubectl("", "label", "ns", "default", "pod-security.kubernetes.io/warn=restricted")
	t.Run("handbook", u.sub(handbook))
	t.Run("corpus", u.sub(corpus))
	t.Run("live", u.sub(live))
	t.Run("advise", u.sub(advises))
	t.Run("jobs", u.sub(jobs))
	t.Run("restricted", u.sub(restricted))
	t.Run("hundred thousand lines", u.sub(hundredThousand))
	t.Run("pod deletion", u.sub(podDeletion))
}

func (u user) sub(f func(user)) func(*testing.T) {
	return func(t *testing.T) {
		u.t = t
		f(u)
	}
}

// handbook is the counter pod of the page Logging Architecture: both streams
// come out of kubectl logs, and eject gives the file back.
func handbook(u user) {
	for _, name := range []string{"counter.yaml", "counter.kyaml.yaml"} {
		before := read(u.t, filepath.Join("testdata", name))
		after := u.logarch("", "inject", "-f", filepath.Join("testdata", name), "--log", "/var/log/1.log", "--log", "/var/log/2.log")
		if back := u.logarch(after, "eject", "-f", "-"); back != before {
			u.t.Errorf("%s: eject does not give the file back", name)
		}
		u.kubectl(after, "apply", "-f", "-")
		one, two := regexp.MustCompile(`^0: .*\n1: .*\n2: `), regexp.MustCompile(`^.* INFO 0\n.* INFO 1\n`)
		u.eventually(time.Minute, name+": both streams", func() bool {
			a, _, _ := u.tryKubectl("", "logs", "counter", "-c", "count-log-1")
			b, _, _ := u.tryKubectl("", "logs", "counter", "-c", "count-log-2")
			return one.MatchString(a) && two.MatchString(b)
		})
		if out, errOut, code := u.tryKubectl("", "logs", "counter"); code != 0 || strings.Contains(errOut, "Defaulted") || strings.TrimSpace(out) != "" {
			u.t.Errorf("kubectl logs counter does not show the application's own stdout: %s%s", out, errOut)
		}
		begin := time.Now()
		u.kubectl("", "delete", "pod", "counter", "--grace-period=8")
		if took := time.Since(begin); took > 14*time.Second {
			u.t.Errorf("deleting the pod took %v: the sidecars do not end", took)
		}
	}
}

// corpus tries every manifest on the API server, before and after.
func corpus(u user) {
	files, err := filepath.Glob("../../../plugins/kubectl-logarch/testdata/manifests/*/*.*")
	if err != nil || len(files) < 25 {
		u.t.Fatalf("%d manifests, %v", len(files), err)
	}
	for _, ns := range []string{"emojivoto", "tailing-sidecar-system", "heptio-contour", "get-test"} {
		u.tryKubectl("", "create", "ns", ns)
	}
	variants := [][]string{
		{"--log", "/var/log/app/a.log", "--log", "/var/log/app2/b.log"},
		{"--log", "/var/log/app/a.log", "--native", "false"},
		{"--log", "/var/log/app/a.log", "--resume", "--copy-existing"},
		{"--log", "/var/log/app/a.log", "--mode", "agent", "--agent", "fluent-bit"},
		{"--log", "/var/log/app/a.log", "--mode", "rotate"},
	}
	took, accepted := 0, 0
	for _, file := range files {
		// Kinds that the API server does not have (CustomResourceDefinitions of
		// others) fail before and after alike: what counts is what it says of the
		// rest.
		before, beforeErr, _ := u.tryKubectl("", "apply", "--dry-run=server", "-o", "name", "-f", file)
		took += strings.Count(before, "\n")
		for _, v := range variants {
			after, errOut, code := u.exec("", u.plugin, append([]string{"inject", "-f", file}, v...)...)
			if code != 0 {
				if !strings.Contains(file, ".bad.") {
					u.t.Errorf("%s %v: exit status %d\n%s", file, v, code, errOut)
				}
				continue
			}
			got, gotErr, _ := u.tryKubectl(after, "apply", "--dry-run=server", "-o", "name", "-f", "-")
			accepted += strings.Count(got, "\n")
			for _, obj := range strings.Fields(before) {
				if !strings.Contains("\n"+got, "\n"+obj+"\n") {
					u.t.Errorf("%s %v: the API server took %s before and does not now\nbefore: %s\nafter: %s", file, v, obj, beforeErr, gotErr)
				}
			}
		}
	}
	u.t.Logf("the API server took %d objects before and, over %d kinds of injection, %d after", took, len(variants), accepted)
	if took < 45 {
		u.t.Errorf("the API server took only %d objects", took)
	}
}

const jobManifest = `apiVersion: batch/v1
kind: Job
metadata:
  name: %s
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: work
        image: busybox:1.36
        command: ["sh", "-c", "%s"]
        volumeMounts:
        - {name: logs, mountPath: /var/log/batch}
      volumes:
      - {name: logs, emptyDir: {}}
`

// jobs must end although a sidecar runs beside them, native or not, and nothing
// of what they wrote last may be missing.
func jobs(u user) {
	for name, args := range map[string][]string{
		"native": nil, "plain": {"--native", "false"},
	} {
		for speed, script := range map[string]string{
			"slow": "for i in $(seq 100); do echo line $i; sleep 0.05; done >>/var/log/batch/w.log; echo last >>/var/log/batch/w.log",
			"fast": "echo last >>/var/log/batch/w.log",
		} {
			job := name + "-" + speed
			after := u.logarch(fmt.Sprintf(jobManifest, job, script), append([]string{"inject", "-f", "-", "--log", "tail=/var/log/batch/w.log"}, args...)...)
			u.kubectl(after, "apply", "-f", "-")
			u.eventually(3*time.Minute, "job "+job+" completes", func() bool {
				return u.kubectl("", "get", "job", job, "-o", "jsonpath={.status.succeeded}") == "1"
			})
			out := u.kubectl("", "logs", "job/"+job, "-c", "tail")
			if !strings.HasSuffix(out, "last\n") || speed == "slow" && strings.Count(out, "line ") != 100 {
				u.t.Errorf("%s: lines are missing: %q", job, out)
			}
		}
	}
}

const restrictedPod = `apiVersion: v1
kind: Pod
metadata:
  name: strict
  namespace: strict
spec:
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: app
    image: busybox:1.36
    command: [sh, -c, "umask 077; while true; do echo secret line of the application >>/var/log/app/app.log; sleep 0.2; done"]
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
`

// restricted is a namespace that enforces the strictest standard; the
// application's files are readable by its own user alone.
func restricted(u user) {
	u.kubectl("", "create", "ns", "strict")
	u.kubectl("", "label", "ns", "strict", "pod-security.kubernetes.io/enforce=restricted")
	u.t.Cleanup(func() { u.kubectl("", "delete", "ns", "strict", "--wait=false") })
	for _, args := range [][]string{nil, {"--native", "false"}, {"--resume"}, {"--mode", "rotate", "--max-size", "1Ki"}} {
		after := u.logarch(restrictedPod, append([]string{"inject", "-f", "-", "--log", "out=/var/log/app/app.log"}, args...)...)
		u.kubectl(after, "apply", "-f", "-")
		if len(args) < 2 || args[1] != "rotate" {
			u.eventually(time.Minute, "the tailer reads a file of mode 0600", func() bool {
				out, _, _ := u.tryKubectl("", "logs", "-n", "strict", "strict", "-c", "out")
				return strings.Contains(out, "secret")
			})
		} else {
			u.eventually(2*time.Minute, "a file is rotated", func() bool {
				out, _, _ := u.tryKubectl("", "exec", "-n", "strict", "strict", "-c", "app", "--", "ls", "/var/log/app")
				return strings.Contains(out, "app.log.1")
			})
		}
		u.kubectl("", "delete", "pod", "-n", "strict", "strict", "--grace-period=2")
	}
}
