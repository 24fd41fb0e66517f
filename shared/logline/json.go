package logline

import (
	"bytes"
	"strconv"
)

// jsonKeys are what the first members of a JSON log line are called by the
// loggers that clusters run: component-base, zap, slog, logrus, zerolog, hclog,
// bunyan, Google's agents, ECS, log4j, Python's json-logger and Serilog.
func jsonRole(key []byte) role {
	switch string(key) {
	case "ts", "time", "timestamp", "@timestamp", "t", "T", "stageTimestamp", "Timestamp", "eventTime", "asctime", "@t", "dt":
		return roleTime
	case "msg", "message", "@message", "M", "Message", "MessageTemplate", "@m", "@mt":
		return roleMsg
	case "level", "severity", "lvl", "@level", "L", "levelname", "loglevel", "log.level", "Level", "@l", "LogLevel":
		return roleLevel
	case "caller", "C", "source", "src", "sourceLocation", "logging.googleapis.com/sourceLocation", "log.origin":
		return roleCaller
	case "logger", "@module", "logger_name", "N", "log.logger", "loggerName", "Category":
		return roleLogger
	case "v":
		return roleV
	case "error", "err":
		return roleErr
	}
	return roleField
}

type role uint8

const (
	roleField role = iota
	roleTime
	roleMsg
	roleLevel
	roleCaller
	roleLogger
	roleV
	roleErr
)

// parseJSON reads a JSON log line into ev. It returns false where the text is
// not one JSON object.
func parseJSON(b []byte, ev *Event) bool {
	var seen [8]bool
	numericTime, mongo := false, false
	n := 0
	var inside nested
	end := scanObject(b, 0, func(key, val []byte) {
		r := jsonRole(key)
		str := val[0] == '"'
		n++
		if mongo && n < 5 {
			r = mongoRole(key)
		}
		if r == roleField && val[0] == '{' {
			inside.look(key, val)
		}
		// component-base writes ts, caller (or, long ago, v) and msg first;
		// after those, only v has a meaning and all else are the call's own
		// keys, whatever they are called.
		if numericTime && seen[roleMsg] && (seen[roleCaller] || seen[roleV]) && !seen[roleLevel] && r != roleV {
			r = roleField
		}
		switch {
		case r == roleField || r == roleErr || seen[r]:
		case r == roleTime:
			if t, ok := jsonTime(val, ev); ok {
				ev.Time, ev.HasTime = t, true
				mongo = n == 1 && val[0] == '{'
				numericTime = !str && !mongo && n == 1
				seen[r] = true
				return
			}
		case r == roleMsg:
			if str {
				ev.Msg = Value{val[1 : len(val)-1], JSONString}
				seen[r] = true
				return
			}
		case r == roleLevel:
			if sev, v := jsonLevel(val); sev != Unknown {
				ev.Severity = sev
				if v >= 0 {
					ev.V = v
				}
				seen[r] = true
				return
			}
		case r == roleCaller:
			if c, ok := jsonCaller(val); ok {
				ev.Caller = c
				seen[r] = true
				return
			}
		case r == roleLogger:
			if str {
				ev.Logger, ev.LoggerAt = Value{val[1 : len(val)-1], JSONString}, 0
				seen[r] = true
				return
			}
		case r == roleV:
			if n, err := strconv.Atoi(string(val)); err == nil && n >= 0 {
				ev.V = n
				seen[r] = true
				return
			}
		}
		v := Value{val, JSONValue}
		if str {
			v = Value{val[1 : len(val)-1], JSONString}
		}
		ev.addField(Value{key, JSONString}, v)
	})
	if end < 0 || skipSpace(b, end) != len(b) {
		return false
	}
	ev.Structured = true
	ev.Format = Zap
	inside.fill(ev, &seen)
	if !seen[roleLevel] && numericTime && seen[roleMsg] {
		// component-base: info has a v, an error has none.
		ev.Format = JSON
		ev.Severity = Info
		if !seen[roleV] {
			ev.Severity = Error
		}
	}
	if ev.Format == Zap {
		renameError(ev.Fields)
		if !seen[roleMsg] {
			audit(ev)
		}
	}
	ev.finishFields()
	if ev.ErrAt >= 0 && ev.Severity == Error {
		ev.ErrAt, ev.errFirst = 0, true
	}
	return true
}

// nested is what some loggers write into an object: ECS its level and logger into
// log, log4j the time into instant, Rust's tracing the message into fields. They
// stay fields too.
type nested struct {
	level         Severity
	logger, msg   []byte
	seconds, nano int64
}

func (n *nested) look(key, val []byte) {
	switch string(key) {
	case "log":
		scanObject(val, 0, func(k, v []byte) {
			switch {
			case string(k) == "level":
				n.level, _ = jsonLevel(v)
			case string(k) == "logger" && v[0] == '"':
				n.logger = v[1 : len(v)-1]
			}
		})
	case "fields":
		scanObject(val, 0, func(k, v []byte) {
			if string(k) == "message" && v[0] == '"' {
				n.msg = v[1 : len(v)-1]
			}
		})
	case "instant":
		scanObject(val, 0, func(k, v []byte) {
			switch string(k) {
			case "epochSecond":
				n.seconds, _ = strconv.ParseInt(string(v), 10, 64)
			case "nanoOfSecond":
				n.nano, _ = strconv.ParseInt(string(v), 10, 64)
			}
		})
	}
}

// fill gives an event what it does not say at its top.
func (n *nested) fill(ev *Event, seen *[8]bool) {
	if n.level != Unknown && !seen[roleLevel] {
		ev.Severity, seen[roleLevel] = n.level, true
	}
	if n.msg != nil && !seen[roleMsg] {
		ev.Msg, seen[roleMsg] = Value{n.msg, JSONString}, true
	}
	if n.logger != nil && !seen[roleLogger] {
		ev.Logger, ev.LoggerAt = Value{n.logger, JSONString}, 0
	}
	if n.seconds > 0 && n.seconds < 9e9 && n.nano >= 0 && n.nano < second && !seen[roleTime] {
		ev.Time, ev.HasTime = n.seconds*second+n.nano, true
	}
}

// audit makes a message of an audit event, which has none.
func audit(ev *Event) {
	var id bool
	var verb, uri, code []byte
	for i := range ev.Fields {
		v := ev.Fields[i].Value.Raw
		switch string(ev.Fields[i].Key.Raw) {
		case "auditID":
			id = true
		case "verb":
			verb = v
		case "requestURI":
			uri = v
		case "responseStatus":
			if len(v) > 0 && v[0] == '{' {
				scanObject(v, 0, func(key, val []byte) {
					if string(key) == "code" {
						code = val
					}
				})
			}
		}
	}
	if !id || len(verb) == 0 {
		return
	}
	msg := append(append(bytes.Clone(verb), ' '), uri...)
	if len(code) > 0 {
		msg = append(append(msg, ' '), code...)
	}
	ev.Msg = Value{msg, JSONString}
	ev.Format, ev.Severity = Audit, Info
}

// renameError calls the error err, as klog does, where a logger calls it error
// and the line has no err of its own.
func renameError(f []Field) {
	at := -1
	for i := range f {
		switch string(f[i].Key.Raw) {
		case "err":
			return
		case "error":
			at = i
		}
	}
	if at >= 0 {
		f[at].Key.Raw = errName
	}
}

var errName = []byte("err")

// jsonTime reads a time: a number of seconds or milliseconds since 1970, or a
// date.
func jsonTime(val []byte, ev *Event) (int64, bool) {
	if val[0] == '"' {
		s := val[1 : len(val)-1]
		if t, n := parseTimestamp(s); n > 0 {
			if !zoned(s[:n]) {
				t = ev.local(t)
			}
			return t, true
		}
		val = s
	}
	if len(val) > 0 && val[0] == '{' {
		return timeObject(val)
	}
	if len(val) == 0 || val[0] < '0' || val[0] > '9' {
		return 0, false
	}
	return epoch(val)
}

// timeObject reads MongoDB's {"$date": "..."} and Google's {"seconds": 1, "nanos": 2}.
func timeObject(val []byte) (t int64, ok bool) {
	scanObject(val, 0, func(k, v []byte) {
		switch string(k) {
		case "$date":
			if v[0] == '"' {
				var n int
				t, n = parseTimestamp(v[1 : len(v)-1])
				ok = n > 0
			}
		case "seconds":
			var s int64
			if s, ok = epoch(v); ok {
				t += s
			}
		case "nanos":
			if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && n >= 0 && n < second {
				t += n
			}
		}
	})
	return t, ok
}

// mongoRole is what the short names mean behind MongoDB's time.
func mongoRole(key []byte) role {
	switch string(key) {
	case "s":
		return roleLevel
	case "c":
		return roleLogger
	}
	return jsonRole(key)
}

// epoch reads a decimal number of seconds, milliseconds, microseconds or
// nanoseconds since 1970, told apart by their size: numbers above 1e11 are
// milliseconds (in seconds they would be after the year 5138).
func epoch(val []byte) (int64, bool) {
	if bytes.ContainsAny(val, "eE") {
		f, err := strconv.ParseFloat(string(val), 64)
		if err != nil || f < 0 || f > 1e19 {
			return 0, false
		}
		val = strconv.AppendFloat(nil, f, 'f', -1, 64)
	}
	var whole int64
	i := 0
	for i < len(val) && val[i] >= '0' && val[i] <= '9' {
		if i > 18 {
			return 0, false
		}
		whole = whole*10 + int64(val[i]-'0')
		i++
	}
	if i == 0 || i > 19 {
		return 0, false
	}
	var frac int64
	if i < len(val) {
		if val[i] != '.' {
			return 0, false
		}
		f, n := fraction(val[i+1:])
		if n != len(val)-i-1 {
			return 0, false
		}
		frac = f
	}
	switch {
	case whole > 1e17:
		return whole, true
	case whole > 1e14:
		return whole*1000 + frac/1_000_000, true
	case whole > 1e11:
		return whole*1_000_000 + frac/1000, true
	case whole > 9e9:
		return 0, false
	}
	return whole*second + frac, true
}

// jsonLevel reads a level: a name, zap's Level(-4), or bunyan's numbers.
func jsonLevel(val []byte) (Severity, int) {
	if val[0] == '"' {
		s := val[1 : len(val)-1]
		if bytes.HasPrefix(s, []byte("Level(-")) && s[len(s)-1] == ')' {
			if n, err := strconv.Atoi(string(s[7 : len(s)-1])); err == nil {
				return Debug, n
			}
		}
		return levelOf(s), -1
	}
	n, err := strconv.Atoi(string(val))
	if err != nil {
		return Unknown, -1
	}
	switch {
	case n >= 60:
		return Fatal, -1
	case n >= 50:
		return Error, -1
	case n >= 40:
		return Warning, -1
	case n >= 30:
		return Info, -1
	case n >= 10:
		return Debug, -1
	}
	return Unknown, -1
}

// jsonCaller reads file:line, or slog's {"function":..,"file":..,"line":..},
// and drops the folder.
func jsonCaller(val []byte) ([]byte, bool) {
	if val[0] == '"' {
		s := val[1 : len(val)-1]
		if i := bytes.LastIndexByte(s, ':'); i <= 0 || bytes.IndexByte(s, '\\') >= 0 || bytes.IndexByte(s, ' ') >= 0 {
			return nil, false
		}
		return baseName(s), true
	}
	if val[0] != '{' {
		return nil, false
	}
	var file, line []byte
	scanObject(val, 0, func(k, v []byte) {
		switch string(k) {
		case "file", "file.name":
			file = bytes.Trim(v, `"`)
		case "line", "file.line":
			line = bytes.Trim(v, `"`)
		}
	})
	if len(file) == 0 || len(line) == 0 || bytes.IndexByte(file, '\\') >= 0 {
		return nil, false
	}
	out := append([]byte(nil), baseName(file)...)
	return append(append(out, ':'), line...), true
}

func baseName(s []byte) []byte {
	if i := bytes.LastIndexByte(s, '/'); i >= 0 {
		return s[i+1:]
	}
	return s
}
