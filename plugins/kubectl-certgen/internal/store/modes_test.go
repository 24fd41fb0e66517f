//go:build unix

package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A replaced file keeps its owner and, unless it holds a key, its mode.
func TestOwnerAndModeStay(t *testing.T) {
	dir := scene(t)
	crt, key := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	if err := os.Chmod(crt, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	root := os.Getuid() == 0
	if root {
		for _, f := range []string{crt, key} {
			if err := os.Chown(f, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := act(dir, OS{}); err != nil {
		t.Fatal(err)
	}
	for f, want := range map[string]os.FileMode{crt: 0o640, key: 0o600} {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v", f, st.Mode(), want)
		}
		if uid := st.Sys().(*syscall.Stat_t).Uid; root && uid != 65534 {
			t.Errorf("%s: owner %d", f, uid)
		}
	}
}

// A mask of the process that is tighter than the old file's mode does not take
// the certificate away from those who read it.
func TestUmaskDoesNotTighten(t *testing.T) {
	dir := scene(t)
	crt := filepath.Join(dir, "server.crt")
	if err := os.Chmod(crt, 0o644); err != nil {
		t.Fatal(err)
	}
	mask := syscall.Umask(0o077)
	err := act(dir, OS{})
	syscall.Umask(mask)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(crt)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, want 0644", st.Mode())
	}
}

type noLinksAndFull struct {
	noLinks
	failed bool
}

func (f *noLinksAndFull) Rename(a, b string) error {
	if !f.failed && filepath.Base(b) == "server.key" {
		f.failed = true
		return &os.LinkError{Op: "rename", Old: a, New: b, Err: syscall.EIO}
	}
	return f.noLinks.Rename(a, b)
}

// Without hard links the kept file is a copy, which an undone set takes away too.
func TestUndoWithoutHardLinks(t *testing.T) {
	dir := scene(t)
	err := act(dir, &noLinksAndFull{})
	if err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("error %v", err)
	}
	if got := state(dir); got != "old" {
		t.Error(got)
	}
}
