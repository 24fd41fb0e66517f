package timeline

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
)

// Sizes of the picture, in its own units.
const (
	width   = 1000
	left    = 110
	right   = 30
	top     = 96
	laneGap = 46
	rowGap  = 18
	// near is how close two marks of a lane may come before they are one.
	near = 20
	// lineRunes is how long a line of the list may be.
	lineRunes = 92
)

// style names the colours once, for light and dark. They differ in lightness
// too, and bad is a square, good a circle.
const style = `<style>
.bg{fill:#fff}.t{fill:#111}.m{fill:#555}.l{stroke:#ddd}.g{stroke:#eee}.bad{fill:#b00020}.good{fill:#1b6e20}.plain{fill:#444}
@media (prefers-color-scheme: dark){.bg{fill:#15181c}.t{fill:#eee}.m{fill:#aab}.l{stroke:#444}.g{stroke:#2a2e33}.bad{fill:#ff7a80}.good{fill:#7fd98a}.plain{fill:#ccc}}
</style>
`

// SVG draws the entries: a lane for each kind over one axis of time, and the
// numbered entries below. It stands alone: no script, no font, no link. A long
// time without an entry takes less room than it lasted, so that an incident of
// minutes can be read in a life of months.
func SVG(w io.Writer, title, subtitle string, entries []Entry) error {
	var b strings.Builder
	lanes := used(entries)
	axis := top + len(lanes)*laneGap
	rows := list(entries)
	height := axis + 74 + len(rows)*rowGap
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="ui-monospace, 'DejaVu Sans Mono', monospace" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n%s<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n", html.EscapeString(title), style)
	fmt.Fprintf(&b, "<text class=\"t\" x=\"20\" y=\"32\" font-size=\"18\" font-weight=\"bold\">%s</text>\n", html.EscapeString(cut(title, 85)))
	fmt.Fprintf(&b, "<text class=\"m\" x=\"20\" y=\"54\">%s</text>\n", html.EscapeString(cut(subtitle, 130)))
	for i, lane := range lanes {
		y := top + i*laneGap + 20
		fmt.Fprintf(&b, "<line class=\"l\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/><text class=\"t\" x=\"20\" y=\"%d\">%s</text>\n", left, y, width-right, y, y+4, lane)
	}
	s := newScale(entries)
	for _, t := range s.ticks() {
		x := s.x(t)
		fmt.Fprintf(&b, "<line class=\"g\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/><text class=\"m\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text><text class=\"m\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" font-size=\"10\">%s</text>\n",
			x, top, x, axis, x, axis+16, t.Format("15:04:05"), x, axis+30, t.Format("2006-01-02"))
	}
	for i, lane := range lanes {
		marks(&b, s, lane, entries, float64(top+i*laneGap+20))
	}
	for i, r := range rows {
		y := axis + 58 + i*rowGap
		if r.number > 0 {
			e := entries[r.number-1]
			fmt.Fprintf(&b, "<text class=\"m\" x=\"44\" y=\"%d\" text-anchor=\"end\">%d</text><text class=\"m\" x=\"54\" y=\"%d\">%s</text><text class=\"m\" x=\"200\" y=\"%d\">%s</text>", y, r.number, y, e.Time.Format("2006-01-02 15:04:05"), y, e.Lane)
			fmt.Fprintf(&b, "<text class=\"%s\" x=\"272\" y=\"%d\">%s</text>", class(e), y, sign(e))
		}
		fmt.Fprintf(&b, "<text class=\"%s\" x=\"286\" y=\"%d\">%s</text>\n", r.class, y, html.EscapeString(r.text))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// HTML is the picture in a page of its own.
func HTML(w io.Writer, title, subtitle string, entries []Entry) error {
	if _, err := fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><title>%s</title></head><body style=\"margin:0\">\n", html.EscapeString(title)); err != nil {
		return err
	}
	if err := SVG(w, title, subtitle, entries); err != nil {
		return err
	}
	_, err := io.WriteString(w, "</body></html>\n")
	return err
}

// used are the lanes that have entries, in their order.
func used(entries []Entry) []Lane {
	var out []Lane
	for _, lane := range Lanes {
		if slices.ContainsFunc(entries, func(e Entry) bool { return e.Lane == lane }) {
			out = append(out, lane)
		}
	}
	return out
}

// row is a line of the list: an entry, or what of it did not fit the line.
type row struct {
	number int // 0 for a line that goes on
	class  string
	text   string
}

func list(entries []Entry) []row {
	var out []row
	for i, e := range entries {
		number := i + 1
		for _, l := range foldRunes(e.Text, lineRunes) {
			out = append(out, row{number, class(e), l})
			number = 0
		}
	}
	return out
}

// foldRunes breaks a text at spaces, and where a word is too long within it.
func foldRunes(text string, n int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		for r := []rune(word); len(r) > n; r = []rune(word) {
			out = append(out, strings.TrimSpace(line+" "+string(r[:n-len([]rune(line))-1])))
			word, line = string(r[n-len([]rune(line))-1:]), ""
		}
		if line != "" && len([]rune(line))+1+len([]rune(word)) > n {
			out = append(out, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(out, line)
}

func class(e Entry) string {
	switch {
	case e.Bad:
		return "bad"
	case e.Good:
		return "good"
	}
	return "plain"
}

// sign says by a character what the colour says.
func sign(e Entry) string {
	switch {
	case e.Bad:
		return "-"
	case e.Good:
		return "+"
	}
	return ""
}

// marks draws the entries of a lane; those that would lie on each other are one
// mark with all their numbers.
func marks(b *strings.Builder, s scale, lane Lane, entries []Entry, y float64) {
	for i := 0; i < len(entries); i++ {
		if entries[i].Lane != lane {
			continue
		}
		if u := entries[i].Until; !u.IsZero() {
			from := s.x(entries[i].Time)
			fmt.Fprintf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"4\" opacity=\"0.4\"/>\n", class(entries[i]), from, y-2, max(1, s.x(u)-from))
		}
	}
	for i := 0; i < len(entries); {
		if entries[i].Lane != lane {
			i++
			continue
		}
		x := s.x(entries[i].Time)
		var numbers []int
		var texts []string
		worst := entries[i]
		for ; i < len(entries) && (entries[i].Lane != lane || s.x(entries[i].Time)-x < near); i++ {
			if e := entries[i]; e.Lane == lane {
				numbers, texts = append(numbers, i+1), append(texts, e.Text)
				if e.Bad || e.Good && !worst.Bad {
					worst = e
				}
			}
		}
		fmt.Fprintf(b, "<g class=\"%s\"><title>%s</title>", class(worst), html.EscapeString(strings.Join(texts, "\n")))
		if worst.Bad {
			fmt.Fprintf(b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\"/>", x-4.5, y-4.5)
		} else {
			fmt.Fprintf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>", x, y)
		}
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\" text-anchor=\"middle\">%s</text></g>\n", x, y-8, label(numbers))
	}
}

// label is "7", "7,8" or, for more, "7…12".
func label(numbers []int) string {
	switch n := len(numbers); n {
	case 1:
		return fmt.Sprint(numbers[0])
	case 2:
		return fmt.Sprintf("%d,%d", numbers[0], numbers[1])
	default:
		return fmt.Sprintf("%d…%d", numbers[0], numbers[n-1])
	}
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
