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
	switch c := line[0]; {
	case c >= '0' && c <= '9':
		if t, n := parseTimestamp(line); n > 0 {
			return openDated(line, t, n, env)
		}
		return openUnix(line, env)
	case c == '{':
		return openJSON(line, env)
	case c == '[' && bytes.HasPrefix(line, []byte("[pod/")):
		return openKubectl(line, env, meta)
	case c == 0x1e: // journalctl -o json-seq
		return openJSON(line[1:], env)
	case c == 'd' && bytes.HasPrefix(line, []byte("data: {")): // journalctl -o json-sse
		return openJSON(line[6:], env)
	case c >= 'A' && c <= 'Z' && line[1] >= 'a' && line[1] <= 'z':
		return openSyslog(line, env, meta)
	case c == '<':
		return openRFC5424(line, env)
	case c >= 'a' && c <= 'z':
		return openPrefixed(line, env)
	}
	return line
}

// openPrefixed opens what stern and docker compose put before a klog line: "POD
// CONTAINER text" and "NAME | text".
func openPrefixed(line []byte, env *Envelope) []byte {
	var words [3][]byte
	n, start := 0, 0
	for i := 0; i < len(line) && i < 200 && n < 3; i++ {
		if line[i] != ' ' {
			continue
		}
		if i > start {
			words[n] = line[start:i]
			n++
		}
		start = i + 1
		if !isKlog(line[start:]) {
			continue
		}
		for _, w := range words[:n] {
			if !hostName(w) && string(w) != "|" && string(w) != "\xe2\x80\xba" {
				return line
			}
		}
		env.Kind = Kubectl
		if n > 1 && hostName(words[1]) {
			env.Pod, env.Container = words[0], words[1]
		} else {
			env.Identifier = words[0]
		}
		return line[start:]
	}
	return line
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

// openProgram opens "HOST PROGRAM[PID]: text"; sure says that what stood before
// can be nothing else, so that the PID may be missing.
func openProgram(b []byte, env *Envelope, sure bool) ([]byte, bool) {
	sp := bytes.IndexByte(b[:min(len(b), 256)], ' ')
	if sp <= 0 {
		return nil, false
	}
	host, rest := b[:sp], b[sp+1:]
	colon := bytes.Index(rest[:min(len(rest), 128)], []byte(": "))
	end := colon + 2
	if colon < 0 {
		if len(rest) == 0 || len(rest) > 128 || rest[len(rest)-1] != ':' {
			return nil, false
		}
		colon, end = len(rest)-1, len(rest)
	}
	name := rest[:colon]
	pid := 0
	if n := len(name); n > 2 && name[n-1] == ']' {
		open := bytes.LastIndexByte(name, '[')
		if open <= 0 {
			return nil, false
		}
		p, err := strconv.Atoi(string(name[open+1 : n-1]))
		if err != nil {
			return nil, false
		}
		name, pid = name[:open], p
	} else if !sure && string(name) != "kernel" {
		return nil, false
	}
	if !hostName(host) || len(name) == 0 || bytes.ContainsAny(name, " \t\"=") {
		return nil, false
	}
	env.Host, env.Identifier, env.PID = host, name, pid
	return rest[end:], true
}

func hostName(b []byte) bool {
	for _, c := range b {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == ':') {
			return false
		}
	}
	return len(b) > 0
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// openSyslog opens "Nov 21 03:56:31 HOST PROGRAM[PID]: text", and journalctl's
// short-full, which puts the weekday, the year and the zone in.
func openSyslog(line []byte, env *Envelope, meta *Meta) []byte {
	if len(line) < 20 {
		return line
	}
	if line[3] == ' ' && len(line) > 24 && line[8] == '-' {
		t, n := parseTimestamp(line[4:])
		if n == 0 || 4+n >= len(line) || line[4+n] != ' ' {
			return line
		}
		rest := line[4+n+1:]
		zone := bytes.IndexByte(rest, ' ')
		if zone <= 0 || zone > 6 {
			return line
		}
		if text, ok := openProgram(rest[zone+1:], env, true); ok {
			env.Kind, env.Time, env.HasTime = Syslog, t, true
			if meta.Offset != nil && string(rest[:zone]) != "UTC" {
				env.Time -= meta.Offset(t)
			}
			return text
		}
		return line
	}
	mo := bytes.Index([]byte(months), line[:3])
	if mo < 0 || mo%3 != 0 || line[3] != ' ' || line[6] != ' ' {
		return line
	}
	d := int(line[5]) - '0'
	if line[4] >= '1' && line[4] <= '3' {
		d += 10 * int(line[4]-'0')
	} else if line[4] != ' ' && line[4] != '0' {
		return line
	}
	secs, ok := clockOf(line[7:])
	if !ok || d < 1 || d > 31 {
		return line
	}
	at, ns := 15, int64(0)
	if line[at] == '.' {
		f, n := fraction(line[at+1:])
		ns = f
		at += 1 + n
	}
	if at >= len(line) || line[at] != ' ' {
		return line
	}
	text, ok := openProgram(line[at+1:], env, true)
	if !ok {
		return line
	}
	env.Time = resolveWall(mo/3+1, d, secs*second+ns, &Envelope{}, meta, nil)
	env.Kind, env.HasTime = Syslog, true
	return text
}

// openUnix opens journalctl's short-unix: "1700000000.123456 HOST PROGRAM: ".
func openUnix(line []byte, env *Envelope) []byte {
	sp := bytes.IndexByte(line[:min(len(line), 24)], ' ')
	if sp < 12 || line[10] != '.' {
		return line
	}
	t, ok := epoch(line[:sp])
	if !ok {
		return line
	}
	if text, ok := openProgram(line[sp+1:], env, true); ok {
		env.Kind, env.Time, env.HasTime = Syslog, t, true
		return text
	}
	return line
}

// openRFC5424 opens "<13>1 TIME HOST PROGRAM PID MSGID - text".
func openRFC5424(line []byte, env *Envelope) []byte {
	end := bytes.Index(line[:min(len(line), 8)], []byte(">1 "))
	if end < 0 {
		return line
	}
	parts := bytes.SplitN(line[end+3:], []byte{' '}, 7)
	if len(parts) < 7 {
		return line
	}
	t, n := parseTimestamp(parts[0])
	if n == 0 || !bytes.Equal(parts[5], []byte("-")) {
		return line
	}
	if pri, err := strconv.Atoi(string(line[1:end])); err == nil {
		env.Severity = priority(pri % 8)
	}
	env.Kind, env.Time, env.HasTime = Syslog, t, true
	env.Host, env.Identifier = parts[1], parts[2]
	env.PID, _ = strconv.Atoi(string(parts[3]))
	return parts[6]
}

// priority is the severity of a syslog priority.
func priority(p int) Severity {
	switch {
	case p <= 2:
		return Fatal
	case p == 3:
		return Error
	case p == 4:
		return Warning
	case p <= 6:
		return Info
	}
	return Debug
}

// openKubectl opens "[pod/POD/CONTAINER] text" of `kubectl logs --prefix`.
func openKubectl(line []byte, env *Envelope, meta *Meta) []byte {
	end := bytes.Index(line[:min(len(line), 600)], []byte("] "))
	if end < 0 {
		return line
	}
	parts := bytes.Split(line[5:end], []byte{'/'})
	if len(parts) != 2 {
		return line
	}
	text := open(line[end+2:], env, meta)
	if env.Kind == NoEnvelope {
		env.Kind = Kubectl
	}
	env.Pod, env.Container = parts[0], parts[1]
	return text
}

// openJSON opens docker's {"log":"text\n","stream":"stderr","time":"..."} and
// journald's JSON. Other JSON is a log line itself.
func openJSON(line []byte, env *Envelope) []byte {
	head := line[:min(len(line), 4096)]
	switch {
	case bytes.HasPrefix(line, []byte(`{"log":"`)):
		return openDocker(line, env)
	case bytes.Contains(head, []byte(`"__REALTIME_TIMESTAMP"`)) || bytes.Contains(head, []byte(`"MESSAGE"`)) || len(line) > len(head) && bytes.Contains(line, []byte(`"__REALTIME_TIMESTAMP"`)):
		return openJournal(line, env)
	}
	return line
}

func openDocker(line []byte, env *Envelope) []byte {
	var text []byte
	var e Envelope
	end := scanObject(line, 0, func(key, val []byte) {
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
	if end < 0 || skipSpace(line, end) != len(line) || !e.HasTime {
		return line
	}
	e.Kind = Docker
	// A line without its line break goes on in the next entry.
	if bytes.HasSuffix(text, []byte(`\n`)) {
		text = text[:len(text)-2]
	} else {
		e.Partial = true
	}
	*env = e
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	return bytes.TrimSuffix(appendUnquotedJSON(make([]byte, 0, len(text)), text), []byte{'\r'})
}

func openJournal(line []byte, env *Envelope) []byte {
	text := []byte{}
	var e Envelope
	found := false
	end := scanObject(line, 0, func(key, val []byte) {
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
	if end < 0 || skipSpace(line, end) != len(line) || !found {
		return line
	}
	*env = e
	env.Kind = Journald
	return text
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
	eachElement(val, func(item []byte) {
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
