package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What lies in the place of a file that is to be written is bad input, whichever
// verb meets it and however: exit status 2, and nothing is written.
func TestTakenPlacesAreBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		lay  func(dir string) error
		args []string
		want string
	}{
		"a foreign kubeconfig": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "alice.conf"), []byte("mine\n"), 0o600)
			},
			[]string{"client", "alice", "--server", "203.0.113.10"}, "alice.conf: exists already and is never overwritten",
		},
		"a file where a folder is wanted": {
			func(dir string) error { return os.WriteFile(filepath.Join(dir, "private"), nil, 0o600) },
			[]string{"server", "--ip", "10.0.0.1", "--layout", "easyrsa"}, "private",
		},
		"a link out of the folder": {
			func(dir string) error {
				if _, errOut, code := plugin("server", "--ip", "10.0.0.1", "--out", dir); code != 0 {
					t.Fatal(errOut)
				}
				crt, real := filepath.Join(dir, "server.crt"), filepath.Join(t.TempDir(), "server.crt")
				if err := os.Rename(crt, real); err != nil {
					return err
				}
				return os.Symlink(real, crt)
			},
			[]string{"server", "--ip", "10.0.0.1", "--ip", "10.0.0.2"}, "outside the folder",
		},
	} {
		dir := t.TempDir()
		if err := c.lay(dir); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadDir(dir)
		_, errOut, code := plugin(append(c.args, "--out", dir)...)
		if code != 2 || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: exit status %d, %s", name, code, errOut)
		}
		if after, _ := os.ReadDir(dir); len(after) != len(before) {
			t.Errorf("%s: was written to: %v", name, after)
		}
	}
}
