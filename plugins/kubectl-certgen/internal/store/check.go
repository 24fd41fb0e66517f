package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// refusal is an error about what lies in the places of a set.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// Refuse makes an error one that Refused knows, for what a caller finds out about
// those places itself.
func Refuse(err error) error { return refusal{err} }

// Refused says whether a set was not written because of what lies in its places,
// found out before anything was touched. Any other error of Commit is of a disk
// or of rights.
func Refused(err error) bool {
	var r refusal
	return errors.As(err, &r) || errors.Is(err, ErrExists)
}

// Check says whether Commit would refuse: a file to be created exists, a file
// to be replaced is a symbolic link out of the folder or not a file. Nothing
// is written.
func (b *Batch) Check() error {
	for i := range b.entries {
		e := &b.entries[i]
		st, err := os.Lstat(b.s.path(e.Path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if e.Keep != "" {
				return refusal{fmt.Errorf("%s: is to be replaced, but is not there", b.s.path(e.Path))}
			}
			continue
		case errors.Is(err, syscall.ENOTDIR): // a file lies where a folder is wanted
			return refusal{err}
		case err != nil:
			return err
		case !e.Replace:
			return fmt.Errorf("%s: %w", b.s.path(e.Path), ErrExists)
		case st.Mode()&fs.ModeSymlink != 0:
			target, err := b.s.insideLink(e.Path)
			if err != nil {
				return refusal{err}
			}
			e.Path = target
		case !st.Mode().IsRegular():
			return refusal{fmt.Errorf("%s: is not a file", b.s.path(e.Path))}
		}
		if e.Keep != "" {
			if _, err := os.Lstat(b.s.path(e.Keep)); err == nil {
				return fmt.Errorf("%s: %w", b.s.path(e.Keep), ErrExists)
			}
		}
	}
	return nil
}

// insideLink follows a symbolic link that is to be replaced: the file behind
// it is, and not the link, provided that it lies in the same folder tree.
func (s *Store) insideLink(rel string) (string, error) {
	real, err := filepath.EvalSymlinks(s.path(rel))
	if err != nil {
		return "", fmt.Errorf("%s: a symbolic link that leads nowhere", s.path(rel))
	}
	root, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		return "", err
	}
	in, err := filepath.Rel(root, real)
	if err != nil || !filepath.IsLocal(in) {
		return "", fmt.Errorf("%s: a symbolic link to %s, outside the folder; work on that folder instead", s.path(rel), real)
	}
	return filepath.ToSlash(in), nil
}
