// Package logline turns the lines that Kubernetes components and container
// runtimes write into events, and events into JSON lines, a readable view or
// klog text again. It works on bytes in place: an Event points into the line it
// came from and is only valid until the next one.
package logline

import "strconv"

// Severity orders what a log line says of itself.
type Severity uint8

// The severities. Unknown is a line that does not say.
const (
	Unknown Severity = iota
	Debug
	Info
	Warning
	Error
	Fatal
)

var severityNames = [...]string{"unknown", "debug", "info", "warning", "error", "fatal"}

// SeverityNames lists the severities a user may ask for, least first.
var SeverityNames = severityNames[1:]

func (s Severity) String() string { return severityNames[s] }

// Letter is klog's letter for the severity; debug, which klog has not, is D,
// and unknown a minus sign.
func (s Severity) Letter() byte { return "-DIWEF"[s] }

// ParseSeverity reads a severity by name, by klog letter or by the spellings of
// other loggers.
func ParseSeverity(s string) (Severity, bool) {
	sev := severityOf([]byte(s))
	return sev, sev != Unknown
}

// Format is how a line was written.
type Format uint8

// The formats of a line's own text, whatever carried it.
const (
	Unparsed Format = iota // in no format known here: kept as text
	Klog                   // klog text, structured or not
	JSON                   // component-base --logging-format=json
	Zap                    // other JSON lines: etcd, controller-runtime, slog, logrus, zerolog
	Logfmt                 // time="..." level=info msg="...": containerd, Cilium, Go's slog text
	Classic                // date, level, text: CoreDNS, Calico, old etcd, zap's console
	Panic                  // a Go panic with its stack
	Audit                  // an event of kube-apiserver's audit log
)

var formatNames = [...]string{"unparsed", "klog", "component-json", "json", "logfmt", "classic", "go-panic", "audit"}

// FormatCount is the number of formats.
const FormatCount = len(formatNames)

func (f Format) String() string { return formatNames[f] }

// Field is a key and its value.
type Field struct{ Key, Value Value }

// Event is one normalised log record.
type Event struct {
	// Time is in nanoseconds since 1970 UTC; HasTime says whether there is one.
	Time     int64
	HasTime  bool
	Severity Severity
	// V is the verbosity, -1 where the source does not tell it (all klog text).
	V int
	// PID is 0 where it is not known.
	PID    int
	Format Format
	// Structured says that Msg and Fields were separate in the source.
	Structured bool
	Msg        Value
	// Caller is file:line without the folder.
	Caller []byte
	// Logger and Err are taken out of Fields; At is where they stood, -1 where
	// there is none.
	Logger, Err     Value
	LoggerAt, ErrAt int
	errFirst        bool // Err was taken out before Logger
	memo            *memo
	scratch         []byte // for views
	Fields          []Field

	// Env is what carried the line; File is where it was read from.
	Env  Envelope
	File *Meta
	Line int
	// Incomplete says that the runtime split the line and its end was never
	// written.
	Incomplete bool
	// Raw is the line's own text, without what carried it.
	Raw []byte
}

// Envelope is what a container runtime, journald, syslog or kubectl put around
// a line.
type Envelope struct {
	Kind EnvelopeKind
	// Time is when the carrier took the line, in nanoseconds since 1970 UTC.
	Time    int64
	HasTime bool
	// Stream is 1 for stdout, 2 for stderr, 0 for unknown.
	Stream uint8
	// Partial says that the line goes on in the next entry of the stream.
	Partial  bool
	Severity Severity
	PID      int
	// Identifier is the syslog identifier (the program), Unit the systemd
	// unit.
	Host, Identifier, Unit []byte
	// Namespace, Pod and Container come from `kubectl logs --prefix`, stern and the
	// paths that grep shows.
	Namespace, Pod, Container []byte
}

// EnvelopeKind names the carrier.
type EnvelopeKind uint8

// The carriers.
const (
	NoEnvelope EnvelopeKind = iota
	CRI
	Docker
	Journald
	Syslog
	Kubectl
	Grep
)

var envelopeNames = [...]string{"", "cri", "docker", "journald", "syslog", "kubectl", "grep"}

// EnvelopeCount is the number of carriers, none included.
const EnvelopeCount = len(envelopeNames)

func (k EnvelopeKind) String() string { return envelopeNames[k] }

// Meta is what is known of a whole file, mostly from its path.
type Meta struct {
	// Name is the file as the user named it, "" for stdin.
	Name string
	// Component is the program, where the path tells it.
	Component                      string
	Namespace, Pod, UID, Container string
	// Restart is the container's restart count, -1 where the path has none.
	Restart int
	// Reference dates klog text, which has no year: the time of the file, or
	// now, in nanoseconds since 1970 UTC.
	Reference int64
	// Clock, where there is one, is a newer Reference: lines that are still
	// being written may be of a year that has begun since.
	Clock func() int64
	// Year, where it is not 0, is the year of all klog text.
	Year int
	// Offset is how far the clock of klog text is ahead of UTC at a time
	// (which is given as if it were UTC), in nanoseconds.
	Offset func(wall int64) int64

	// What every record of the file says of it, as JSON; see Prepare.
	prepared             bool
	jsonFile, jsonPod    []byte
	jsonComponent        []byte
	componentOrContainer []byte
}

// Prepare makes once what every record repeats. It is called before the Meta is
// shared between Parsers; without it the records are the same, only slower.
func (m *Meta) Prepare() {
	if m.prepared {
		return
	}
	m.jsonFile, m.jsonPod = m.appendFile(nil), m.appendPod(nil)
	c := m.Component
	if c == "" {
		c = m.Container
	}
	if c != "" {
		m.componentOrContainer = []byte(c)
		m.jsonComponent = AppendJSONString([]byte(`,"component":`), m.componentOrContainer)
	}
	m.prepared = true
}

func (m *Meta) appendFile(dst []byte) []byte {
	if m.Name == "" {
		return dst
	}
	name := []byte(m.Name)
	if m.UID != "" {
		// The record has all that the folders of /var/log/pods tell.
		name = baseName(name)
	}
	return AppendJSONString(append(dst, `,"file":`...), name)
}

func (m *Meta) appendPod(dst []byte) []byte {
	if m.Pod == "" {
		return dst
	}
	for _, f := range [...]struct{ key, val string }{{"namespace", m.Namespace}, {"pod", m.Pod}, {"uid", m.UID}, {"container", m.Container}} {
		if f.val != "" {
			dst = append(append(append(dst, `,"`...), f.key...), `":`...)
			dst = AppendJSONString(dst, []byte(f.val))
		}
	}
	if m.Restart >= 0 {
		dst = strconv.AppendInt(append(dst, `,"restart":`...), int64(m.Restart), 10)
	}
	return dst
}

var streamNames = [...]string{"", "stdout", "stderr"}

// Component is the program that wrote the event: the journal's identifier, else
// what the path says, else the container.
func (e *Event) Component() []byte {
	switch {
	case len(e.Env.Identifier) > 0:
		return e.Env.Identifier
	case e.File != nil && e.File.prepared && len(e.Env.Container) == 0:
		return e.File.componentOrContainer
	case e.File != nil && e.File.Component != "":
		return []byte(e.File.Component)
	case len(e.Env.Container) > 0:
		return e.Env.Container
	case e.File != nil && e.File.Container != "":
		return []byte(e.File.Container)
	}
	return nil
}

// reset makes the event empty and keeps its memory. What carries it and where
// it was read from are set by the caller.
func (e *Event) reset() {
	e.Time, e.HasTime, e.Severity, e.V, e.PID = 0, false, Unknown, -1, 0
	e.Format, e.Structured, e.errFirst, e.Incomplete = Unparsed, false, false, false
	e.Msg, e.Caller = Value{}, nil
	if e.LoggerAt >= 0 {
		e.Logger, e.LoggerAt = Value{}, -1
	}
	if e.ErrAt >= 0 {
		e.Err, e.ErrAt = Value{}, -1
	}
	e.Fields = e.Fields[:0]
}

// severityOf reads the level names that loggers write.
func severityOf(b []byte) Severity {
	if len(b) == 0 || len(b) > 11 {
		return Unknown
	}
	var low [11]byte
	for i, c := range b {
		low[i] = c | 0x20
	}
	switch string(low[:len(b)]) {
	case "i", "info", "inf", "notice", "information":
		return Info
	case "w", "warn", "wrn", "warning":
		return Warning
	case "e", "err", "error", "severe":
		return Error
	case "f", "fatal", "ftl", "panic", "dpanic", "crit", "critical", "emerg", "alert":
		return Fatal
	case "d", "debug", "dbg", "trace", "trc", "t", "verbose":
		return Debug
	}
	return Unknown
}

// levelOf reads the value of a level: slog writes what lies between its levels as
// DEBUG-4 or INFO+2.
func levelOf(b []byte) Severity {
	n := len(b)
	for n > 0 && b[n-1] >= '0' && b[n-1] <= '9' {
		n--
	}
	if n > 1 && n < len(b) && (b[n-1] == '+' || b[n-1] == '-') {
		b = b[:n-1]
	}
	return severityOf(b)
}
