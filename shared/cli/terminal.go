package cli

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// The rules of the terminal:
//   - stdout carries the result and nothing else; talk goes to stderr;
//   - progress is shown only when both are terminals;
//   - colour repeats what the words say and never says it alone;
//   - piped output has no colour and does not depend on the window's width.

// IsTerminal says whether a stream is a terminal; one to write to also has to
// draw escape sequences, which a Windows console does when it is asked to.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && (f == os.Stdin || understandsEscapes(f))
}

// Width is the number of columns to lay text out for: the terminal's, COLUMNS
// where it is set, and 80 where the output is piped.
func (e *Env) Width() int {
	if n, err := strconv.Atoi(e.Getenv("COLUMNS")); err == nil && n >= 40 {
		return n
	}
	if f, ok := e.Out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w >= 40 {
			return w
		}
	}
	return 80
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
