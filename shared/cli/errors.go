package cli

import (
	"errors"
	"fmt"
	"strconv"
)

// Exit statuses, the same in every plugin. They extend the habit of kubectl
// diff (0 clean, 1 difference, more than 1 failure) to tools that judge.
const (
	// ExitOK says that the command did its work and found nothing to report at
	// or above --fail-on.
	ExitOK = 0
	// ExitFindings says that there are findings at or above --fail-on, or that
	// the answer of diff, test or verify is no. It outranks ExitUnknown.
	ExitFindings = 1
	// ExitUsage says that the command line is wrong, or that an input cannot be
	// read or is not what it claims to be.
	ExitUsage = 2
	// ExitUnknown says that the question could not be answered: no cluster, or
	// essential evidence denied or timed out.
	ExitUnknown = 3
	// ExitInterrupted says that the user stopped the command.
	ExitInterrupted = 130
)

// Error is an error that knows its exit status and what the user can do next.
type Error struct {
	// Code is the exit status, one of the Exit constants.
	Code int
	// Err is what went wrong: what was attempted, on what, and why it failed.
	// It is nil where the command's own output has said it already.
	Err error
	// Hints are things to try, each a line of its own on stderr.
	Hints []string
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "exit status " + strconv.Itoa(e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Usagef makes an error for a wrong command line or an input that cannot be
// read (exit status 2). The text follows fmt.Errorf, %w included.
func Usagef(format string, args ...any) error {
	return &Error{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Unknownf makes an error for a question that could not be answered (exit
// status 3). The text follows fmt.Errorf, %w included.
func Unknownf(format string, args ...any) error {
	return &Error{Code: ExitUnknown, Err: fmt.Errorf(format, args...)}
}

// Exit ends the command with a status and no message, for a command whose
// output has said everything. Exit(0) is nil.
func Exit(code int) error {
	if code == ExitOK {
		return nil
	}
	return &Error{Code: code}
}

// WithHint adds things to try to an error, keeping its exit status. An error
// without a status gets ExitUnknown.
func WithHint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	out := &Error{Code: ExitUnknown, Err: err}
	var e *Error
	if errors.As(err, &e) {
		out.Code = e.Code
		out.Hints = append(out.Hints, e.Hints...)
	}
	out.Hints = append(out.Hints, hints...)
	return out
}
