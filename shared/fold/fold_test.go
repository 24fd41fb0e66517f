package fold

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"aa bb cc dd\n\n  kept as  is", "aa bb\ncc dd\n\n  kept as  is"},
		{"äö üß éè", "äö üß\néè"},
		{"\x1b[1;31maa\x1b[0m bb cc", "\x1b[1;31maa\x1b[0m bb\ncc"},
		{"\x1b[1maa bb cc\x1b[0m dd", "\x1b[1maa bb\x1b[0m\n\x1b[1mcc\x1b[0m dd"},
		{"it's 'a b c', no", "it's\n'a b c',\nno"},
		{"a, by 2027-11-26 b", "a,\nby 2027-11-26\nb"},
		{"'not closed here", "'not\nclosed\nhere"},
	} {
		if got := Wrap(c.text, 5); got != c.want {
			t.Errorf("Wrap(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestHang(t *testing.T) {
	for _, c := range []struct {
		first, rest string
		width       int
		want        string
	}{
		{"x: ", "   ", 27, "x: one two three four five\n   six\n"},
		{"", "      ", 26, "one two three four five\n      six\n"},
		{"x: ", "   ", 0, "x: one two three four five six\n"},
		// a lead that leaves no room does not make a column of single words
		{strings.Repeat("y", 50), "", 60, strings.Repeat("y", 50) + "one two three four\nfive six\n"},
	} {
		var b strings.Builder
		Hang(&b, c.first, c.rest, "one two three four five six", c.width)
		if b.String() != c.want {
			t.Errorf("%d columns: %q, want %q", c.width, b.String(), c.want)
		}
	}
	var b strings.Builder
	Under(&b, "  a lead that leaves no room  ", "one two three four five six", 40)
	if b.String() != "  a lead that leaves no room\n      one two three four five six\n" {
		t.Errorf("a lead without room: %q", b.String())
	}
	b.Reset()
	Under(&b, "  name  ", "", 40)
	if b.String() != "  name\n" {
		t.Errorf("nothing under a lead: %q", b.String())
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{{"short", 5, "short"}, {"longer", 5, "lo..."}, {"two\nlines", 9, "two..."}, {"exact\nmore", 5, "ex..."}} {
		if got := Clip(c.text, c.width); got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
