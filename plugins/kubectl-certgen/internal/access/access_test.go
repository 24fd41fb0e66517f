package access

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestMode(t *testing.T) {
	dir := t.TempDir()
	mode := func(name string) fs.FileMode {
		t.Helper()
		p := filepath.Join(dir, name)
		st, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		return Mode(p, st)
	}
	f, err := Create(filepath.Join(dir, "key"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got := mode("key"); got != 0o600 {
		t.Errorf("made: %04o", got)
	}
	if _, err := Create(filepath.Join(dir, "key"), 0o600); !os.IsExist(err) {
		t.Errorf("made twice: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "open"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Restrict(filepath.Join(dir, "open")); err != nil {
		t.Error(err)
	}
	if got := mode("open"); got != 0o600 {
		t.Errorf("restricted: %04o", got)
	}
}
