// Package tailer holds the program that a streaming sidecar runs: a shell script
// for busybox (or any POSIX sh with stat, tail, cat and ls) that copies a log
// file to stdout and loses nothing on the way.
//
// tail -F is not enough. As the first process of a container it ignores
// SIGTERM, and killed otherwise it drops the last lines; busybox's polls once a
// second and so misses a file that is rotated away twice within it, and half of
// a file that was truncated and outgrew its old size.
//
// At its end the script waits for a second: containerd (1.6 was seen) drops what
// is still in the pipe, up to a buffer of 32 KiB, when a container's first process
// ends right behind a burst.
package tailer

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// source is the program. Its arguments are the file, the number of seconds
// without a line that it waits for after SIGTERM, and a state file. Lines that end
// in ##job or ##state are for those who need them only.
//
//go:embed tail.sh
var source string

// Options are what the tailer is told.
type Options struct {
	// File is the log file, an absolute path.
	File string
	// Linger is how many quiet seconds after SIGTERM end the tailer. 0 is right
	// where SIGTERM comes only when the application has ended: in a native
	// sidecar.
	Linger int
	// State is a file that keeps the position over a restart of the container.
	State string
	// Job makes the tailer end when no process but the tailers is left in the
	// pod's shared process namespace.
	Job bool
}

var scripts sync.Map // by Options, without the file

// Script is the program that the options need.
func Script(o Options) string {
	key := Options{State: o.State, Job: o.Job}
	if s, ok := scripts.Load(key); ok {
		return s.(string)
	}
	s := compose(o)
	scripts.Store(key, s)
	return s
}

func compose(o Options) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(source, "\n") {
		code, tag, tagged := strings.Cut(strings.TrimSuffix(line, "\n"), " ##")
		switch {
		case !tagged:
			b.WriteString(line)
		case tag == "job" && o.Job, tag == "state" && o.State != "":
			b.WriteString(code + "\n")
		}
	}
	return b.String()
}

// Command is a container's command.
func Command(o Options) []string {
	out := []string{"sh", "-c", Script(o), "tailer", o.File}
	if o.Linger > 0 || o.State != "" {
		out = append(out, strconv.Itoa(o.Linger))
	}
	if o.State != "" {
		out = append(out, o.State)
	}
	return out
}
