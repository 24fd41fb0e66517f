package logline

import "bytes"

// What the applications write that clusters run most, where neither a date nor a
// level in brackets stands first or the level stands far from the date: Redis,
// NATS, Apache, Tomcat, Cassandra, ZooKeeper, MySQL, PostgreSQL, MongoDB, Python
// and .NET.

// appDate is a date in a line's head.
type appDate struct {
	t int64
	// n is where the date ends.
	n int
	// level is that of a line which begins with it.
	level Severity
	zoned bool
	// month and day are of a date without a year; t is then the time of the day.
	month, day int
}

// appTime reads the date in a line's head, and what stands before it.
func appTime(b []byte) (d appDate) {
	lead, level := appLead(b)
	rest := b[lead:]
	if lead > 0 {
		d.level = level
		if d.t, d.n = parseTimestamp(rest); d.n > 0 {
			d.zoned = zoned(rest[:d.n])
		} else {
			d.t, d.n = goLogTime(rest)
		}
	}
	if d.n == 0 {
		d.t, d.n = monthTime(rest)
	}
	if d.n == 0 && lead == 0 {
		d.t, d.n = julTime(b)
	}
	if d.n == 0 && lead > 2 {
		d.yearless(rest)
	}
	if d.n > 0 {
		d.n += lead
		return d
	}
	if d.rust(b); d.n == 0 {
		d.t, d.n = apacheTime(b)
	}
	return d
}

// rust reads env_logger's [2026-11-21T03:56:31Z WARN  app::web] up to the name.
func (d *appDate) rust(b []byte) {
	if len(b) < 28 || b[0] != '[' {
		return
	}
	t, n := parseTimestamp(b[1:])
	if n == 0 || b[n] != 'Z' || n+2 >= len(b) || b[n+1] != ' ' {
		return
	}
	level, k := capitalLevel(b[n+2:])
	if end := n + 2 + k; level != Unknown && b[end] == ' ' && bytes.IndexByte(b[end:min(len(b), end+100)], ']') > 0 {
		d.t, d.n, d.level, d.zoned = t, end, level, true
	}
}

// yearless reads Redis' 21 Nov 03:56:31.123, as it was before version 5.
func (d *appDate) yearless(b []byte) {
	if len(b) < 16 || b[2] != ' ' || b[6] != ' ' {
		return
	}
	mo := bytes.Index([]byte(months), b[3:6])
	date := digits2(b)
	secs, ok := clockOf(b[7:])
	if mo < 0 || mo%3 != 0 || date < 1 || date > 31 || !ok {
		return
	}
	d.month, d.day, d.t, d.n = mo/3+1, date, secs*second, 15
	if b[15] == '.' {
		ns, k := fraction(b[16:])
		d.t, d.n = d.t+ns, 16+k
	}
}

// appLead is the length of what stands before a date: Redis' "1:M ", NATS' "[1] ",
// Cassandra's "INFO  [main] " and Ruby's "I, [".
func appLead(b []byte) (int, Severity) {
	if len(b) < 24 {
		return 0, Unknown
	}
	switch c := b[0]; {
	case c >= '0' && c <= '9':
		i := 1
		for i < 10 && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		if b[i] == ':' && b[i+1] >= 'A' && b[i+1] <= 'Z' && b[i+2] == ' ' {
			return i + 3, Unknown
		}
	case c == '[':
		i := 1
		for i < 10 && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		if i > 1 && b[i] == ']' && b[i+1] == ' ' {
			return i + 2, Unknown
		}
	case c >= 'A' && c <= 'Z':
		if b[1] == ',' && b[2] == ' ' && b[3] == '[' {
			return 4, severityOf(b[:1])
		}
		level, i := capitalLevel(b)
		if level == Unknown || b[i] != ' ' {
			return 0, Unknown
		}
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i < len(b) && b[i] == '[' {
			end := bytes.Index(b[i:min(len(b), i+80)], []byte("] "))
			if end < 0 {
				return 0, Unknown
			}
			i += end + 2
		}
		return i, level
	}
	return 0, Unknown
}

// capitalLevel reads a level in capital letters and its length.
func capitalLevel(b []byte) (Severity, int) {
	i := 0
	for i < len(b) && i < 9 && b[i] >= 'A' && b[i] <= 'Z' {
		i++
	}
	if i < 4 || i >= len(b) {
		return Unknown, 0
	}
	return severityOf(b[:i]), i
}

// monthTime reads 21 Nov 2026 03:56:31.123 and 21-Nov-2026 03:56:31.123.
func monthTime(b []byte) (int64, int) {
	if len(b) < 20 || b[2] != ' ' && b[2] != '-' || b[6] != b[2] || b[11] != ' ' {
		return 0, 0
	}
	mo := bytes.Index([]byte(months), b[3:6])
	d, c, y := digits2(b), digits2(b[7:]), digits2(b[9:])
	secs, ok := clockOf(b[12:])
	if mo < 0 || mo%3 != 0 || d < 1 || d > 31 || c < 17 || c > 22 || y < 0 || !ok {
		return 0, 0
	}
	t, n := daysFromCivil(c*100+y, mo/3+1, d)*day+secs*second, 20
	if len(b) > 21 && b[20] == '.' {
		ns, k := fraction(b[21:])
		t, n = t+ns, 21+k
	}
	return t, n
}

// apacheTime reads [Sat Nov 21 03:56:31.123456 2026], which is what dmesg -T
// writes, with a fraction.
func apacheTime(b []byte) (int64, int) {
	if len(b) < 34 || b[0] != '[' || b[20] != '.' {
		return 0, 0
	}
	ns, k := fraction(b[21:])
	if k == 0 || 21+k+6 > len(b) {
		return 0, 0
	}
	var whole [26]byte
	copy(whole[:20], b[:20])
	copy(whole[20:], b[21+k:21+k+6])
	t, n := dmesgTime(whole[:])
	if n == 0 {
		return 0, 0
	}
	return t + ns, 21 + k + 6
}

// parseApp reads a line that begins with such a date.
func parseApp(b []byte, ev *Event) bool {
	d := appTime(b)
	if d.n == 0 {
		return false
	}
	switch {
	case d.month > 0 && ev.File != nil:
		d.t = resolveWall(d.month, d.day, d.t, &ev.Env, ev.File, nil)
	case !d.zoned:
		d.t = ev.local(d.t)
	}
	ev.Time, ev.HasTime, ev.Format = d.t, d.month == 0 || ev.File != nil, Classic
	level, rest := d.level, b[d.n:]
	if level == Unknown {
		var after int
		if level, after = redisLevel(rest); level == Unknown {
			level, after = levelWord(rest)
		}
		if level == Unknown {
			level, after = moduleLevel(rest)
		}
		if level == Unknown {
			level, after = julLevel(bytes.TrimPrefix(rest, []byte{' '}), ' ')
		}
		rest = rest[after:]
	}
	ev.Severity = level
	rest = bytes.TrimLeft(rest, " \t")
	if name, text, ok := bytes.Cut(rest, []byte("] ")); ok && b[0] == '[' && d.level != Unknown && bytes.IndexByte(name, ' ') < 0 {
		ev.Logger, ev.LoggerAt, rest = plain(name), 0, text
	}
	ev.Msg = plain(rest)
	return true
}

// redisLevel reads the mark that Redis puts before a message.
func redisLevel(b []byte) (Severity, int) {
	if len(b) > 2 && b[0] == ' ' && b[2] == ' ' {
		switch b[1] {
		case '.', '-':
			return Debug, 2
		case '*':
			return Info, 2
		case '#':
			return Warning, 2
		}
	}
	return Unknown, 0
}

// moduleLevel reads Apache's " [core:notice]".
func moduleLevel(b []byte) (Severity, int) {
	if len(b) < 4 || b[0] != ' ' || b[1] != '[' {
		return Unknown, 0
	}
	end := bytes.IndexByte(b[:min(len(b), 40)], ']')
	colon := bytes.LastIndexByte(b[:max(end, 0)], ':')
	if colon < 0 {
		return Unknown, 0
	}
	word := bytes.TrimRight(b[colon+1:end], "0123456789") // trace1 to trace8
	if sev := severityOf(word); sev != Unknown {
		return sev, end + 1
	}
	return Unknown, 0
}

// farLevel finds the level of a line that has a date and something between it
// and the level, and the place where the message begins.
func farLevel(b []byte) (Severity, int) {
	head := b[:min(len(b), 200)]
	if level, at := mysqlLevel(head); level != Unknown {
		return level, at
	}
	// PostgreSQL: "postgres@app LOG:  text", with two spaces.
	if colon := bytes.Index(head, []byte(":  ")); colon > 2 {
		from := bytes.LastIndexByte(head[:colon], ' ') + 1
		switch word := head[from:colon]; string(word) {
		case "LOG", "NOTICE", "STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY", "LOCATION":
			if len(bytes.TrimLeft(head[:from], " ")) == 0 {
				return Info, colon + 1
			}
			return Info, 0
		case "ERROR", "FATAL", "PANIC", "WARNING", "DEBUG":
			return severityOf(word), 0
		}
	}
	// MongoDB before 4.4: "I STORAGE  [initandlisten] text".
	if len(head) > 6 && head[0] == ' ' && head[2] == ' ' && head[3] >= 'A' && head[3] <= 'Z' && bytes.Contains(head, []byte(" [")) {
		end := bytes.IndexByte(head[3:], ' ')
		if end > 2 && bytes.Equal(bytes.ToUpper(head[3:3+end]), head[3:3+end]) {
			return severityOf(head[1:2]), 3
		}
	}
	// Python and ZooKeeper: "- app.views - ERROR - text", "[myid:1] - INFO  [main] - text".
	if bytes.HasPrefix(head, []byte(" - ")) || bytes.HasPrefix(head, []byte(" [")) {
		for from := 0; ; {
			dash := bytes.Index(head[from:], []byte(" - "))
			if dash < 0 || from+dash > 100 {
				break
			}
			from += dash + 3
			if level, n := capitalLevel(head[from:]); level != Unknown && head[from+n] == ' ' {
				return level, len(head) - len(bytes.TrimLeft(head, " -"))
			}
			from--
		}
	}
	return Unknown, 0
}

// mysqlLevel reads what MySQL and MariaDB write after the date: the number of a
// thread and the level.
func mysqlLevel(b []byte) (Severity, int) {
	i := 0
	for i < len(b) && b[i] == ' ' {
		i++
	}
	start := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == start || i+2 >= len(b) || b[i] != ' ' || b[i+1] != '[' {
		return Unknown, 0
	}
	if level, n := levelWord(b[i:]); level != Unknown {
		return level, i + n
	}
	for _, word := range []string{" [Note]", " [System]"} {
		if bytes.HasPrefix(b[i:], []byte(word)) {
			return Info, i + len(word)
		}
	}
	return Unknown, 0
}

// zoneName reads the name of a zone behind a date, as PostgreSQL writes it, and how
// far the zone is ahead of UTC. Names that mean several zones are left to the
// carrier.
func zoneName(b []byte) (off int64, n int, known bool) {
	n = 1
	for n < len(b) && n < 6 && b[n] >= 'A' && b[n] <= 'Z' {
		n++
	}
	if n < 4 || n >= len(b) || b[0] != ' ' || b[n] != ' ' && b[n] != ']' {
		return 0, 0, false
	}
	minutes := 0
	switch string(b[1:n]) {
	case "UTC", "GMT", "WET":
	case "CET", "WEST":
		minutes = 60
	case "CEST", "EET", "SAST":
		minutes = 120
	case "EEST", "MSK", "TRT":
		minutes = 180
	case "JST", "KST":
		minutes = 540
	case "AEST":
		minutes = 600
	case "AEDT":
		minutes = 660
	case "NZST":
		minutes = 720
	case "EST":
		minutes = -300
	case "EDT":
		minutes = -240
	case "CDT":
		minutes = -300
	case "MST", "PDT":
		minutes = -420
	case "MDT":
		minutes = -360
	case "PST":
		minutes = -480
	case "IST", "BST", "CST":
		return 0, n, false
	default:
		return 0, 0, false
	}
	return int64(minutes) * 60 * second, n, true
}

// thrown says whether a line is the head of a trace, as the runtimes of Python,
// Java, Node and Rust print what nobody caught: "TypeError: text".
func thrown(b []byte) bool {
	for _, head := range []string{"Traceback (most recent call last):", `Exception in thread "`, "Uncaught ", "Unhandled exception", "thread '"} {
		if bytes.HasPrefix(b, []byte(head)) {
			return head != "thread '" || bytes.Contains(b[:min(len(b), 100)], []byte("' panicked at "))
		}
	}
	word := b[:max(bytes.IndexByte(b[:min(len(b), 200)], ':'), 0)]
	if len(word) == 0 || word[0] < 'A' || bytes.IndexByte(word, ' ') >= 0 {
		return false
	}
	return bytes.HasSuffix(word, []byte("Error")) || bytes.HasSuffix(word, []byte("Exception"))
}

// parseBare reads a line that has a level and no date, and the head of a trace
// that nobody logged.
func parseBare(b []byte, ev *Event) bool {
	ev.Format = Classic
	if thrown(b) {
		ev.Severity, ev.Msg = Error, plain(b)
		return true
	}
	// Python's logging and uvicorn: "INFO:root:text", "INFO:     text".
	if level, n := capitalLevel(b); level != Unknown && b[n] == ':' && n+1 < len(b) {
		ev.Severity, ev.Msg = level, plain(bytes.TrimLeft(b[n+1:], " \t"))
		return true
	}
	// .NET: "warn: Microsoft.Hosting.Lifetime[0]", and the text below.
	if len(b) > 8 && b[4] == ':' && b[5] == ' ' && b[len(b)-1] == ']' && bytes.IndexByte(b[6:], ' ') < 0 && bytes.IndexByte(b, '[') > 0 {
		switch string(b[:4]) {
		case "trce", "dbug":
			ev.Severity = Debug
		case "info":
			ev.Severity = Info
		case "warn":
			ev.Severity = Warning
		case "fail":
			ev.Severity = Error
		case "crit":
			ev.Severity = Fatal
		default:
			return false
		}
		ev.Msg = plain(b[6:])
		return true
	}
	// zerolog's console: "10:52AM INF text".
	if i := bytes.IndexByte(b[:min(len(b), 6)], ':'); i > 0 && len(b) > i+9 && b[i+5] == ' ' && b[i+4] == 'M' && (b[i+3] == 'A' || b[i+3] == 'P') && digits2(b[i+1:]) >= 0 {
		level, n := levelWord(b[i+5:])
		ev.Severity, ev.Msg = level, plain(bytes.TrimLeft(b[i+5+n:], " "))
		return level != Unknown
	}
	// The time of the day alone: "10:00:00.123 [main] INFO  a.B - text", "[10:00:00 INF] text".
	rest := bytes.TrimPrefix(b, []byte{'['})
	if _, ok := clockOf(rest); !ok {
		return false
	}
	rest = bytes.TrimLeft(rest[8:], ".,0123456789")
	if len(rest) < 4 || rest[0] != ' ' {
		return false
	}
	if b[0] == '[' {
		end := bytes.IndexByte(rest[:min(len(rest), 16)], ']')
		if end < 0 {
			return false
		}
		ev.Severity = severityOf(rest[1:end])
		ev.Msg = plain(bytes.TrimLeft(rest[end+1:], " "))
		return ev.Severity != Unknown
	}
	if rest[1] == '[' {
		end := bytes.Index(rest[:min(len(rest), 80)], []byte("] "))
		if end < 0 {
			return false
		}
		rest = rest[end+1:]
	}
	level, n := levelWord(rest)
	ev.Severity, ev.Msg = level, plain(bytes.TrimLeft(rest[n:], " "))
	return level != Unknown
}
