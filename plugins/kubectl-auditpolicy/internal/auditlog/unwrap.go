package auditlog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
)

// ErrGKE says that the log is in Google Cloud's own audit format, which keeps
// neither the Kubernetes request URI nor the user's groups.
var ErrGKE = errors.New("this is a Google Cloud audit log (protoPayload), which keeps neither request URIs nor user groups, so no policy rule can be matched with it")

// ErrAKSTable says that the log is an export of Azure's table of its own for
// these events, whose columns have other names.
var ErrAKSTable = errors.New("this is an export of the table AKSAudit, which has other names for the fields of an event and leaves large bodies out; use what the category kube-audit writes to a storage account, an Event Hub or AzureDiagnostics")

// maxEnvelope is how deep an event may lie in the envelopes of shippers. The
// deepest known is OTLP's, with seven: the lists of resource, scope and record,
// what is in each, and body.
const maxEnvelope = 8

// found is what a text turned out to hold.
type found struct {
	events int
	// broken counts what began as an audit event and does not end as one.
	broken int
	// foreign says that it is another system's kind of audit log, and which.
	foreign error
}

func (f *found) add(o found) {
	f.events += o.events
	f.broken += o.broken
	f.foreign = cmp.Or(f.foreign, o.foreign)
}

// unwrap calls emit with every audit event in a sequence of JSON values: the
// values themselves, the items of a list, or whatever lies in an envelope, as
// an object or as a string of JSON. It knows no vendor: an event is what looks
// like one, under any name. Text after the last value is ignored.
func (e *Event) unwrap(b []byte, emit func(*Event)) found { return e.unwrapAt(b, 0, emit) }

func (e *Event) unwrapAt(b []byte, depth int, emit func(*Event)) found {
	var all found
	if depth > maxEnvelope {
		return all
	}
	for i := 0; i < len(b); {
		var n int
		switch b[i] {
		case '{':
			if n = e.scan(b[i:]); n < 0 {
				if looksCut(b[i:]) {
					all.broken++
				}
				return all
			}
			if e.isEvent() {
				emit(e)
				all.events++
				break
			}
			obj := b[i : i+n]
			members(obj, 0, func(key []byte, _, start, end int) bool {
				switch {
				case string(key) == "protoPayload" && bytes.Contains(obj[start:end], gkeType):
					all.foreign = ErrGKE
					return false
				case string(key) == "AuditId" && bytes.Contains(obj, aksColumn):
					all.foreign = ErrAKSTable
					return false
				}
				all.add(e.unwrapMember(obj[start:end], depth, emit))
				return true
			})
		case '[':
			n = elements(b[i:], 0, func(start, end int) bool {
				all.add(e.unwrapMember(b[i+start:i+end], depth, emit))
				return true
			})
		case '"':
			if n = skipString(b[i:], 0); n > 0 {
				all.add(e.unwrapMember(b[i:i+n], depth, emit))
			}
		default:
			return all
		}
		if n < 0 {
			return all
		}
		// Some shippers write values without a separator, or with a comma.
		for i += n; i < len(b) && (b[i] == ' ' || b[i] == ',' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n'); i++ {
		}
	}
	return all
}

// looksCut says whether a text that is no JSON began as an audit event.
func looksCut(b []byte) bool {
	return bytes.Contains(b, keyAuditID) && bytes.Contains(b, keyStage) ||
		bytes.Contains(b, keyEventKind) && bytes.Contains(b, keyAuditGroup)
}

var (
	keyAuditID    = []byte(`auditID`)
	keyStage      = []byte(`stage`)
	keyEventKind  = []byte(`"Event"`)
	keyAuditGroup = []byte(`audit.k8s.io/`)
	gkeType       = []byte(`google.cloud.audit.AuditLog`)
	aksColumn     = []byte(`"RequestUri"`)
)

func (e *Event) unwrapMember(v []byte, depth int, emit func(*Event)) found {
	switch {
	case len(v) == 0:
		return found{}
	case v[0] == '{' || v[0] == '[':
		return e.unwrapAt(v, depth+1, emit)
	case v[0] == '"' && bytes.IndexByte(v, '{') >= 0:
		// An escaped document, possibly behind a prefix. Its text is new
		// memory, so the buffer that the event points into is left alone.
		var s string
		if json.Unmarshal(v, &s) != nil {
			return found{}
		}
		text := []byte(s)
		text = text[bytes.IndexByte(text, '{'):]
		if skipValue(text, 0) > 0 {
			return e.unwrapAt(text, depth+1, emit)
		}
		var f found
		for _, line := range bytes.Split(text, []byte{'\n'}) {
			if line = bytes.TrimSpace(line); len(line) > 0 && line[0] == '{' {
				f.add(e.unwrapAt(line, depth+1, emit))
			}
		}
		return f
	}
	return found{}
}

// line reads one line of a log, whatever stands before or around its events.
func (e *Event) line(b []byte, emit func(*Event)) (f found, legacy bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return f, false
	}
	switch b[0] {
	case '{', '[':
		return e.unwrap(b, emit), false
	case '"':
		if f = e.unwrap(b, emit); f.events > 0 || f.foreign != nil {
			return f, false
		}
	}
	i := bytes.IndexByte(b, '{')
	if i < 0 {
		return f, bytes.Contains(b, legacyMark)
	}
	// In a CSV export the quotes of a field are doubled.
	if i > 0 && b[i-1] == '"' && bytes.HasPrefix(b[i:], []byte(`{""`)) {
		return e.unwrap(bytes.ReplaceAll(b[i:], []byte(`""`), []byte(`"`)), emit), false
	}
	f = e.unwrap(b[i:], emit)
	return f, f.events == 0 && bytes.Contains(b, legacyMark)
}

// legacyMark stands in every line of --audit-log-format=legacy.
var legacyMark = []byte(` AUDIT: id="`)
