package logline

import (
	"bytes"
	"strconv"
)

// parseLogfmt reads key=value lines that start with a time, a level or a
// message: logrus (containerd, Cilium, CRI-O), go-kit and Go's slog.
func parseLogfmt(b []byte, ev *Event) bool {
	if !logfmtStart(b) {
		return false
	}
	var seen [8]bool
	for i := 0; i < len(b); {
		if b[i] == ' ' {
			i++
			continue
		}
		start := i
		for i < len(b) && b[i] != '=' && b[i] != ' ' && b[i] != '"' {
			i++
		}
		key := b[start:i]
		if i >= len(b) || b[i] != '=' || len(key) == 0 {
			// Words that are no pair: this is a sentence, unless it is the end
			// of what a logger without quotes wrote.
			if !seen[roleMsg] && !seen[roleLevel] || len(ev.Fields) == 0 && !seen[roleMsg] {
				return false
			}
			ev.addField(plain([]byte("rest")), plain(b[start:]))
			break
		}
		i++
		var val Value
		if i < len(b) && b[i] == '"' {
			var end int
			if val, end = goString(b, i); end < 0 {
				// Cut off inside a value.
				val, end = Value{b[i+1:], GoString}, len(b)
			}
			i = end
		} else {
			start = i
			for i < len(b) && b[i] != ' ' {
				i++
			}
			val = plain(b[start:i])
		}
		r := jsonRole(key)
		if r != roleField && r != roleErr && !seen[r] && logfmtHeader(r, val, ev) {
			seen[r] = true
			continue
		}
		ev.addField(plain(key), val)
	}
	if !seen[roleMsg] && !seen[roleLevel] {
		return false
	}
	ev.Format, ev.Structured = Logfmt, true
	renameError(ev.Fields)
	ev.finishFields()
	return true
}

func logfmtStart(b []byte) bool {
	eq := bytes.IndexByte(b[:min(len(b), 16)], '=')
	if eq <= 0 {
		return false
	}
	switch jsonRole(b[:eq]) {
	case roleTime, roleLevel, roleMsg, roleCaller:
		return true
	}
	return false
}

// logfmtHeader takes what every line has; it returns false where the value is
// not what the key promises.
func logfmtHeader(r role, val Value, ev *Event) bool {
	switch r {
	case roleTime:
		if t, n := parseTimestamp(val.Raw); n > 0 {
			if !zoned(val.Raw[:n]) {
				t = ev.local(t)
			}
			ev.Time, ev.HasTime = t, true
			return true
		}
		if t, ok := epoch(val.Raw); ok {
			ev.Time, ev.HasTime = t, true
			return true
		}
	case roleMsg:
		ev.Msg = val
		return true
	case roleLevel:
		ev.Severity = levelOf(val.Raw)
		return ev.Severity != Unknown
	case roleCaller:
		if bytes.IndexByte(val.Raw, ':') > 0 {
			ev.Caller = baseName(val.Raw)
			return true
		}
	case roleLogger:
		ev.Logger, ev.LoggerAt = val, 0
		return true
	}
	return false
}

// parseClassic reads lines that start with a date or a level: zap's console,
// old etcd, Calico, CoreDNS, Go's log package, Istio, nginx, Python.
func parseClassic(b []byte, ev *Event) bool {
	if parseAccess(b, ev) {
		return true
	}
	rest := b
	t, n := parseTimestamp(b)
	if n == 0 {
		t, n = goLogTime(b)
	}
	if n == 0 {
		t, n = slashTime(b)
	}
	if n == 0 {
		t, n = dmesgTime(b)
	}
	if n > 0 {
		if off, k := spacedZone(b[n:]); k > 0 {
			t, n = t-off, n+k
		} else if !zoned(b[:n]) {
			off, k, known := zoneName(b[n:])
			if n += k; known {
				t -= off
			} else {
				t = ev.local(t)
			}
		}
		rest = b[n:]
		if len(rest) > 0 && rest[0] != ' ' && rest[0] != '\t' && rest[0] != ']' && (rest[0] != '[' || b[0] != '[') {
			return false
		}
	}
	if n > 0 {
		rest = afterThread(rest, ev)
	}
	level, after := levelWord(rest)
	if n > 0 && level == Unknown {
		level, after = farLevel(rest)
	}
	if n == 0 && (level == Unknown || b[0] != '[') {
		return false
	}
	if n > 0 {
		ev.Time, ev.HasTime = t, true
	}
	ev.Format = Classic
	ev.Severity = level
	if level != Unknown {
		rest = afterThread(rest[after:], ev) // Calico
	}
	if bytes.IndexByte(rest, '\t') >= 0 && zapConsole(bytes.TrimLeft(rest, "\t"), ev) {
		return true
	}
	rest = bytes.TrimLeft(rest, " \t")
	rest = bytes.TrimPrefix(rest, []byte("| "))
	rest = envoyPlace(rest, ev)
	ev.Msg = plain(rest)
	calicoCaller(rest, ev)
	return true
}

// goLogTime reads 2006/01/02 15:04:05, with or without a fraction.
func goLogTime(b []byte) (int64, int) {
	if len(b) < 19 || b[4] != '/' || b[7] != '/' {
		return 0, 0
	}
	var iso [19]byte
	copy(iso[:], b[:19])
	iso[4], iso[7] = '-', '-'
	t, n := parseTimestamp(iso[:])
	if n == 0 {
		return 0, 0
	}
	if len(b) > 19 && b[19] == '.' {
		ns, k := fraction(b[20:])
		return t + ns, 20 + k
	}
	return t, 19
}

// spacedZone reads a zone that stands apart from its time, as Fluentd and .NET
// write it: " +0200" or " +02:00", and PostgreSQL's " UTC".
func spacedZone(b []byte) (off int64, n int) {
	if bytes.HasPrefix(b, []byte(" UTC ")) {
		return 0, 4
	}
	if len(b) < 6 || b[0] != ' ' || b[1] != '+' && b[1] != '-' {
		return 0, 0
	}
	h, k := digits2(b[2:]), 4
	if b[4] == ':' {
		k = 5
	}
	if len(b) < k+2 || len(b) > k+2 && b[k+2] != ' ' && b[k+2] != ']' {
		return 0, 0
	}
	m := digits2(b[k:])
	if h < 0 || h > 18 || m < 0 || m > 59 {
		return 0, 0
	}
	off = int64(h*3600+m*60) * second
	if b[1] == '-' {
		off = -off
	}
	return off, k + 2
}

// slashTime is a time in brackets, as Fluent Bit and oauth2-proxy (with slashes), Envoy
// and gunicorn write it.
func slashTime(b []byte) (int64, int) {
	if len(b) < 21 || b[0] != '[' {
		return 0, 0
	}
	t, n := goLogTime(b[1:])
	if n == 0 {
		if t, n = parseTimestamp(b[1:]); n > 0 {
			off, k := spacedZone(b[1+n:])
			t, n = t-off, n+k
		}
	}
	if n == 0 || n+1 >= len(b) || b[n+1] != ']' {
		return 0, 0
	}
	return t, n + 2
}

// afterThread takes the number of a process or thread in brackets off: "[12]" or
// " [12]".
func afterThread(b []byte, ev *Event) []byte {
	rest := bytes.TrimPrefix(b, []byte{' '})
	if len(rest) < 3 || rest[0] != '[' {
		return b
	}
	end := bytes.IndexByte(rest[:min(len(rest), 12)], ']')
	if end < 2 {
		return b
	}
	pid, err := strconv.Atoi(string(rest[1:end]))
	if err != nil || pid < 0 {
		return b
	}
	ev.PID = pid
	return rest[end+1:]
}

// envoyPlace takes the logger and the place off what Envoy writes behind the level:
// "[main] [source/server/server.cc:404] text".
func envoyPlace(b []byte, ev *Event) []byte {
	logger, rest, ok := bytes.Cut(bytes.TrimPrefix(b, []byte{'['}), []byte("] ["))
	if !ok || len(b) == len(logger) || b[0] != '[' || len(logger) > 64 || bytes.IndexByte(logger, ' ') >= 0 {
		return b
	}
	place, text, ok := bytes.Cut(rest, []byte("] "))
	if !ok || !isCaller(place) {
		return b
	}
	ev.Logger, ev.LoggerAt, ev.Caller = plain(logger), 0, baseName(place)
	return text
}

// accessTime reads the time of an access log in the common format: ADDRESS IDENTITY
// USER [10/Oct/2023:13:55:36 +0000] "GET ... What stands before may have the host,
// too, or other words than an address.
func accessTime(b []byte) (int64, bool) {
	if c := b[0] | 0x20; (c < 'a' || c > 'z') && (b[0] < '0' || b[0] > ':') && b[0] != '-' && b[0] != '_' && b[0] != '*' {
		return 0, false
	}
	at := bytes.IndexByte(b[:min(len(b), 160)], '[') + 1
	if at < 6 || len(b) < at+29 || b[at+2] != '/' || b[at+6] != '/' || b[at+11] != ':' || b[at+26] != ']' || b[at+28] != '"' {
		return 0, false
	}
	b = b[at:]
	mo := bytes.Index([]byte(months), b[3:6])
	d, c, y := digits2(b), digits2(b[7:]), digits2(b[9:])
	secs, ok := clockOf(b[12:])
	off, n := spacedZone(b[20:])
	if !ok || n != 6 || mo < 0 || mo%3 != 0 || d < 1 || d > 31 || c < 17 || c > 22 || y < 0 {
		return 0, false
	}
	return daysFromCivil(c*100+y, mo/3+1, d)*day + secs*second - off, true
}

// parseAccess reads a line of an access log, whose text is kept whole.
func parseAccess(b []byte, ev *Event) bool {
	t, ok := accessTime(b)
	if ok {
		ev.Time, ev.HasTime = t, true
		ev.Format, ev.Severity, ev.Msg = Classic, Info, plain(b)
	}
	return ok
}

// dmesgTime reads what dmesg -T puts in front: [Sat Nov 21 03:56:31 2026].
func dmesgTime(b []byte) (int64, int) {
	if len(b) < 26 || b[0] != '[' || b[25] != ']' || b[4] != ' ' || b[11] != ' ' || b[20] != ' ' {
		return 0, 0
	}
	mo := bytes.Index([]byte(months), b[5:8])
	d, c, y := digits2([]byte{b[9] | 0x10, b[10]}), digits2(b[21:]), digits2(b[23:])
	secs, ok := clockOf(b[12:])
	if mo < 0 || mo%3 != 0 || d < 1 || d > 31 || c < 17 || c > 22 || y < 0 || !ok {
		return 0, 0
	}
	return daysFromCivil(c*100+y, mo/3+1, d)*day + secs*second, 26
}

// logrusStart returns the length of what logrus puts in front on a terminal,
// and k3s in its log: INFO[0012] or WARN[2026-11-21T03:56:31Z].
func logrusStart(b []byte) int {
	if len(b) < 8 || b[4] != '[' || b[5] < '0' || b[5] > '9' {
		return 0
	}
	end := bytes.IndexByte(b[:min(len(b), 48)], ']')
	if end < 0 || logrusLevel(b) == Unknown {
		return 0
	}
	return end + 1
}

func logrusLevel(b []byte) Severity {
	switch string(b[:4]) {
	case "TRAC", "DEBU":
		return Debug
	case "INFO":
		return Info
	case "WARN":
		return Warning
	case "ERRO":
		return Error
	case "FATA", "PANI":
		return Fatal
	}
	return Unknown
}

func parseLogrus(b []byte, ev *Event) bool {
	n := logrusStart(b)
	if n == 0 {
		return false
	}
	if t, k := parseTimestamp(b[5:n]); k > 0 {
		if !zoned(b[5 : 5+k]) {
			t = ev.local(t)
		}
		ev.Time, ev.HasTime = t, true
	}
	ev.Severity, ev.Format = logrusLevel(b), Classic
	ev.Msg = plain(bytes.TrimSpace(b[n:]))
	return true
}

// levelWord finds a level at the start of a text: INFO, [INFO], "I
// |", and returns the place after it.
func levelWord(b []byte) (Severity, int) {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	bracket := i < len(b) && b[i] == '['
	if bracket {
		i++
	}
	for bracket && i < len(b) && b[i] == ' ' {
		i++
	}
	start := i
	for i < len(b) && i-start < 10 && (b[i]|0x20 >= 'a' && b[i]|0x20 <= 'z') {
		i++
	}
	word := b[start:i]
	sev := severityOf(word)
	if sev == Unknown {
		return Unknown, 0
	}
	if bracket {
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i >= len(b) || b[i] != ']' {
			return Unknown, 0
		}
		i++
		if i < len(b) && b[i] == ':' {
			i++
		}
		return sev, i
	}
	if i < len(b) && b[i] != ' ' && b[i] != '\t' && b[i] != ':' {
		return Unknown, 0
	}
	// A lone letter is a level only in etcd's "I | ".
	if len(word) == 1 && !bytes.HasPrefix(b[i:], []byte(" | ")) {
		return Unknown, 0
	}
	if i < len(b) && b[i] == ':' {
		i++
	}
	return sev, i
}

// zapConsole reads the tab-separated rest of a line of zap's console encoder:
// logger, caller, message, JSON.
func zapConsole(b []byte, ev *Event) bool {
	parts := bytes.Split(b, []byte{'\t'})
	if last := parts[len(parts)-1]; len(parts) > 1 && len(last) > 1 && last[0] == '{' {
		end := scanObject(last, 0, func(k, v []byte) {
			val := Value{v, JSONValue}
			if v[0] == '"' {
				val = Value{v[1 : len(v)-1], JSONString}
			}
			ev.addField(Value{k, JSONString}, val)
		})
		if end == len(last) {
			parts = parts[:len(parts)-1]
			renameError(ev.Fields)
			ev.finishFields()
		} else {
			ev.Fields = ev.Fields[:0]
		}
	}
	if len(parts) > 1 && !bytes.ContainsAny(parts[0], " :") {
		ev.Logger, ev.LoggerAt = plain(parts[0]), 0
		parts = parts[1:]
	}
	if len(parts) > 1 && isCaller(parts[0]) {
		ev.Caller = baseName(parts[0])
		parts = parts[1:]
	}
	ev.Msg = plain(bytes.Join(parts, []byte{'\t'}))
	ev.Structured = len(ev.Fields) > 0
	return true
}

// isCaller says whether a word is file.ext:line.
func isCaller(b []byte) bool {
	i := bytes.LastIndexByte(b, ':')
	if i <= 0 || i+1 >= len(b) || bytes.IndexByte(b, ' ') >= 0 || bytes.IndexByte(b[:i], '.') < 0 {
		return false
	}
	for _, c := range b[i+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// calicoCaller takes the place out of "felix/int_dataplane.go 1836: text" and
// "main.go:12: text".
func calicoCaller(b []byte, ev *Event) {
	colon := bytes.Index(b[:min(len(b), 100)], []byte(": "))
	if colon < 0 {
		return
	}
	head := b[:colon]
	if isCaller(head) {
		ev.Caller = baseName(head)
		ev.Msg = plain(b[colon+2:])
		return
	}
	sp := bytes.IndexByte(head, ' ')
	if sp <= 0 || !bytes.HasSuffix(head[:sp], []byte(".go")) {
		return
	}
	c := append(append([]byte(nil), baseName(head[:sp])...), ':')
	c = append(c, head[sp+1:]...)
	if isCaller(c) {
		ev.Caller = c
		ev.Msg = plain(b[colon+2:])
	}
}
