// Package program finds and builds the programs of the tests: the plugins under
// test and their peers. It is a module of its own, with no dependencies, so that
// the judges can use it beside theirs.
package program

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Repo is the root of the repository.
func Repo() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// CopyRepo copies the repository as it is in the work tree: the files that git
// knows, and those that it does not ignore.
func CopyRepo(t testing.TB, to string) {
	t.Helper()
	out, err := exec.Command("git", "-C", Repo(), "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for _, name := range strings.Split(strings.Trim(string(out), "\x00"), "\x00") {
		from, dst := filepath.Join(Repo(), name), filepath.Join(to, name)
		st, err := os.Stat(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted in the work tree
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dst, b, st.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// Plugins is the folder of the plugins under test: CLUSTERWRIGHT_BIN, else the
// repository's bin/.
func Plugins(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CLUSTERWRIGHT_BIN")
	if dir == "" {
		dir = filepath.Join(Repo(), "bin")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Plugin is the path of the plugin under test that kubectl knows by that name:
// kubectl-certgen for certgen.
func Plugin(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Plugins(t), "kubectl-"+name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run 'make build' first, or set CLUSTERWRIGHT_BIN", err)
	}
	return path
}

// Build builds a package, static, for this test alone. dir is a folder of the
// module that has it.
func Build(t testing.TB, dir, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	if err := build(dir, pkg, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// command is the go command on a module outside the workspace.
func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command("go", args...)
	c.Dir, c.Env = dir, append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	return c
}
