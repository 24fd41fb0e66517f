package cli

import "testing"

func TestWidth(t *testing.T) {
	for _, c := range []struct {
		name           string
		terminal       int
		chosen         string
		width, columns int
	}{
		{"piped", 0, "", 80, 0},
		{"piped, with COLUMNS", 0, "200", 200, 0},
		{"a terminal", 90, "", 90, 90},
		{"a wide one", 200, "", 120, 200},
		{"too narrow a wish", 0, "10", 40, 0},
		{"no number", 0, "wide", 80, 0},
	} {
		env, _, _, _ := TestTerminal(c.terminal)
		env.Getenv = func(string) string { return c.chosen }
		if w, n := env.Width(), env.Columns(env.Out); w != c.width || n != c.columns {
			t.Errorf("%s: laid out for %d columns, folded at %d; want %d and %d", c.name, w, n, c.width, c.columns)
		}
		if env.Interactive() != 0 {
			t.Errorf("%s: progress is shown although no stream is a terminal", c.name)
		}
	}
}

func TestErrorsAreFoldedOnATerminal(t *testing.T) {
	env, _, _, errOut := TestTerminal(40)
	env.Fail("cluster: the API server does not answer\nwithin 5 seconds")
	if want := "error: cluster: the API server does not\n       answer within 5 seconds\n"; errOut.String() != want {
		t.Errorf("got\n%swant\n%s", errOut, want)
	}
}
