package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

func root(run func(*Env) error) func(*Env) *cobra.Command {
	return func(env *Env) *cobra.Command {
		c := &cobra.Command{Use: "thing NAME", Args: cobra.MaximumNArgs(1),
			RunE: func(*cobra.Command, []string) error { return run(env) }}
		ClusterFlags(c.Flags())
		group := &cobra.Command{Use: "group", Short: "Hold others"}
		group.AddCommand(&cobra.Command{Use: "list", Short: "List", RunE: func(*cobra.Command, []string) error { return run(env) }})
		c.AddCommand(NewVersionCommand(env), NewCompletionCommand(env), group)
		return c
	}
}

func runWith(t *testing.T, ctx context.Context, run func(*Env) error, args ...string) (string, string, int) {
	t.Helper()
	env, _, out, errOut := TestEnv()
	code := Run(ctx, env, root(run), args)
	return out.String(), errOut.String(), code
}

func TestExitStatus(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	ok := func(*Env) error { return nil }
	for name, c := range map[string]struct {
		ctx  context.Context
		run  func(*Env) error
		args []string
		code int
		err  string
	}{
		"clean":           {run: ok, code: 0},
		"findings":        {run: func(*Env) error { return Exit(ExitFindings) }, code: 1},
		"usage":           {run: func(*Env) error { return Usagef("a.yaml: not YAML") }, code: 2, err: "error: a.yaml: not YAML\n"},
		"wrapped":         {run: func(*Env) error { return fmt.Errorf("x: %w", Usagef("bad")) }, code: 2, err: "error: x: bad\n"},
		"unknown":         {run: func(*Env) error { return errors.New("no cluster\nhere") }, code: 3, err: "error: no cluster here\n"},
		"hint":            {run: func(*Env) error { return WithHint(Usagef("bad"), "do this") }, code: 2, err: "error: bad\nhint: do this\n"},
		"interrupted":     {ctx: cancelled, run: func(*Env) error { return errors.New("whatever") }, code: 130, err: "interrupted\n"},
		"flag":            {run: ok, args: []string{"--nope"}, code: 2, err: "error: unknown flag: --nope\nhint: see 'kubectl thing --help'\n"},
		"too many args":   {run: ok, args: []string{"a", "b"}, code: 2, err: "error: kubectl thing: unexpected argument \"b\"\nhint: usage: kubectl thing NAME\n"},
		"unknown word":    {run: ok, args: []string{"group", "lits"}, code: 2, err: "error: kubectl thing group has no command \"lits\"\nhint: did you mean 'kubectl thing group list'?\n"},
		"unknown words":   {run: ok, args: []string{"group", "zzzzzz", "--color", "never"}, code: 2, err: "error: kubectl thing group has no command \"zzzzzz\"\nhint: 'kubectl thing group --help' lists the commands\n"},
		"group alone":     {run: ok, args: []string{"group"}, code: 0},
		"colour":          {run: ok, args: []string{"--color", "blue"}, code: 2, err: "error: --color \"blue\": not one of auto, always, never\n"},
		"completion args": {run: ok, args: []string{"completion", "ksh"}, code: 2, err: "error: kubectl thing completion \"ksh\": not one of bash, zsh, fish, powershell, install, uninstall\nhint: usage: kubectl thing completion SHELL\n"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := c.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			_, errOut, code := runWith(t, ctx, c.run, c.args...)
			if code != c.code || errOut != c.err {
				t.Errorf("exit status %d and %q, want %d and %q", code, errOut, c.code, c.err)
			}
		})
	}
}

// A result that could not be written is no result, whether the command looked at
// the error or not; a reader that has seen enough is none.
func TestOutputLost(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	gone := &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
	for name, c := range map[string]struct {
		lost, returned error
		code           int
		err            string
	}{
		"nobody looked":     {full, nil, 3, "error: /dev/stdout: no space left on device\nhint: the result is not complete; have it written where there is room\n"},
		"findings as well":  {full, Exit(ExitFindings), 3, "error: /dev/stdout: no space left on device\nhint: the result is not complete; have it written where there is room\n"},
		"seen enough":       {gone, nil, 0, ""},
		"seen, and said so": {gone, Usagef("reading x: %w", gone.Err), 0, ""},
		"seen, and found":   {gone, Exit(ExitFindings), 1, ""},
	} {
		env, _, _, errOut := TestEnv()
		env.Out = failing{c.lost}
		code := Run(t.Context(), env, root(func(env *Env) error {
			fmt.Fprintln(env.Out, "all is well")
			return c.returned
		}), nil)
		if code != c.code || errOut.String() != c.err {
			t.Errorf("%s: exit status %d and %q, want %d and %q", name, code, errOut, c.code, c.err)
		}
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

func TestHelpNamesKubectlAndGroupsClusterFlags(t *testing.T) {
	out, _, code := runWith(t, context.Background(), func(*Env) error { return nil }, "version", "--help")
	if code != 0 || !strings.Contains(out, "kubectl thing version [-o json|yaml]") {
		t.Errorf("exit status %d, help:\n%s", code, out)
	}
	for _, line := range strings.Split(out, "\n") {
		if len(line) > 80 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	// kubectl's flags are named, and explained by kubectl.
	out, _, _ = runWith(t, context.Background(), func(*Env) error { return nil }, "--help")
	if !strings.Contains(out, "-n/--namespace") || strings.Contains(out, "Username to impersonate") {
		t.Errorf("help of the root:\n%s", out)
	}
}

func TestFolding(t *testing.T) {
	c := &cobra.Command{Example: `
		# A comment that is a good deal longer than what fits
		thing 'a b c d e f g h i j' --flag value --other "x y" | less`}
	want := `# A comment that is a good deal
# longer than what fits
thing 'a b c d e f g h i j' \
  --flag value --other "x y" \
  | less`
	if got := Examples(c, 34); got != want {
		t.Errorf("examples:\n%s", got)
	}
	if got, want := foldUse("thing A [--x X] [--long-one Y | --z] [--w]", 30), "thing A [--x X]\n      [--long-one Y | --z] [--w]"; got != want {
		t.Errorf("synopsis:\n%s", got)
	}
}

func TestCompletionInstall(t *testing.T) {
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "kubectl_complete-thing")}
	if runtime.GOOS == "windows" {
		files = []string{files[0] + ".cmd", filepath.Join(dir, "kubectl-thing")}
	}
	each := func(form string) string {
		out := ""
		for _, f := range files {
			out += fmt.Sprintf(form, f)
		}
		return out
	}
	do := func(args ...string) (string, string, int) {
		return runWith(t, context.Background(), nil, append([]string{"completion"}, args...)...)
	}
	if out, errOut, code := do("install", "--dir", dir); code != 0 || out != each("created %s\n") {
		t.Fatalf("install: %d %q %q", code, out, errOut)
	}
	if st, err := os.Stat(files[0]); err != nil || st.Mode().Perm()&0o111 == 0 && runtime.GOOS != "windows" {
		t.Fatalf("not a program: %v %v", st, err)
	}
	if _, _, code := do("install", "--dir", dir); code != 0 {
		t.Error("a second install must be as good as one")
	}
	if out, _, code := do("uninstall", "--dir", dir); code != 0 || out != each("removed %s\n") {
		t.Errorf("uninstall: %d %q", code, out)
	}
	if _, errOut, code := do("uninstall", "--dir", dir); code != 0 || errOut != each("nothing to do: there is no %s\n") {
		t.Errorf("second uninstall: %d %q", code, errOut)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte("somebody's own"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"install", "uninstall"} {
			if _, _, code := do(verb, "--dir", dir); code != 2 {
				t.Errorf("%s touched a file that is not ours: exit status %d", verb, code)
			}
		}
		if b, _ := os.ReadFile(f); string(b) != "somebody's own" {
			t.Errorf("the file is now %q", b)
		}
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDedent(t *testing.T) {
	if got := Dedent("\n\t\ta\n\n\t\t  b\n\t"); got != "a\n\n  b" {
		t.Errorf("Dedent gave %q", got)
	}
}

func TestStylePaintsEachLine(t *testing.T) {
	if got := (Style{on: true}).Error("a\n\nb"); got != "\x1b[1;31ma\x1b[0m\n\n\x1b[1;31mb\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := (Style{}).Error("a"); got != "a" {
		t.Errorf("%q", got)
	}
}

// A root that only holds commands, as three of the plugins have.
func TestUnknownCommandOfTheRoot(t *testing.T) {
	env, _, out, errOut := TestEnv()
	code := Run(context.Background(), env, func(env *Env) *cobra.Command {
		c := &cobra.Command{Use: "thing", Short: "Hold others"}
		c.AddCommand(NewVersionCommand(env))
		return c
	}, []string{"vrsion"})
	want := "error: kubectl thing has no command \"vrsion\"\nhint: did you mean 'kubectl thing version'?\n"
	if code != ExitUsage || errOut.String() != want || out.String() != "" {
		t.Errorf("exit status %d, %q, %q", code, out.String(), errOut.String())
	}
}
