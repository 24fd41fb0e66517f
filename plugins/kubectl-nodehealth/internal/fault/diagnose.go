package fault

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// rule looks for one explanation; nil says that it does not fit.
type rule func(v *snapshot.View, s *Signals) *guess

// rules are in the order in which explanations exclude each other: a node that
// never registered cannot be down, a dead kubelet explains a missing runtime,
// and a cordon explains nothing else.
func rules() []rule {
	return []rule{
		neverRegistered,
		machineStopped,
		silentKubelet,
		shuttingDown,
		notReady,
		expiredClient,
		runtimeTrouble,
		syncloopHangs,
		contradiction,
		oneWay,
		servingCertificate,
		networkUnavailable,
		pressure,
		uninitialized,
		cordoned,
	}
}

func neverRegistered(v *snapshot.View, _ *Signals) *guess {
	if p, _ := v.Probe(v.Node, snapshot.SourceNode); v.Node.Object == nil && p.Status != snapshot.Absent {
		// It could not be read, which says nothing of the node.
		return nil
	}
	if v.Node.Object == nil {
		return &guess{name: NeverRegistered, confidence: High, summary: "No node of this name is registered, though other objects name it: its kubelet has never joined, or the node object was deleted."}
	}
	c := v.Condition(corev1.NodeReady)
	if c != nil && c.Reason == "NodeStatusNeverUpdated" || c == nil && v.Live() && !v.Node.Object.CreationTimestamp.IsZero() && v.Age(v.Node.Object.CreationTimestamp.Time) > time.Minute {
		return &guess{name: NeverRegistered, confidence: High, summary: "The node object exists, but no kubelet has ever posted a status for it."}
	}
	return nil
}

func machineStopped(v *snapshot.View, s *Signals) *guess {
	if v.Taint("node.cloudprovider.kubernetes.io/shutdown", "") == nil || s.Ready == corev1.ConditionTrue {
		return nil
	}
	return &guess{name: HostDown, confidence: High, summary: "The cloud provider says that the machine is shut down. What ran on it has stopped."}
}

// silentKubelet: the lease has run out, or the control plane gave the node up.
func silentKubelet(v *snapshot.View, s *Signals) *guess {
	gone := s.Expired || s.Ready == corev1.ConditionUnknown && !s.Fresh
	if !gone {
		return nil
	}
	since := "at an unknown time"
	if d := silence(v, s); d > 0 || v.Live() {
		since = fmt.Sprintf("%s%s ago", least(v), phrase.Duration(d))
	}
	switch s.Kubelet {
	case Refused:
		return &guess{name: KubeletDown, confidence: High, summary: fmt.Sprintf("The kubelet stopped %s; the host still answers. Running pods may go on, nothing manages them.", since)}
	case Spoke, NoTLS:
		return cutOff(v, s, since)
	case Silent:
		if s.Host == HostUp {
			return &guess{name: KubeletHung, confidence: High, summary: fmt.Sprintf("The kubelet fell silent %s: the host answers, the kubelet's port hangs. Running pods may go on, nothing manages them.", since),
				rivals: []Rival{{NetworkPartition, "a packet filter that drops only the kubelet's port and its way to the API server"}}}
		}
		return hostDown(v, s, since, "The node fell silent %s and answers on no port, the kubelet's or another.")
	case NoRoute:
		return hostDown(v, s, since, "The network has no such host any more; the kubelet fell silent %s.")
	}
	if s.Host == HostUp {
		return &guess{name: KubeletDown, confidence: Medium, summary: fmt.Sprintf("The kubelet fell silent %s; the host still answers.", since),
			rivals: []Rival{{KubeletHung, "the kubelet's own port was not asked"}}}
	}
	if check.ReadyOverStaleLease(v) {
		g := &guess{name: ControlPlaneStale, confidence: Medium,
			summary: fmt.Sprintf("The kubelet fell silent %s, but the node still says Ready: the control plane has not noticed, so nothing is evicted and traffic still goes there.", since),
			rivals:  []Rival{{KubeletDown, "the kubelet is silent as well; both need looking at"}}}
		if s.ControllerStale {
			g.confidence = High
		}
		return g
	}
	return blind(v, since)
}

// blind is the answer where nobody could be asked: what is certain is the
// silence.
func blind(v *snapshot.View, since string) *guess {
	why := "no probe of the node was possible"
	if !v.Live() {
		why = "a capture cannot be probed"
	}
	return &guess{name: KubeletDown, confidence: Low, phrase: "kubelet or host down",
		summary: fmt.Sprintf("The kubelet fell silent %s. Whether its process, the host or the network is down cannot be told: %s.", since, why),
		rivals: []Rival{
			{HostDown, "looks the same until somebody asks the host: ping it, or ask any of its ports"},
			{KubeletHung, "looks the same until somebody asks the kubelet's port"},
			{NetworkPartition, "looks the same from the control plane's side"},
		}}
}

func silence(v *snapshot.View, s *Signals) time.Duration {
	if s.LeaseKnown {
		return s.LeaseAge
	}
	if hb, ok := v.Heartbeat(); ok {
		return v.Age(hb)
	}
	if c := v.Condition(corev1.NodeReady); c != nil {
		return v.Age(c.LastTransitionTime.Time)
	}
	return 0
}

func hostDown(v *snapshot.View, s *Signals, since, format string) *guess {
	g := &guess{name: HostDown, confidence: Medium, summary: fmt.Sprintf(format+" What ran on it has most likely stopped.", since),
		rivals: []Rival{{NetworkPartition, "a cut network looks the same from here; then its pods still run"}}}
	if s.Kubelet == NoRoute {
		g.confidence = High
	}
	if s.Peers > 0 && s.PeersStale == s.Peers && s.PeersKnown {
		// Everybody in the zone at once: power or network, not one machine.
		g.rivals = append(g.rivals, Rival{ZoneDown, "every other node of the zone is silent too"})
	}
	return g
}

// cutOff: the kubelet answers, and has not been heard by the API server.
func cutOff(v *snapshot.View, s *Signals, since string) *guess {
	switch m := v.Node.Kubelet.Metrics; {
	case m != nil && m.ClientTTL != nil && *m.ClientTTL <= 0:
		return &guess{name: CertificateExpired, confidence: High, summary: fmt.Sprintf("The kubelet runs, but its client certificate has expired: the API server refuses it (last heard of %s).", since)}
	case m != nil && m.ClientTTL != nil && !m.ClientTTLInf:
		return &guess{name: NetworkPartition, confidence: High, summary: fmt.Sprintf("The kubelet runs and its certificate is valid, but it last reached the API server %s: its way there is cut.", since)}
	}
	if authorizationFailed(v) {
		sure := Medium
		if waitingClient(v) != nil {
			sure = High
		}
		return &guess{name: CertificateExpired, confidence: sure, summary: fmt.Sprintf("The kubelet runs, but the API server refuses its credentials: its client certificate has most likely expired (last heard of %s).", since),
			rivals: []Rival{{NetworkPartition, "its way to the API server may be cut instead"}}}
	}
	return &guess{name: NetworkPartition, confidence: Medium, summary: fmt.Sprintf("The kubelet answers, but last reached the API server %s.", since),
		rivals: []Rival{
			{CertificateExpired, "an expired client certificate looks the same unless the kubelet's metrics can be read"},
			{KubeletHung, "its loop may hang while its web server answers"},
		}}
}

// authorizationFailed says whether the kubelet could not ask the API server
// whether to let us in.
func authorizationFailed(v *snapshot.View) bool {
	for _, p := range v.Node.Probes {
		if p.Reason == snapshot.ReasonKubelet && (strings.Contains(p.Detail, "Authorization error") || strings.Contains(p.Detail, "Unauthorized")) {
			return true
		}
	}
	return false
}

func shuttingDown(v *snapshot.View, s *Signals) *guess {
	if s.Ready != corev1.ConditionFalse || !strings.Contains(s.Message, "node is shutting down") {
		return nil
	}
	return &guess{name: ShuttingDown, confidence: High, summary: "The node is shutting down in an orderly way: the kubelet is ending its pods, the critical ones last."}
}

var (
	runtimeDown = lazyregexp.New(`container runtime is down|PLEG is not healthy|container runtime status check may not have completed|[Ff]ailed to get runtime status|rpc error: code = (Unavailable|DeadlineExceeded|Unknown).*(containerd|crio|cri-dockerd|runtime)|RuntimeReady=false`)
	networkDown = lazyregexp.New(`NetworkPluginNotReady|network plugin (is not ready|returns error)|cni plugin not initialized|cni config uninitialized|NetworkReady=false|runtime network not`)
	docker      = lazyregexp.New(`docker daemon|dockerd`)
)

// startTime is how long a new node may take before what it waits for is a
// fault.
const startTime = 2 * time.Minute

// restarted is what a kubelet says until it has asked the runtime once.
var restarted = lazyregexp.New(`pleg has yet to be successful|container runtime status check may not have completed`)

var starting = lazyregexp.New(`NetworkPluginNotReady|cni plugin not initialized|cni config uninitialized|CSINode is not yet initialized|missing node capacity`)

// waitsFor says what a new node waits for.
func waitsFor(message string) string {
	switch {
	case networkDown.MatchString(message):
		return "its network plugin is not ready yet"
	case strings.Contains(message, "CSINode"):
		return "its CSINode object is not written yet"
	}
	return "its capacity is not known yet"
}

// notReady: the kubelet itself complains.
func notReady(v *snapshot.View, s *Signals) *guess {
	if s.Ready != corev1.ConditionFalse {
		return nil
	}
	since := ""
	if c := v.Condition(corev1.NodeReady); !c.LastTransitionTime.IsZero() {
		since = fmt.Sprintf(" for %s%s", least(v), phrase.Duration(v.Age(c.LastTransitionTime.Time)))
	}
	name, _ := v.Runtime()
	if name == "" {
		name = "the container runtime"
	}
	if made := v.Node.Object.CreationTimestamp.Time; !made.IsZero() && v.Age(made) < startTime && starting.MatchString(s.Message) {
		return &guess{name: KubeletNotReady, confidence: Medium, phrase: "still starting",
			summary: fmt.Sprintf("The node registered %s%s ago and is still starting: %s. A new node takes a minute or two; look again then.", least(v), phrase.Duration(v.Age(made)), waitsFor(s.Message))}
	}
	if c := v.Condition(corev1.NodeReady); restarted.MatchString(s.Message) && !strings.Contains(s.Message, "container runtime is down") && v.Age(c.LastTransitionTime.Time) < startTime {
		return &guess{name: KubeletNotReady, confidence: Medium, phrase: "still starting",
			summary: fmt.Sprintf("The kubelet has just started and has not seen its containers yet%s. That takes less than a minute; look again then.", since),
			rivals:  []Rival{{RuntimeDown, "if it still says so in two minutes: " + name + " does not answer"}}}
	}
	switch {
	case runtimeDown.MatchString(s.Message), docker.MatchString(s.Message):
		g := &guess{name: RuntimeDown, confidence: High, summary: fmt.Sprintf("The kubelet runs, but %s has not answered it%s: no pod can start, stop or be checked. Containers that run go on.", name, since)}
		if strings.Contains(s.Message, "PLEG is not healthy") && !strings.Contains(s.Message, "container runtime is down") {
			g.confidence = Medium
			g.summary = fmt.Sprintf("The kubelet has not got through listing the containers%s: %s hangs or is overloaded.", since, name)
		}
		return g
	case networkDown.MatchString(s.Message):
		return &guess{name: NetworkPluginDown, confidence: High, summary: fmt.Sprintf("The network plugin has not been ready%s: pods that run keep their network, new ones cannot start (host-network pods can).", since)}
	case strings.Contains(s.Message, "CSINode is not yet initialized"):
		return &guess{name: KubeletNotReady, confidence: Medium, summary: fmt.Sprintf("The kubelet has not finished starting%s: it cannot write its CSINode object.", since)}
	case strings.Contains(s.Message, "missing node capacity"):
		return &guess{name: KubeletNotReady, confidence: Medium, summary: "The kubelet could not read the machine's capacity from the container runtime or cAdvisor."}
	}
	return &guess{name: KubeletNotReady, confidence: Medium, summary: fmt.Sprintf("The kubelet runs and says that the node is not ready%s: %s.", since, phrase.Clip(phrase.Sentence(s.Message), 320))}
}

// expiredClient: the kubelet's certificate is over and it has not been missed
// yet.
func expiredClient(v *snapshot.View, s *Signals) *guess {
	if m := v.Node.Kubelet.Metrics; m != nil && m.ClientTTL != nil && *m.ClientTTL <= 0 && !s.Fresh {
		return &guess{name: CertificateExpired, confidence: High, summary: "The kubelet's client certificate has expired: the API server refuses it, and the node will be marked Unknown."}
	}
	return nil
}

var runtimeError = lazyregexp.New(`rpc error: code = (Unavailable|DeadlineExceeded)|containerd\.sock|crio\.sock|cri-dockerd\.sock`)

// runtimeTrouble: the kubelet is well and says Ready, but what it asks the
// runtime for fails. A kubelet needs up to two minutes to notice.
func runtimeTrouble(v *snapshot.View, s *Signals) *guess {
	if s.Kubelet != Spoke || s.Ready != corev1.ConditionTrue {
		return nil
	}
	p, ok := snapshot.Find(v.Node.Probes, snapshot.SourceSummary)
	if !ok || p.Status == snapshot.OK {
		return nil
	}
	name, _ := v.Runtime()
	if runtimeError.MatchString(p.Detail) {
		return &guess{name: RuntimeDown, confidence: High, summary: fmt.Sprintf("The kubelet cannot reach %s; it has not marked the node yet (it needs up to two minutes). No pod can start, stop or be checked.", name)}
	}
	m := v.Node.Kubelet.Metrics
	if p.Status == snapshot.Timeout && m != nil && !m.PLEGLastSeen.IsZero() && v.Age(m.PLEGLastSeen) > 30*time.Second {
		return &guess{name: RuntimeDown, confidence: Medium, summary: fmt.Sprintf("The kubelet has not listed its containers for %s and its statistics hang: %s does not answer it. It has not marked the node yet.", phrase.Duration(v.Age(m.PLEGLastSeen)), name)}
	}
	return nil
}

// syncloopHangs: the kubelet answers and says itself that its loop does not
// come round.
func syncloopHangs(v *snapshot.View, s *Signals) *guess {
	h := v.Node.Kubelet.Healthz
	if h == nil || h.OK || s.Ready != corev1.ConditionTrue {
		return nil
	}
	return &guess{name: KubeletHung, confidence: Medium, summary: "The kubelet answers and renews its lease, but fails its own health check (" + phrase.List(h.Failed, 3) + "): no pod starts or stops, though the node says Ready.",
		rivals: []Rival{{RuntimeDown, "a runtime call that never returns holds the loop up too"}}}
}

// contradiction: Ready=Unknown over a fresh lease.
func contradiction(v *snapshot.View, s *Signals) *guess {
	c := v.Condition(corev1.NodeReady)
	if s.Ready != corev1.ConditionUnknown || !s.Fresh || v.Age(c.LastTransitionTime.Time) < time.Minute {
		return nil
	}
	return &guess{name: KubeletHung, confidence: Low, summary: "The kubelet renews its lease again, but its status is still the control plane's Unknown: it is just coming back, or its status loop hangs.",
		rivals: []Rival{{ControlPlaneStale, "a control plane that works from an old cache looks the same"}}}
}

// oneWay: the lease is alive but the kubelet's port is not.
func oneWay(v *snapshot.View, s *Signals) *guess {
	switch s.Kubelet {
	case Refused:
		if !s.LeaseKnown || !s.Fresh {
			g := &guess{name: KubeletDown, confidence: High, summary: "The kubelet stopped a moment ago; the host still answers. The control plane has not noticed yet."}
			if !s.LeaseKnown {
				g.confidence = Medium
			}
			return g
		}
		return &guess{name: KubeletDown, confidence: Medium, summary: "Nobody listens on the kubelet's port, though the lease was renewed within the last seconds: the kubelet has just stopped, or is starting.",
			rivals: []Rival{{NetworkPartition, "a packet filter that rejects the port looks the same"}}}
	case NoName:
		return &guess{name: NetworkPartition, confidence: High, phrase: "unknown to the API server's DNS",
			summary: "The API server cannot resolve the node's name, by which it calls the kubelet: logs, exec, port-forward and metrics fail; pods run."}
	case Silent, NoRoute:
		if s.LeaseKnown && !s.Fresh && v.Live() && s.Host == HostUp {
			return &guess{name: KubeletHung, confidence: Medium, summary: fmt.Sprintf("The kubelet's port hangs and its lease is %s old: the kubelet seems frozen. The control plane has not noticed yet.", phrase.Duration(s.LeaseAge)),
				rivals: []Rival{{NetworkPartition, "a packet filter that drops the port, if the lease is renewed again within seconds"}}}
		}
		if !s.LeaseKnown && s.Ready != corev1.ConditionTrue {
			return nil
		}
		if s.LeaseKnown && !s.Fresh && v.Live() {
			return &guess{name: HostDown, confidence: Low, summary: fmt.Sprintf("Neither the kubelet nor the host answers, and the lease is %s old. The control plane has not noticed yet.", phrase.Duration(s.LeaseAge)),
				rivals: []Rival{{NetworkPartition, "the API server may be unable to reach the node while the kubelet is well"}}}
		}
		g := &guess{name: NetworkPartition, confidence: High, summary: "The kubelet is alive (its lease is fresh), but the API server cannot reach its port: logs, exec, port-forward and metrics fail; pods run."}
		switch {
		case !s.LeaseKnown:
			g.confidence = Low
		case v.Node.Lease.Seen:
			// It renewed its lease while its port was silent: that settles it.
		case s.Host == HostUp:
			g.confidence = Medium
			g.summary = "The API server cannot reach the kubelet's port, though the host answers and the lease is fresh: logs, exec, port-forward and metrics fail; pods run."
			g.rivals = []Rival{{KubeletHung, "a kubelet frozen within the last seconds looks the same: look again in 30s"}}
		default:
			g.confidence = Medium
			g.summary = "The API server cannot reach the node, though its lease is fresh: logs, exec, port-forward and metrics fail; pods run."
			g.rivals = []Rival{{HostDown, "a host that died within the last seconds looks the same: look again in 30s"}}
		}
		return g
	}
	return nil
}

// servingCertificate: the kubelet has no certificate to serve with.
func servingCertificate(v *snapshot.View, s *Signals) *guess {
	pending := pendingServing(v)
	detail := s.KubeletDetail
	if s.Kubelet == NoTLS {
		if strings.Contains(detail, "certificate has expired") {
			return &guess{name: CertificateExpired, confidence: High, summary: "The kubelet's serving certificate has expired: the API server refuses to talk to it, so logs, exec and metrics fail; pods run."}
		}
		if pending != nil || strings.Contains(detail, "internal error") {
			g := &guess{name: ServingCSRPending, confidence: High, summary: "The kubelet has no serving certificate because its request is not approved: logs, exec, port-forward and metrics fail; pods run."}
			if pending == nil {
				g.confidence = Medium
			}
			return g
		}
		if strings.Contains(detail, "x509") {
			return &guess{name: CertificateExpired, confidence: Low, phrase: "serving certificate not trusted", summary: "The API server does not trust the kubelet's serving certificate: logs, exec and metrics fail; pods run.",
				rivals: []Rival{{ServingCSRPending, "the certificate may be self-signed because no signed one was issued"}}}
		}
		return nil
	}
	if pending != nil && v.Age(pending.Created) > time.Minute && s.Kubelet != Spoke {
		return &guess{name: ServingCSRPending, confidence: Medium, summary: fmt.Sprintf("The kubelet's request for a serving certificate has waited %s for approval: until then logs, exec, port-forward and metrics may fail; pods run.", phrase.Duration(v.Age(pending.Created)))}
	}
	return nil
}

func pendingServing(v *snapshot.View) *snapshot.CSR { return waiting(v, snapshot.SignerServing) }

func waitingClient(v *snapshot.View) *snapshot.CSR { return waiting(v, snapshot.SignerClient) }

func waiting(v *snapshot.View, signer string) *snapshot.CSR {
	for i := range v.Node.CSRs {
		if c := &v.Node.CSRs[i]; c.Signer == signer && c.State == "Pending" {
			return c
		}
	}
	return nil
}

func networkUnavailable(v *snapshot.View, _ *Signals) *guess {
	if c := v.Condition(corev1.NodeNetworkUnavailable); c != nil && c.Status == corev1.ConditionTrue {
		return &guess{name: NetworkPluginDown, confidence: Medium, summary: "The kubelet is ready, but the network plugin or the cloud's route controller says that the node has no pod network: " + phrase.Clip(phrase.Sentence(c.Message), 120) + "."}
	}
	return nil
}

func pressure(v *snapshot.View, _ *Signals) *guess {
	var what []string
	for _, t := range underPressure(v) {
		what = append(what, map[corev1.NodeConditionType]string{corev1.NodeMemoryPressure: "memory", corev1.NodeDiskPressure: "disk space", corev1.NodePIDPressure: "process ids"}[t])
	}
	if len(what) == 0 {
		return nil
	}
	return &guess{name: ResourcePressure, confidence: High, summary: fmt.Sprintf("The node runs out of %s: the kubelet evicts pods, and new ones are kept away.", phrase.List(what, 0))}
}

func uninitialized(v *snapshot.View, _ *Signals) *guess {
	if v.Taint("node.cloudprovider.kubernetes.io/uninitialized", "") == nil || v.Age(v.Node.Object.CreationTimestamp.Time) < 2*time.Minute {
		return nil
	}
	return &guess{name: CloudUninitialized, confidence: High, summary: "No cloud controller manager has initialised the node: it is ready, but nothing is scheduled on it."}
}

func cordoned(v *snapshot.View, _ *Signals) *guess {
	if v.Node.Object == nil || !v.Node.Object.Spec.Unschedulable {
		return nil
	}
	if who := check.TakenAway(v); who != "" {
		return &guess{name: Cordoned, confidence: High, summary: "The node works and is cordoned, because it is meant to be: " + who + "."}
	}
	return &guess{name: Cordoned, confidence: High, summary: "The node works and is cordoned: what runs goes on, no new pods are scheduled here."}
}
