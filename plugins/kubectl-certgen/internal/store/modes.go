package store

import (
	"errors"
	"io/fs"
	"os"
)

// Loose lists those of the files (paths as the caller names them) whose mode
// lets others than the owner read or write them. Missing files are passed over.
func Loose(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, err
		}
		if st.Mode().Perm()&0o077 != 0 && modesMatter {
			out = append(out, p)
		}
	}
	return out, nil
}

// Tighten sets KeyMode on files.
func Tighten(paths []string) error {
	for _, p := range paths {
		if err := os.Chmod(p, KeyMode); err != nil {
			return err
		}
	}
	return nil
}
