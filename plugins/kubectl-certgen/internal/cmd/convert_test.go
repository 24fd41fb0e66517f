package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder is not converted into itself, by whatever name; through a link it is
// converted, and what is left over is named.
func TestConvertFolders(t *testing.T) {
	dir := t.TempDir()
	pki, link := filepath.Join(dir, "pki"), filepath.Join(dir, "link")
	if _, errOut, code := plugin("server", "--ip", "10.0.0.1", "--out", pki); code != 0 {
		t.Fatal(errOut)
	}
	if err := os.WriteFile(filepath.Join(pki, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pki, link); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{pki, filepath.Join(pki, "sub", "sub"), link, filepath.Join(link, "sub")} {
		for _, dry := range []string{"--dry-run", "--dry-run=false"} {
			if _, errOut, code := plugin("convert", pki, "--layout", "flat", "--out", out, dry); code != 2 || !strings.Contains(errOut, "lies in the folder that is converted") {
				t.Errorf("%s: %d, %s", out, code, errOut)
			}
		}
	}
	out, errOut, code := plugin("convert", link, "--layout", "cfssl", "--out", filepath.Join(dir, "pki-cfssl"))
	if code != 0 || !strings.Contains(out, "left     notes\n") {
		t.Errorf("%d, %s%s", code, out, errOut)
	}
}
