// Package pictures makes the README's pictures of a terminal from real runs of
// the plugins, and holds the committed ones against what the plugins print
// today. make pictures makes them anew.
package pictures

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Columns is the width of the terminal in a picture.
const Columns = 96

const (
	cell   = 8.4 // width of a character at 14 px
	line   = 19.0
	margin = 16.0
)

// parts are what stands between two blanks or more.
var parts = regexp.MustCompile(`\S+(?: \S+)*`)

// span is text in one style.
type span struct {
	text, class string
}

// SVG draws what a terminal shows of a text with colours (SGR sequences).
// Colours follow the reader's light or dark preference; what they say the words
// say too.
func SVG(title, text string) string {
	var rows [][]span
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		rows = append(rows, wrap(parse(strings.TrimRight(l, " ")))...)
	}
	width, height := Columns*cell+2*margin, float64(len(rows))*line+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-labelledby="t">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n", html.EscapeString(title))
	fmt.Fprint(&b, style)
	fmt.Fprintf(&b, "<rect class=\"bg\" x=\"0.5\" y=\"0.5\" width=\"%.0f\" height=\"%.0f\" rx=\"8\"/>\n", width-1, height-1)
	for i, row := range rows {
		col, y := 0, margin+float64(i)*line+14
		for _, s := range row {
			class := ""
			if s.class != "" {
				class = ` class="` + s.class + `"`
			}
			// Renderers fold blanks, so that each part is put in its column.
			for _, at := range parts.FindAllStringIndex(s.text, -1) {
				word, x := s.text[at[0]:at[1]], col+utf8.RuneCountInString(s.text[:at[0]])
				fmt.Fprintf(&b, "<text%s x=\"%.1f\" y=\"%.0f\" textLength=\"%.1f\">%s</text>\n",
					class, margin+float64(x)*cell, y, float64(utf8.RuneCountInString(word))*cell, html.EscapeString(word))
			}
			col += utf8.RuneCountInString(s.text)
		}
	}
	return b.String() + "</svg>\n"
}

const style = `<style>
.bg { fill: #ffffff; stroke: #d0d7de }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328 }
.b { font-weight: 700 } .f { fill: #59636e } .red { fill: #c21c2c; font-weight: 700 } .yellow { fill: #8a5a00 } .green { fill: #116329 } .cyan { fill: #0b6b80 }
@media (prefers-color-scheme: dark) {
.bg { fill: #0d1117; stroke: #30363d }
text { fill: #e6edf3 }
.f { fill: #9198a1 } .red { fill: #ff8a80 } .yellow { fill: #e3b341 } .green { fill: #56d364 } .cyan { fill: #76d9e6 }
}
</style>
`

// parse divides a line by its SGR sequences. A sequence that the plugins do not
// write is an error in the picture, not something to leave out.
func parse(l string) []span {
	var out []span
	class := ""
	for l != "" {
		text, rest, found := strings.Cut(l, "\x1b[")
		if text != "" {
			out = append(out, span{text, class})
		}
		if !found {
			break
		}
		code, after, _ := strings.Cut(rest, "m")
		class, l = classOf(code), after
	}
	return out
}

func classOf(code string) string {
	switch code {
	case "0", "":
		return ""
	case "1":
		return "b"
	case "2":
		return "f"
	case "1;31", "31":
		return "red"
	case "33":
		return "yellow"
	case "32":
		return "green"
	case "36":
		return "cyan"
	}
	return "unknown-" + strconv.Quote(code)
}

// wrap breaks a line where the terminal ends.
func wrap(l []span) [][]span {
	out := [][]span{nil}
	col := 0
	for _, s := range l {
		r := []rune(s.text)
		for len(r) > 0 {
			n := min(len(r), Columns-col)
			if n == 0 {
				out, col = append(out, nil), 0
				continue
			}
			out[len(out)-1] = append(out[len(out)-1], span{string(r[:n]), s.class})
			r, col = r[n:], col+n
		}
	}
	return out
}
