package logarch

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
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
		before := ""
		if name == "kill" {
			before = u.killTailer(name)
		}
		u.eventually(3*time.Minute, "pod "+name+" ends", func() bool {
			return u.kubectl("", "get", "pod", name, "-o", "jsonpath={.status.phase}") == "Succeeded"
		})
		log := before + u.containerLog(name, "tail")
		lost, doubled := count(log)
		u.t.Logf("%s: 100000 written, %d lost, %d doubled", name, lost, doubled)
		// A killed process may have written what it had not noted down yet.
		if lost > 0 || doubled > 0 && name != "kill" || doubled > 15000 || !strings.Contains(log, "end\n") {
			u.t.Errorf("%s: of 100000 lines %d were lost and %d doubled", name, lost, doubled)
		}
		u.kubectl("", "delete", "pod", name, "--wait=false")
	}
}

// keep links a container log on the node, so that it is there when the kubelet
// has removed it. The function that it returns reads it.
func (u user) keep(node *cluster.Node, file string) (log func() string) {
	u.t.Helper()
	link := fmt.Sprintf("/var/log/kept-%d.log", time.Now().UnixNano())
	if out, err := node.Exec("sh", "-c", "ln "+file+" "+link); err != nil {
		u.t.Fatalf("%v: %s", err, out)
	}
	return func() string {
		out, err := node.Exec("cat", link)
		if err != nil {
			u.t.Fatal(err)
		}
		return withoutPrefix(string(out))
	}
}

// killTailer kills the tailer with SIGKILL, once, and returns what it had
// written: the kubelet removes a dead init container's log when it starts the
// next one.
func (u user) killTailer(pod string) string {
	node, err := u.cluster.Node("kube-worker-1")
	if err != nil {
		u.t.Fatal(err)
	}
	u.eventually(time.Minute, "half of the lines are written", func() bool {
		out, _, _ := u.tryKubectl("", "logs", pod, "-c", "tail", "--tail=1")
		return strings.HasPrefix(out, "line 4") || strings.HasPrefix(out, "line 5")
	})
	log := u.keep(node, "/var/log/pods/default_"+pod+"_*/tail/0.log")
	if _, err := node.Exec("sh", "-c", `for d in /proc/[0-9]*; do tr '\0\n' '  ' <$d/cmdline 2>/dev/null | grep -q '^sh -c : logarch tailer' && kill -9 ${d#/proc/}; done; true`); err != nil {
		u.t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	return log()
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
	log := u.keep(node, "/var/log/pods/default_dying_*/tail/0.log")
	time.Sleep(2 * time.Second)
	begin := time.Now()
	u.kubectl("", "delete", "pod", "dying")
	took := time.Since(begin)
	stream := log()
	lost, doubled := count(stream)
	u.t.Logf("pod deletion: 100000 written, %d lost, %d doubled; the deletion took %v", lost, doubled, took)
	if lost+doubled > 0 || !strings.Contains(stream, "end\n") {
		u.t.Errorf("pod deletion: of 100000 lines %d were lost and %d doubled", lost, doubled)
	}
	if took > 14*time.Second {
		u.t.Errorf("the deletion took %v", took)
	}
}
