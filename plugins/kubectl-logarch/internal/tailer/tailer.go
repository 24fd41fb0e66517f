// Package tailer holds the program that a streaming sidecar runs: a shell script
// for busybox (or any POSIX sh with stat, tail, cat and ls) that copies a log
// file to stdout and loses nothing on the way.
//
// tail -F is not enough. As the first process of a container it ignores
// SIGTERM, and killed otherwise it drops the last lines; busybox's polls once a
// second and so misses a file that is rotated away twice within it, and half of
// a file that was truncated and outgrew its old size.
package tailer

import (
	_ "embed"
	"strconv"
)

// Script is the program. Its arguments are the file, the number of seconds
// without a line that it waits for after SIGTERM, a state file ("" for none), and
// anything non-empty to make it end when the pod's other processes have ended.
//
//go:embed tail.sh
var Script string

// Options are what the script is told.
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

// Command is a container's command.
func Command(o Options) []string {
	out := []string{"sh", "-c", Script, "tailer", o.File}
	args := []string{"", "", ""}
	if o.Linger > 0 || o.State != "" || o.Job {
		args[0] = strconv.Itoa(o.Linger)
	}
	args[1] = o.State
	if o.Job {
		args[2] = "job"
	}
	for len(args) > 0 && args[len(args)-1] == "" {
		args = args[:len(args)-1]
	}
	return append(out, args...)
}
