package clitest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// Terminal runs commands, each in a folder of its own, as terminals show them:
//
//   - on 80 and on 200 columns no line is wider, but for what is copied: a
//     command, a path, a URL;
//   - colour says nothing by itself: without it the text is the same;
//   - all of it is plain ASCII, so that every locale has it and a screen reader
//     does not read out the names of signs.
//
// The folder has the repository's examples/ and the plugin's testdata/. Of a
// command behind "talk: " only standard error is looked at, because what it
// prints is a file.
func Terminal(t *testing.T, newRoot func(*cli.Env) *cobra.Command, commands []string) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	plugin := filepath.Join(here, "..", "..")
	run := func(t *testing.T, columns int, command, color string) string {
		t.Helper()
		dir := t.TempDir()
		// Short names, as they are typed.
		for name, target := range map[string]string{"examples": filepath.Join(plugin, "..", "..", "examples"), "testdata": filepath.Join(plugin, "testdata")} {
			link := os.Symlink
			if runtime.GOOS == "windows" { // which wants a privilege for links
				link = func(from, to string) error { return os.CopyFS(to, os.DirFS(from)) }
			}
			if err := link(target, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		t.Chdir(dir)
		var env *cli.Env
		var out, talk *bytes.Buffer
		if columns > 0 {
			env, _, out, talk = cli.TestTerminal(columns)
		} else {
			env, _, out, talk = cli.TestEnv()
		}
		command, silent := strings.CutPrefix(command, "talk: ")
		if !silent {
			env.ErrOut = out
		} else {
			out = talk
		}
		args := append(strings.Fields(command), "--color="+color)
		if code := cli.Run(context.Background(), env, newRoot, args); code != cli.ExitOK && code != cli.ExitFindings {
			t.Fatalf("exit status %d\n%s", code, out)
		}
		return out.String()
	}
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			for _, columns := range []int{80, 200} {
				for _, line := range tooWide(run(t, columns, command, "never"), columns) {
					t.Errorf("%d columns: %d: %s", columns, utf8.RuneCountInString(line), line)
				}
			}
			for _, columns := range []int{0, 80} {
				plain, painted := run(t, columns, command, "never"), run(t, columns, command, "always")
				if stripped := colours.ReplaceAllString(painted, ""); stripped != plain {
					t.Errorf("colour changes the text:\n%s\nwithout:\n%s", stripped, plain)
				}
				for _, code := range colours.FindAllString(painted, -1) {
					if !readable[code] {
						t.Errorf("%q: not a colour that is read on white and on black", code)
					}
				}
				for _, r := range plain {
					if r > '~' {
						t.Errorf("%q is not ASCII:\n%s", r, plain)
						break
					}
				}
			}
		})
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// readable are the colours of cli.Style: of the sixteen those that a white and
// a black background leave readable, and no background.
var readable = map[string]bool{"\x1b[0m": true, "\x1b[1m": true, "\x1b[2m": true, "\x1b[1;31m": true, "\x1b[32m": true, "\x1b[33m": true, "\x1b[36m": true}

// command is the beginning of a line that is copied as it is.
var command = regexp.MustCompile(`^([|#> ]|try: |undo: )*(kubectl|ssh|scp|openssl|cfssl|sudo|keytool|certutil|helm|export|[A-Z_]+=\S+) `)

// tooWide are the lines of a text that are wider than the columns and are
// neither a command nor a word that has no place to be broken.
func tooWide(text string, columns int) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if utf8.RuneCountInString(line) <= columns || command.MatchString(line) {
			continue
		}
		longest := 0
		words := strings.Fields(line)
		for _, w := range words {
			longest = max(longest, utf8.RuneCountInString(w))
		}
		if len(words) <= 3 && longest > columns/2 {
			continue
		}
		out = append(out, line)
	}
	return out
}
