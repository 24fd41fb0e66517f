package logarch

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// writer is an application that writes numbered lines and rotates its log by
// itself: 100,000 of them, in ten rounds.
const writer = `apiVersion: v1
kind: Pod
metadata:
  name: %s
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 10
  containers:
  - name: app
    image: busybox:1.36
    command:
    - sh
    - -c
    - |
      f=/var/log/app/app.log n=0
      for round in 1 2 3 4 5 6 7 8 9 10; do
        seq $n $((n + 4999)) | sed 's/^/line /' >>$f; sleep 1
        n=$((n + 5000))
        %s
        seq $n $((n + 4999)) | sed 's/^/line /' >>$f; sleep 2
        n=$((n + 5000))
      done
      echo end >>$f
      sleep %d
    volumeMounts:
    - {name: logs, mountPath: /var/log/app}
  volumes:
  - {name: logs, emptyDir: {}}
`

// count returns how many of the 100,000 lines were lost and how many came more
// than once.
func count(log string) (lost, doubled int) {
	seen := make([]int, 100000)
	for _, l := range strings.Split(log, "\n") {
		var n int
		if _, err := fmt.Sscanf(l, "line %d", &n); err == nil && n < len(seen) {
			seen[n]++
		}
	}
	for _, s := range seen {
		if s == 0 {
			lost++
		} else {
			doubled += s - 1
		}
	}
	return lost, doubled
}

var prefix = regexp.MustCompile(`(?m)^[^ \n]+ [^ \n]+ [^ \n]+ `)

// withoutPrefix takes the runtime's prefix (time, stream, tag) off each line.
func withoutPrefix(log string) string { return prefix.ReplaceAllString(log, "") }

// containerLog is everything that the runtime wrote for a container, over
// restarts and rotation, as the node has it.
func (u user) containerLog(pod, container string) string {
	u.t.Helper()
	node, err := u.cluster.Node("kube-worker-1")
	if err != nil {
		u.t.Fatal(err)
	}
	out, err := node.Exec("sh", "-c", "for f in $(ls -tr /var/log/pods/default_"+pod+"_*/"+container+"/*); do case $f in *.gz) zcat $f;; *) cat $f;; esac; done | sed -E 's/^[^ ]+ [^ ]+ [^ ]+ //'")
	if err != nil {
		u.t.Fatal(err)
	}
	return string(out)
}

func hundredThousand(u user) {
	for name, rotation := range map[string]string{
		"rename":       "mv -f $f $f.1",
		"copytruncate": "cp $f $f.1; : >$f",
		"kill":         "touch /var/log/app/kill-$round",
	} {
		args := []string{"inject", "-f", "-", "--log", "tail=/var/log/app/app.log"}
		if name == "kill" {
			args = append(args, "--resume")
		}
		u.kubectl(u.logarch(fmt.Sprintf(writer, name, rotation, 5), args...), "apply", "-f", "-")
		if name == "kill" {
			go u.killTailer()
		}
		u.eventually(3*time.Minute, "pod "+name+" ends", func() bool {
			return u.kubectl("", "get", "pod", name, "-o", "jsonpath={.status.phase}") == "Succeeded"
		})
		log := u.containerLog(name, "tail")
		lost, doubled := count(log)
		u.t.Logf("%s: 100000 written, %d lost, %d doubled", name, lost, doubled)
		// A killed process may have written what it had not noted down yet.
		if lost > 0 || doubled > 0 && name != "kill" || doubled > 15000 || !strings.Contains(log, "end\n") {
			u.t.Errorf("%s: of 100000 lines %d were lost and %d doubled", name, lost, doubled)
		}
		u.kubectl("", "delete", "pod", name, "--wait=false")
	}
}

// killTailer kills the tailer with SIGKILL, once: of dead containers the kubelet
// keeps the log of the last one only.
func (u user) killTailer() {
	node, err := u.cluster.Node("kube-worker-1")
	if err != nil {
		return
	}
	time.Sleep(15 * time.Second)
	_, _ = node.Exec("sh", "-c", `for d in /proc/[0-9]*; do tr '\0\n' '  ' <$d/cmdline 2>/dev/null | grep -q '^sh -c : logarch tailer' && kill -9 ${d#/proc/}; done`)
}

// podDeletion deletes a pod whose application writes up to its very end: the
// container log on the node must have all of it. (kubectl logs -f is no judge:
// the kubelet may stop following before the last lines.)
func podDeletion(u user) {
	const pod = `apiVersion: v1
kind: Pod
metadata:
  name: dying
spec:
  terminationGracePeriodSeconds: 15
  containers:
  - name: app
    image: busybox:1.36
    command:
    - sh
    - -c
    - |
      trap 'seq 50000 99999 | sed "s/^/line /" >>/var/log/app/app.log; echo end >>/var/log/app/app.log; exit 0' TERM
      seq 0 49999 | sed 's/^/line /' >>/var/log/app/app.log
      while true; do sleep 0.2; done
    volumeMounts:
    - {name: logs, mountPath: /var/log/app}
  volumes:
  - {name: logs, emptyDir: {}}
`
	u.kubectl(u.logarch(pod, "inject", "-f", "-", "--log", "tail=/var/log/app/app.log"), "apply", "-f", "-")
	u.eventually(time.Minute, "the first half is out", func() bool {
		out, _, _ := u.tryKubectl("", "logs", "dying", "-c", "tail", "--tail=1")
		return strings.Contains(out, "line 49999")
	})
	node, err := u.cluster.Node("kube-worker-1")
	if err != nil {
		u.t.Fatal(err)
	}
	follow := node.Command("sh", "-c", "exec tail -q -n +1 -f /var/log/pods/default_dying_*/tail/0.log")
	var stream strings.Builder
	follow.Stdout = &stream
	if err := follow.Start(); err != nil {
		u.t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	begin := time.Now()
	u.kubectl("", "delete", "pod", "dying")
	took := time.Since(begin)
	time.Sleep(2 * time.Second)
	_ = follow.Process.Kill()
	_ = follow.Wait()
	_, _ = node.Exec("sh", "-c", "for d in /proc/[0-9]*; do tr '\\0' ' ' <$d/cmdline 2>/dev/null | grep -q '^tail -q -n +1 -f /var/log/pods/default_dying' && kill ${d#/proc/}; done")
	lost, doubled := count(withoutPrefix(stream.String()))
	u.t.Logf("pod deletion: 100000 written, %d lost, %d doubled; the deletion took %v", lost, doubled, took)
	if lost+doubled > 0 || !strings.Contains(stream.String(), " end\n") {
		u.t.Errorf("pod deletion: of 100000 lines %d were lost and %d doubled", lost, doubled)
	}
	if took > 14*time.Second {
		u.t.Errorf("the deletion took %v", took)
	}
}
