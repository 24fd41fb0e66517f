package npd

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Formats are the formats of a log file that Translate reads.
var Formats = []string{"auto", "raw", "kmsg", "dmesg", "syslog", "journal-json", "filelog"}

// prefixes of a line in front of the message that a watcher hands over.
var (
	kmsgLine   = lazyregexp.New(`^\d+,\d+,(\d+),[^;]*;(.*)$`)
	dmesgLine  = lazyregexp.New(`^(?:<\d+>)?\[\s*(\d+\.\d+)\] ?(.*)$`)
	dmesgTLine = lazyregexp.New(`^\[((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [^\]]+)\] ?(.*)$`)
	syslogLine = lazyregexp.New(`^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)) (\S+) ([^\s:\[]+)(?:\[\d+\])?: ?(.*)$`)
	uptimeMark = lazyregexp.New(`^\[\s*\d+\.\d+\] ?`)
)

// Translator turns a line of a file into what the monitor's watcher would hand
// over. The second result is false for a line that the watcher drops.
type Translator func(number int, line string) (Line, bool)

// NewTranslator returns the translator for a configuration and a format. auto
// takes filelog's own expressions for a filelog monitor and looks at each line
// otherwise, so that the output of dmesg, a syslog file and journalctl's all
// work.
func NewTranslator(c *Config, format string) (Translator, error) {
	if format == "auto" && c.Plugin == "filelog" {
		format = "filelog"
	}
	switch format {
	case "filelog":
		return newFilelog(c)
	case "raw":
		return func(n int, line string) (Line, bool) { return Line{Number: n, Message: line}, true }, nil
	case "auto", "kmsg", "dmesg", "syslog", "journal-json":
		source := ""
		if c.Plugin == "journald" {
			source = c.option("source")
		}
		return func(n int, line string) (Line, bool) {
			l, ok := translate(format, source, n, line)
			// Both watchers trim a message, and kmsg's drops what is empty then.
			l.Message = strings.TrimSpace(l.Message)
			return l, ok && (l.Message != "" || c.Plugin == "journald")
		}, nil
	}
	return nil, fmt.Errorf("log format %q: not one of %s", format, strings.Join(Formats, ", "))
}

func translate(format, source string, n int, line string) (Line, bool) {
	is := func(f string) bool { return format == "auto" || format == f }
	if is("journal-json") && strings.HasPrefix(line, "{") {
		if l, identifier, ok := journalJSON(n, line); ok {
			return l, source == "" || identifier == source
		}
	}
	if m := kmsgLine.FindStringSubmatch(line); m != nil && is("kmsg") {
		return Line{n, "+" + m[1] + "us", m[2]}, true
	}
	if m := dmesgLine.FindStringSubmatch(line); m != nil && is("dmesg") {
		return Line{n, "+" + m[1] + "s", m[2]}, true
	}
	if m := dmesgTLine.FindStringSubmatch(line); m != nil && is("dmesg") {
		return Line{n, m[1], m[2]}, true
	}
	if m := syslogLine.FindStringSubmatch(line); m != nil && is("syslog") {
		message := m[4]
		if m[3] == "kernel" {
			message = uptimeMark.ReplaceAllString(message, "")
		}
		return Line{n, m[1], message}, source == "" || m[3] == source
	}
	return Line{Number: n, Message: line}, format == "auto"
}

// journalJSON reads a line of `journalctl -o json`. The journald watcher
// matches its source against SYSLOG_IDENTIFIER.
func journalJSON(n int, line string) (Line, string, bool) {
	var entry struct {
		Message    json.RawMessage `json:"MESSAGE"`
		Identifier string          `json:"SYSLOG_IDENTIFIER"`
		Realtime   string          `json:"__REALTIME_TIMESTAMP"`
	}
	if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Message == nil {
		return Line{}, "", false
	}
	l := Line{Number: n}
	if json.Unmarshal(entry.Message, &l.Message) != nil {
		// A message with bytes that are not text is an array of them.
		var raw []byte
		var numbers []int
		if json.Unmarshal(entry.Message, &numbers) != nil {
			return Line{}, "", false
		}
		for _, b := range numbers {
			raw = append(raw, byte(b))
		}
		l.Message = string(raw)
	}
	var usec int64
	if _, err := fmt.Sscan(entry.Realtime, &usec); err == nil {
		l.Time = time.UnixMicro(usec).UTC().Format(time.RFC3339)
	}
	return l, entry.Identifier, true
}

// newFilelog is the filelog watcher: a line without a time or a message is
// dropped; of several groups the last counts.
func newFilelog(c *Config) (Translator, error) {
	when, err := regexp.Compile(c.option("timestamp"))
	if err != nil {
		return nil, fmt.Errorf("pluginConfig.timestamp: %w", err)
	}
	message, err := regexp.Compile(c.option("message"))
	if err != nil {
		return nil, fmt.Errorf("pluginConfig.message: %w", err)
	}
	layout := c.option("timestampFormat")
	return func(n int, line string) (Line, bool) {
		if slices.ContainsFunc(c.SkipList, func(skip string) bool { return strings.Contains(line, skip) }) {
			return Line{}, false
		}
		t := when.FindStringSubmatch(line)
		m := message.FindStringSubmatch(line)
		if t == nil || m == nil {
			return Line{}, false
		}
		stamp := t[len(t)-1]
		if _, err := time.Parse(layout, stamp); err != nil {
			return Line{}, false
		}
		return Line{n, stamp, m[len(m)-1]}, true
	}, nil
}
