//go:build unix

package cmd

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file that root mends stays its owner's.
func TestReplaceKeepsOwnerAndMode(t *testing.T) {
	name := filepath.Join(t.TempDir(), "csr.conf")
	if err := os.WriteFile(name, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	owner := uint32(os.Geteuid())
	if owner == 0 {
		owner = 12345
		if err := os.Chown(name, int(owner), int(owner)); err != nil {
			t.Fatal(err)
		}
	}
	if err := replaceFile(name, []byte("new")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := st.Sys().(*syscall.Stat_t).Uid; got != owner || st.Mode().Perm() != 0o640 {
		t.Errorf("owner %d, mode %o", got, st.Mode().Perm())
	}
}
