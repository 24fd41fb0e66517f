package clitest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// Mistakes are the commands of a plugin with which the mistakes are tried that
// can be made with all four. FILE stands for the name of a file.
type Mistakes struct {
	// File reads a file that is there.
	File []string
	// Folders says that File takes a folder too.
	Folders bool
	// Text says that File takes any text, so that an empty one is no mistake.
	Text bool
	// Format has -o, Number a flag that takes a whole number and Duration one
	// that takes a time: each without its value, which is added.
	Format, Number, Duration []string
	// Cluster are commands that ask a cluster.
	Cluster [][]string
}

// TryMistakes makes the mistakes and looks at what is said. It must be the same
// with all four plugins, so the texts stand here and not in their tests.
func TryMistakes(t *testing.T, newRoot func(*cli.Env) *cobra.Command, m Mistakes) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("empty", "\n", 0o644)
	write("locked", "x", 0)
	write("broken", "clusters: [", 0o644)
	if err := os.Mkdir("folder", 0o755); err != nil {
		t.Fatal(err)
	}
	answers := func(code int, reason string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","reason":"` + reason + `"}`))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	gone := strings.TrimPrefix(closed.URL, "http://")
	system := func(_ any, err error) string { return errors.Unwrap(err).Error() }
	for _, c := range []mistake{
		{name: "flag", args: with(m.Format[:1], "--colour"), code: 2, want: "error: unknown flag: --colour", hint: "did you mean --color?"},
		{name: "flag without a value", args: m.Number, code: 2, want: ": a value is missing", hint: "hint: --"},
		{name: "colour", args: []string{"version", "--color", "blue"}, code: 2, want: `error: --color "blue": not one of auto, always, never`},
		{name: "argument", args: []string{"version", "extra"}, code: 2, want: `version: unexpected argument "extra"`, hint: "usage: kubectl "},
		{name: "check", args: []string{"checks", "ZZ999"}, code: 2, want: `error: check "ZZ999": there is none of this id`, hint: " checks' lists them"},
		{name: "shell", args: []string{"completion", "ksh"}, code: 2, want: `completion "ksh": not one of bash, zsh, fish, powershell, install, uninstall`},
		{name: "format", args: with(m.Format, "xml"), code: 2, want: `error: -o "xml": not one of `},
		{name: "number", args: with(m.Number, "ten"), code: 2, want: ` "ten": not a whole number such as 10`, hint: "hint: --"},
		{name: "duration", args: with(m.Duration, "5x"), code: 2, want: ` "5x": not a time such as 30`},
		{name: "no file", args: file(m.File, "nowhere.yaml"), code: 2, want: "nowhere.yaml: " + system(os.Open("nowhere.yaml")), hint: "look at the spelling; relative names are looked for in "},
		{name: "folder", args: file(m.File, "folder"), skip: m.Folders, code: 2, want: "folder: is a directory", hint: "name a file in it, not the folder"},
		{name: "locked file", args: file(m.File, "locked"), skip: os.Geteuid() == 0 || runtime.GOOS == "windows", code: 2, want: "locked: permission denied", hint: "shows who may"},
		{name: "empty file", args: file(m.File, "empty"), skip: m.Text, code: 2, want: "empty: the file is empty"},
	} {
		t.Run(c.name, func(t *testing.T) { c.make(t, newRoot) })
	}
	for _, args := range m.Cluster {
		for _, c := range []mistake{
			{name: "no kubeconfig", code: 3, want: "error: no cluster: no kubeconfig names one (KUBECONFIG, ~/.kube/config, --kubeconfig)", hint: "kubectl config get-contexts"},
			{name: "broken kubeconfig", args: []string{"--kubeconfig", "broken"}, code: 3, want: "error: no cluster: error loading config file ", hint: "kubectl config get-contexts"},
			{name: "no context", args: []string{"--context", "nope"}, code: 3, want: `error: no cluster: context "nope" does not exist`, hint: "kubectl config get-contexts"},
			{name: "no answer", args: []string{"--server", "https://" + gone}, code: 3, want: "the API server " + gone + " does not answer: ", hint: "hint: "},
			{name: "credentials", args: []string{"--server", answers(401, "Unauthorized")}, code: 3, want: "the API server does not accept the credentials (401)", hint: "log in again"},
		} {
			t.Run(strings.Join(args, " ")+": "+c.name, func(t *testing.T) {
				c.args = before(args, c.args)
				c.make(t, newRoot)
			})
		}
	}
}

// mistake is a command line and what has to be said of it.
type mistake struct {
	name string
	args []string
	// skip says that it is no mistake with this plugin.
	skip bool
	code int
	// want is in the line of the error, hint in the lines below it.
	want, hint string
}

func (c mistake) make(t *testing.T, newRoot func(*cli.Env) *cobra.Command) {
	if c.skip {
		t.Skip("no mistake here")
	}
	t.Setenv("KUBECONFIG", "no-kubeconfig")
	_, errOut, code := Run(context.Background(), newRoot, "", c.args...)
	line, hints, _ := strings.Cut(errOut, "\n")
	if code != c.code || !strings.HasPrefix(line, "error: ") || !strings.Contains(line, c.want) || !strings.Contains(hints, c.hint) {
		t.Errorf("%s: exit status %d and\n%s\nwant %d, %q and in the hints %q", strings.Join(c.args, " "), code, errOut, c.code, c.want, c.hint)
	}
	for _, bad := range []string{"dial tcp", "strconv", "open ", `Get "`, `Post "`, "lstat "} {
		if strings.Contains(line, bad) {
			t.Errorf("%s: %q is not for a user: %s", strings.Join(c.args, " "), bad, line)
		}
	}
}

// before puts flags before the arguments of a program that a command runs.
func before(args, flags []string) []string {
	if i := slices.Index(args, "--"); i >= 0 {
		return slices.Concat(args[:i], flags, args[i:])
	}
	return slices.Concat(args, flags)
}

func with(args []string, more ...string) []string { return slices.Concat(args, more) }

func file(args []string, name string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strings.ReplaceAll(a, "FILE", name)
	}
	return out
}
