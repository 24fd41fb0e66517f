package logarch

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// advice is what the test reads of `advise -o json`.
type advice struct {
	Items []struct {
		Metadata struct{ Kind, Name string }
		Budget   struct {
			MaxSize    float64 `json:"containerLogMaxSizeBytes"`
			MaxFiles   float64 `json:"containerLogMaxFiles"`
			Source     string
			Containers []struct {
				Name                                                         string
				BytesPerMinute, KubectlLogsMinutes, OnNodeMinutes, UsedBytes float64
				RateSource                                                   string
				AtLeast                                                      bool
			}
		}
	}
	Notes  []string
	Unread int
}

// advises measures pods whose rate is known, asks the kubelet for its rotation, and
// looks at what is said where rights are missing.
func advises(u user) {
	const line = 200 // bytes, without what the runtime puts in front
	write := func(bursts int, pause string) string {
		return fmt.Sprintf(`x=$(head -c %d /dev/zero | tr '\0' x); while true; do i=0; while [ $i -lt %d ]; do echo $x; i=$((i+1)); done; sleep %s; done`, line, bursts, pause)
	}
	u.kubectl("", "create", "ns", "rates")
	u.t.Cleanup(func() { u.tryKubectl("", "delete", "ns", "rates", "--wait=false") })
	for name, script := range map[string]string{
		"slow": write(50, "1"),
		// Tens of megabytes a minute: more than is read at once, and the file is
		// rotated in between.
		"fast": fmt.Sprintf(`while true; do head -c 100000 /dev/zero | tr '\0' x | fold -w %d; echo; sleep 0.1; done`, line),
	} {
		u.kubectl("", "run", name, "-n", "rates", "--image=busybox:1.36", "--restart=Never", "--", "sh", "-c", script)
	}
	u.kubectl("", "wait", "-n", "rates", "pod", "--all", "--for=condition=Ready", "--timeout=90s")
	time.Sleep(40 * time.Second)

	var got advice
	ask := func(args ...string) int {
		u.t.Helper()
		out, errOut, code := u.exec("", u.plugin, append([]string{"advise", "-n", "rates", "--fail-on", "never", "-o", "json"}, args...)...)
		got = advice{}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			u.t.Fatalf("%v: %s%s", err, out, errOut)
		}
		return code
	}
	if code := ask("--window", "20s", "--node-stats"); code != 0 || len(got.Items) != 2 {
		u.t.Fatalf("exit status %d, %+v", code, got)
	}
	// On disk a line is the time, the stream and the tag longer.
	each := float64(line + 1 + len("2006-01-02T15:04:05.000000000Z stdout F "))
	want := map[string]float64{"slow": 50 * 60 * each, "fast": 1e6 / line * 60 * each}
	for _, i := range got.Items {
		b, c := i.Budget, i.Budget.Containers[0]
		u.t.Logf("%s: %.0f bytes a minute (%s), %.1f min, %.0f bytes used; want %.0f", i.Metadata.Name, c.BytesPerMinute, c.RateSource, c.KubectlLogsMinutes, c.UsedBytes, want[i.Metadata.Name])
		// A loaded machine writes less than it was told to. A file that was begun a
		// moment ago is measured over that moment, and what comes while it is read
		// counts.
		if r := c.BytesPerMinute / want[i.Metadata.Name]; c.AtLeast || r > 1.4 || r < 0.3 {
			u.t.Errorf("%s: %.2f of the rate it has: %+v", i.Metadata.Name, r, c)
		}
		if !strings.HasPrefix(b.Source, "configuration of the kubelet on ") || b.MaxSize < 1 || c.UsedBytes < 1 {
			u.t.Errorf("%s: the kubelet was not asked: %+v", i.Metadata.Name, b)
		}
		if c.KubectlLogsMinutes != b.MaxSize/c.BytesPerMinute || c.OnNodeMinutes != b.MaxFiles*c.KubectlLogsMinutes {
			u.t.Errorf("%s: %+v", i.Metadata.Name, b)
		}
	}
	text, _, _ := u.exec("", u.plugin, "advise", "-A", "--node-stats")
	for l := range strings.Lines(text) {
		if utf8.RuneCountInString(strings.TrimRight(l, "\n")) > 80 {
			u.t.Errorf("more than 80 columns: %s", l)
		}
	}

	// Who may list and not read logs or ask nodes is told so; who may list nothing
	// gets no answer.
	u.kubectl("", "create", "role", "lister", "-n", "rates", "--verb=list", "--resource=pods,deployments.apps,statefulsets.apps,daemonsets.apps,replicasets.apps,jobs.batch")
	u.kubectl("", "create", "rolebinding", "lister", "-n", "rates", "--role=lister", "--user=lister")
	if code := ask("--node-stats", "--as", "lister"); code != 3 || got.Unread != 1 {
		u.t.Errorf("exit status %d, %d not listed", code, got.Unread)
	}
	for _, note := range []string{"could not list cronjobs: denied", "could not read the logs of 2 containers to measure their rate (denied)", "could not ask 1 of 1 kubelets (denied)"} {
		if !strings.Contains(strings.Join(got.Notes, "\n"), note) {
			u.t.Errorf("%q is not said: %q", note, got.Notes)
		}
	}
	if _, errOut, code := u.exec("", u.plugin, "advise", "-n", "rates", "--as", "nobody"); code != 3 || !strings.Contains(errOut, "list deployments: ") {
		u.t.Errorf("exit status %d: %s", code, errOut)
	}
}
