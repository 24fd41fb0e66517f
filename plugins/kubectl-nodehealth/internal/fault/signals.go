package fault

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Answer is how the kubelet's port behaved.
type Answer int

// The answers.
const (
	// NotAsked: no probe, or it was denied before it left the API server.
	NotAsked Answer = iota
	// Spoke: the kubelet answered over HTTP, whatever it said.
	Spoke
	// Refused: the host says that nobody listens.
	Refused
	// Silent: no answer within the deadline.
	Silent
	// NoRoute: the network says that there is no such host.
	NoRoute
	// NoTLS: something listens and its TLS handshake fails.
	NoTLS
	// NoName: the API server cannot resolve the node's name.
	NoName
	// NoTunnel: the API server cannot reach any node this way.
	NoTunnel
)

// HostState is what is known of the host beside its kubelet.
type HostState int

// The states.
const (
	HostUnknown HostState = iota
	HostUp
	HostSilent
)

// Signals are the contradicting witnesses, each reduced to what the rules ask.
type Signals struct {
	Ready      corev1.ConditionStatus
	Message    string
	LeaseAge   time.Duration
	LeaseKnown bool
	// Fresh: renewed so lately that no renewal is missing.
	Fresh bool
	// Expired: silent for longer than the lease holds.
	Expired bool
	Kubelet Answer
	// KubeletDetail is what the probe said.
	KubeletDetail string
	Host          HostState
	HostDetail    string
	// Peers of the same zone: how many there are, are ready, and have a fresh
	// lease; PeersKnown says whether they were read.
	Peers, PeersReady, PeersFresh, PeersStale int
	PeersKnown                                bool
	// InZone: the peers are of the same zone.
	InZone bool
	// Controller is kube-controller-manager's own lease.
	ControllerAge   time.Duration
	ControllerKnown bool
	ControllerStale bool
}

// controllerStale is how old the leader lease of kube-controller-manager may
// get: it is renewed every 2s and held for 15s, and a successor needs a moment.
const controllerStale = 45 * time.Second

func signals(v *snapshot.View) *Signals {
	s := &Signals{Ready: v.Ready(), Expired: check.LeaseExpired(v)}
	if c := v.Condition(corev1.NodeReady); c != nil {
		s.Message = c.Message
	}
	s.LeaseAge, s.LeaseKnown = v.LeaseAge()
	s.Fresh = s.LeaseKnown && s.LeaseAge <= 13*time.Second
	if _, given := v.Gap(); given {
		// Given up, and not heard of since: however young the lease is, it has
		// not been renewed again.
		s.Fresh, s.Expired = false, true
	}
	s.Kubelet, s.KubeletDetail = kubeletAnswer(v)
	if h := v.Node.Kubelet.Host; h != nil {
		s.Host, s.HostDetail = HostSilent, h.Evidence
		if h.Up {
			s.Host = HostUp
		}
	}
	if s.Kubelet == Refused || s.Kubelet == NoTLS || s.Kubelet == Spoke {
		s.Host = HostUp
	}
	peers, inZone := v.Peers()
	s.InZone = inZone
	s.Peers, s.PeersReady, s.PeersFresh, s.PeersStale = peers.Nodes, peers.Ready, peers.Fresh, peers.Stale
	s.PeersKnown = v.Read(v.Node, snapshot.SourcePeers)
	if l := v.Cluster.ControllerManager; l != nil && !l.Renewed.IsZero() {
		s.ControllerKnown, s.ControllerAge = true, v.Age(l.Renewed)
		s.ControllerStale = s.ControllerAge > controllerStale
	}
	return s
}

// kubeletAnswer takes the clearest of the kubelet's probes: one that spoke
// beats one that did not.
func kubeletAnswer(v *snapshot.View) (Answer, string) {
	best, detail := NotAsked, ""
	rank := map[Answer]int{NotAsked: 0, NoTunnel: 1, NoName: 2, Silent: 3, NoRoute: 4, NoTLS: 5, Refused: 6, Spoke: 7}
	for _, name := range []string{snapshot.SourceHealthz, snapshot.SourceConfigz, snapshot.SourceSummary, snapshot.SourceKMetrics, snapshot.SourceStatusz} {
		p, ok := snapshot.Find(v.Node.Probes, name)
		if !ok {
			continue
		}
		a := NotAsked
		switch {
		case p.Status == snapshot.OK, p.Reason == snapshot.ReasonKubelet, p.Status == snapshot.Disabled, p.Status == snapshot.Unsupported && p.Reason == snapshot.ReasonKubelet:
			a = Spoke
		case p.Reason == snapshot.ReasonRefused:
			a = Refused
		case p.Reason == snapshot.ReasonNoRoute:
			a = NoRoute
		case p.Reason == snapshot.ReasonTLS:
			a = NoTLS
		case p.Reason == snapshot.ReasonTunnel:
			a = NoTunnel
		case p.Reason == snapshot.ReasonNoName:
			a = NoName
		case p.Reason == snapshot.ReasonSilent:
			a = Silent
		}
		if rank[a] > rank[best] {
			best, detail = a, p.Detail
		}
	}
	return best, detail
}

// evidence are the witnesses' words, in the order in which a reader follows.
func evidence(v *snapshot.View, s *Signals, name string) []Evidence {
	var out []Evidence
	add := func(label, source, format string, args ...any) {
		out = append(out, Evidence{label, fmt.Sprintf(format, args...), source})
	}
	grace, whence := v.Grace()
	if s.LeaseKnown {
		text := fmt.Sprintf("last renewed %s%s ago", least(v), phrase.Duration(s.LeaseAge))
		if v.Clock.AtLeast() && s.LeaseAge == 0 {
			text = fmt.Sprintf("last renewed at %s, the newest time there is", phrase.Clock(v.Node.Lease.Renewed))
		}
		if s.Expired {
			text += fmt.Sprintf("; due every 10s, given up after %s (%s)", phrase.Duration(grace), whence)
		} else if !s.Fresh && v.Live() {
			text += "; due every 10s"
		}
		add("lease", "coordination.k8s.io", "%s", text)
	}
	if c := v.Condition(corev1.NodeReady); c != nil {
		text := string(c.Status)
		if !c.LastTransitionTime.IsZero() {
			text += fmt.Sprintf(" since %s", phrase.Clock(c.LastTransitionTime.Time))
			if a := v.Age(c.LastTransitionTime.Time); a > 12*time.Hour {
				text = fmt.Sprintf("%s for %s", c.Status, phrase.Duration(a))
			}
		}
		if c.Message != "" {
			text += ": " + phrase.Clip(phrase.Sentence(c.Message), 640)
		}
		add("Ready", "node status", "%s", text)
		if gap, ok := v.Gap(); ok {
			add("gap", "lease and node status", "marked Unknown %s after the last renewal: the control plane's grace period", phrase.Duration(gap))
		}
	}
	if hb, ok := v.Heartbeat(); ok && s.Ready != corev1.ConditionTrue && !s.LeaseKnown && name != NeverRegistered && v.Age(hb) > 0 {
		add("heartbeat", "node status", "last posted %s%s ago", least(v), phrase.Duration(v.Age(hb)))
	}
	if text := kubeletText(v, s); text != "" {
		add("kubelet", "node proxy", "%s", text)
	}
	if s.HostDetail != "" && (s.Kubelet == Silent || s.Kubelet == NoRoute) {
		add("host", "node proxy", "%s", s.HostDetail)
	}
	if name == ResourcePressure {
		out = append(out, pressureEvidence(v)...)
	}
	if name == Cordoned {
		out = append(out, cordonEvidence(v))
	}
	if name == RuntimeDown {
		if p, ok := snapshot.Find(v.Node.Probes, snapshot.SourceSummary); ok && p.Status != snapshot.OK && p.Status != snapshot.Absent {
			add("runtime", "kubelet stats", "%s", phrase.Clip(p.Detail, 160))
		}
	}
	out = append(out, certificateEvidence(v)...)
	if text := peersText(v, s); text != "" {
		add("peers", "nodes and leases", "%s", text)
	}
	if s.ControllerKnown && (s.ControllerStale || s.Expired) {
		text := fmt.Sprintf("kube-controller-manager renewed its own lease %s ago", phrase.Duration(s.ControllerAge))
		if s.ControllerStale {
			text += ": it is not working (due every 2s)"
		} else {
			text += ": it works"
		}
		add("control", "kube-system lease", "%s", text)
	}
	if t := v.Taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute); t != nil && t.TimeAdded != nil {
		add("taint", "node spec", "unreachable:NoExecute since %s", phrase.Clock(t.TimeAdded.Time))
	}
	return out
}

func kubeletText(v *snapshot.View, s *Signals) string {
	addr := kubeletAddress(v)
	switch s.Kubelet {
	case Spoke:
		if h := v.Node.Kubelet.Healthz; h != nil {
			if h.OK {
				return "answers, healthz ok"
			}
			return "answers, healthz fails: " + phrase.List(h.Failed, 3)
		}
		if s.KubeletDetail == "" {
			return "answers"
		}
		return "answers: " + phrase.Clip(s.KubeletDetail, 160)
	case Refused:
		return addr + " connection refused: host up, process down"
	case Silent:
		return addr + ": no answer"
	case NoRoute:
		return addr + " no route to host"
	case NoTLS:
		return addr + " TLS handshake fails: " + phrase.Clip(tlsReason(s.KubeletDetail), 100)
	case NoTunnel:
		return "no way there by the API server's tunnel: " + phrase.Clip(s.KubeletDetail, 100)
	case NoName:
		return "the API server cannot resolve its name: " + phrase.Clip(s.KubeletDetail, 100)
	}
	return ""
}

func kubeletAddress(v *snapshot.View) string {
	return net.JoinHostPort(v.InternalIP(), strconv.Itoa(int(v.KubeletPort())))
}

// tlsReason is the end of Go's chain of errors, which is the reason.
func tlsReason(detail string) string {
	if i := strings.Index(detail, "remote error: "); i >= 0 {
		return detail[i+len("remote error: "):]
	}
	if i := strings.Index(detail, "tls: "); i >= 0 {
		return detail[i+len("tls: "):]
	}
	return detail
}

func peersText(v *snapshot.View, s *Signals) string {
	if s.Peers == 0 {
		return ""
	}
	where := "other nodes"
	if zone := snapshot.Zone(v.Node.Object); zone != "" && s.InZone {
		where = "other nodes of zone " + zone
	}
	known := s.PeersFresh + s.PeersStale
	if known == 0 {
		return fmt.Sprintf("%d of %d %s are Ready (leases not read)", s.PeersReady, s.Peers, where)
	}
	text := fmt.Sprintf("%d of %d %s have a fresh lease", s.PeersFresh, known, where)
	if left := s.Peers - known; left > 0 {
		text += fmt.Sprintf(" (those of %d more were not read)", left)
	}
	switch {
	case s.PeersFresh < known || !s.Expired:
	case s.ControllerStale:
		text += ": not the network at large"
	default:
		text += ": not the network at large, not the control plane"
	}
	return text
}

func least(v *snapshot.View) string {
	if v.Clock.AtLeast() {
		return "at least "
	}
	return ""
}
