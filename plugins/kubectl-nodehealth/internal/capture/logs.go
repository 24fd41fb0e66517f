package capture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// A cluster-info dump asks the kubelets for logs. Where it could not have them
// it writes the error in their place: the one probe of a kubelet that a capture
// holds. Some versions give the reason, others only that it failed:
//
//	==== START logs for container c of pod default/web ====
//	Request log error: Get "https://192.0.2.7:10250/containerLogs/...": dial tcp 192.0.2.7:10250: connect: connection refused
//	Request log error: an error on the server ("unknown") has prevented the request from succeeding (get pods web)
var (
	logStart = lazyregexp.New(`^==== START logs for container \S+ of pod (\S+) ====`)
	logError = lazyregexp.New(`^Request log error: (?:Get "https?://[^"]*": )?(.*)$`)
)

// maxLog bounds the log files that are looked at, in bytes: an error stands
// alone in its file, or among few.
const maxLog = 256 << 10

// isLog says whether a file of a dump holds a pod's logs.
func isLog(name string) bool { return strings.HasSuffix(name, "/logs.txt") }

// logs notes the pods, by namespace/name, whose logs a dump could not get.
func (r *reader) logs(text string) {
	pod := ""
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\r\n")
		if m := logStart.FindStringSubmatch(l); m != nil {
			pod = m[1]
			continue
		}
		if m := logError.FindStringSubmatch(l); m != nil && pod != "" {
			if r.logless == nil {
				r.logless = map[string]string{}
			}
			r.logless[pod] = m[1]
		}
		// Only the first line of a log can be the dump's own.
		pod = ""
	}
}

// asked turns such errors into the outcome of a probe of this node's kubelet.
func (r *reader) asked(n *snapshot.Node) {
	if n.Pods == nil {
		return
	}
	var failed []string
	p := snapshot.Probe{Name: snapshot.SourceHealthz}
	for _, pod := range n.Pods.Rows {
		message, ok := r.logless[pod.String()]
		if !ok || pod.Phase != "Running" {
			continue
		}
		failed = append(failed, pod.String())
		if status, reason, detail := kubelet.Unreachable(message); p.Reason == "" {
			p.Status, p.Reason, p.Detail = status, reason, detail
		}
	}
	if len(failed) == 0 {
		return
	}
	slices.Sort(failed)
	if p.Reason == "" {
		p.Detail = "no reason given"
	}
	p.Detail = fmt.Sprintf("the dump could not get the logs of %s: %s", phrase.List(failed, 2), p.Detail)
	n.Set(p)
}
