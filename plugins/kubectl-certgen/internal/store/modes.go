package store

import (
	"errors"
	"io/fs"
	"os"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/access"
)

// Loose lists those of the files (paths as the caller names them) that let
// others than the owner read or write them. Missing files are passed over.
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
		if access.Mode(p, st)&0o077 != 0 {
			out = append(out, p)
		}
	}
	return out, nil
}

// Tighten makes files their owner's alone.
func Tighten(paths []string) error {
	for _, p := range paths {
		if err := access.Restrict(p); err != nil {
			return err
		}
	}
	return nil
}
