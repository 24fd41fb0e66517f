package kubelet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Reply is an HTTP answer that came through the API server's node proxy, or
// from the API server itself.
type Reply struct {
	Code        int
	ContentType string
	Body        []byte
}

// status is the part of an API Status that is read.
type status struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
}

// FromAPIServer returns the API server's own error message in a reply, and
// whether the reply is such. The kubelet never answers with a Status.
func (r Reply) FromAPIServer() (message, reason string, ok bool) {
	var s status
	if json.Unmarshal(r.Body, &s) == nil && s.Kind == "Status" {
		return s.Message, s.Reason, true
	}
	return "", "", false
}

// RefusedByKubelet says whether the kubelet itself refuses. It says so in plain
// text (kubernetes v1.37.1, pkg/kubelet/server/server.go, InstallAuthFilter);
// what else answers 403 stands between the API server and the kubelet: a proxy,
// a firewall.
func (r Reply) RefusedByKubelet() bool {
	if _, _, own := r.FromAPIServer(); own {
		return false
	}
	switch text := r.text(); r.Code {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden:
		return text == "Forbidden" || strings.HasPrefix(text, "Forbidden (user=")
	}
	return false
}

// text is a short form of a reply's body.
func (r Reply) text() string {
	s := strings.Join(strings.Fields(string(r.Body)), " ")
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}

// Classify says what a reply to a probe means. The same status codes mean
// different things by who gave them: a 403 of the API server is about our
// rights there, a 403 of the kubelet about the API server's (or ours) there.
func Classify(source string, r Reply) snapshot.Probe {
	p := snapshot.Probe{Name: source}
	message, _, apiServer := r.FromAPIServer()
	switch {
	case r.Code < 300:
		p.Status = snapshot.OK
	case r.Code < 400:
		p.Status, p.Detail = snapshot.Unreachable, fmt.Sprintf("status %d sends the request elsewhere, and it is not followed: is this a Kubernetes API server?", r.Code)
	case apiServer && r.Code == http.StatusForbidden:
		p.Status, p.Reason, p.Detail = snapshot.Denied, snapshot.ReasonAPIServer, denial(message)
	case apiServer && r.Code == http.StatusUnauthorized:
		p.Status, p.Reason, p.Detail = snapshot.Denied, snapshot.ReasonAPIServer, "the API server does not accept our credentials"
	case apiServer && r.Code == http.StatusNotFound:
		p.Status, p.Detail = snapshot.Absent, message
	case apiServer && (r.Code == http.StatusServiceUnavailable || r.Code == http.StatusBadGateway || r.Code == http.StatusGatewayTimeout || r.Code == http.StatusInternalServerError):
		p.Status, p.Reason, p.Detail = Unreachable(message)
	case apiServer:
		p.Status, p.Detail = snapshot.Unreachable, message
	case r.RefusedByKubelet():
		p.Status, p.Reason, p.Detail = snapshot.Denied, snapshot.ReasonKubelet, "the kubelet refuses: "+r.text()
	case r.Code == http.StatusForbidden:
		p.Status, p.Detail = snapshot.Unreachable, "a proxy or firewall before the kubelet answers 403: "+r.text()
	case r.Code == http.StatusMethodNotAllowed:
		p.Status, p.Reason, p.Detail = snapshot.Disabled, snapshot.ReasonKubelet, strings.TrimSuffix(r.text(), ".")
	case r.Code == http.StatusNotFound, r.Code == http.StatusNotAcceptable:
		p.Status, p.Reason, p.Detail = snapshot.Unsupported, snapshot.ReasonKubelet, "this kubelet does not have it"
	case r.Code == http.StatusServiceUnavailable || r.Code == http.StatusBadGateway || r.Code == http.StatusGatewayTimeout:
		p.Status, p.Reason, p.Detail = Unreachable(r.text())
	case strings.Contains(r.text(), "Authorization error"):
		p.Status, p.Reason, p.Detail = snapshot.Denied, snapshot.ReasonKubelet, "the kubelet cannot ask the API server: "+r.text()
	default:
		p.Status, p.Reason, p.Detail = snapshot.Unreachable, snapshot.ReasonKubelet, fmt.Sprintf("the kubelet answers %d: %s", r.Code, r.text())
	}
	return p
}

// denial shortens the API server's refusal to what is missing.
func denial(message string) string {
	if i := strings.Index(message, " cannot "); i >= 0 {
		rest := message[i+len(" cannot "):]
		rest, _, _ = strings.Cut(rest, " at the cluster scope")
		rest = strings.ReplaceAll(rest, `"`, "")
		if verb, after, ok := strings.Cut(rest, " resource "); ok {
			res, group, _ := strings.Cut(after, " in API group ")
			group, _, _ = strings.Cut(group, " in the namespace")
			group, _, _ = strings.Cut(group, ":")
			if group = strings.TrimSpace(group); group != "" {
				res += "." + group
			}
			return "needs the right to " + verb + " " + res
		}
		return "needs the right to " + rest
	}
	return message
}

// Unreachable sorts the API server's reports of a failed connection to a node.
func Unreachable(message string) (snapshot.Status, string, string) {
	short := strings.TrimPrefix(message, "error trying to reach service: ")
	m := strings.ToLower(message)
	switch {
	case strings.Contains(m, "dial tcp: lookup "):
		// Whether the name is unknown, or the name server silent or refused: the
		// node was not asked.
		return snapshot.Unreachable, snapshot.ReasonNoName, short
	case strings.Contains(m, "connection refused"):
		return snapshot.Unreachable, snapshot.ReasonRefused, short
	case strings.Contains(m, "no route to host"), strings.Contains(m, "host is down"), strings.Contains(m, "network is unreachable"):
		return snapshot.Unreachable, snapshot.ReasonNoRoute, short
	case strings.Contains(m, "no agent available"), strings.Contains(m, "konnectivity"), strings.Contains(m, "proxy error from"), strings.Contains(m, "tunnel"):
		return snapshot.Unreachable, snapshot.ReasonTunnel, short
	case strings.Contains(m, "tls handshake timeout"), strings.Contains(m, "i/o timeout"), strings.Contains(m, "deadline exceeded"), strings.Contains(m, "client.timeout"), strings.Contains(m, "timed out"):
		return snapshot.Timeout, snapshot.ReasonSilent, short
	case strings.Contains(m, "tls:"), strings.Contains(m, "x509:"):
		return snapshot.Unreachable, snapshot.ReasonTLS, short
	case strings.Contains(m, "connection reset"), strings.Contains(m, "eof"), strings.Contains(m, "broken pipe"):
		return snapshot.Unreachable, "", short
	}
	return snapshot.Unreachable, "", short
}
