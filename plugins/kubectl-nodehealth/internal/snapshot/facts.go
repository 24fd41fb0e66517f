package snapshot

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	certsv1 "k8s.io/api/certificates/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NewNode takes the facts of a node object, which it keeps and trims.
func NewNode(o *corev1.Node) *Node {
	n := &Node{Name: o.Name, Object: o, Writers: Writers(o.ManagedFields)}
	n.Images.Count = len(o.Status.Images)
	for _, i := range o.Status.Images {
		n.Images.Bytes += i.SizeBytes
	}
	o.Status.Images, o.ManagedFields = nil, nil
	delete(o.Annotations, corev1.LastAppliedConfigAnnotation)
	return n
}

// Writers reads managed fields.
func Writers(entries []metav1.ManagedFieldsEntry) []Writer {
	var out []Writer
	for _, e := range entries {
		w := Writer{Manager: e.Manager, Operation: string(e.Operation), Subresource: e.Subresource}
		if e.Time != nil {
			w.Time = e.Time.Time
		}
		if e.FieldsV1 != nil {
			w.Conditions = ownedConditions(e.FieldsV1.GetRawBytes())
		}
		out = append(out, w)
	}
	return out
}

// ownedConditions are the condition types that a set of managed fields names.
func ownedConditions(raw []byte) []string {
	var fields struct {
		Status struct {
			Conditions map[string]json.RawMessage `json:"f:conditions"`
		} `json:"f:status"`
	}
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	var out []string
	for key := range fields.Status.Conditions {
		var k struct {
			Type string `json:"type"`
		}
		if text, ok := strings.CutPrefix(key, "k:"); ok && json.Unmarshal([]byte(text), &k) == nil && k.Type != "" {
			out = append(out, k.Type)
		}
	}
	slices.Sort(out)
	return out
}

// NewLease takes the facts of a lease.
func NewLease(o *coordv1.Lease) *Lease {
	l := &Lease{}
	if o.Spec.HolderIdentity != nil {
		l.Holder = *o.Spec.HolderIdentity
	}
	if o.Spec.RenewTime != nil {
		l.Renewed = o.Spec.RenewTime.Time
	}
	if o.Spec.AcquireTime != nil {
		l.Acquired = o.Spec.AcquireTime.Time
	}
	if o.Spec.LeaseDurationSeconds != nil {
		l.Seconds = *o.Spec.LeaseDurationSeconds
	}
	for _, e := range o.ManagedFields {
		// The one who writes renewTime; any component's name may stand there
		// (k3s, rke2, kubelet). What a person writes says nothing of a clock.
		if strings.HasPrefix(e.Manager, "kubectl") {
			continue
		}
		if e.Time != nil && e.FieldsV1 != nil && strings.Contains(e.FieldsV1.GetRawString(), `"f:renewTime"`) && e.Time.After(l.Stamped) {
			l.Stamped, l.By = e.Time.Time, e.Manager
		}
	}
	return l
}

// NewEvent takes the facts of an event.
func NewEvent(o *corev1.Event) Event {
	e := Event{
		Type: o.Type, Reason: o.Reason, Message: o.Message, Count: max(1, o.Count),
		First: o.FirstTimestamp.Time, Last: o.LastTimestamp.Time, Component: o.Source.Component,
	}
	if e.Component == "" {
		e.Component = o.ReportingController
	}
	if e.First.IsZero() {
		e.First = o.EventTime.Time
	}
	if o.Series != nil {
		e.Count = max(e.Count, o.Series.Count)
		e.Last = o.Series.LastObservedTime.Time
	}
	if e.Last.IsZero() {
		e.Last = e.First
	}
	if e.First.IsZero() {
		e.First = e.Last
	}
	switch {
	case o.InvolvedObject.Kind == "Node":
		e.About = "Node/" + o.InvolvedObject.Name
	case o.InvolvedObject.Namespace != "":
		e.About = o.InvolvedObject.Kind + "/" + o.InvolvedObject.Namespace + "/" + o.InvolvedObject.Name
	default:
		e.About = o.InvolvedObject.Kind + "/" + o.InvolvedObject.Name
	}
	return e
}

// EventNode is the node that an event is about or was reported from, "" for
// none.
func EventNode(o *corev1.Event) string {
	if o.InvolvedObject.Kind == "Node" {
		return o.InvolvedObject.Name
	}
	if o.Source.Host != "" {
		return o.Source.Host
	}
	if strings.HasSuffix(o.ReportingController, "kubelet") {
		return o.ReportingInstance
	}
	return ""
}

// Signers of the kubelet's certificates.
const (
	SignerServing = certsv1.KubeletServingSignerName
	SignerClient  = certsv1.KubeAPIServerClientKubeletSignerName
)

// NewCSR takes the facts of a signing request and returns the node that asked
// for it, "" where no node did. A kubelet asks under its own name, but the first
// time under a bootstrap identity: then the request's subject has the name.
func NewCSR(o *certsv1.CertificateSigningRequest) (CSR, string) {
	c := CSR{Name: o.Name, Signer: o.Spec.SignerName, Created: o.CreationTimestamp.Time, State: "Pending"}
	if c.Signer != SignerServing && c.Signer != SignerClient {
		return c, ""
	}
	for _, cond := range o.Status.Conditions {
		switch cond.Type {
		case certsv1.CertificateApproved:
			if c.State == "Pending" {
				c.State = "Approved"
			}
		case certsv1.CertificateDenied:
			c.State, c.Message = "Denied", cond.Message
		case certsv1.CertificateFailed:
			c.State, c.Message = "Failed", cond.Message
		}
	}
	if len(o.Status.Certificate) > 0 {
		c.State = "Issued"
	}
	if name, ok := strings.CutPrefix(o.Spec.Username, "system:node:"); ok {
		return c, name
	}
	if name, ok := strings.CutPrefix(requestSubject(o.Spec.Request), "system:node:"); ok {
		return c, name
	}
	return c, ""
}

// requestSubject is the common name of a PEM certificate request.
func requestSubject(data []byte) string {
	block, _ := pem.Decode(data)
	if block == nil {
		return ""
	}
	req, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return ""
	}
	return req.Subject.CommonName
}

// Heard is when the kubelet was last heard of, by the API server's clock where
// that is known: a node whose own clock is wrong writes wrong renewal times.
func (l *Lease) Heard() time.Time {
	if d := l.Stamped.Sub(l.Renewed); !l.Stamped.IsZero() && (d > 2*time.Second || d < -2*time.Second) {
		return l.Stamped
	}
	return l.Renewed
}

// NodeMetrics is the NodeMetrics kind of metrics.k8s.io, v1beta1 and v1.
type NodeMetrics struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Timestamp time.Time                    `json:"timestamp"`
	Window    string                       `json:"window"`
	Usage     map[string]resource.Quantity `json:"usage"`
}

// Facts takes the numbers.
func (m NodeMetrics) Facts() *Usage {
	u := &Usage{Time: m.Timestamp}
	if q, ok := m.Usage["cpu"]; ok {
		u.CPUMilli = q.MilliValue()
	}
	if q, ok := m.Usage["memory"]; ok {
		u.MemoryBytes = q.Value()
	}
	u.Window, _ = time.ParseDuration(m.Window)
	return u
}

// NewPeer takes what other nodes' stories need of this one.
func NewPeer(n *Node) Peer {
	p := Peer{Name: n.Name, Zone: Zone(n.Object), ObservedAt: n.ObservedAt}
	if n.Lease != nil {
		p.LeaseRenewed = n.Lease.Heard()
	}
	if n.Object == nil {
		return p
	}
	p.KubeletVersion = n.Object.Status.NodeInfo.KubeletVersion
	if !Simulated(n.Object) {
		p.Address = internalAddress(n.Object)
	}
	for _, c := range n.Object.Status.Conditions {
		if c.Type == corev1.NodeReady {
			p.Ready, p.ReadyReason, p.Heartbeat = c.Status, c.Reason, c.LastHeartbeatTime.Time
		}
	}
	for _, t := range n.Object.Spec.Taints {
		if t.Effect == corev1.TaintEffectNoExecute && (t.Key == corev1.TaintNodeUnreachable || t.Key == corev1.TaintNodeNotReady) {
			p.NoExecute = true
		}
	}
	return p
}

// Simulated says that no machine of its own is behind a node: a virtual kubelet
// may have the address of the pod or node that it runs on, and KWOK's nodes have
// any.
func Simulated(o *corev1.Node) bool {
	_, kwok := o.Annotations["kwok.x-k8s.io/node"]
	return kwok || o.Labels["type"] == "virtual-kubelet" || o.Labels["type"] == "kwok"
}

func internalAddress(o *corev1.Node) string {
	for _, a := range o.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	return ""
}

// Zone is the key by which the node lifecycle controller groups nodes: region
// and zone labels, old ones included; "" for a node without.
func Zone(o *corev1.Node) string {
	if o == nil {
		return ""
	}
	label := func(names ...string) string {
		for _, n := range names {
			if v := o.Labels[n]; v != "" {
				return v
			}
		}
		return ""
	}
	region := label(corev1.LabelTopologyRegion, corev1.LabelFailureDomainBetaRegion)
	zone := label(corev1.LabelTopologyZone, corev1.LabelFailureDomainBetaZone)
	if region == "" && zone == "" {
		return ""
	}
	if region == "" || strings.HasPrefix(zone, region) {
		return zone
	}
	if zone == "" {
		return region
	}
	return region + "/" + zone
}
