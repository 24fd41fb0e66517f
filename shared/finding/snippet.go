package finding

import (
	"fmt"
	"strings"
	"unicode/utf8"
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
	text := strings.TrimRight(lines[line-1], "\r")
	col := min(max(column, 1), utf8.RuneCountInString(text)+1)
	prefix := string([]rune(text)[:col-1])
	var pad strings.Builder
	for _, r := range prefix {
		// A tab stays a tab so that the caret stands under its character.
		if r == '\t' {
			pad.WriteRune('\t')
		} else {
			pad.WriteRune(' ')
		}
	}
	mark := "^" + strings.Repeat("~", max(0, min(width, utf8.RuneCountInString(text)-col+1)-1))
	if note != "" {
		mark += " " + note
	}
	return fmt.Sprintf("%5d | %s\n      | %s%s\n", line, text, pad.String(), mark)
}
