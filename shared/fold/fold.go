// Package fold lays text out for people: folded at a width, under a lead, cut
// where there is no room. Every text that a terminal shows passes through it, so
// that all of them break in the same places.
package fold

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Wrap folds each paragraph of a text at a width. Lines that start with white
// space are kept as they are.
func Wrap(text string, width int) string {
	var out, para []string
	flush := func() {
		out = append(out, lines(para, width, width)...)
		para = nil
	}
	for _, l := range strings.Split(text, "\n") {
		if strings.TrimSpace(l) == "" || strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") {
			flush()
			out = append(out, strings.TrimRight(l, " \t"))
			continue
		}
		para = append(para, words(l)...)
	}
	flush()
	return strings.Join(out, "\n")
}

// least is the width below which a text is not folded, however long its lead
// is: columns of single words are harder to read than lines that are too long.
const least = 20

// Hang writes a text folded at a width, its first line behind one lead and the
// others behind another. A width of 0 does not fold: what other programs read
// has a line for each thing.
func Hang(w io.Writer, first, rest, text string, width int) {
	out := []string{text}
	if width > 0 && (Width(first)+Width(text) > width || strings.Contains(text, "\n")) {
		if out = lines(words(text), max(width-Width(first), least), max(width-Width(rest), least)); len(out) == 0 {
			out = []string{""}
		}
	}
	lead := first
	for _, l := range out {
		fmt.Fprintln(w, strings.TrimRight(lead+l, " "))
		lead = rest
	}
}

// Under writes a text folded at a width behind a lead; what follows the first
// line stands under its text. Where the lead leaves no room, all of the text
// stands below it.
func Under(w io.Writer, lead, text string, width int) {
	indent := strings.Repeat(" ", Width(lead))
	if width > 0 && width-len(indent) < least && len(indent)+Width(text) > width {
		fmt.Fprintln(w, strings.TrimRight(lead, " "))
		lead, indent = "      ", "      "
	}
	Hang(w, lead, indent, text, width)
}

// Width is the number of columns that a text takes: colours take none.
func Width(s string) int {
	n := utf8.RuneCountInString(s)
	for {
		at := strings.Index(s, "\x1b[")
		if at < 0 {
			return n
		}
		end := strings.IndexByte(s[at:], 'm')
		if end < 0 {
			return n
		}
		n -= end + 1
		s = s[at+end+1:]
	}
}

// Clip cuts a text to its first line and to a width; "..." says that something
// is missing.
func Clip(s string, width int) string {
	const dots = "..."
	s, _, more := strings.Cut(s, "\n")
	r := []rune(s)
	if len(r) <= width && !more {
		return s
	}
	return string(r[:min(len(r), max(0, width-len(dots)))]) + dots
}

// words are the pieces between which a text may break: its words, and whole
// commands where they stand in quotes, because a command that was folded cannot
// be pasted. A date stays with the word before it: "until 2027-11-26".
func words(text string) []string {
	fields := strings.Fields(text)
	var out []string
	for i := 0; i < len(fields); i++ {
		word := fields[i]
		if len(out) > 0 && isDate(word) {
			out[len(out)-1] += " " + word
			continue
		}
		if quoted := strings.TrimLeft(word, "("); strings.HasPrefix(quoted, "'") && !closes(quoted[1:]) {
			for j := i + 1; j < len(fields) && j < i+commandWords; j++ {
				if closes(fields[j]) {
					word, i = strings.Join(fields[i:j+1], " "), j
					break
				}
			}
		}
		out = append(out, word)
	}
	return out
}

func isDate(word string) bool {
	if word = strings.TrimRight(word, ".,;:)"); len(word) != len(time.DateOnly) {
		return false
	}
	_, err := time.Parse(time.DateOnly, word)
	return err == nil
}

// commandWords is more words than a command in quotes has.
const commandWords = 12

func closes(word string) bool { return strings.HasSuffix(strings.TrimRight(word, ".,;:)?!]"), "'") }

// lines puts words into lines: the first has one width, the others another.
func lines(words []string, first, rest int) []string {
	var out []string
	line, width := "", first
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) > width:
			out = append(out, line)
			line, width = word, rest
		default:
			line += " " + word
		}
	}
	if line != "" {
		out = append(out, line)
	}
	repaint(out)
	return out
}

// repaint ends a colour with its line and begins it again on the next, so that
// a pager shows it and the leads between stay plain.
func repaint(lines []string) {
	const plain = "\x1b[0m"
	colour := ""
	for i, l := range lines {
		l = colour + l
		if at := strings.LastIndex(l, "\x1b["); at >= 0 {
			code, _, _ := strings.Cut(l[at:], "m")
			if colour = code + "m"; colour == plain {
				colour = ""
			}
		}
		if colour != "" {
			l += plain
		}
		lines[i] = l
	}
}
