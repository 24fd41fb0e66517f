package program

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Cache is the folder for what takes minutes to build.
func Cache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = filepath.Join(os.TempDir(), ".cache") // no home: a container's user
	}
	return filepath.Join(dir, "clusterwright")
}

// Peer builds a program that a module below test/judges pins, in a tool line of
// its go.mod or as the main package of its own ("."), and returns its path. It
// is static, so that it runs on a node and in an image, and is built once for
// each state of that module.
func Peer(t testing.TB, module, pkg string) string {
	t.Helper()
	bin, err := peer(module, pkg)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func peer(module, pkg string) (string, error) {
	dir := filepath.Join(Repo(), "test", "judges", module)
	state, err := stateOf(dir)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	name := path.Base(pkg)
	if pkg == "." {
		name = module
	}
	bin := filepath.Join(Cache(), name+"-"+state)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", err
	}
	part := fmt.Sprintf("%s.%d", bin, os.Getpid())
	if err := build(dir, pkg, part); err != nil {
		return "", err
	}
	return bin, os.Rename(part, bin)
}

// stateOf tells a module's dependencies and its own main package from others.
func stateOf(dir string) (string, error) {
	h := sha256.New()
	for _, f := range []string{"go.mod", "go.sum", "main.go"} {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil && !(f == "main.go" && errors.Is(err, os.ErrNotExist)) {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", f, len(b), b)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
}

func build(dir, pkg, out string) error {
	if text, err := command(dir, "build", "-ldflags", "-s -w", "-o", out, pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// Source is the folder of a module that a module below test/judges requires.
func Source(t testing.TB, module, of string) string {
	t.Helper()
	dir := filepath.Join(Repo(), "test", "judges", module)
	if out, err := command(dir, "mod", "download", of).CombinedOutput(); err != nil {
		t.Fatalf("download %s: %v\n%s", of, err, out)
	}
	out, err := command(dir, "list", "-m", "-f", "{{.Dir}}", of).Output()
	if err != nil {
		t.Fatalf("folder of %s: %v", of, err)
	}
	return strings.TrimSpace(string(out))
}
