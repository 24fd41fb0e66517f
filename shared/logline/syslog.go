package logline

import (
	"bytes"
	"strconv"
)

// openProgram opens "HOST PROGRAM[PID]: text", where the host may be missing
// (journalctl --no-hostname); sure says that what stood before can be nothing else,
// so that the PID may be missing.
func openProgram(b []byte, env *Envelope, sure bool) ([]byte, bool) {
	sp := bytes.IndexByte(b[:min(len(b), 256)], ' ')
	if sp <= 0 {
		return nil, false
	}
	host, rest := b[:sp], b[sp+1:]
	if sp > 1 && host[sp-1] == ':' {
		host, rest = nil, b
	}
	colon := bytes.Index(rest[:min(len(rest), 128)], []byte(": "))
	end := colon + 2
	if colon < 0 {
		if len(rest) == 0 || len(rest) > 128 || rest[len(rest)-1] != ':' {
			return nil, false
		}
		colon, end = len(rest)-1, len(rest)
	}
	name := rest[:colon]
	severity := Unknown
	if word, program, ok := bytes.Cut(name, []byte{' '}); ok {
		// busybox' syslogd writes what the message is of: "daemon.info kubelet[12]: ".
		facility, level, _ := bytes.Cut(word, []byte{'.'})
		if severity = severityOf(level); severity != Unknown && len(bytes.Trim(facility, "abcdefghijklmnopqrstuvwxyz01234567")) == 0 {
			name = program
		}
	}
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
	if host != nil && !hostName(host) || len(name) == 0 || bytes.ContainsAny(name, " \t\"=") {
		return nil, false
	}
	env.Host, env.Identifier, env.PID, env.Severity = host, name, pid, severity
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
	mo := bytes.Index([]byte(months), []byte{line[0] &^ 0x20, line[1], line[2]})
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

// openPriority opens syslog lines that begin with their priority: RFC 5424's
// "<13>1 TIME HOST PROGRAM PID MSGID DATA text", and the older form with
// "<13>" in front.
func openPriority(line []byte, env *Envelope, meta *Meta) []byte {
	end := bytes.IndexByte(line[:min(len(line), 5)], '>')
	if end < 2 {
		return line
	}
	pri, err := strconv.Atoi(string(line[1:end]))
	if err != nil || pri < 0 {
		return line
	}
	rest := line[end+1:]
	text := rest
	if bytes.HasPrefix(rest, []byte("1 ")) {
		text = openRFC5424(rest[2:], env)
	} else if len(rest) > 0 && rest[0] != '<' {
		text = open(rest, env, meta)
	}
	if env.Kind != Syslog {
		*env = Envelope{}
		return line
	}
	if env.Severity == Unknown {
		env.Severity = priority(pri % 8)
	}
	return text
}

func openRFC5424(b []byte, env *Envelope) []byte {
	parts := bytes.SplitN(b, []byte{' '}, 6)
	if len(parts) < 6 {
		return b
	}
	t, n := parseTimestamp(parts[0])
	text, ok := afterData(parts[5])
	if n == 0 || !ok {
		return b
	}
	env.Kind, env.Time, env.HasTime = Syslog, t, true
	env.Host, env.Identifier = parts[1], parts[2]
	env.PID, _ = strconv.Atoi(string(parts[3]))
	return text
}

// afterData returns the text after RFC 5424's structured data: "-", or
// elements in brackets whose quoted values may hold \" and \].
func afterData(b []byte) ([]byte, bool) {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	} else {
		elements := 0
		for len(b) > 0 && b[0] == '[' {
			i, quoted := 1, false
			for ; i < len(b) && (quoted || b[i] != ']'); i++ {
				switch b[i] {
				case '\\':
					i++
				case '"':
					quoted = !quoted
				}
			}
			if i >= len(b) {
				return nil, false
			}
			b = b[i+1:]
			elements++
		}
		if elements == 0 {
			return nil, false
		}
	}
	if len(b) == 0 {
		return b, true
	}
	if b[0] != ' ' {
		return nil, false
	}
	return bytes.TrimPrefix(b[1:], []byte("\ufeff")), true
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

// openMonotonic opens journalctl's short-monotonic and short-delta, "[12345.678901]
// HOST PROGRAM[PID]: text", and dmesg's "[12345.678901] text", which tell no date.
func openMonotonic(line []byte, env *Envelope) []byte {
	end := bytes.IndexByte(line[:min(len(line), 48)], ']')
	if end < 3 || end+2 > len(line) || line[end+1] != ' ' {
		return line
	}
	for _, c := range line[1:end] {
		if bytes.IndexByte([]byte(" .<>0123456789"), c) < 0 {
			return line
		}
	}
	if text, ok := openProgram(line[end+2:], env, false); ok {
		env.Kind = Syslog
		return text
	}
	if end > 7 && line[end-7] == '.' && bytes.IndexByte(line[:end], '<') < 0 {
		env.Kind, env.Identifier = Syslog, []byte("kernel")
		return line[end+2:]
	}
	return line
}

// openDmesg opens what dmesg -x puts before a line of the kernel's: "kern  :err   : ".
func openDmesg(line []byte, env *Envelope, meta *Meta) ([]byte, bool) {
	if len(line) < 16 || line[6] != ':' || line[13] != ':' || line[14] != ' ' {
		return nil, false
	}
	facility, severity := bytes.TrimRight(line[:6], " "), severityOf(bytes.TrimRight(line[7:13], " "))
	if severity == Unknown || !podName(facility) {
		return nil, false
	}
	text := openCarrier(line[15:], env, meta)
	if string(facility) == "kern" {
		facility = []byte("kernel")
	}
	env.Kind, env.Severity, env.Identifier = Syslog, severity, facility
	return text, true
}
