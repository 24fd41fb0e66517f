package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	certsv1 "k8s.io/api/certificates/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// json reads one or more JSON documents that stand one after the other.
func (r *reader) json(name, text string) error {
	if i := strings.IndexAny(text, "{["); i > 0 {
		// kubectl's warnings may stand before the document.
		if j := jsonStart.FindStringIndex(text); j != nil {
			i = j[0]
		}
		text = text[i:]
	}
	whole := text
	dec := json.NewDecoder(strings.NewReader(text))
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if rest := text[min(len(text), int(dec.InputOffset())):]; err != nil && between(rest) {
			// A prompt or a remark stands between documents.
			next := jsonStart.FindStringIndex(rest)
			if next == nil {
				return nil
			}
			text = rest[next[0]:]
			dec = json.NewDecoder(strings.NewReader(text))
			continue
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("truncated: the JSON ends in the middle of a document; make it again, whole")
		}
		if err != nil {
			at := int(dec.InputOffset())
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				at = int(syntax.Offset)
			}
			at += len(whole) - len(text)
			line := 1 + strings.Count(whole[:min(len(whole), at)], "\n")
			return fmt.Errorf("not JSON: line %d: %w", line, err)
		}
		if err := r.object(name, raw, ""); err != nil {
			return err
		}
	}
}

// between says whether what follows a document is none by its first line.
func between(rest string) bool {
	rest = strings.TrimLeft(rest, " \t\r\n")
	at := jsonStart.FindStringIndex(rest)
	return rest != "" && (at == nil || at[0] > 0)
}

// yaml reads the documents of a YAML file.
func (r *reader) yaml(name, text string) error {
	text = withoutPrompts(text)
	line := 1
	for _, doc := range splitYAML(text) {
		if strings.TrimSpace(doc) != "" {
			raw, err := yaml.YAMLToJSON([]byte(doc))
			if err != nil {
				return fmt.Errorf("not YAML: in the document at line %d: %s", line, strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "yaml: "))
			}
			if string(raw) != "null" {
				if err := r.object(name, raw, ""); err != nil {
					return err
				}
			}
		}
		line += strings.Count(doc, "\n") + 1
	}
	return nil
}

func splitYAML(text string) []string {
	var out []string
	var cur strings.Builder
	for l := range strings.Lines(text) {
		if strings.TrimRight(l, " \t\n") == "---" {
			out = append(out, cur.String())
			cur.Reset()
			continue
		}
		cur.WriteString(l)
	}
	return append(out, cur.String())
}

// dump reads the stdout form of kubectl cluster-info dump: documents with the
// logs of containers between them.
func (r *reader) dump(name, text string) error {
	r.logs(text)
	var docs strings.Builder
	inLogs := false
	for l := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(l, "==== START logs for container "):
			inLogs = true
			// A separator keeps the documents on both sides apart.
			docs.WriteString("\n")
		case strings.HasPrefix(l, "==== END logs for container "):
			inLogs = false
		case inLogs:
			// A log line, which may look like anything.
		default:
			docs.WriteString(l)
		}
	}
	if inLogs {
		return fmt.Errorf("truncated: it ends in the middle of a container's log; copy it again, whole")
	}
	body := docs.String()
	switch sniff(body) {
	case formJSON:
		return r.json(name, body)
	case formYAML:
		return r.yaml(name, body)
	}
	return fmt.Errorf("logs and no objects in it; give the whole output of kubectl cluster-info dump")
}

type meta struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
	// What follows tells objects apart that carry no kind.
	Involved json.RawMessage `json:"involvedObject"`
	NodeStat json.RawMessage `json:"node"`
	Git      string          `json:"gitVersion"`
	Info     *struct {
		Git string `json:"gitVersion"`
	} `json:"info"`
	Server *struct {
		Git string `json:"gitVersion"`
	} `json:"serverVersion"`
	Spec struct {
		Holder     *string         `json:"holderIdentity"`
		Containers json.RawMessage `json:"containers"`
		Signer     string          `json:"signerName"`
	} `json:"spec"`
	Status struct {
		NodeInfo   json.RawMessage `json:"nodeInfo"`
		Conditions []heartbeat     `json:"conditions"`
	} `json:"status"`
	// A part of a node.
	Conditions []heartbeat     `json:"conditions"`
	Usage      json.RawMessage `json:"usage"`
	// An event of a watch (--output-watch-events) holds the object.
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// heartbeat is what only the conditions of a node have.
type heartbeat struct {
	Heartbeat string `json:"lastHeartbeatTime"`
}

// partOfNode puts what was cut off around a part of a node: a status, a list of
// conditions.
func partOfNode(m meta, raw json.RawMessage) json.RawMessage {
	beats := func(c []heartbeat) bool { return len(c) > 0 && c[0].Heartbeat != "" }
	switch {
	case m.Kind != "":
	case beats(m.Status.Conditions) && len(m.Status.NodeInfo) == 0:
		return raw
	case beats(m.Conditions):
		return slices.Concat([]byte(`{"status":`), raw, []byte(`}`))
	}
	return nil
}

// object takes one object or list. kind is what the list around it said.
func (r *reader) object(name string, raw json.RawMessage, kind string) error {
	if t := bytes.TrimSpace(raw); len(t) > 0 && t[0] == '[' {
		// Support bundles hold bare arrays.
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		var beats []heartbeat
		if json.Unmarshal(raw, &beats) == nil && len(beats) > 0 && beats[0].Heartbeat != "" {
			// kubectl get node -o jsonpath={.status.conditions}
			return r.object(name, slices.Concat([]byte(`{"status":{"conditions":`), raw, []byte(`}}`)), "Node")
		}
		for _, i := range items {
			if t := bytes.TrimSpace(i); len(t) == 0 || t[0] != '{' {
				continue
			}
			if err := r.object(name, i, kind); err != nil {
				return err
			}
		}
		return nil
	} else if len(t) == 0 || t[0] != '{' {
		return nil
	}
	var m meta
	if err := json.Unmarshal(raw, &m); err != nil {
		// A known key with a foreign shape: one condition of a node, or some
		// other kind of document.
		var k struct {
			Kind string `json:"kind"`
			heartbeat
		}
		_ = json.Unmarshal(raw, &k)
		if k.Heartbeat != "" {
			return r.object(name, slices.Concat([]byte(`{"status":{"conditions":[`), raw, []byte(`]}}`)), "")
		}
		r.note(k.Kind)
		return nil //nolint:nilerr // noted: what is not of our kind is no error
	}
	if m.Kind == "" && m.Type != "" && len(m.Object) > 0 && m.Object[0] == '{' {
		return r.object(name, m.Object, kind)
	}
	if m.Kind != "" {
		kind = m.Kind
	}
	if elem, ok := strings.CutSuffix(kind, "List"); ok && m.Kind != "" {
		r.source(elem, name, m.APIVersion)
		for _, i := range m.Items {
			if err := r.object(name, i, elem); err != nil {
				return err
			}
		}
		return nil
	}
	if part := partOfNode(m, raw); part != nil {
		raw, kind = part, "Node"
	}
	if kind == "" {
		kind = guess(m)
	}
	return r.typed(name, kind, m, raw)
}

// guess tells an object's kind by its shape.
func guess(m meta) string {
	switch {
	case len(m.Status.NodeInfo) > 0:
		return "Node"
	case m.Spec.Holder != nil:
		return "Lease"
	case len(m.Involved) > 0:
		return "Event"
	case len(m.Spec.Containers) > 0:
		return "Pod"
	case m.Spec.Signer != "":
		return "CertificateSigningRequest"
	case len(m.NodeStat) > 0:
		return "Summary"
	case m.Git != "" || m.Info != nil && m.Info.Git != "" || m.Server != nil && m.Server.Git != "":
		return "Version"
	}
	return ""
}

// source marks what an empty list of a kind says: that it was looked for.
func (r *reader) source(elem, name, apiVersion string) {
	switch elem {
	case "Pod":
		r.b.Read(snapshot.SourcePods)
	case "Event":
		r.b.Read(snapshot.SourceEvents)
	case "CertificateSigningRequest":
		r.b.Read(snapshot.SourceCSRs)
	case "NodeMetrics":
		r.b.Read(snapshot.SourceMetrics)
	case "":
		// A List of mixed kinds: the items tell.
		switch base := strings.ToLower(path.Base(name)); {
		case strings.HasPrefix(base, "pods."):
			r.b.Read(snapshot.SourcePods)
		case strings.HasPrefix(base, "events."):
			r.b.Read(snapshot.SourceEvents)
		}
	}
}

func (r *reader) typed(name, kind string, m meta, raw json.RawMessage) error {
	decode := func(into any) error {
		if err := json.Unmarshal(raw, into); err != nil {
			return fmt.Errorf("a %s in it cannot be read: %w", kind, plainJSON(err))
		}
		return nil
	}
	switch kind {
	case "Node":
		if m.APIVersion != "" && m.APIVersion != "v1" {
			r.note(kind + "." + m.APIVersion)
			return nil
		}
		var o corev1.Node
		if err := decode(&o); err != nil {
			return err
		}
		cut := !bytes.Contains(raw, []byte(`"spec"`))
		if o.Name == "" && cut && len(o.Status.Conditions) > 0 {
			o.Name = unnamed
		}
		if o.Name == "" {
			return fmt.Errorf("a Node without a name in it")
		}
		if cut {
			byTaints(&o)
		}
		r.b.AddNode(&o).NoTaints = cut
	case "Lease":
		var o coordv1.Lease
		if err := decode(&o); err != nil {
			return err
		}
		if o.Namespace == "" && strings.Contains(name, snapshot.NodeLeases) {
			o.Namespace = snapshot.NodeLeases
		}
		r.b.AddLease(&o)
	case "Pod":
		var o corev1.Pod
		if err := decode(&o); err != nil {
			return err
		}
		r.b.AddPod(&o)
	case "Event":
		o, err := decodeEvent(m.APIVersion, raw)
		if err != nil {
			return fmt.Errorf("an Event in it cannot be read: %w", plainJSON(err))
		}
		r.b.AddEvent(o)
	case "CertificateSigningRequest":
		var o certsv1.CertificateSigningRequest
		if err := decode(&o); err != nil {
			return err
		}
		r.b.AddCSR(&o)
	case "NodeMetrics":
		var o snapshot.NodeMetrics
		if err := decode(&o); err != nil {
			return err
		}
		r.b.AddUsage(o.Metadata.Name, o.Facts())
	case "ResourceSlice":
		if err := r.b.AddSlice(raw); err != nil {
			return fmt.Errorf("a ResourceSlice in it cannot be read: %w", plainJSON(err))
		}
	case "Summary":
		if st, node, err := kubelet.ParseStats(raw); err == nil && node != "" {
			if r.stats == nil {
				r.stats = map[string]*snapshot.Stats{}
			}
			r.stats[node] = st
		}
	case "Version":
		for _, v := range []string{m.Git, gitOf(m.Info), gitOf(m.Server)} {
			if v != "" && r.b.ServerVersion == "" {
				r.b.ServerVersion = v
			}
		}
	case snapshot.Kind:
		var s snapshot.Snapshot
		if err := decode(&s); err != nil {
			return err
		}
		r.saved = &s
	default:
		r.note(kind)
	}
	return nil
}

func gitOf(v *struct {
	Git string `json:"gitVersion"`
}) string {
	if v == nil {
		return ""
	}
	return v.Git
}

// decodeEvent reads an event of either API group.
func decodeEvent(apiVersion string, raw []byte) (*corev1.Event, error) {
	if !strings.HasPrefix(apiVersion, "events.k8s.io/") {
		var o corev1.Event
		return &o, json.Unmarshal(raw, &o)
	}
	var e eventsv1.Event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	o := &corev1.Event{
		ObjectMeta: e.ObjectMeta, InvolvedObject: e.Regarding, Reason: e.Reason, Message: e.Note, Type: e.Type,
		Source: e.DeprecatedSource, FirstTimestamp: e.DeprecatedFirstTimestamp, LastTimestamp: e.DeprecatedLastTimestamp,
		Count: e.DeprecatedCount, EventTime: e.EventTime, ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
	}
	if e.Series != nil {
		o.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return o, nil
}

func (r *reader) note(kind string) {
	if kind == "" {
		return
	}
	if r.kinds == nil {
		r.kinds = map[string]int{}
	}
	r.kinds[kind]++
}

// seen lists the kinds that were of no use, a few of them.
func (r *reader) seen() string {
	var out []string
	for _, s := range []struct{ source, kind string }{{snapshot.SourceLease, "Lease"}, {snapshot.SourcePods, "Pod"}, {snapshot.SourceEvents, "Event"}} {
		if r.b.Has(s.source) {
			out = append(out, s.kind)
		}
	}
	out = append(out, slices.Sorted(maps.Keys(r.kinds))...)
	if len(out) > 4 {
		out = append(out[:4], fmt.Sprintf("%d more kinds", len(out)-4))
	}
	return strings.Join(out, ", ")
}

// plainJSON says what encoding/json says without Go's type names.
func plainJSON(err error) error {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return fmt.Errorf("%s is a %s, not a %s", t.Field, t.Value, kindOf(t.Type))
	}
	return err
}

// kindOf is what JSON calls the values of a Go type.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "map"
	case reflect.Bool, reflect.String:
		return t.Kind().String()
	}
	return "number"
}
