package nodelog

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Opened is a log that can be read.
type Opened struct {
	io.ReadCloser
	// From says where it was found.
	From string
}

// tailBytes is how much of the end of a file is asked for per wanted line: the
// file server knows bytes, not lines.
const tailBytes = 512

// Open finds a unit's log in the places where it may be. The error is the list
// of what was tried, each an *Unavailable, joined.
func (f *Fetcher) Open(ctx context.Context, p Place, q Query) (*Opened, error) {
	var tried []error
	disabled := false
	for _, service := range p.Services {
		body, err := f.Service(ctx, service, q)
		var u *Unavailable
		if errors.As(err, &u) && u.Status == NoOptions {
			// The service logs to a file; it is filtered here instead.
			if q.otherBoot() {
				return nil, &Unavailable{NoBoots, "log query " + service, "the service logs to a file"}
			}
			body, err = f.Service(ctx, service, Query{})
		}
		if err == nil {
			return &Opened{body, "log query " + service}, nil
		}
		tried = append(tried, err)
		if !errors.As(err, &u) {
			return nil, err
		}
		if u.Status == Disabled {
			disabled = true
			break
		}
		if u.Status != NotThere {
			// What refuses or does not answer one question will do so with all.
			return nil, errors.Join(tried...)
		}
	}
	for _, file := range p.Files {
		o, err := f.open(ctx, file, q)
		if err == nil {
			return o, nil
		}
		var u *Unavailable
		if !errors.As(err, &u) {
			return nil, err
		}
		tried = append(tried, err)
		if u.Status != NotThere {
			break
		}
	}
	if len(tried) == 0 {
		return nil, &Unavailable{Elsewhere, strings.Join(p.Host, ", "), "outside of /var/log"}
	}
	if disabled && len(p.Files) == 0 {
		return nil, tried[0]
	}
	return nil, errors.Join(tried...)
}

func (f *Fetcher) open(ctx context.Context, file string, q Query) (*Opened, error) {
	if q.otherBoot() {
		return nil, &Unavailable{NoBoots, "/var/log/" + strings.TrimPrefix(file, "/var/log/"), "a file"}
	}
	var tail int64
	if q.Tail > 0 && q.Pattern == "" && q.Since.IsZero() && q.Until.IsZero() {
		tail = int64(q.Tail) * tailBytes
	}
	body, err := f.File(ctx, file, tail)
	if err != nil {
		return nil, err
	}
	return &Opened{body, "/var/log/" + strings.TrimPrefix(file, "/var/log/")}, nil
}

// OpenFile opens one file below /var/log.
func (f *Fetcher) OpenFile(ctx context.Context, file string, q Query) (*Opened, error) {
	return f.open(ctx, file, q)
}

// Reasons are the failures in an error of Open, in the order in which the
// places were tried.
func Reasons(err error) []*Unavailable {
	var out []*Unavailable
	var walk func(error)
	walk = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
			return
		}
		var u *Unavailable
		if errors.As(err, &u) {
			out = append(out, u)
		}
	}
	walk(err)
	return out
}

// Journal is the program that reads a place on the host itself, for a debug
// pod: the journal where a unit is known to it, else the files.
func Journal(p Place, kernel bool, q Query) []string {
	args := "--utc --no-pager --output=short-precise"
	if q.Boot != nil {
		args += " -b " + strconv.Itoa(*q.Boot)
	}
	if !q.Since.IsZero() {
		args += " --since='" + q.Since.UTC().Format("2006-01-02 15:04:05") + "'"
	}
	if !q.Until.IsZero() {
		args += " --until='" + q.Until.UTC().Format("2006-01-02 15:04:05") + "'"
	}
	script := "if command -v journalctl >/dev/null 2>&1; then\n"
	if kernel {
		script += "journalctl -k " + args + " && exit 0\n"
	}
	for _, s := range p.Services {
		script += "if journalctl --field _SYSTEMD_UNIT 2>/dev/null | grep -q '^" + quoted(s) + "\\.service$'; then exec journalctl " + args + " -u '" + quoted(s) + "'; fi\n"
	}
	script += "fi\n"
	for _, file := range p.Files {
		if q.otherBoot() {
			break // files know no boots
		}
		script += "[ -f '/var/log/" + quoted(file) + "' ] && exec cat '/var/log/" + quoted(file) + "'\n"
	}
	for _, file := range p.Host {
		script += "[ -f '" + quoted(file) + "' ] && exec cat '" + quoted(file) + "'\n"
	}
	if kernel && !q.otherBoot() {
		script += "exec dmesg\n"
	}
	missing := "no journal of this unit and no file of it below /var/log"
	if q.otherBoot() {
		missing = "no journal of this unit, and only a journal knows boots"
	}
	script += "echo '" + missing + "' >&2\nexit 1"
	return []string{"chroot", "/host", "/bin/sh", "-c", script}
}

// quoted keeps a name from ending its quotes in a script.
func quoted(s string) string { return strings.ReplaceAll(s, "'", "") }
