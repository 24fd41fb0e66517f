package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/access"
)

// The lock is a file here, and goes with whom holds it.
func TestLockIsAFileThatGoes(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	unlock()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if unlock, err = lock(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// A file that is replaced keeps who may read it, unless it holds a key that
// everybody may.
func TestListsStay(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, private bool) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if private {
			if err := access.Restrict(p); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	mode := func(p string) os.FileMode { return access.Mode(p, nil) }
	open := mode(write("plain", false))
	files := map[string]os.FileMode{write("a.crt", false): open, write("b.conf", true): 0o600, write("c.key", false): 0o600}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := s.Begin()
	for _, err := range []error{
		b.Replace("a.crt", []byte("new"), PublicMode), b.Replace("b.conf", []byte("new"), 0o666), b.Replace("c.key", []byte("new"), KeyMode),
		b.Create("d.key", []byte("new"), KeyMode), b.Create("e.crt", []byte("new"), PublicMode),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	files[filepath.Join(dir, "d.key")], files[filepath.Join(dir, "e.crt")] = 0o600, open
	for p, want := range files {
		if got := mode(p); got != want {
			t.Errorf("%s: %04o, want %04o", p, got, want)
		}
	}
	if open&0o044 == 0 {
		t.Log("files of this folder are private anyway")
	}
}
