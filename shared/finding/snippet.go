package finding

import (
	"fmt"
	"slices"
	"strings"
)

// Snippet shows a line of a source with a caret under a place, in the manner
// of a compiler:
//
//	12 |     verb: ["get"]
//	   |     ^~~~ note
//
// line and column count from 1 and width is the number of characters to
// underline (at least 1). A place outside the source gives "".
func Snippet(source []byte, line, column, width int, note string) string {
	lines := strings.Split(string(source), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	text := []rune(strings.TrimRight(lines[line-1], "\r"))
	at := min(max(column, 1), len(text)+1) - 1
	text, at = window(text, at)
	var pad strings.Builder
	for _, r := range text[:at] {
		// A tab stays a tab so that the caret stands under its character.
		if r == '\t' {
			pad.WriteRune('\t')
		} else {
			pad.WriteRune(' ')
		}
	}
	mark := "^" + strings.Repeat("~", max(0, min(width, len(text)-at)-1))
	if note != "" {
		mark += " " + note
	}
	return fmt.Sprintf("%5d | %s\n      | %s%s\n", line, string(text), pad.String(), mark)
}

// widest is the length up to which a line is shown whole. Some people's longest
// lines pass; JSON without line breaks, a whole file in one line, does not.
const widest = 160

// window cuts a line that is too long to be looked at to what stands around a
// place, and tells where the place is then.
func window(text []rune, at int) ([]rune, int) {
	if len(text) <= widest {
		return text, at
	}
	const before, shown = 24, 64
	from := max(0, min(at-before, len(text)-shown))
	to := min(from+shown, len(text))
	cut := slices.Clone(text[from:to])
	at -= from
	if from > 0 {
		cut = append([]rune("..."), cut...)
		at += 3
	}
	if to < len(text) {
		cut = append(cut, []rune("...")...)
	}
	return cut, at
}
