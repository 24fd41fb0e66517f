package logline

import (
	"bytes"
	"strconv"
)

// open takes what carried a line off it and returns the line's own text. The
// text may be newly made (JSON carriers) or a part of the line.
func open(line []byte, env *Envelope, meta *Meta) []byte {
	*env = Envelope{}
	if len(line) < 2 {
		return line
	}
	text := openCarrier(line, env, meta)
	if env.Kind == NoEnvelope {
		if text, ok := openGrep(line, env, meta); ok {
			return text
		}
	}
	return text
}

func openCarrier(line []byte, env *Envelope, meta *Meta) []byte {
	switch c := line[0]; {
	case c >= '0' && c <= '9':
		if t, n := parseTimestamp(line); n > 0 {
			return openDated(line, t, n, env)
		}
		if text, ok := openAddress(line, env, meta); ok {
			return text
		}
		return openUnix(line, env)
	case c == '{':
		return openJSON(line, env)
	case c == '[':
		if text, ok := openBrackets(line, env, meta); ok {
			return text
		}
		return openMonotonic(line, env)
	case c == 0x1e && line[1] == '{': // journalctl -o json-seq
		return openJSON(line[1:], env)
	case c == 'd' && bytes.HasPrefix(line, []byte("data: {")): // journalctl -o json-sse
		return openJSON(line[6:], env)
	case c >= 'A' && c <= 'Z' && line[1] >= 'a' && line[1] <= 'z':
		return openSyslog(line, env, meta)
	case c == '*' && line[1] == ' ': // minikube logs
		if text := open(line[2:], env, meta); env.Kind != NoEnvelope || isKlog(text) {
			return text
		}
	case c == '<':
		return openPriority(line, env, meta)
	case c >= 'a' && c <= 'z':
		if len(line) > 19 && line[3] == ' ' && line[6] == ' ' && line[9] == ':' { // as some languages write a month
			return openSyslog(line, env, meta)
		}
		if text, ok := openDmesg(line, env, meta); ok {
			return text
		}
		return openPrefixed(line, env, meta)
	case c == esc:
		if bare := withoutColour(line); len(bare) > 0 && bare[0] != esc {
			if text := open(bare, env, meta); env.Kind != NoEnvelope {
				return text
			}
		}
	}
	return line
}

// openAddress opens "10.5.0.2: text", as talosctl writes the node before each line
// of its logs.
func openAddress(line []byte, env *Envelope, meta *Meta) ([]byte, bool) {
	end := bytes.Index(line[:min(len(line), 18)], []byte(": "))
	if end < 7 {
		return nil, false
	}
	dots := 0
	for _, c := range line[:end] {
		if c == '.' {
			dots++
		} else if c < '0' || c > '9' {
			return nil, false
		}
	}
	if dots != 3 {
		return nil, false
	}
	text := open(line[end+2:], env, meta)
	if env.Kind == NoEnvelope {
		if starts(text) == startNone {
			*env = Envelope{}
			return nil, false
		}
		env.Kind = Kubectl
	}
	env.Host = line[:end]
	return text, true
}

// objectLine says whether a text looks like a JSON object.
func objectLine(b []byte) bool {
	return len(b) > 2 && b[0] == '{' && b[1] == '"' && b[len(b)-1] == '}'
}

// openDated opens CRI's "TIME stdout|stderr TAGS text", syslog's "TIME HOST
// PROGRAM[PID]: text" and kubectl's "TIME text", after their time.
func openDated(line []byte, t int64, n int, env *Envelope) []byte {
	if n >= len(line) || line[n] != ' ' {
		return line
	}
	rest := line[n+1:]
	if len(rest) >= 8 && rest[6] == ' ' && rest[3] == 'o' || bytes.HasPrefix(rest, []byte("stderr ")) {
		stream := uint8(0)
		switch string(rest[:7]) {
		case "stdout ":
			stream = 1
		case "stderr ":
			stream = 2
		}
		if stream > 0 {
			rest = rest[7:]
			tags, text := rest, []byte(nil)
			if sp := bytes.IndexByte(rest, ' '); sp >= 0 {
				tags, text = rest[:sp], rest[sp+1:]
			}
			if len(tags) > 0 && (tags[0] == 'F' || tags[0] == 'P') && (len(tags) == 1 || tags[1] == ':') {
				env.Kind, env.Stream, env.Partial = CRI, stream, tags[0] == 'P'
				env.Time, env.HasTime = t, true
				return text
			}
			return line
		}
	}
	if line[10] == 'T' {
		if text, ok := openProgram(rest, env, false); ok {
			env.Kind, env.Time, env.HasTime = Syslog, t, true
			return text
		}
		// `kubectl logs --timestamps`: only where a known format follows,
		// since many loggers start their own lines with a date.
		if known(rest) {
			env.Kind, env.Time, env.HasTime = Kubectl, t, true
			return rest
		}
		if text := openStream(rest, env); env.Kind != NoEnvelope {
			env.Time, env.HasTime = t, true
			return text
		}
	}
	return line
}

// known says whether a text starts as one of the formats that have no date in
// front.
func known(b []byte) bool {
	if isKlog(b) || logfmtStart(b) {
		return true
	}
	if len(b) > 1 && b[0] == '{' && b[1] == '"' {
		return true
	}
	_, n := parseTimestamp(b)
	return n > 0
}

// openJSON opens docker's {"log":"text\n","stream":"stderr","time":"..."},
// journald's and stern's JSON. Other JSON is a log line itself.
func openJSON(line []byte, env *Envelope) []byte {
	head := line[:min(len(line), 4096)]
	switch {
	case bytes.HasPrefix(line, []byte(`{"log":`)):
		return openDocker(line, env)
	case bytes.Contains(head, []byte(`"__REALTIME_TIMESTAMP"`)) || bytes.Contains(head, []byte(`"MESSAGE"`)) || len(line) > len(head) && bytes.Contains(line, []byte(`"__REALTIME_TIMESTAMP"`)):
		return openJournal(line, env)
	case bytes.HasPrefix(line, []byte(`{"message":`)) || bytes.HasPrefix(line, []byte(`{"pod":`)) || bytes.HasPrefix(line, []byte(`{"namespace":`)):
		return openStern(line, env)
	}
	return line
}

// openDocker opens an entry of docker's. An object called log is none: ECS writes its
// level there.
func openDocker(line []byte, env *Envelope) []byte {
	var text []byte
	var e Envelope
	shipped := false // by an agent, which keeps docker's names and adds its own
	end := scanObject(line, 0, func(key, val []byte) {
		switch string(key) {
		case "log", "stream", "time", "attrs":
		case "kubernetes":
			e.kubernetes(val)
			fallthrough
		default:
			shipped = true
		}
		if val[0] != '"' {
			return
		}
		val = val[1 : len(val)-1]
		switch string(key) {
		case "log":
			text = val
		case "stream":
			switch string(val) {
			case "stdout":
				e.Stream = 1
			case "stderr":
				e.Stream = 2
			}
		case "time":
			if t, n := parseTimestamp(val); n > 0 {
				e.Time, e.HasTime = t, true
			}
		}
	})
	if end < 0 || skipSpace(line, end) != len(line) || !e.HasTime || text == nil {
		return line
	}
	e.Kind = Docker
	// A line without its line break goes on in the next entry.
	if bytes.HasSuffix(text, []byte(`\n`)) {
		text = text[:len(text)-2]
	} else {
		e.Partial = !shipped
	}
	*env = e
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	return bytes.TrimSuffix(appendUnquotedJSON(make([]byte, 0, len(text)), text), []byte{'\r'})
}

// kubernetes takes the pod from what Fluent Bit and fluentd add.
func (e *Envelope) kubernetes(val []byte) {
	if val[0] != '{' {
		return
	}
	scanObject(val, 0, func(key, val []byte) {
		if val[0] != '"' {
			return
		}
		val = val[1 : len(val)-1]
		switch string(key) {
		case "namespace_name":
			e.Namespace = val
		case "pod_name":
			e.Pod = val
		case "container_name":
			e.Container = val
		}
	})
}

func openJournal(line []byte, env *Envelope) []byte {
	text := []byte{}
	var e Envelope
	found, foreign := false, false
	end := scanObject(line, 0, func(key, val []byte) {
		foreign = foreign || !journalName(key)
		var s []byte
		switch val[0] {
		case '"':
			s = val[1 : len(val)-1]
			if bytes.IndexByte(s, '\\') >= 0 {
				s = appendUnquotedJSON(nil, s)
			}
		case '[':
			s = byteArray(val)
		default:
			return
		}
		if string(key) == "MESSAGE" {
			text, found = s, true
			return
		}
		if JournalField(key, s, &e) {
			found = true
		}
	})
	if end < 0 || skipSpace(line, end) != len(line) || !found || foreign {
		return line
	}
	*env = e
	env.Kind = Journald
	return text
}

// journalName says whether a key can be a field of the journal: those have capital
// letters, digits and underscores only.
func journalName(key []byte) bool {
	for _, c := range key {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// JournalField takes a field of a journal entry; it returns false for one that
// is not used.
func JournalField(key, s []byte, e *Envelope) bool {
	switch string(key) {
	case "__REALTIME_TIMESTAMP":
		if us, err := strconv.ParseInt(string(s), 10, 64); err == nil && us > 0 && us < 1<<53 {
			e.Time, e.HasTime = us*1000, true
		}
	case "PRIORITY":
		if p, err := strconv.Atoi(string(s)); err == nil && p >= 0 && p < 8 {
			e.Severity = priority(p)
		}
	case "SYSLOG_IDENTIFIER":
		e.Identifier = s
	case "_COMM":
		if len(e.Identifier) == 0 {
			e.Identifier = s
		}
	case "_SYSTEMD_UNIT":
		e.Unit = s
	case "_HOSTNAME":
		e.Host = s
	case "_PID":
		e.PID, _ = strconv.Atoi(string(s))
	case "_LINE_BREAK":
		e.Partial = string(s) == "line-max"
	default:
		return false
	}
	return true
}

// byteArray reads the list of byte values (or of strings) that journald writes
// for what is not UTF-8 (or was given twice).
func byteArray(val []byte) []byte {
	var out []byte
	scanElements(val, 0, 0, func(item []byte) {
		if item[0] == '"' {
			if len(out) > 0 {
				out = append(out, '\n')
			}
			out = appendUnquotedJSON(out, item[1:len(item)-1])
			return
		}
		if n, err := strconv.Atoi(string(item)); err == nil && n >= 0 && n < 256 {
			out = append(out, byte(n))
		}
	})
	return out
}
