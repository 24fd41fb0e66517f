// Package capture reads what people have when there is no cluster to ask:
// cluster-info dumps, must-gather and support-bundle folders and archives, the
// output of kubectl get and describe, and makes the same snapshot of them as a
// live cluster gives.
package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Options say how to read a capture.
type Options struct {
	// Stdin is read for the path "-".
	Stdin io.Reader
}

// maxFile bounds one file, so that a mistaken path does not fill the memory.
const maxFile = 1 << 30

// Open reads a capture. An error says in one line what is wrong with the
// input.
func Open(name string, o Options) (*snapshot.Snapshot, error) {
	r := &reader{b: &snapshot.Builder{Detail: true}}
	label := name
	var err error
	switch info, statErr := os.Stat(name); {
	case name == "-":
		label = "stdin"
		if o.Stdin == nil {
			o.Stdin = strings.NewReader("")
		}
		var data []byte
		if data, err = readAll(o.Stdin); err == nil {
			err = r.bytes("stdin", data)
		}
	case statErr != nil:
		return nil, fmt.Errorf("%s: %w", name, reason(statErr))
	case info.IsDir():
		err = r.folder(name)
	default:
		var data []byte
		f, openErr := os.Open(name)
		if openErr != nil {
			return nil, fmt.Errorf("%s: %w", name, reason(openErr))
		}
		data, err = readAll(f)
		_ = f.Close()
		if err == nil {
			err = r.bytes(filepath.Base(name), data)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label, err)
	}
	if r.saved != nil {
		r.saved.Source = label
		return r.saved, nil
	}
	if len(r.b.Names()) == 0 {
		return nil, fmt.Errorf("%s: %w", label, r.nothing())
	}
	s := r.finish()
	s.Source = label
	return s, nil
}

// reason drops the operation and path that an os error repeats.
func reason(err error) error {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", reason(err))
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than 1 GiB, and no capture is; kubectl get nodes,leases,pods,events -A -o json makes one")
	}
	return data, nil
}

// reader collects what the files of a capture hold.
type reader struct {
	b *snapshot.Builder
	// saved is a snapshot of our own that the capture is.
	saved *snapshot.Snapshot
	// kinds counts the kinds that were seen and not used, for the error.
	kinds map[string]int
	// described holds the facts that a describe text gives beside the objects.
	described map[string]*described
	stats     map[string]*snapshot.Stats
	files     int
	nameTime  time.Time
	// logless are the pods whose logs a dump could not get, and why.
	logless map[string]string
}

// bytes reads one file or stdin: an archive, JSON, YAML, or text.
func (r *reader) bytes(name string, data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return fmt.Errorf("the file is empty")
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return r.gzip(name, data)
	}
	if isTar(data) {
		return r.tar(bytes.NewReader(data))
	}
	return r.document(name, data, true)
}

// document reads one text. strict says that the user named this very file, so
// that what cannot be read is an error and not a note.
func (r *reader) document(name string, data []byte, strict bool) error {
	text, err := decodeText(data)
	if err != nil {
		return err
	}
	r.files++
	if bare, ok := unmarked(text); ok && sniff(bare) != formUnknown {
		text = bare
	}
	if blocks := fenced(text); len(blocks) > 0 {
		for _, b := range blocks {
			if err := r.text(name, b, strict); err != nil {
				return err
			}
		}
		return nil
	}
	return r.text(name, text, strict)
}

func (r *reader) text(name, text string, strict bool) error {
	switch sniff(text) {
	case formDescribe:
		return r.describe(text)
	case formDump:
		return r.dump(name, text)
	case formJSON:
		return r.json(name, text)
	case formYAML:
		return r.yaml(name, text)
	case formTable:
		return fmt.Errorf("the table of kubectl get, which holds no evidence; use -o yaml or -o json")
	case formLog:
		if strict {
			return fmt.Errorf("a log, not a capture; kubectl nodehealth logs --from FILE --scan says what is known trouble in it")
		}
		return nil
	case formError:
		return fmt.Errorf("no capture, only an error of kubectl: %s", firstLine(text))
	}
	if strict {
		return fmt.Errorf("not a capture: none of cluster-info dump, kubectl get -o json or yaml, kubectl describe node, must-gather, support bundle")
	}
	return nil
}

// nothing says what a capture without nodes holds instead.
func (r *reader) nothing() error {
	if len(r.kinds) == 0 && r.files == 0 {
		return fmt.Errorf("nothing in it that can be read: no JSON, YAML or text of kubectl describe")
	}
	seen := r.seen()
	if seen == "" {
		return fmt.Errorf("no node in it; kubectl get nodes,leases,pods,events -A -o json makes a capture that does")
	}
	return fmt.Errorf("no node in it, only %s; kubectl get nodes,leases,pods,events -A -o json makes a capture that does", seen)
}

// finish builds the snapshot and says for each source whether the capture
// holds it.
func (r *reader) finish() *snapshot.Snapshot {
	s := r.b.Build()
	if s.Clock == snapshot.ClockNewest && !r.nameTime.IsZero() {
		// A folder's name carries local time without its zone: good enough only
		// where it agrees with the rest.
		if d := r.nameTime.Sub(s.ObservedAt); d >= 0 && d < 15*time.Minute {
			s.Clock, s.ObservedAt = snapshot.ClockCapture, r.nameTime
		}
	}
	// A description or two are not the cluster.
	s.Cluster.Whole = len(r.described) == 0
	for _, n := range s.Nodes {
		if d := r.described[n.Name]; d != nil {
			if len(r.described) > 1 && s.Clock == snapshot.ClockNewest {
				n.ObservedAt = ownTime(n, d.at)
			}
			d.apply(n, s.View(n).Now)
		}
		if st := r.stats[n.Name]; st != nil {
			n.Kubelet.Stats = st
			n.Set(snapshot.Probe{Name: snapshot.SourceSummary, Status: snapshot.OK})
		}
		r.asked(n)
		r.probes(s, n)
	}
	cluster := func(name string, ok bool, detail string) {
		p := snapshot.Probe{Name: name, Status: snapshot.OK}
		if !ok {
			p.Status, p.Detail = snapshot.Absent, detail
		}
		s.Cluster.Probes = append(s.Cluster.Probes, p)
	}
	cluster(snapshot.SourcePeers, len(s.Nodes) > 1, "the capture holds one node only")
	cluster(snapshot.SourceVersion, s.Cluster.ServerVersion != "", notHeld)
	cluster(snapshot.SourceKCM, s.Cluster.ControllerManager != nil, notHeld)
	return s
}

// ownTime is the newest time of one description among several. They may have
// been made minutes apart, and then one's age is nothing by the other's clock.
func ownTime(n *snapshot.Node, at time.Time) time.Time {
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	if n.Lease != nil {
		later(n.Lease.Renewed)
	}
	if n.Object != nil {
		for _, c := range n.Object.Status.Conditions {
			later(c.LastHeartbeatTime.Time)
			later(c.LastTransitionTime.Time)
		}
	}
	return at
}

const notHeld = "not in the capture"

func (r *reader) probes(s *snapshot.Snapshot, n *snapshot.Node) {
	set := func(name string, ok bool, detail string) {
		if _, done := snapshot.Find(n.Probes, name); done {
			return
		}
		p := snapshot.Probe{Name: name, Status: snapshot.OK}
		if !ok {
			p.Status, p.Detail = snapshot.Absent, detail
		}
		n.Set(p)
	}
	set(snapshot.SourceNode, n.Object != nil, notHeld)
	lease := notHeld
	if r.b.Has(snapshot.SourceLease) && n.Lease == nil {
		lease = "the capture holds other nodes' leases, not this one's"
	}
	set(snapshot.SourceLease, n.Lease != nil, lease)
	set(snapshot.SourcePods, n.Pods != nil, notHeld)
	set(snapshot.SourceEvents, r.b.Has(snapshot.SourceEvents), notHeld)
	set(snapshot.SourceCSRs, r.b.Has(snapshot.SourceCSRs), notHeld)
	set(snapshot.SourceMetrics, n.Usage != nil, notHeld)
	for _, k := range []string{snapshot.SourceHealthz, snapshot.SourceConfigz, snapshot.SourceSummary, snapshot.SourceKMetrics, snapshot.SourceStatusz, snapshot.SourceHost} {
		set(k, false, "a capture cannot be probed")
	}
}

// skip says whether a file of a folder or archive is not worth opening.
func skip(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".yaml", ".yml":
		return false
	case ".txt", "":
		if isLog(name) {
			return false
		}
		// Collectors of support data save kubectl's output under such names.
		base := strings.ToLower(path.Base(name))
		return !strings.Contains(base, "describe") && base != "timestamp" && !(strings.Contains(base, "kubectl") || strings.Contains(base, "oc_"))
	}
	return true
}
