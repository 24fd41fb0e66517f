package timeline

import (
	"fmt"
	"html"
	"io"
	"strings"
	"time"
)

// Sizes of the picture, in its own units.
const (
	width   = 960
	left    = 110
	right   = 20
	top     = 64
	laneGap = 46
	rowGap  = 17
)

// SVG draws the entries: a lane for each kind over one axis of time, and the
// numbered entries below. It stands alone: no script, no font, no link, and
// colours that differ in lightness too; bad is a square, good a circle.
func SVG(w io.Writer, title string, entries []Entry) error {
	var b strings.Builder
	axis := top + len(Lanes)*laneGap
	height := axis + 56 + len(entries)*rowGap + 20
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="ui-monospace, monospace" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", html.EscapeString(title))
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"30\" font-size=\"18\" font-weight=\"bold\">%s</text>\n", 20, html.EscapeString(title))
	for i, lane := range Lanes {
		y := top + i*laneGap + 20
		fmt.Fprintf(&b, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#ddd\"/><text x=\"20\" y=\"%d\">%s</text>\n", left, y, width-right, y, y+4, lane)
	}
	scale := newScale(entries)
	for _, t := range scale.ticks() {
		x := scale.x(t)
		fmt.Fprintf(&b, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#eee\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%s</text>\n", x, top, x, axis, x, axis+16, t.Format("15:04:05"))
	}
	for i, e := range entries {
		mark(&b, scale, i+1, e)
	}
	for i, e := range entries {
		y := axis + 50 + i*rowGap
		fmt.Fprintf(&b, "<text x=\"20\" y=\"%d\"><tspan fill=\"#555\">%3d %s %-9s</tspan> <tspan fill=\"%s\">%s%s</tspan></text>\n",
			y, i+1, e.Time.Format("2006-01-02 15:04:05"), e.Lane, colour(e), sign(e), html.EscapeString(cut(e.Text, 88)))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// HTML is the picture in a page of its own.
func HTML(w io.Writer, title string, entries []Entry) error {
	if _, err := fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title></head><body style=\"margin:1em\">\n", html.EscapeString(title)); err != nil {
		return err
	}
	if err := SVG(w, title, entries); err != nil {
		return err
	}
	_, err := io.WriteString(w, "</body></html>\n")
	return err
}

func colour(e Entry) string {
	switch {
	case e.Bad:
		return "#b00020"
	case e.Good:
		return "#1b6e20"
	}
	return "#333"
}

// sign says by a character what the colour says.
func sign(e Entry) string {
	switch {
	case e.Bad:
		return "- "
	case e.Good:
		return "+ "
	}
	return "  "
}

func mark(b *strings.Builder, s scale, number int, e Entry) {
	y := float64(top + 20)
	for i, lane := range Lanes {
		if lane == e.Lane {
			y = float64(top + i*laneGap + 20)
		}
	}
	x := s.x(e.Time)
	fmt.Fprintf(b, "<g fill=\"%s\"><title>%s</title>", colour(e), html.EscapeString(e.Text))
	if !e.Until.IsZero() {
		fmt.Fprintf(b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"4\" opacity=\"0.4\"/>", x, y-2, max(1, s.x(e.Until)-x))
	}
	if e.Bad {
		fmt.Fprintf(b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\"/>", x-4.5, y-4.5)
	} else {
		fmt.Fprintf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>", x, y)
	}
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\" text-anchor=\"middle\">%d</text></g>\n", x, y-8, number)
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// scale maps times to the axis. What lies more than two hours before the end is
// drawn at the left edge: an incident is minutes, a node's life is months.
type scale struct {
	from, to time.Time
}

func newScale(entries []Entry) scale {
	var s scale
	for _, e := range entries {
		for _, t := range []time.Time{e.Time, e.Until} {
			if t.After(s.to) {
				s.to = t
			}
		}
	}
	s.from = s.to
	for _, e := range entries {
		if e.Time.Before(s.from) && s.to.Sub(e.Time) < 2*time.Hour {
			s.from = e.Time
		}
	}
	if !s.to.After(s.from) {
		s.from = s.to.Add(-time.Minute)
	}
	return s
}

func (s scale) x(t time.Time) float64 {
	if t.Before(s.from) {
		return left
	}
	part := float64(t.Sub(s.from)) / float64(s.to.Sub(s.from))
	return left + 20 + part*(width-right-left-40)
}

func (s scale) ticks() []time.Time {
	var out []time.Time
	step := s.to.Sub(s.from) / 6
	for i := range 7 {
		out = append(out, s.from.Add(time.Duration(i)*step))
	}
	return out
}
