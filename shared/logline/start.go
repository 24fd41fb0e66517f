package logline

import "bytes"

type start uint8

const (
	startNone start = iota
	startKlog
	startOther
)

// starts says whether a text begins an event for certain.
func starts(b []byte) start {
	if len(b) == 0 {
		return startNone
	}
	switch c := b[0]; {
	case c == 'I' || c == 'W' || c == 'E' || c == 'F':
		if isKlog(b) {
			return startKlog
		}
		if logrusStart(b) > 0 {
			return startOther
		}
		if appTime(b).n > 0 {
			return startOther
		}
	case c == '{':
		if len(b) > 2 && b[1] == '"' && b[len(b)-1] == '}' {
			return startOther
		}
	case c >= '0' && c <= '9':
		if _, n := parseTimestamp(b); n > 0 {
			return startOther
		}
		if _, n := goLogTime(b); n > 0 {
			return startOther
		}
		if _, ok := accessTime(b); ok {
			return startOther
		}
		if appTime(b).n > 0 {
			return startOther
		}
	case c == '[':
		if sev, _ := levelWord(b); sev != Unknown {
			return startOther
		}
		if _, n := dmesgTime(b); n > 0 {
			return startOther
		}
		if _, n := slashTime(b); n > 0 {
			return startOther
		}
		if appTime(b).n > 0 {
			return startOther
		}
	case c >= 'A' && c <= 'Z':
		if n := logrusStart(b); n > 0 {
			return startOther
		}
		if appTime(b).n > 0 {
			return startOther
		}
	}
	if logfmtStart(b) {
		return startOther
	}
	if _, ok := accessTime(b); ok {
		return startOther
	}
	return startNone
}

// StartsEvent says whether a line, with what carries it, begins an event for
// certain: a place to cut a file at.
func StartsEvent(line []byte, meta *Meta) bool {
	var env Envelope
	return starts(bytes.TrimSuffix(open(line, &env, meta), []byte{'\r'})) != startNone
}

func isPanic(b []byte) bool {
	if len(b) > 9 && b[0] == 'S' && b[3] != ' ' {
		// What Go prints of a signal before it prints all goroutines.
		switch string(b[:9]) {
		case "SIGQUIT: ", "SIGABRT: ", "SIGSEGV: ", "SIGTRAP: ":
			return true
		}
	}
	return bytes.HasPrefix(b, []byte("panic: ")) || bytes.HasPrefix(b, []byte("fatal error: ")) ||
		bytes.HasPrefix(b, []byte("unexpected fault address ")) || bytes.HasPrefix(b, []byte("runtime: goroutine stack exceeds"))
}

// stackLine says whether a line is of a stack trace of Java, Python or Go, as loggers
// print it below their own line.
func stackLine(b []byte) bool {
	if len(b) < 3 || len(b) > 4096 {
		return false
	}
	if b[0] == '\t' || b[0] == ' ' && b[1] == ' ' || bytes.HasPrefix(b, []byte("Caused by: ")) || bytes.HasPrefix(b, []byte("Traceback (most")) || bytes.HasPrefix(b, []byte("goroutine ")) {
		return true
	}
	word := b
	if i := bytes.IndexAny(b, ": "); i >= 0 {
		word = b[:i]
	}
	for _, end := range []string{"Exception", "Error", "Throwable"} {
		if len(word) > len(end) && bytes.HasSuffix(word, []byte(end)) {
			return true
		}
	}
	// A function of Go: a package's path, a dot, a name.
	slash := bytes.LastIndexByte(word, '/')
	return slash > 0 && len(word) == len(b) && b[0] != '.' && bytes.IndexByte(word[slash:], '.') > 0
}

// standsAlone says whether a line without a format is surely no continuation of
// a message.
func standsAlone(b []byte) bool {
	return isPanic(b) || bytes.HasPrefix(b, []byte("Flag --")) || bytes.HasPrefix(b, []byte("-- ")) || bytes.HasPrefix(b, []byte("==== "))
}
