package finding

import (
	"fmt"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"strings"
)

// Snippet shows a line of a source with a caret under a place, in the manner
// of a compiler:
//
//	12 |     verb: ["get"]
//	   |     ^~~~ note
//
// line and column count from 1 and mark is the number of characters to
// underline (at least 1). A source line that is wider than columns is cut to
// what stands around the place; a note that has no room behind the mark goes on
// below it. A place outside the source gives "".
func Snippet(source []byte, line, column, mark int, note string, columns int) string {
	lines := strings.Split(string(source), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	text := []rune(strings.TrimRight(lines[line-1], "\r"))
	at := min(max(column, 1), len(text)+1) - 1
	end := min(at+max(mark, 1), len(text))
	text, at, end = untab(text, at, end)
	text, at, end = window(text, at, end, max(columns-len(bar), 24))
	var b strings.Builder
	fmt.Fprintf(&b, "%5d | %s\n", line, string(text))
	under := bar + strings.Repeat(" ", at)
	marked := under + "^" + strings.Repeat("~", max(0, end-at-1))
	const room = 30 // columns behind the mark, for a note to begin there
	switch {
	case note == "":
		fmt.Fprintln(&b, marked)
	case columns-len(marked)-1 >= min(room, len(note)):
		fold.Hang(&b, marked+" ", under, note, columns)
	default:
		fmt.Fprintln(&b, marked)
		fold.Hang(&b, bar, bar, note, columns)
	}
	return b.String()
}

// bar is what stands before a line that is not of the source.
const bar = "      | "

// untab replaces tabs, which take a number of columns that depends on where the
// line begins.
func untab(text []rune, at, end int) (out []rune, a, e int) {
	for i, r := range text {
		if i == at {
			a = len(out)
		}
		if i == end {
			e = len(out)
		}
		if r == '\t' {
			out = append(out, ' ', ' ', ' ', ' ')
		} else {
			out = append(out, r)
		}
	}
	if at >= len(text) {
		a = len(out)
	}
	if end >= len(text) {
		e = len(out)
	}
	return out, a, e
}

// window cuts a line that is too wide to what stands around a place, from at to
// end, and tells where that is then.
func window(text []rune, at, end, room int) ([]rune, int, int) {
	if len(text) <= room {
		return text, at, end
	}
	const dots = "..."
	from, before := 0, ""
	if at > room-len(dots)-12 {
		// Some of what stands before says where we are.
		from, before = at-min(24, room/2), dots
	}
	to, after := from+room-len(before), ""
	if to < len(text) {
		to, after = to-len(dots), dots
	}
	to = min(to, len(text))
	cut := append([]rune(before), text[from:to]...)
	shift := len(before) - from
	return append(cut, []rune(after)...), at + shift, min(end, to) + shift
}
