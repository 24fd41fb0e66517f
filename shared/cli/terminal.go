package cli

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// The rules of the terminal:
//   - stdout carries the result and nothing else; talk goes to stderr;
//   - progress is shown only when both are terminals;
//   - colour repeats what the words say and never says it alone;
//   - piped output has no colour, does not depend on the window's width, and has
//     a line for each thing: folded is what a terminal shows;
//   - lines are plain ASCII, so that every locale shows them and a screen reader
//     reads no names of signs; a sign (->, +) repeats a word beside it.

// IsTerminal says whether a stream is a terminal; one to write to also has to
// draw escape sequences, which a Windows console does when it is asked to.
func IsTerminal(stream any) bool {
	f := file(stream)
	return f != nil && term.IsTerminal(int(f.Fd())) && (f == os.Stdin || understandsEscapes(f))
}

// narrowest is the width below which nothing is laid out: a narrower window
// breaks the lines itself.
const narrowest = 40

// widest is the width above which text is not laid out: longer lines are hard to
// read, and what stands at the right is lost there.
const widest = 120

// Width is the number of columns to lay standard output out for: those of the
// terminal up to a width that is still read well, or COLUMNS, and 80 where the
// output is piped.
func (e *Env) Width() int { return e.WidthOf(e.Out) }

// WidthOf is Width for a stream: env.Out or env.ErrOut.
func (e *Env) WidthOf(stream any) int {
	if n := e.chosen(); n > 0 {
		return n
	}
	if n := e.Columns(stream); n > 0 {
		return min(n, widest)
	}
	return 80
}

// Columns is the width of a stream that is a terminal, and 0 where it is none:
// what other programs read has a line for each thing, however long.
func (e *Env) Columns(stream any) int {
	if e.columns > 0 {
		return e.columns
	}
	if !IsTerminal(stream) {
		return 0
	}
	if n := e.chosen(); n > 0 {
		return n
	}
	w, _, err := term.GetSize(int(file(stream).Fd()))
	if err != nil || w <= 0 { // a terminal that does not know, as a serial line
		return 80
	}
	return max(w, narrowest)
}

// Interactive is the width of a terminal on which somebody follows: both streams
// are one, and it can redraw a line. It is 0 where there is none, and no
// progress is shown.
func (e *Env) Interactive() int {
	if !IsTerminal(e.Out) || !IsTerminal(e.ErrOut) || e.Getenv("TERM") == "dumb" {
		return 0
	}
	return e.Columns(e.ErrOut)
}

// Doing says on a terminal what takes its time, until the function that it
// returns is called, which has to be before anything else is written.
func (e *Env) Doing(format string, args ...any) (done func()) {
	p := output.NewProgress(e.ErrOut, e.Interactive())
	p.Set(format, args...)
	return p.Stop
}

// chosen is the width that the user asks for in COLUMNS, or 0.
func (e *Env) chosen() int {
	n, err := strconv.Atoi(e.Getenv("COLUMNS"))
	if err != nil || n <= 0 {
		return 0
	}
	return max(n, narrowest)
}

// Style returns the palette for a stream (env.Out or env.ErrOut), by --color,
// NO_COLOR, TERM and whether the stream is a terminal.
func (e *Env) Style(w io.Writer) Style {
	terminal := IsTerminal(w) // asked first: it also makes a console draw colours
	switch e.color {
	case "always":
		return Style{on: true}
	case "never":
		return Style{}
	}
	_, plain := os.LookupEnv("NO_COLOR")
	return Style{on: terminal && !plain && os.Getenv("TERM") != "dumb"}
}

// Style paints words. The zero Style paints nothing.
type Style struct{ on bool }

func (s Style) paint(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	// Each line is painted on its own so that a pager shows them all.
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = "\x1b[" + code + "m" + l + "\x1b[0m"
		}
	}
	return strings.Join(lines, "\n")
}

// Enabled says whether the style paints at all.
func (s Style) Enabled() bool { return s.on }

// Bold is for the answer.
func (s Style) Bold(t string) string { return s.paint("1", t) }

// Faint is for what may be skipped.
func (s Style) Faint(t string) string { return s.paint("2", t) }

// Error is for what is wrong.
func (s Style) Error(t string) string { return s.paint("1;31", t) }

// Warning is for what will be wrong.
func (s Style) Warning(t string) string { return s.paint("33", t) }

// Good is for what is right.
func (s Style) Good(t string) string { return s.paint("32", t) }

// Info is for what is worth knowing.
func (s Style) Info(t string) string { return s.paint("36", t) }

// Severity is the word for a severity, in its colour.
func (s Style) Severity(of finding.Severity) string {
	switch of {
	case finding.Error:
		return s.Error(string(of))
	case finding.Warning:
		return s.Warning(string(of))
	}
	return s.Info(string(of))
}
