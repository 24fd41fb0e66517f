// Package clitest is what the plugins' tests have in common: golden files, and
// scripts (txtar) that run the real command with real files and look at its
// exit status and both of its streams.
package clitest

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

var update = flag.Bool("update", false, "rewrite the golden files and the scripts' expectations")

// Main is a TestMain that makes the plugin available to scripts as a program
// of its own name: kubectl-NAME.
func Main(m *testing.M, name string, newRoot func(*cli.Env) *cobra.Command) {
	testscript.Main(m, map[string]func(){
		name: func() { os.Exit(cli.Main(newRoot, os.Args)) },
	})
}

// Scripts runs every *.txtar of a folder. Beside testscript's own commands
// there is
//
//	exits STATUS PROGRAM ARGS...
//
// which runs a program and checks its exit status exactly. ROOT in a script's
// environment is the folder that holds the scripts' folder.
func Scripts(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           dir,
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("KUBECONFIG", filepath.Join(e.WorkDir, "no-kubeconfig"))
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = code.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// Golden compares got with a file, or rewrites the file under -update.
func Golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the test with -update to make it)", err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs from what the command prints now (-update rewrites it)\n%s", file, diff.Diff("want", want, "got", got))
	}
}

// Run runs a command in this process and returns what it wrote and its exit
// status. stdin may be empty.
func Run(ctx context.Context, newRoot func(*cli.Env) *cobra.Command, stdin string, args ...string) (stdout, stderr string, code int) {
	env, in, out, errOut := cli.TestEnv()
	in.WriteString(stdin)
	code = cli.Run(ctx, env, newRoot, args)
	return out.String(), errOut.String(), code
}
