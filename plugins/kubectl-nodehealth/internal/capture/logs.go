package capture

import (
	"regexp"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// A cluster-info dump asks the kubelets for logs. Where it could not have them
// it writes the error in their place: the one probe of a kubelet that a capture
// holds.
//
//	Request log error: Get "https://192.0.2.7:10250/containerLogs/...": dial tcp 192.0.2.7:10250: connect: connection refused
var logError = regexp.MustCompile(`(?m)^Request log error: Get "https?://([^/"]+)/containerLogs/[^"]*": (.*)$`)

// maxLog bounds the log files that are looked at: an error stands alone in its
// file, or among few.
const maxLog = 256 << 10

// isLog says whether a file of a dump holds a pod's logs.
func isLog(name string) bool { return strings.HasSuffix(name, "/logs.txt") }

// logs looks for such errors in a dump's logs.
func (r *reader) logs(text string) {
	for _, m := range logError.FindAllStringSubmatch(text, -1) {
		if r.refusals == nil {
			r.refusals = map[string]string{}
		}
		r.refusals[m[1]] = strings.TrimSpace(m[2])
	}
}

// asked turns the errors into the outcome of a probe of this node's kubelet.
func (r *reader) asked(v *snapshot.View) {
	host := v.InternalIP()
	for address, message := range r.refusals {
		ip, _, ok := cutPort(address)
		if !ok || host == "" || ip != host && ip != v.Node.Name {
			continue
		}
		p := snapshot.Probe{Name: snapshot.SourceHealthz}
		p.Status, p.Reason, p.Detail = kubelet.Unreachable(message)
		p.Detail = "while the dump was made: " + p.Detail
		v.Node.Set(p)
		return
	}
}

func cutPort(address string) (host, port string, ok bool) {
	i := strings.LastIndex(address, ":")
	if i < 0 {
		return "", "", false
	}
	return strings.Trim(address[:i], "[]"), address[i+1:], true
}
