package cmd

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/nodelog"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// A kubelet's log as the journal gives it is shown as events, not as lines, and
// each line's own words only once.
func TestLogsPrint(t *testing.T) {
	const log = `Jan 05 06:24:51.000001 n1 systemd[1]: Started kubelet.
Jan 05 06:24:52.423400 n1 kubelet[46]: E0105 06:24:52.423336      46 kubelet.go:12] "Failed" err=<
Jan 05 06:24:52.423401 n1 kubelet[46]: 	first
Jan 05 06:24:52.423402 n1 kubelet[46]: 	second
Jan 05 06:24:52.423402 n1 kubelet[46]:  > pod="default/web"
Jan 05 06:24:53.000001 n1 kubelet[46]: I0105 06:24:53.000000      46 a.go:1] filtered
Jan 05 06:24:54.000001 n1 kubelet[46]: panic: oh
`
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	for output, want := range map[string]string{
		"text": `01-05 06:24:51.000 - systemd Started kubelet.
01-05 06:24:52.423 E Failed  pod=default/web  kubelet.go:12
    err:
      first
      second
01-05 06:24:54.000 F panic: oh
`,
		"json": `{"time":"2026-01-05T06:24:51.000001Z","severity":"unknown","component":"systemd","msg":"Started kubelet.","source":{"format":"unparsed","via":"syslog","line":1,"pid":1,"host":"n1"}}
{"time":"2026-01-05T06:24:52.423336Z","severity":"error","component":"kubelet","caller":"kubelet.go:12","msg":"Failed","err":"first\nsecond","fields":{"pod":"default/web"},"source":{"format":"klog","via":"syslog","line":2,"pid":46,"host":"n1"}}
{"time":"2026-01-05T06:24:54.000001Z","severity":"fatal","component":"kubelet","msg":"panic: oh","source":{"format":"go-panic","via":"syslog","line":7,"pid":46,"host":"n1"}}
`,
		"raw": `Jan 05 06:24:51.000001 n1 systemd[1]: Started kubelet.
Jan 05 06:24:52.423402 n1 kubelet[46]: 	second
Jan 05 06:24:52.423402 n1 kubelet[46]:  > pod="default/web"
Jan 05 06:24:54.000001 n1 kubelet[46]: panic: oh
`,
	} {
		var out bytes.Buffer
		env := &cli.Env{}
		env.Out = &out
		l := &logReader{
			env:   env,
			flags: &logsFlags{output: output, unit: "kubelet"},
			query: nodelog.Query{Pattern: "Started|pod=|second|panic"}, now: now,
		}
		lines := 3
		if output == "raw" {
			lines = 4
		}
		if n, err := l.print(strings.NewReader(log)); err != nil || n != lines {
			t.Errorf("%s: %d lines, %v", output, n, err)
		}
		if out.String() != want {
			t.Errorf("%s:\n%s\nwant\n%s", output, out.String(), want)
		}
	}
}

// What stands in a log that could not be read is not known; trouble that was
// found outranks that.
func TestScanStatus(t *testing.T) {
	read, unread := scannedLog{Unit: "kubelet", Lines: 3}, scannedLog{Unit: "kernel", Error: "not there"}
	for _, c := range []struct {
		logs []scannedLog
		read int
		hits []nodelog.Hit
		want int
	}{
		{[]scannedLog{read}, 1, nil, 0},
		{[]scannedLog{read, unread}, 1, nil, cli.ExitUnknown},
		{[]scannedLog{unread}, 0, nil, cli.ExitUnknown},
		{[]scannedLog{read, unread}, 1, []nodelog.Hit{{Name: "X"}}, cli.ExitFindings},
	} {
		env := &cli.Env{}
		env.Out = &bytes.Buffer{}
		l := &logReader{env: env, flags: &logsFlags{output: "json"}}
		got := 0
		var e *cli.Error
		if err := l.report(scanReport{Logs: c.logs, Hits: c.hits}, c.read); errors.As(err, &e) {
			got = e.Code
		}
		if got != c.want {
			t.Errorf("%+v: exit status %d, want %d", c, got, c.want)
		}
	}
}

func TestRuntimeUnit(t *testing.T) {
	for version, want := range map[string]string{"containerd://2.1.4": "containerd", "cri-o://1.34.0": "crio", "docker://28.0": "docker", "": "containerd"} {
		if got := runtimeUnit(corev1.NodeSystemInfo{ContainerRuntimeVersion: version}); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}
